"""Dates of HTTP headers (RFC 9110, 5.6.7)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def http_date(text: str) -> datetime | None:
    """The moment that a header names, aware; None when it is no date."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        # The parser takes years and offsets of any number of digits.
        return None
    # "-0000" says that the zone is unknown; HTTP dates are in UTC.
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
