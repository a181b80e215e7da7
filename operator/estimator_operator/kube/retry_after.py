"""How long a server asks to be left alone: the Retry-After header (RFC 9110, 10.2.3) or the Status object's details.

The header is a number of seconds or a date. What cannot be read, lies in the past or is no number counts as not said;
more than ten minutes is taken for ten minutes, for no mistake of a proxy may stop the operator for a day.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

MOST_SECONDS: Final = 600.0


def seconds_to_wait(header: str | None, details: Any, now: datetime) -> float | None:
    """Seconds that the server asks for, or None when it asks for nothing.

    Args:
        header: The Retry-After header; it wins.
        details: `details.retryAfterSeconds` of the Status object.
        now: The present (aware), from which a date counts.
    """
    for found in (_of_header(header, now), _of_number(details)):
        if found is not None and found > 0:
            return min(found, MOST_SECONDS)
    return None


def _of_header(header: str | None, now: datetime) -> float | None:
    if not header:
        return None
    seconds = _of_number(header.strip())
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        # "-0000" says that the zone is unknown; HTTP dates are in UTC.
        moment = moment.replace(tzinfo=UTC)
    return (moment - now) / timedelta(seconds=1)


def _of_number(text: Any) -> float | None:
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None
