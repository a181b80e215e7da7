"""The work queue: which jobs to look at, once each, one worker per job, later when that was asked for.

A key that is added while it waits is there once. A key that is added while a worker has it comes back when the worker
is done: no event is lost, and no two workers ever have the same key. Failures come back with a delay that doubles.

Keys that wait are taken in turn by what they share, a namespace: one tenant's hundred jobs hold up another's one no
longer than a single job of theirs. Within a turn the first to come is the first to go.

This is the only place where a job waits for time: every delay has a reason, and `schedule` shows them. A wish for a look
is over with the look, whatever its reason. What may not be done before some time whoever asks for a look is a hold.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import random
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from itertools import zip_longest
from typing import Any, Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

NEWS: Final = "news"
"""Reason of a look that something that happened asks for."""
_NOBODY: Final[Any] = object()
_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 120.0
_JITTER: Final = 0.2
_STALE: Final = 1000
_OUTAGE_DELAY: Final = 5.0
_OUTAGE_RATE: Final = 5.0
_HURRY_RATE: Final = 50.0
_NEWCOMERS_FIRST: Final = 4
"""Newcomers of one share that are taken in a row while others of it wait: those must not wait for ever."""


class _Line(Generic[Key]):
    """The keys of one share that wait."""

    def __init__(self) -> None:
        self._newcomers: deque[Key] = deque()
        self._others: deque[Key] = deque()
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._newcomers) + len(self._others)

    def add(self, key: Key, *, newcomer: bool) -> None:
        """One more."""
        (self._newcomers if newcomer else self._others).append(key)

    def take(self) -> Key:
        """The next."""
        if not self._others:
            return self._newcomers.popleft()
        if not self._newcomers or self._in_a_row == _NEWCOMERS_FIRST:
            self._in_a_row = 0
            return self._others.popleft()
        self._in_a_row += 1
        return self._newcomers.popleft()

    def in_turn(self) -> Iterator[Key]:
        """All of them, in the order in which they are taken if nothing comes."""
        line: _Line[Key] = _Line()
        line._newcomers, line._others = self._newcomers.copy(), self._others.copy()
        line._in_a_row = self._in_a_row
        while line:
            yield line.take()


class WorkQueue(Generic[Key]):
    """A queue of keys for many workers in one event loop.

    Args:
        monotonic: Clock in seconds; the loop's timers must run by the same.
        on_wait: Told how many seconds a key had waited when a worker took it.
        on_retry: Told of every failure.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        on_wait: Callable[[float], None] = lambda _: None,
        on_retry: Callable[[], None] = lambda: None,
    ) -> None:
        self._monotonic = monotonic
        self._on_wait = on_wait
        self._on_retry = on_retry
        # Whose turn is next stands first; who has nothing to do has no place, and a new one comes last.
        self._ready: OrderedDict[Hashable, _Line[Key]] = OrderedDict()
        self._since: dict[Key, float] = {}
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._not_before: dict[Key, float] = {}
        self._later: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._holds: dict[Key, dict[str, float]] = {}
        self._reasons: dict[Key, str] = {}
        self._sequence = 0
        # One worker wakes for a key, not all: with thousands of delays they would do little else.
        self._idle: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def __len__(self) -> int:
        """Keys that wait for a worker."""
        return len(self._since)

    def schedule(self) -> Iterator[tuple[Key, float, str]]:
        """Every key that is to be looked at, the next first: in how many seconds, and why."""
        now = self._monotonic()
        for key in tuple(self._working):
            yield key, 0.0, "being looked at"
        for key in self._in_turn():
            yield key, 0.0, self._reasons.get(key, NEWS)
        for key, due in sorted(self._due.items(), key=lambda one: one[1]):
            yield key, max(0.0, due - now), self._reasons.get(key, NEWS)

    def add(self, key: Key, reason: str = NEWS, *, newcomer: bool = False) -> None:
        """Asks for a look at `key` now, for a reason that people can read.

        Args:
            key: What is to be looked at.
            reason: Why.
            newcomer: Nobody has looked at it yet.
        """
        self._due.pop(key, None)
        self._reasons[key] = reason
        if key in self._working:
            self._again.add(key)
        elif key not in self._since:
            self._since[key] = self._monotonic()
            self._ready.setdefault(_share(key), _Line()).add(key, newcomer=newcomer)
            self._wake()

    def add_after(self, key: Key, seconds: float, reason: str = NEWS) -> None:
        """Asks for a look at `key` in so many seconds; of several such wishes the earliest counts."""
        if seconds <= 0:
            self.add(key, reason)
            return
        due = self._monotonic() + seconds
        if key in self._since or self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due
        self._reasons[key] = reason
        if len(self._later) > 2 * len(self._due) + _STALE:
            # Entries of keys that were looked at meanwhile would stay until their time, which may be days off.
            del self._due[key]
            self._later = [(moment, number, one) for number, (one, moment) in enumerate(self._due.items())]
            heapq.heapify(self._later)
            self._due[key] = due
        self._sequence += 1
        heapq.heappush(self._later, (due, self._sequence, key))
        if self._idle:
            self._arm()

    def hold(self, key: Key, seconds: float, reason: str) -> None:
        """Something of `key` is not to be done for so many seconds, after which it is looked at again.

        Looks that others ask for meanwhile do not replace that one: `done` asks for it anew.
        """
        self._holds.setdefault(key, {})[reason] = self._monotonic() + seconds
        self.add_after(key, seconds, reason)

    def held(self, key: Key, reason: str) -> float:
        """Seconds for which that is not to be done yet; 0 when it may be."""
        return self.holds(key).get(reason, 0.0)

    def holds(self, key: Key) -> dict[str, float]:
        """What of `key` is not to be done yet, and for how many seconds; what is over is forgotten."""
        now, known = self._monotonic(), self._holds.get(key, {})
        left = {reason: until - now for reason, until in known.items() if until > now}
        if known and not left:
            del self._holds[key]
        return left

    def fail(self, key: Key, *, at_least: float = 0.0, outage: bool = False) -> float:
        """Asks for another look at `key` after a delay that doubles with every failure in a row; returns the delay.

        Args:
            key: What failed.
            at_least: Seconds that somebody asked to be left alone for.
            outage: Nothing works at present, it is not this key's fault: the delay stays short, so that the end of
                the outage is noticed, but all keys together try only a few times a second.
        """
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        most = max(_OUTAGE_DELAY, len(self._failures) / _OUTAGE_RATE) if outage else _LONGEST_DELAY
        delay = min(_FIRST_DELAY * 2.0 ** min(count, 32), most)
        delay = max(delay, at_least) * (1 + random.uniform(0, _JITTER))  # noqa: S311  (spreads retries)
        if at_least > 0:
            self._not_before[key] = self._monotonic() + at_least
        self._on_retry()
        self.add_after(key, delay, "an outage" if outage else "the last look failed")
        return delay

    def hurry(self) -> None:
        """What held everybody up is over: looks at all keys that failed soon, one after the other."""
        now = self._monotonic()
        for number, key in enumerate(tuple(self._failures)):
            earliest = max(0.0, self._not_before.get(key, now) - now)
            self.add_after(key, max(earliest, number / _HURRY_RATE), "an outage is over")

    def succeed(self, key: Key) -> None:
        """Forgets the failures of `key`."""
        self._failures.pop(key, None)
        self._not_before.pop(key, None)

    def forget(self, key: Key) -> None:
        """Drops what is known of a key that will not come back."""
        self.succeed(key)
        self._holds.pop(key, None)
        self._due.pop(key, None)
        self._again.discard(key)
        if key not in self._since:
            self._reasons.pop(key, None)

    async def get(self) -> Key:
        """Waits for a key and takes it; `done` must follow."""
        while True:
            self._promote()
            if self._ready:
                key = self._take()
                self._on_wait(self._monotonic() - self._since.pop(key))
                self._working.add(key)
                self._reasons.pop(key, None)
                return key
            await self._sleep()

    def done(self, key: Key) -> None:
        """Gives a key back; it is queued again when it was added meanwhile, and when a hold of it is over."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key, self._reasons.get(key, NEWS))
        for reason, left in self.holds(key).items():
            self.add_after(key, left, reason)

    def _take(self) -> Key:
        """The oldest key of whose turn it is; the next turn of theirs comes after everybody else's."""
        share, line = self._ready.popitem(last=False)
        key = line.take()
        if line:
            self._ready[share] = line
        return key

    def _in_turn(self) -> list[Key]:
        """The keys that wait, in the order in which they are taken if nothing comes."""
        rounds = zip_longest(*(line.in_turn() for line in self._ready.values()), fillvalue=_NOBODY)
        return [key for turn in rounds for key in turn if key is not _NOBODY]

    def _promote(self) -> None:
        now = self._monotonic()
        while self._later and self._later[0][0] <= now:
            due, _, key = heapq.heappop(self._later)
            if self._due.get(key) == due:
                self.add(key, self._reasons.get(key, NEWS))

    async def _sleep(self) -> None:
        """Until there is a key for this worker."""
        waiter = asyncio.get_running_loop().create_future()
        self._idle.append(waiter)
        self._arm()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in self._idle:
                self._idle.remove(waiter)
            else:
                # It was its turn: somebody else takes the key.
                self._wake()
            raise

    def _wake(self) -> None:
        """Lets the worker that has waited longest look for a key, if one waits."""
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _arm(self) -> None:
        """Sees to it that the next delay that is over finds a worker."""
        if not self._later or self._later[0][0] >= self._rings_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = self._later[0][0]
        delay = max(0.0, self._rings_at - self._monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timer, self._rings_at = None, math.inf
        self._promote()
        if self._idle:
            self._arm()


def _share(key: Hashable) -> Hashable:
    """Whose turn a key is part of."""
    return getattr(key, "namespace", None)
