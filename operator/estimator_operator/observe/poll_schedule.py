"""When which pod is asked for its progress: within one budget, and fair between namespaces. Pure: no I/O, no clock.

* All pods together are asked at most `POLLS_PER_SECOND` times a second. Where that is too little for everybody's
  interval, each namespace gets its fair share (what one leaves, others get), and intervals grow within the namespace.
* How much a pod's interval grows depends on how far its next news is. One that is about to end or has just begun is
  asked most often, one whose answers have been the same for a while is asked least often.
* A pod that does not answer is asked at twice the interval each time, up to a bound, and at its own again once it
  answers.
* A pod whose job has a stall timeout is asked at least `STALL_POLLS` times within it, answers or not, as far as most
  of its namespace's share allows.
* Each namespace has at most `AT_ONCE` polls in flight, and takes its turn among those that have something to ask. All
  together have no more than the budget and the time limit of a poll allow: nobody waits for another's connection.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from estimator_api import Progress
from estimator_operator.plan.observed import Replica

POLLS_PER_SECOND: Final = 5.0
"""A poll costs 2 to 6 ms of CPU, and what it finds is of use where it may be written."""
WRITES_PER_SECOND: Final = 4.0
"""Status writes that carry only progress, of all jobs together."""
STALL_POLLS: Final = 5.0
"""One more than is needed: a poll waits for its turn."""
AT_ONCE: Final = 16
_BURST: Final = 10
_BACKOFF_MOST: Final = 16.0
_SILENT_MOST: Final = 16
"""Unanswered polls in a row that are counted: a pod may be silent for months, and the backoff is bounded long before."""
_FAR_MOST: Final = 4.0
_FIRST_ANSWERS: Final = 3
_STALL_SHARE: Final = 0.75
"""Of a namespace's share, what stall timeouts may take from the pods without one."""
_SHORTEST: Final = 1.0
"""Seconds; a stall timeout of a second does not make more polls."""
_NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A pod to ask.

    Attributes:
        job: Key of its job, as given back with the answer.
        uid: Uid of the pod.
        replica: Which replica it is.
        host: Its address.
        port: Where it serves progress.
        stall_timeout: `stallTimeoutSeconds` of its job, when the pod is the one that has to make steps.
        stages: Its inputs are being brought; its program has not begun.
    """

    job: tuple[str, str]
    uid: str
    replica: Replica
    host: str
    port: int
    stall_timeout: float | None = None
    stages: bool = False

    @property
    def url(self) -> str:
        """Where the document is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/progress"


def write_interval(interval: float, jobs: int) -> float:
    """Seconds between two status writes of one job that only carry progress.

    Args:
        interval: The least.
        jobs: How many jobs run.
    """
    return max(interval, jobs / WRITES_PER_SECOND)


@dataclass(slots=True)
class _Entry:
    """What is known of one target.

    Attributes:
        target: The pod.
        born: When it was first known.
        asked_at: When it was last asked.
        answers: How often it answered, no further than anybody cares.
        silent: How often in a row it did not answer.
        same: How often in a row it said what it had said before.
        ends_at: When it will have made its last step, as far as is known.
        in_flight: It is being asked.
        gone: It is no target any more; known until the poll in flight has ended.
    """

    target: Target
    born: float
    asked_at: float | None = None
    answers: int = 0
    silent: int = 0
    same: int = 0
    ends_at: float | None = None
    in_flight: bool = False
    gone: bool = False

    def begin(self, now: float) -> None:
        """Its program has begun: what it did before, answer or not, says nothing of that."""
        self.born, self.asked_at, self.ends_at = now, None, None
        self.answers = self.silent = self.same = 0

    def cap(self, interval: float) -> float:
        """The longest interval."""
        timeout = self.target.stall_timeout
        return _NEVER if timeout is None else max(timeout / STALL_POLLS, min(interval, _SHORTEST))

    def least(self, interval: float) -> float:
        """The shortest interval: what it is when there is budget enough."""
        return interval * min(2.0**self.silent, _BACKOFF_MOST)

    def weight(self, now: float, interval: float) -> float:
        """How much of what is to be saved is saved on this pod: the farther its news, the more."""
        if self.answers < _FIRST_ANSWERS or (self.ends_at is not None and self.ends_at - now < 2 * interval):
            return 1.0
        return min(2.0 + self.same / 2, 2 * _FAR_MOST)


@dataclass(slots=True)
class _Space:
    """The targets of one namespace.

    Attributes:
        stretch: What weights are multiplied with.
        cap_factor: What stall timeouts are multiplied with; more than 1 when they ask for more than the share.
        watched: (due, uid) of pods with a stall timeout, the earliest first: what is due of them goes before the rest.
        queue: The same of the other pods.
        in_flight: How many are being asked.
        turn: When it had its last turn; counts, no seconds.
    """

    stretch: float = 0.0
    cap_factor: float = 1.0
    watched: list[tuple[float, str]] = field(default_factory=list)
    queue: list[tuple[float, str]] = field(default_factory=list)
    in_flight: int = 0
    turn: int = 0


class PollSchedule:
    """Says whom to ask next.

    Args:
        interval: Seconds between two polls of one pod when there is budget enough.
    """

    def __init__(self, *, interval: float) -> None:
        self._interval = interval
        self._entries: dict[str, _Entry] = {}
        self._spaces: dict[str, _Space] = {}
        self._next_poll = 0.0
        self._turns = 0
        self.jobs = 0

    def update(self, targets: Iterable[Target], now: float) -> None:
        """Notes which pods there are, and computes all intervals."""
        known, self._entries = self._entries, {}
        for target in targets:
            entry = known.get(target.uid) or _Entry(target, born=now)
            if entry.target.stages and not target.stages:
                entry.begin(now)
            entry.target, entry.gone = target, False
            self._entries[target.uid] = entry
        self.jobs = len({one.target.job for one in self._entries.values()})
        for uid, entry in known.items():
            if entry.in_flight and uid not in self._entries:
                entry.gone = True
                self._entries[uid] = entry
        self._share_out(now)

    def _share_out(self, now: float) -> None:
        """Computes what every namespace and every pod gets of the budget."""
        by_space: dict[str, list[_Entry]] = {}
        for entry in self._entries.values():
            by_space.setdefault(entry.target.job[0], []).append(entry)
        self._spaces = {name: one for name, one in self._spaces.items() if name in by_space}
        wanted = {name: sum(1 / self._wish(one) for one in all_) for name, all_ in by_space.items()}
        shares = fair_shares(wanted, POLLS_PER_SECOND)
        for name, entries in by_space.items():
            # A namespace that is new has its turn after those that wait.
            space = self._spaces.setdefault(name, _Space(turn=self._turns))
            if wanted[name] <= shares[name]:
                space.stretch, space.cap_factor = 0.0, 1.0
            else:
                classes = Counter(
                    (one.weight(now, self._interval), one.least(self._interval), one.cap(self._interval))
                    for one in entries
                )
                space.stretch, space.cap_factor = stretch_to(shares[name], self._interval, classes)
            space.watched, space.queue = [], []
            for entry in entries:
                if not entry.in_flight:
                    self._enqueue(entry, space, now)

    def _wish(self, entry: _Entry) -> float:
        return min(entry.least(self._interval), entry.cap(self._interval))

    def take(self, now: float) -> Target | None:
        """Whom to ask now, or None; the poll is in flight until `heard` or `unheard`."""
        if now < self._next_poll:
            return None
        ready = [one for one in self._spaces.values() if self._head(one) <= now]
        if not ready:
            return None
        space = min(ready, key=lambda one: one.turn)
        first = space.watched if space.watched and space.watched[0][0] <= now else space.queue
        _, uid = heapq.heappop(first)
        self._turns += 1
        space.turn = self._turns
        space.in_flight += 1
        entry = self._entries[uid]
        entry.in_flight, entry.asked_at = True, now
        self._next_poll = max(self._next_poll, now - _BURST / POLLS_PER_SECOND) + 1 / POLLS_PER_SECOND
        return entry.target

    def wait(self, now: float) -> float:
        """Seconds until somebody is to be asked, or infinity: not before an answer or an update."""
        due = min(map(self._head, self._spaces.values()), default=_NEVER)
        return max(0.0, due - now, self._next_poll - now)

    def heard(self, target: Target, now: float, progress: Progress, *, news: bool) -> None:
        """The pod has answered; `news` when it said what it had not said before."""
        entry = self._entries[target.uid]
        entry.silent = 0
        entry.answers = min(entry.answers + 1, _FIRST_ANSWERS)
        entry.same = 0 if news else entry.same + 1
        entry.ends_at = _end(progress, now)
        self._landed(entry, now)

    def unheard(self, target: Target, now: float) -> None:
        """The pod has not answered with its progress."""
        entry = self._entries[target.uid]
        entry.silent = min(entry.silent + 1, _SILENT_MOST)
        self._landed(entry, now)

    def _landed(self, entry: _Entry, now: float) -> None:
        entry.in_flight = False
        space = self._spaces[entry.target.job[0]]
        space.in_flight -= 1
        if entry.gone:
            del self._entries[entry.target.uid]
            return
        self._enqueue(entry, space, now)

    def _head(self, space: _Space) -> float:
        """When a namespace's next pod is to be asked."""
        if space.in_flight >= AT_ONCE:
            return _NEVER
        return min((one[0][0] for one in (space.watched, space.queue) if one), default=_NEVER)

    def _enqueue(self, entry: _Entry, space: _Space, now: float) -> None:
        due = entry.born
        if entry.asked_at is not None:
            due = entry.asked_at + interval_of(
                entry.weight(now, self._interval),
                entry.least(self._interval),
                entry.cap(self._interval),
                self._interval,
                space.stretch,
                space.cap_factor,
            )
        queue = space.queue if entry.target.stall_timeout is None else space.watched
        heapq.heappush(queue, (due, entry.target.uid))


def interval_of(
    weight: float, least: float, cap: float, interval: float, stretch: float, cap_factor: float
) -> float:
    """Seconds between two polls of a pod, see `PollSchedule`."""
    return min(max(least, interval * weight * stretch), cap * cap_factor)


def fair_shares(wanted: Mapping[str, float], budget: float) -> dict[str, float]:
    """Max-min fairness: nobody gets more than is wanted; who wants more than an equal share gets an equal share."""
    shares: dict[str, float] = {}
    left, waiting = budget, sorted(wanted, key=lambda name: wanted[name])
    for number, name in enumerate(waiting):
        shares[name] = min(wanted[name], left / (len(waiting) - number))
        left -= shares[name]
    return shares


def stretch_to(
    share: float, interval: float, classes: Mapping[tuple[float, float, float], int]
) -> tuple[float, float]:
    """The stretch, and the factor for caps, with which pods are asked `share` times a second altogether.

    Args:
        share: Polls a second.
        interval: Seconds between two polls when there is budget enough.
        classes: Number of pods by weight, shortest interval and longest interval.
    """
    capped = sum(count / cap for (_, _, cap), count in classes.items())
    cap_factor = max(1.0, capped / (share * _STALL_SHARE))
    low, high = 0.0, 1.0

    def polls(stretch: float) -> float:
        return sum(
            count / interval_of(weight, least, cap, interval, stretch, cap_factor)
            for (weight, least, cap), count in classes.items()
        )

    while polls(high) > share:
        low, high = high, 2 * high
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if polls(middle) > share else (low, middle)
    return high, cap_factor


def _end(progress: Progress, now: float) -> float | None:
    step, most, pace = progress.global_step, progress.max_steps, progress.steps_per_second
    if step is None or most is None or pace is None or not pace > 0:
        return None
    try:
        return now + max(0.0, (most - step) / pace)
    except OverflowError:
        # Numbers of pods have any size.
        return None
