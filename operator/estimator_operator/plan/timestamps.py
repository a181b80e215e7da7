"""Moments as the API writes them: RFC 3339, UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_YEARS: Final = range(1970, 3000)
"""What is beyond was written by hand, or means "none", as Go's zero time does; and nothing can be added to year 9999."""


def to_text(moment: datetime) -> str:
    """`moment` (aware) as RFC 3339 in UTC, without a fraction: 2026-01-31T12:00:00Z."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def from_text(text: str | None) -> datetime | None:
    """The aware moment that `text` names, or None when it is absent or no moment.

    What replicas report is read through this too, so a malformed time must mean "not known", never an error.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in _YEARS else None


def seconds_until(moment: datetime, now: datetime) -> float:
    """Seconds from `now` to `moment`, never negative."""
    return max(0.0, (moment - now).total_seconds())
