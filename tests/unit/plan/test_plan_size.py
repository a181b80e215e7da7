"""What a plan of the largest job costs: nothing is made that nobody has asked for yet, and nothing twice."""

from __future__ import annotations

import json

import pytest
from job_builder import ESTIMATOR, make_job, names, plan_of, state, stored, truths, with_spec, with_status

from estimator_operator.plan import Observed, environment, pods

LARGEST = {"workers": 1000, "ps": 1000}
REPLICAS = 2002


@pytest.fixture
def made(monkeypatch):
    """Counts of cluster constructions and of manifests."""
    counts = {"clusters": 0, "manifests": 0}
    cluster_of, main_container = environment.cluster_of, pods.main_container

    def count_cluster(*args):
        counts["clusters"] += 1
        return cluster_of(*args)

    def count_manifest(*args, **kwargs):
        counts["manifests"] += 1
        return main_container(*args, **kwargs)

    monkeypatch.setattr(environment, "cluster_of", count_cluster)
    monkeypatch.setattr(pods, "main_container", count_manifest)
    return counts


def test_a_plan_makes_no_manifest_before_it_is_asked_for(made):
    plan = plan_of(make_job(**LARGEST), Observed())
    assert len(plan.create_pods) == REPLICAS
    assert plan.create_pods
    assert made["manifests"] == 0
    started = make_job(**LARGEST, status={"startTime": "2026-01-31T12:00:00Z"})
    made["clusters"] = 0
    assert len(plan_of(started, Observed()).create_pods) <= REPLICAS
    assert made == {"clusters": 0, "manifests": 0}


def test_the_cluster_is_serialised_once_for_all_pods(made, monkeypatch):
    written = []
    compact_json = environment.compact_json
    monkeypatch.setattr(environment, "compact_json", lambda one: written.append(one) or compact_json(one))
    create = plan_of(make_job(**LARGEST), Observed()).create_pods
    first, last = create[0], create[-1]
    for _ in create[:100]:
        pass
    assert made == {"clusters": 1, "manifests": 102}
    assert sum("worker" in one for one in written if isinstance(one, dict)) == 1
    assert (names([first]), names([last])) == (["digits-chief-0"], ["digits-evaluator-0"])


def test_each_pod_has_its_own_task_and_all_the_same_cluster():
    create = plan_of(make_job(**LARGEST), Observed()).create_pods
    configs = [
        json.loads(
            next(one["value"] for one in pod["spec"]["containers"][0]["env"] if one["name"] == "TF_CONFIG")
        )
        for pod in (create[0], create[1000], create[2001])
    ]
    assert [one.pop("task") for one in configs] == [
        {"type": "chief", "index": 0},
        {"type": "worker", "index": 999},
        {"type": "evaluator", "index": 0},
    ]
    assert configs[0] == configs[1] == configs[2]


def test_a_batch_is_made_as_late_as_its_pods(made):
    create = plan_of(make_job(**LARGEST), Observed()).create_pods
    batch, rest = create[:16], create[16:]
    assert (len(batch), len(rest), made["manifests"]) == (16, REPLICAS - 16, 0)
    assert names(batch)[-1] == "digits-worker-14"
    assert made == {"clusters": 1, "manifests": 16}, "the cluster is shared with the batches to come"
    assert names(rest[:1]) == ["digits-worker-15"]
    assert made["clusters"] == 1


def test_plans_of_one_job_are_alike():
    job = make_job()
    one, other = plan_of(job, Observed()).create_pods, plan_of(job, Observed()).create_pods
    assert one == other
    assert one != other[1:]
    assert one != tuple(other)


TOO_LARGE = ESTIMATOR | {"params": {"vocabulary": "é" * 600_000}}
"""More than a ConfigMap holds."""
SUSPENDED = [
    {"type": "Ready", "status": "True", "reason": "Suspended", "lastTransitionTime": "2026-01-31T11:00:00Z"},
    {
        "type": "Suspended",
        "status": "True",
        "reason": "Suspended",
        "lastTransitionTime": "2026-01-31T11:00:00Z",
    },
]


@pytest.mark.parametrize(
    "status", [{}, {"conditions": SUSPENDED, "completedReplicas": ["evaluator-0"]}], ids=["new", "resumed"]
)
def test_a_job_that_no_pod_can_be_made_of_is_left_alone_and_goes_on_when_it_is_right(status):
    wrong = with_status(make_job(estimator=TOO_LARGE), status)
    made = plan_of(wrong, Observed())
    assert state(made) == ("False", "InvalidSpec")
    assert truths(made)["Failed"] == "False", "nothing has ended"
    assert truths(made)["Stalled"] == "True"
    assert made.status.completion_time is None
    assert made.status.completed_replicas == wrong.status.completed_replicas
    assert (len(made.create_pods), made.delete_pods, made.delete_job) == (0, (), False)
    assert [(one.type, one.reason) for one in made.events] == [("Warning", "InvalidSpec")]
    again = plan_of(stored(wrong, Observed()), Observed())
    assert (again.status, again.events) == (stored(wrong, Observed()).status, ()), "it is told once"
    right = with_spec(stored(wrong, Observed()), estimator=ESTIMATOR)
    assert plan_of(right, Observed()).create_pods
    assert state(plan_of(right, Observed())) == ("False", "PodsPending")


def test_a_job_that_has_begun_goes_on():
    job = with_status(make_job(estimator=TOO_LARGE), {"startTime": "2026-01-31T12:00:00Z"})
    ready = plan_of(job, Observed()).status.condition("Ready")
    assert ready.reason != "InvalidSpec"
