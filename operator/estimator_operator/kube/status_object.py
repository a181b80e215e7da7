"""The Status object that the API server sends with a refusal, or whatever a proxy on the way sends instead."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from estimator_operator.errors import ApiError, api_error
from estimator_operator.kube.retry_after import MOST_SECONDS, seconds_to_wait
from estimator_operator.plain_text import one_line


def refusal(
    call: str, status: int, text: bytes, retry_after: str | None, *, most: float = MOST_SECONDS
) -> ApiError:
    """The exception for an answer that is not a success; the server's own words are the message.

    Args:
        call: What was asked; the message where the server has no words.
        status: HTTP status.
        text: The body.
        retry_after: The Retry-After header.
        most: Most seconds that a server is left alone.
    """
    reason, message, details = "", text[:512].decode(errors="replace").strip(), None
    document: Any = None
    with suppress(ValueError, RecursionError):
        document = json.loads(text)
    if isinstance(document, dict):
        reason = _text(document.get("reason"))
        message = _text(document.get("message")) or message
        more = document.get("details")
        details = more.get("retryAfterSeconds") if isinstance(more, dict) else None
    seconds = seconds_to_wait(retry_after, details, datetime.now(UTC), most=most)
    return api_error(one_line(message) or call, status=status, reason=reason, retry_after=seconds)


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""
