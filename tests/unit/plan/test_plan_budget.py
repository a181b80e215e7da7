"""What a failure costs: one incident counts once, the evaluator has its own budget, and no write is counted twice."""

from __future__ import annotations

import pytest
from job_builder import (
    after,
    failed_pod,
    make_job,
    message,
    plan_of,
    pods_of,
    seen,
    state,
    stored,
    training,
    truths,
    with_status,
)


def fails(job, *pods, at=0):
    """The job after it was seen at `at` that these pods failed."""
    return stored(job, seen(*pods_of(job, *pods)), after(at))


def counted(job):
    """How much of the budget of the job and of the evaluator is used."""
    return job.status.restarts.counted, job.status.restarts.evaluator or 0


def test_workers_that_fail_together_of_one_cause_count_once():
    job = training(make_job(workers=8))
    job = fails(job, *(failed_pod(f"worker-{n}", 1) for n in range(8)))
    assert state(job) == ("False", "Restarting")
    assert counted(job) == (1, 0)
    assert job.status.restarts.total == 8


@pytest.mark.parametrize(
    ("second", "seconds", "expected"),
    [
        ({}, 0, 1),
        ({}, 60, 1),
        ({}, 61, 2),
        ({"exit_code": 2}, 1, 2),
        ({"exit_code": 1, "reason": "OOMKilled"}, 1, 2),
        ({"exit_code": 137, "reason": "Evicted"}, 1, 1),
    ],
    ids=["same pass", "same minute", "later", "other code", "other reason", "disruption"],
)
def test_what_one_incident_is(second, seconds, expected):
    job = fails(training(make_job()), failed_pod("worker-0", 1))
    job = fails(job, failed_pod("worker-1", **({"exit_code": 1} | second)), at=seconds)
    assert counted(job) == (expected, 0)


def test_a_replica_that_fails_again_is_a_new_incident():
    job = training(make_job())
    for attempt in range(6):
        job = fails(job, failed_pod("worker-0", 1, attempt=attempt), at=attempt)
    assert counted(job) == (6, 0)
    job = fails(job, failed_pod("worker-0", 1, attempt=6), at=7)
    assert state(job) == ("False", "BackoffLimitExceeded")
    assert "6 restarts were counted, backoffLimit is 6" in message(job)


def test_causes_that_take_turns_are_two_incidents():
    job = training(make_job(workers=4))
    for number, code in enumerate((1, 2, 1, 2)):
        job = fails(job, failed_pod(f"worker-{number}", code), at=number)
    assert counted(job) == (2, 0)


def test_an_incident_goes_on_when_the_budget_is_used_up():
    job = training(make_job(policy={"backoffLimit": 1}))
    job = fails(job, failed_pod("worker-0", 1))
    job = fails(job, failed_pod("worker-1", 1), at=5)
    assert state(job) == ("False", "Restarting")
    job = fails(job, failed_pod("worker-0", 1, attempt=1), at=10)
    assert state(job) == ("False", "BackoffLimitExceeded")


def test_every_restart_of_the_whole_job_counts():
    rules = {"failurePolicy": {"rules": [{"roles": ["worker", "ps"], "action": "RestartJob"}]}}
    job = training(make_job(policy=rules))
    job = fails(job, failed_pod("worker-0", 1))
    assert counted(job) == (1, 0)
    job = fails(job, failed_pod("worker-1", 1, attempt=1), at=20)
    assert counted(job) == (2, 0)


def test_what_is_counted_is_known_to_the_next_leader_before_anything_is_done():
    job = training(make_job())
    pods = pods_of(job, failed_pod("worker-0", 1))
    made = plan_of(job, seen(*pods))
    assert made.status_first
    job = with_status(job, made.status)
    assert plan_of(job, seen(*pods)).status.restarts == job.status.restarts


def test_a_broken_evaluator_leaves_the_budget_to_the_others():
    job = training(make_job())
    for attempt in range(7):
        job = fails(job, failed_pod("evaluator-0", 1, attempt=attempt), at=attempt)
    assert truths(job)["EvaluatorDegraded"] == "True"
    assert counted(job) == (0, 6)
    degraded = job.status.condition("EvaluatorDegraded").message
    assert degraded.endswith("6 restarts were counted, backoffLimit is 6")
    job = fails(job, failed_pod("worker-0", 1), at=100)
    assert state(job) == ("False", "Restarting")
    assert counted(job) == (1, 6)


def test_failing_workers_leave_the_budget_to_the_evaluator():
    job = training(make_job(policy={"backoffLimit": 1}))
    job = fails(job, failed_pod("worker-0", 1))
    job = fails(job, failed_pod("evaluator-0", 1), at=10)
    assert "EvaluatorDegraded" not in truths(job)
    assert counted(job) == (1, 1)
