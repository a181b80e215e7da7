"""activeDeadlineSeconds: from the first pod, anew at a resume, whatever the pods do, with no event."""

from __future__ import annotations

import pytest
from job_builder import (
    after,
    done_pod,
    failed_pod,
    make_job,
    make_pod,
    plan_of,
    pods_of,
    seen,
    state,
    training,
)

LIMIT = {"activeDeadlineSeconds": 100}
PODS = {
    "training": pods_of(make_job()),
    "a pod is pending": pods_of(make_job(), make_pod("ps-0", phase="Pending", ready=False)),
    "a pod is being deleted": pods_of(make_job(), make_pod("chief-0", deleting=True)),
    "the evaluator is awaited": pods_of(make_job(), done_pod("chief-0")),
    "a worker has failed": pods_of(make_job(), failed_pod("worker-0", 1)),
    "a worker was evicted": pods_of(make_job(), failed_pod("worker-0", 143, disrupted=True)),
}


@pytest.mark.parametrize("pods", PODS.values(), ids=PODS)
def test_fires_whatever_the_pods_do(pods):
    job = training(make_job(policy=LIMIT))
    made = plan_of(job, seen(*pods), after(100))
    assert made.status_first
    assert state(made) == ("False", "DeadlineExceeded")


@pytest.mark.parametrize("pods", list(PODS.values())[:4], ids=list(PODS)[:4])
def test_is_awaited_with_no_event(pods):
    job = training(make_job(policy=LIMIT))
    assert plan_of(job, seen(*pods), after(70)).requeue_after == 30
    assert state(plan_of(job, seen(*pods), after(99)))[1] != "DeadlineExceeded"


@pytest.mark.parametrize(
    ("pods", "reason"),
    [
        (pods_of(make_job(), done_pod("chief-0"), done_pod("evaluator-0")), "Completed"),
        (pods_of(make_job(), failed_pod("worker-0", 78)), "ConfigurationError"),
    ],
)
def test_what_comes_before_it(pods, reason):
    job = training(make_job(policy=LIMIT))
    assert state(plan_of(job, seen(*pods), after(100)))[1] == reason


def test_an_operator_that_was_away_fails_the_job_at_once():
    job = training(make_job(policy=LIMIT))
    observed = seen(*pods_of(job), watched_since=after(3600))
    assert state(plan_of(job, observed, after(3600))) == ("False", "DeadlineExceeded")
