"""Time as the controller sees it, so that tests can have their own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from estimator_operator.kube.http_date import http_date

_log = logging.getLogger(__name__)

_EXACT: Final = timedelta(seconds=2)
"""A Date has whole seconds, and an answer takes a while: a smaller difference is none."""
_WORTH_TELLING: Final = timedelta(seconds=10)
_WITNESSES: Final = 2
"""Answers in a row that must tell one time before the clock is set for the first time."""
_DOUBTS: Final = 3
"""Answers in a row that must tell one other time before the clock is set to it."""
_STEADY: Final = 10.0
"""Seconds for which they must have done so: a burst of calls goes to one API server of several."""
_STEADY_MOST: Final = 320.0
_CALM: Final = 600.0
"""Seconds without an answer that disagrees after which the clock is set as readily as at first."""
_YEARS: Final = range(2000, 3000)
"""A machine without a clock begins in 1970; and from the last days of 9999 nothing can be counted on."""


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

    There may be several API servers whose clocks are apart. A clock that went to and fro between them would let a
    deadline pass and not have passed, so it stays with the first until answers have told one other time, and only that,
    for a while; each time that it is set it takes twice as long until it is set again.

    One answer is no witness: a proxy that answers for an API server which starts has a clock of its own. At first the
    machine's own clock is believed until two answers in a row tell one other time; any start has more than that before
    the first look at a job.

    Args:
        wall: The time of day of this machine, believed until the API server has told its own twice.
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
        self._doubted_at = 0.0
        self._other = self._anchor
        self._disagreed_at = -_CALM
        self._steady = _STEADY

    def now(self) -> datetime:
        """The time of day in the cluster, in UTC."""
        return self._anchor + timedelta(seconds=self._monotonic() - self._anchored_at)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return self._monotonic()

    def heard(self, date: str) -> None:
        """An answer bears that Date, just now."""
        said = http_date(date)
        if said is None or said.year not in _YEARS:
            return
        # Whole seconds, cut off: on average it is half a second more.
        said, at = said + timedelta(seconds=0.5), self._monotonic()
        if abs(said - self.now()) <= _EXACT:
            self._known, self._doubts = True, 0
            if at - self._disagreed_at >= _CALM:
                self._steady = _STEADY
            return
        self._disagreed_at = at
        if not self._is_steady(said, at):
            return
        if self._known:
            self._steady = min(2 * self._steady, _STEADY_MOST)
        self._anchor, self._anchored_at = said, at
        self._known, self._doubts = True, 0
        offset = said - self._wall()
        if abs(offset) > _WORTH_TELLING and not self._told:
            self._told = True
            _log.warning("the API server's clock is %+.0f s from this machine's", offset.total_seconds())

    def _is_steady(self, said: datetime, at: float) -> bool:
        """Answers have told that other time for long enough."""
        if not self._doubts or abs(said - self._other - timedelta(seconds=at - self._doubted_at)) > _EXACT:
            self._doubts, self._doubted_at, self._other = 0, at, said
        self._doubts += 1
        if not self._known:
            return self._doubts >= _WITNESSES
        return self._doubts >= _DOUBTS and at - self._doubted_at >= self._steady
