"""Whom the poller asks when: fair between namespaces, within the budget. Time is counted, nothing waits."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

import pytest

from estimator_api import Progress
from estimator_operator.observe.poll_schedule import (
    AT_ONCE,
    POLLS_PER_SECOND,
    WRITES_PER_SECOND,
    PollSchedule,
    Target,
    fair_shares,
    write_interval,
)
from estimator_operator.plan import Replica

INTERVAL = 10.0
TIMEOUT = 3.0
CHIEF = Replica("chief", 0)


def target(
    number: int, namespace: str = "team-a", *, stall_timeout: float | None = None, replica: Replica = CHIEF
) -> Target:
    return Target(
        job=(namespace, f"job-{number}"),
        uid=f"{namespace}-{number}-{replica}",
        replica=replica,
        host="10.0.0.1",
        port=8787,
        stall_timeout=stall_timeout,
    )


def targets(count: int, namespace: str = "team-a", **more) -> list[Target]:
    return [target(number, namespace, **more) for number in range(count)]


class Pods:
    """Answers of pods on a clock of its own: a transport without a network.

    Attributes:
        silent: Which pods do not answer.
        says: What a pod says, and whether that is news.
        asked: When each pod was asked.
        most_in_flight: How many polls of each namespace there were at once.
    """

    def __init__(self, *all_: Target) -> None:
        self.schedule = PollSchedule(interval=INTERVAL)
        self.targets: Iterable[Target] = all_
        self.silent: Callable[[Target], bool] = lambda _: False
        self.says: Callable[[Target], tuple[Progress, bool]] = lambda _: (Progress(role="chief"), True)
        self.asked: dict[str, list[float]] = {}
        self.most_in_flight: dict[str, int] = {}
        self.now = 0.0
        self._update_at = 0.0
        self._in_flight: list[tuple[float, int, Target]] = []

    def pass_(self, seconds: float) -> None:
        """Time passes as the poller lets it: to the next answer, poll or look at the targets, whichever is first."""
        end = self.now + seconds
        while self.now < end:
            if self.now >= self._update_at:
                self.schedule.update(self.targets, self.now)
                self._update_at = self.now + INTERVAL
            while (one := self.schedule.take(self.now)) is not None:
                self.asked.setdefault(one.uid, []).append(self.now)
                took = TIMEOUT if self.silent(one) else 0.01
                number = sum(map(len, self.asked.values()))
                heapq.heappush(self._in_flight, (self.now + took, number, one))
                space = one.job[0]
                count = sum(flying.job[0] == space for _, _, flying in self._in_flight)
                self.most_in_flight[space] = max(self.most_in_flight.get(space, 0), count)
            landing = self._in_flight[0][0] if self._in_flight else end
            # A hundred-thousandth more than asked for, as a loop that wakes a bit late.
            waited = self.now + self.schedule.wait(self.now) + 1e-5
            self.now = min(end, landing, waited, self._update_at)
            while self._in_flight and self._in_flight[0][0] <= self.now:
                _, _, one = heapq.heappop(self._in_flight)
                if self.silent(one):
                    self.schedule.unheard(one, self.now)
                else:
                    progress, news = self.says(one)
                    self.schedule.heard(one, self.now, progress, news=news)

    def polls(self, one: Target, *, since: float = 0.0) -> int:
        return sum(when >= since for when in self.asked.get(one.uid, []))

    def longest(self, one: Target, *, since: float = 0.0) -> float:
        """The longest time in which a pod was not asked."""
        times = [when for when in self.asked[one.uid] if when >= since]
        return max(later - earlier for earlier, later in zip(times, times[1:], strict=False))


@pytest.mark.parametrize("silent", [400, 2000])
def test_silent_pods_of_one_namespace_cost_the_others_nothing(silent):
    speaking = target(0, "team-b")
    pods = Pods(*targets(silent, "team-a"), speaking)
    pods.silent = lambda one: one.job[0] == "team-a"
    pods.pass_(600)
    assert pods.polls(speaking) == 60, "once an interval"
    assert pods.longest(speaking) <= INTERVAL + 1 / POLLS_PER_SECOND + 0.01


def test_silent_namespaces_cost_a_speaking_one_nothing():
    speaking = target(0, "team-b")
    pods = Pods(*[one for number in range(40) for one in targets(50, f"silent-{number}")], speaking)
    pods.silent = lambda one: one.job[0] != "team-b"
    pods.pass_(600)
    # Its first poll waits for the turn of everybody who begins at the same time.
    assert pods.polls(speaking) >= 59


def test_many_jobs_of_one_namespace_do_not_slow_the_others():
    few = targets(5, "team-b", stall_timeout=60)
    pods = Pods(*targets(2000, "team-a", stall_timeout=1), *few)
    pods.pass_(300)
    assert all(pods.polls(one) >= 29 for one in few)


def test_polls_in_flight_are_bounded_by_namespace():
    pods = Pods(*targets(400))
    pods.silent = lambda _: True
    pods.pass_(120)
    assert pods.most_in_flight == {"team-a": AT_ONCE}


def test_a_silent_pod_backs_off_and_is_back_at_once_when_heard():
    alone = target(0)
    pods = Pods(alone)
    pods.silent = lambda _: True
    pods.pass_(700)
    apart = [later - earlier for earlier, later in zip(pods.asked[alone.uid], pods.asked[alone.uid][1:])]
    assert apart == pytest.approx([20, 40, 80, 160, 160, 160], abs=0.1)
    pods.silent = lambda _: False
    pods.pass_(161)
    heard = pods.now
    pods.pass_(100)
    assert pods.polls(alone, since=heard) >= 9


def test_a_pod_may_be_silent_for_ever():
    schedule, alone = PollSchedule(interval=10.0), target(0)
    schedule.update([alone], 0.0)
    now = 0.0
    for _ in range(2000):
        now += schedule.wait(now)
        assert schedule.take(now) is not None
        schedule.unheard(alone, now)
    assert schedule.wait(now) == pytest.approx(160, rel=0.1)


@pytest.mark.parametrize("answers", [True, False])
def test_a_job_with_a_stall_timeout_is_asked_four_times_within_it(answers):
    timeout = 60.0
    watched = targets(20, stall_timeout=timeout)
    pods = Pods(*watched, *[target(number) for number in range(100, 2000)])
    pods.silent = lambda one: not answers and one.stall_timeout is not None
    pods.pass_(900)
    for one in watched:
        assert pods.longest(one, since=200) <= timeout / 4


def test_all_pods_together_stay_within_the_budget_and_all_are_asked():
    evaluators = targets(2000, replica=Replica("evaluator", 0))
    pods = Pods(*targets(2000), *evaluators)
    pods.says = lambda one: (Progress(role=one.replica.role), one.replica == CHIEF)
    seconds = 36_000 / POLLS_PER_SECOND
    pods.pass_(seconds)
    polls = sum(map(len, pods.asked.values()))
    assert 0.8 * seconds * POLLS_PER_SECOND <= polls <= seconds * POLLS_PER_SECOND + 10
    assert len(pods.asked) == 4000
    chief, evaluator = pods.polls(target(0)), pods.polls(evaluators[0])
    assert chief >= 1.5 * evaluator, "whose answers stay the same is asked less often"
    assert evaluator >= 3


def test_whoever_is_about_to_end_is_asked_more_often():
    pods = Pods(*targets(1000))
    ending = Progress(role="chief", global_step=999, max_steps=1000, steps_per_second=1.0)
    far = Progress(role="chief", global_step=1, max_steps=10**9, steps_per_second=1.0)
    pods.says = lambda one: (ending if one.job[1] == "job-7" else far, True)
    pods.pass_(1200)
    assert pods.polls(target(7), since=600) >= 1.5 * pods.polls(target(8), since=600)


def test_a_pod_is_asked_every_interval_when_there_is_budget_whatever_it_says():
    half = int(INTERVAL * POLLS_PER_SECOND * 0.4)
    pods = Pods(*targets(half), *targets(half, replica=Replica("evaluator", 0)))
    pods.says = lambda one: (Progress(role=one.replica.role), False)
    pods.pass_(600)
    assert {len(times) for times in pods.asked.values()} <= {58, 59, 60}


@pytest.mark.parametrize(
    "numbers",
    [
        {"global_step": 10**400, "max_steps": 1, "steps_per_second": 1.5},
        {"global_step": 1, "max_steps": 10**400, "steps_per_second": 1e-300},
        {"global_step": 1, "max_steps": 2, "steps_per_second": 5e-324},
        {"global_step": 1, "max_steps": 2, "steps_per_second": float("nan")},
        {"global_step": -(10**400), "max_steps": 2, "steps_per_second": float("inf")},
    ],
    ids=["step", "max steps", "slow", "no number", "fast"],
)
def test_numbers_that_no_program_has_do_no_harm(numbers):
    pods = Pods(target(0))
    pods.says = lambda _: (Progress(role="chief", **numbers), True)
    pods.pass_(100)
    assert pods.polls(target(0)) >= 9


def test_pods_that_are_gone_are_forgotten_even_in_flight():
    pods = Pods(*targets(30))
    pods.silent = lambda _: True
    pods.pass_(1)
    pods.targets = []
    pods._update_at = pods.now
    pods.pass_(60)
    assert pods.schedule._entries == {}
    assert pods.polls(target(0)) == 1
    pods.targets = targets(30)
    pods.pass_(60)
    assert pods.polls(target(0)) >= 2


@pytest.mark.parametrize(
    ("wanted", "shares"),
    [
        ({}, {}),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ({"a": 100, "b": 2}, {"a": 8, "b": 2}),
        ({"a": 100, "b": 100}, {"a": 5, "b": 5}),
        ({"a": 100, "b": 4, "c": 1}, {"a": 5, "b": 4, "c": 1}),
    ],
)
def test_shares_are_fair(wanted, shares):
    assert fair_shares(wanted, 10) == pytest.approx(shares)


@pytest.mark.parametrize(("jobs", "seconds"), [(0, 10), (40, 10), (2000, 500)])
def test_progress_writes_stay_within_their_budget(jobs, seconds):
    assert write_interval(INTERVAL, jobs) == seconds
    assert jobs / write_interval(INTERVAL, jobs) <= WRITES_PER_SECOND
