"""Backoff: who waits, how long, from when."""

from __future__ import annotations

import pytest
from job_builder import (
    NOW,
    after,
    failed_pod,
    make_job,
    make_pod,
    plan_of,
    pods_of,
    replica,
    seen,
    stored,
    text,
    training,
    with_status,
)

from estimator_operator.plan.backoff import not_before
from estimator_operator.plan.roster import Member


def entry(name="worker-0", seconds=0, attempt=0, exit_code=137, reason="Error"):
    """An entry of status.failures."""
    found = {"replica": name, "attempt": attempt, "reason": reason, "time": text(after(seconds))}
    return found | ({} if exit_code is None else {"exitCode": exit_code})


def waits(failures, *, attempt, pending=("worker-0",)):
    """Seconds after NOW until worker-0 may start again."""
    job = with_status(make_job(), {"failures": failures, "restarts": {"pending": list(pending)}})
    moment = not_before(job, Member(replica=replica("worker-0"), attempt=attempt))
    return None if moment is None else (moment - NOW).total_seconds()


OTHERS = [entry(f"worker-{n}", n, exit_code=137) for n in range(1, 11)]
EVICTED = [entry(f"worker-{n}", n, reason="Evicted") for n in range(1, 11)]


@pytest.mark.parametrize(
    ("failures", "attempt", "seconds"),
    [
        ([], 0, None),
        ([entry()], 1, 10),
        ([entry(exit_code=1)], 1, None),
        ([entry(exit_code=127)], 1, None),
        ([entry(exit_code=128, reason="StartError")], 1, 10),
        ([entry(exit_code=1, reason="OOMKilled")], 1, 10),
        ([entry(exit_code=None, reason="ErrImagePull")], 1, 10),
        ([entry(reason="Evicted")], 1, None),
        ([entry(reason="DeletedPod", exit_code=None)], 1, None),
        ([entry("worker-1")], 0, None),
        ([entry(attempt=0), entry(seconds=60, attempt=1)], 2, 80),
        ([entry(attempt=0), entry(seconds=60, attempt=1, exit_code=1)], 2, None),
        ([entry(attempt=0), entry(seconds=60, attempt=1, exit_code=1), entry(seconds=70, attempt=2)], 3, 90),
        ([entry(attempt=0), entry(seconds=1300, attempt=1)], 2, 1310),
        ([entry(attempt=0)], 2, None),
        (OTHERS, 1, 11),
        (OTHERS, 3, 41),
        (EVICTED, 1, None),
        (OTHERS[:9], 1, None),
        ([*OTHERS[1:], entry(seconds=20, attempt=2)], 3, 60),
    ],
)
def test_when_a_replica_may_start_again(failures, attempt, seconds):
    assert waits(failures, attempt=attempt) == seconds


def test_a_disruption_that_a_rule_ignores_waits_at_the_first_time():
    rules = [{"onReasons": ["Evicted"], "action": "Ignore"}]
    status = {"failures": [entry(reason="Evicted")], "restarts": {"pending": ["worker-0"]}}
    job = with_status(make_job(policy={"failurePolicy": {"rules": rules}}), status)
    assert not_before(job, Member(replica=replica("worker-0"), attempt=1)) == after(10)


def test_a_replica_that_is_not_awaited_was_not_displaced():
    assert waits(OTHERS, attempt=1, pending=()) is None


@pytest.mark.parametrize("reason", ["Evicted", "DeletedPod"])
@pytest.mark.parametrize(
    ("struck", "seconds"),
    [
        ((0,), None),
        ((0, 61), None),
        ((0, 60), 70),
        ((0, 1, 12), 32),
        ((0, 1, 72), None),
        ((0, 1, 12, 33, 74, 155, 316, 617), 917),
    ],
)
def test_what_strikes_a_replica_again_and_again_costs_a_longer_wait_each_time(reason, struck, seconds):
    job, made = training(make_job()), None
    for attempt, at in enumerate(struck):
        pod = failed_pod("worker-0", 137, attempt=attempt, reason=reason)
        made = plan_of(job, seen(*pods_of(job, pod)), after(at))
        job = with_status(job, made.status)
    moment = not_before(job, Member(replica=replica("worker-0"), attempt=len(struck)))
    assert moment == (None if seconds is None else after(seconds))
    assert (job.status.restarts.total, job.status.restarts.counted) == (len(struck), 0)


def test_each_of_many_replicas_that_are_deleted_again_waits():
    """The list of failures keeps ten; the eleventh replica must not be made again once a second."""
    job = training(make_job(workers=12))
    for _ in range(2):
        job = stored(job, seen())
        job = stored(job, seen(*(make_pod(one.replica, one.count) for one in job.status.restarts.by_replica)))
    job = stored(job, seen())
    assert [one.quick for one in job.status.restarts.by_replica] == [2] * 15
    assert not plan_of(job, seen(), after(19)).create_pods
    assert len(plan_of(job, seen(), after(20)).create_pods) == 15


def test_pods_that_are_deleted_as_soon_as_they_are_made_are_counted_and_wait():
    """Such a pod is gone before any pass saw it; it was nevertheless made, and the store knows that."""
    job, made_at = make_job(workers=0, ps=0, evaluator=0), []
    gone, now = {}, 0.0
    while now < 600:
        made = plan_of(job, seen(gone=gone), after(now))
        job = with_status(job, made.status)
        if made.create_pods:
            made_at.append(now)
            gone = {replica("chief-0"): len(made_at) - 1}
            assert made.create_pods[0]["metadata"]["labels"]["estimator.dev/attempt"] == str(
                gone[replica("chief-0")]
            )
        else:
            now += made.requeue_after
    assert made_at == [0, 0, 10, 30, 70, 150, 310]
    assert job.status.restarts.total == 7
    assert {one.reason for one in job.status.failures} == {"DeletedPod"}
