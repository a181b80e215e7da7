"""What the user guide says of Kueue: nothing is built for it, and what sets `spec.suspend` itself can hold jobs back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from job_builder import (
    NOW,
    SETTINGS,
    after,
    make_job,
    names,
    plan_of,
    pods_of,
    seen,
    stored,
    truths,
    with_spec,
)

from estimator_api import parse_job
from estimator_api.immutability import IMMUTABLE_FIELDS
from estimator_operator.kube import resources
from estimator_operator.plan import Observed, plan

GUIDE = (Path(__file__).parents[3] / "docs/user-guide.md").read_text()
QUEUED = {"kueue.x-k8s.io/queue-name": "team", "kueue.x-k8s.io/priority-class": "high"}
CLAIM = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}


def queued(**spec):
    """A job as somebody would submit it who thinks that a queue sees it."""
    document = make_job(modelDir=CLAIM, tensorBoard={}, **spec).to_json()
    return parse_job({**document, "metadata": {**document["metadata"], "labels": QUEUED}})


def held():
    """A job that was created suspended, looked at until nothing is left to write."""
    job = queued(suspend=True)
    for seconds in range(3):
        job = stored(job, Observed(), after(seconds))
    return job


def objects(made):
    """All that a plan asks for."""
    single = (
        made.create_claim,
        made.create_service,
        made.create_tensorboard_pod,
        made.create_tensorboard_service,
    )
    return [one for one in (*single, *made.create_pods) if one is not None]


def test_nothing_that_is_made_for_a_job_is_a_workload_or_is_seen_by_a_queue():
    made = plan_of(queued(), Observed())
    assert {one["kind"] for one in objects(made)} == {"Pod", "Service", "PersistentVolumeClaim"}
    assert "kueue" not in json.dumps(objects(made))
    assert not any(pod["spec"].get("schedulingGates") for pod in made.create_pods)


def test_the_operator_knows_of_no_kind_of_a_queue():
    groups = {one.group for one in vars(resources).values() if isinstance(one, resources.Resource)}
    assert groups == {"", "events.k8s.io", "coordination.k8s.io", "estimator.dev"}


def test_a_job_that_is_created_suspended_asks_for_nothing_until_somebody_resumes_it():
    job = held()
    assert truths(job)["Suspended"] == "True"
    assert objects(plan_of(job, Observed(), after(10))) == []
    resumed = with_spec(job, suspend=False)
    assert len(plan_of(resumed, Observed(), after(20)).create_pods) == 5


def test_what_holds_a_job_back_may_choose_its_nodes_meanwhile():
    """As queues do: the nodes are written with the resumption, and all pods have them."""
    placed = with_spec(held(), suspend=False, template={"spec": {"nodeSelector": {"flavor": "spot"}}})
    pods = plan_of(placed, Observed(), after(20)).create_pods
    assert [one["spec"]["nodeSelector"] for one in pods] == 5 * [{"flavor": "spot"}]


def test_what_holds_a_job_back_may_take_it_from_its_pods_again_and_nothing_counts():
    job = stored(stored(queued(), Observed()), seen(*pods_of(queued())))
    taken = stored(with_spec(job, suspend=True), seen(*pods_of(job)), after(5))
    made = plan(taken, seen(*pods_of(taken)), after(6), SETTINGS)
    assert made.delete_pods
    assert objects(made) == []
    assert stored(taken, seen(), after(60)).status.restarts.counted == 0


def test_suspend_may_change_while_the_job_runs():
    assert "suspend" not in IMMUTABLE_FIELDS


@pytest.mark.parametrize("controller", ["kueue.x-k8s.io/multikueue", "example.com/queue"])
def test_a_job_of_another_controller_is_that_one_s(controller):
    made = plan(queued(managedBy=controller), Observed(), NOW, SETTINGS)
    assert (objects(made), made.requeue_after) == ([], None)
    assert names(made.create_pods) == []


def test_the_guide_says_so():
    assert "Nothing here is built for Kueue" in GUIDE
    assert "What sets\n`spec.suspend` itself can hold jobs back" in GUIDE
