"""An evaluator out of budget is given up; training goes on, and the job completes without it."""

from __future__ import annotations

import pytest
from job_builder import (
    done_pod,
    failed_pod,
    make_job,
    make_pod,
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

SPENT = {"backoffLimit": 0}


@pytest.mark.parametrize(
    ("pod", "outcome"),
    [
        (failed_pod("evaluator-0", 1), "degraded"),
        (failed_pod("evaluator-0", 137, reason="OOMKilled"), "degraded"),
        (failed_pod("evaluator-0", 137, reason="Evicted", disrupted=True), "restarted"),
        (failed_pod("evaluator-0", 143, deleting=True), "restarted"),
        (failed_pod("evaluator-0", 78), "failed"),
        (failed_pod("worker-0", 1), "failed"),
    ],
)
def test_who_is_given_up(pod, outcome):
    job = training(make_job(policy=SPENT))
    made = plan_of(job, seen(*pods_of(job, pod)))
    found = (
        "failed"
        if made.status.is_true("Failed")
        else "degraded"
        if made.status.is_true("EvaluatorDegraded")
        else "restarted"
    )
    assert found == outcome
    assert made.status_first


def degraded():
    """A training job whose evaluator was given up."""
    job = training(make_job(policy=SPENT))
    return stored(job, seen(*pods_of(job, failed_pod("evaluator-0", 1, message="no disk"))))


@pytest.mark.parametrize(
    "pods",
    [
        pods_of(make_job(), failed_pod("evaluator-0", 1)),
        pods_of(make_job(), without=("evaluator-0",)),
        pods_of(make_job(), make_pod("evaluator-0", deleting=True)),
    ],
    ids=["failed", "gone", "going"],
)
def test_training_goes_on(pods):
    job = degraded()
    made = plan_of(job, seen(*pods))
    assert state(made) == ("True", "Training")
    assert truths(made)["EvaluatorDegraded"] == "True"
    assert not made.create_pods
    assert not made.events


@pytest.mark.parametrize(
    "chief", [failed_pod("chief-0", 143, disrupted=True), make_pod("chief-0", deleting=True)]
)
def test_stays_given_up_over_restarts(chief):
    job = degraded()
    made = plan_of(job, seen(*pods_of(job, chief, without=("evaluator-0",))))
    assert truths(made)["EvaluatorDegraded"] == "True"
    assert "evaluator-0" not in [one.replica for one in made.status.restarts.by_replica]


def test_the_job_completes_without_it():
    job = degraded()
    made = plan_of(job, seen(*pods_of(job, done_pod("chief-0"), without=("evaluator-0",))))
    assert state(made) == ("True", "Completed")
    assert message(made) == (
        "training has ended; without its evaluator: evaluator-0 failed with exit code 1: no disk;"
        " 0 restarts were counted, backoffLimit is 0"
    )
    assert truths(with_status(job, made.status))["EvaluatorDegraded"] == "True"
