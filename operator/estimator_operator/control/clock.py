"""Time as the controller sees it, so that tests can have their own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

_log = logging.getLogger(__name__)

_EXACT: Final = timedelta(seconds=2)
"""A Date has whole seconds, and an answer takes a while: a smaller difference is none."""
_WORTH_TELLING: Final = timedelta(seconds=10)
_DOUBTS: Final = 3
"""Answers in a row that must disagree with the clock before it is set anew."""


class Clock(Protocol):
    """Wall time for what is stored, monotonic time for what is measured."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment."""
        ...


class ClusterClock:
    """The API server's clock, from the Date of its answers: what it wrote into objects is compared with this alone.

    A deletionTimestamp and the like are the API server's time. On a machine whose clock is ahead, every grace period
    would seem to be over. Between answers the monotonic clock goes on, so a step of the local clock changes nothing.

    Args:
        wall: The time of day of this machine, believed until the API server has told its own.
        monotonic: Clock in seconds.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._anchor = wall()
        self._anchored_at = monotonic()
        self._known = False
        self._told = False
        self._doubts = 0

    def now(self) -> datetime:
        """The time of day in the cluster, in UTC."""
        return self._anchor + timedelta(seconds=self._monotonic() - self._anchored_at)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return self._monotonic()

    def heard(self, date: str) -> None:
        """An answer bears that Date, just now."""
        try:
            said = parsedate_to_datetime(date)
        except (ValueError, OverflowError):
            return
        if said.tzinfo is None:
            said = said.replace(tzinfo=UTC)
        # Whole seconds, cut off: on average it is half a second more.
        said += timedelta(seconds=0.5)
        if abs(said - self.now()) <= _EXACT:
            self._known, self._doubts = True, 0
            return
        self._doubts += 1
        if self._known and self._doubts < _DOUBTS:
            # One answer of several, from a proxy or another API server: the clock must not jump to and fro.
            return
        self._anchor, self._anchored_at = said, self._monotonic()
        self._known, self._doubts = True, 0
        offset = said - self._wall()
        if abs(offset) > _WORTH_TELLING and not self._told:
            self._told = True
            _log.warning("the API server's clock is %+.0f s from this machine's", offset.total_seconds())
