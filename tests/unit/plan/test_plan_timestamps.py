"""Moments as the API writes them, and as pods may write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from job_builder import NOW, after

from estimator_operator.plan.timestamps import from_text, seconds_until, to_text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOW, "2026-01-31T12:00:00Z"),
        (datetime(2026, 1, 31, 14, 0, 0, 999999, timezone(timedelta(hours=2))), "2026-01-31T12:00:00Z"),
        (datetime(7, 1, 1, tzinfo=UTC), "0007-01-01T00:00:00Z"),
    ],
)
def test_written(moment, text):
    assert to_text(moment) == text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:00:00Z", NOW),
        ("2026-01-31T14:00:00+02:00", NOW),
        ("2026-01-31T12:00:00", NOW),
        (None, None),
        ("", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_read(text, moment):
    assert from_text(text) == moment


def test_seconds_until_are_never_negative():
    assert seconds_until(after(5), NOW) == 5
    assert seconds_until(NOW, after(5)) == 0
