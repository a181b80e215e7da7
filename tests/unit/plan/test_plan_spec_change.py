"""Suspend, change and resume that the operator sees only as a whole: no two specs run beside each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from job_builder import (
    done_pod,
    make_job,
    make_pod,
    message,
    names,
    plan_of,
    pods_of,
    seen,
    state,
    stored,
    training,
    with_spec,
    with_status,
)

from estimator_operator.plan.spec_hash import spec_hash


def made_from(job, pods):
    """`pods` with the hash of `job`."""
    return tuple(replace(one, spec_hash=spec_hash(job)) for one in pods)


@pytest.mark.parametrize(
    "change", [{"image": "trainer:2"}, {"ps": {"replicas": 2}}, {"worker": {"replicas": 1}}]
)
def test_all_pods_are_replaced_and_none_is_mixed(change):
    job = training(make_job())
    pods = made_from(job, pods_of(job))
    job = with_spec(job, **change)
    made = plan_of(job, seen(*pods))
    assert made.status_first
    assert not made.create_pods
    assert state(made) == ("False", "Suspending")
    assert message(made) == "the spec has changed: all pods are replaced; the chief saves a checkpoint first"
    job = with_status(job, made.status)
    made = plan_of(job, seen(*pods))
    assert "digits-chief-0" in [one.name for one in made.delete_pods]
    assert "digits-ps-0" not in [one.name for one in made.delete_pods], "the chief saves its variables first"
    job = with_status(job, made.status)
    made = plan_of(job, seen(pods[-1] if change.get("image") else make_pod("ps-0")))
    assert not made.create_pods, "until the last pod is gone"
    job = stored(job, seen())
    made = plan_of(job, seen())
    assert len(made.create_pods) == sum(
        job.spec.replicas(one) for one in ("chief", "worker", "ps", "evaluator")
    )
    assert made.status.restarts.total == 0


@pytest.mark.parametrize(
    "change", [{"runPolicy": {"activeDeadlineSeconds": 99}}, {}], ids=["policy", "nothing"]
)
def test_what_pods_are_not_made_from_replaces_none(change):
    job = training(make_job())
    pods = made_from(job, pods_of(job))
    made = plan_of(with_spec(job, **change), seen(*pods))
    assert state(made) == ("True", "Training")
    assert not made.delete_pods


def test_pods_without_a_hash_are_current():
    job = training(make_job())
    made = plan_of(with_spec(job, image="trainer:2"), seen(*pods_of(job)))
    assert state(made) == ("True", "Training")


def test_a_finished_pod_of_the_old_spec_is_no_reason():
    job = training(make_job())
    pods = made_from(job, pods_of(job, done_pod("worker-0")))
    job = stored(job, seen(*pods))
    changed = with_spec(job, image="trainer:2")
    mixed = [one if one.finished else replace(one, spec_hash=spec_hash(changed)) for one in pods]
    made = plan_of(changed, seen(*mixed))
    assert state(made) == ("True", "Training")
    assert names(made.create_pods) == []
