"""How long a server asks to be left alone: the Retry-After header (RFC 9110, 10.2.3) or the Status object's details.

The header is a number of seconds or a date. What cannot be read, lies in the past or is no number counts as not said;
more than ten minutes is taken for ten minutes, for no mistake of a proxy may stop the operator for a day.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

from estimator_operator.kube.http_date import http_date

MOST_SECONDS: Final = 600.0
WATCH_MOST_SECONDS: Final = 300.0
"""The most for a watch: one that is not heard of for ten minutes counts as dead."""
_SECONDS: Final = re.compile(r"\s*[0-9]+(?:\.[0-9]*)?\s*", re.ASCII)


def seconds_to_wait(
    header: str | None, details: Any, now: datetime, *, most: float = MOST_SECONDS
) -> float | None:
    """Seconds that the server asks for, or None when it asks for nothing.

    Args:
        header: The Retry-After header; it wins.
        details: `details.retryAfterSeconds` of the Status object.
        now: The present (aware), from which a date counts.
        most: What more is taken for.
    """
    for found in (_of_header(header, now), _of_number(details)):
        if found is not None and found > 0:
            return min(found, most)
    return None


def _of_header(header: str | None, now: datetime) -> float | None:
    if not header:
        return None
    seconds = _of_number(header)
    if seconds is not None:
        return seconds
    moment = http_date(header)
    return None if moment is None else (moment - now) / timedelta(seconds=1)


def _of_number(found: Any) -> float | None:
    """Seconds of a number or its decimal digits, of which there may be thousands; NaN and Infinity are none."""
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    if isinstance(found, int):
        return float(min(found, MOST_SECONDS)) if found > 0 else None
    if isinstance(found, str):
        # Of so many digits that no float has them: infinity, which is more than the most.
        return float(found) if _SECONDS.fullmatch(found) else None
    return found if found < float("inf") else None
