"""Pods of a volume for one node are kept on one node, whatever affinity the template has of its own."""

from __future__ import annotations

import pytest
from job_builder import (
    SETTINGS,
    make_job,
    make_pod,
    message,
    plan_of,
    pods_of,
    replica,
    seen,
    state,
    training,
    with_spec,
)

from estimator_operator.plan.pods import pod_manifest

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
CLAIM = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}
CACHE = {"matchLabels": {"app": "cache"}}
JOB = {"matchLabels": {"estimator.dev/job-name": "digits"}}
CHIEF = {"matchLabels": JOB["matchLabels"] | {"estimator.dev/role": "chief"}}
WORKER = {"matchLabels": JOB["matchLabels"] | {"estimator.dev/role": "worker"}}


def term(selector, zone="topology.kubernetes.io/zone", **fields):
    return {"topologyKey": zone, "labelSelector": selector} | fields


def beside(*terms, kind="podAffinity"):
    return {kind: {REQUIRED: list(terms)}}


def shared(affinity, **labels):
    return {"template": {"metadata": {"labels": labels}, "spec": {"affinity": affinity}}}


def job_of(**spec):
    return make_job(**({"modelDir": CLAIM} | spec))


def required(job, name):
    to_pods = pod_manifest(job, replica(name), 0, SETTINGS)["spec"]["affinity"]["podAffinity"]
    assert PREFERRED not in to_pods, "a wish would leave the volume at two nodes"
    return to_pods[REQUIRED]


@pytest.mark.parametrize(
    "own",
    [
        term(JOB),
        term({"matchLabels": {"team": "vision"}}),
        term({"matchExpressions": [{"key": "team", "operator": "In", "values": ["vision", "audio"]}]}),
        term({"matchExpressions": [{"key": "team", "operator": "Exists"}]}),
        term({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}),
        term({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["audio"]}]}),
        term(JOB, namespaces=["other", "team"]),
        term(JOB, namespaceSelector={}),
        term({}),
    ],
    ids=lambda one: str(sorted(one)) + str(one["labelSelector"])[:40],
)
def test_a_required_term_that_the_jobs_pods_match_stands_beside_ours(own):
    job = job_of(**shared(beside(own), team="vision"))
    for name in ("chief-0", "worker-1", "ps-0", "evaluator-0"):
        found = required(job, name)
        assert found[0] == own
        assert found[1]["topologyKey"] == "kubernetes.io/hostname"
    assert state(plan_of(job, seen())) == ("False", "PodsPending")


def test_workers_that_ask_to_be_beside_the_chief_are_kept_with_all():
    job = job_of(worker={"replicas": 2, "affinity": beside(term(CHIEF))})
    assert [one["labelSelector"] for one in required(job, "worker-0")][0] == CHIEF
    assert len(required(job, "worker-0")) == 2
    assert len(required(job, "chief-0")) == 1
    assert state(plan_of(job, seen())) == ("False", "PodsPending")


@pytest.mark.parametrize(
    "own",
    [
        term(CACHE),
        term(JOB, namespaces=["other"]),
        term(JOB, namespaceSelector={"matchLabels": {"tenant": "a"}}),
        term(None),
        term(JOB, matchLabelKeys=["estimator.dev/index"]),
        term(WORKER),
    ],
    ids=["others", "another namespace", "namespaces by label", "nothing", "each by itself", "workers alone"],
)
def test_a_required_term_that_keeps_them_apart_is_refused_with_the_reason(own):
    """The scheduler counts pods that match all required terms: beside ours there would be none, or not the others'."""
    made = plan_of(job_of(worker={"replicas": 2, "affinity": beside(own)}), seen())
    assert state(made) == ("False", "InvalidSpec")
    assert message(made).startswith(
        "spec.worker.affinity: the model directory's claim is for one node, so all pods of the job go to one, and this"
        " required podAffinity keeps worker pods from the others: prefer it"
        " (preferredDuringSchedulingIgnoredDuringExecution), or use accessModes ReadWriteMany"
    )
    assert not made.create_pods


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (shared(beside(term(JOB), kind="podAntiAffinity")), "spec.template.spec.affinity"),
        (
            {"worker": {"replicas": 2, "affinity": beside(term(WORKER), kind="podAntiAffinity")}},
            "spec.worker.affinity",
        ),
        (
            {
                "ps": {
                    "replicas": 1,
                    "template": {"spec": {"affinity": beside(term(CHIEF), kind="podAntiAffinity")}},
                }
            },
            "spec.ps.template.spec.affinity",
        ),
    ],
    ids=["all", "workers from one another", "ps from the chief"],
)
def test_pods_that_ask_to_be_apart_are_refused(spec, path):
    document = make_job().to_json()["spec"] | {"modelDir": CLAIM} | spec
    made = plan_of(with_spec(make_job(), **document), seen())
    assert state(made) == ("False", "InvalidSpec")
    assert message(made).startswith(f"{path}: ")
    assert "podAntiAffinity" in message(made)


@pytest.mark.parametrize(
    "spec",
    [
        {"evaluator": {"replicas": 1, "affinity": beside(term(CACHE), kind="podAntiAffinity")}},
        {"chief": {"affinity": beside(term(CHIEF), kind="podAntiAffinity")}},
        {
            "chief": {
                "affinity": {"podAffinity": {PREFERRED: [{"weight": 1, "podAffinityTerm": term(CACHE)}]}}
            }
        },
    ],
    ids=["from others", "the only one of its role", "preferred"],
)
def test_what_keeps_none_of_them_apart_is_taken(spec):
    document = make_job().to_json()["spec"] | {"modelDir": CLAIM} | spec
    assert state(plan_of(with_spec(make_job(), **document), seen())) == ("False", "PodsPending")


def test_a_claim_for_many_nodes_asks_nothing_of_the_affinity():
    many = {"volumeClaimTemplate": CLAIM["volumeClaimTemplate"] | {"accessModes": ["ReadWriteMany"]}}
    made = plan_of(job_of(modelDir=many, worker={"replicas": 2, "affinity": beside(term(CACHE))}), seen())
    assert state(made) == ("False", "PodsPending")


def test_a_job_that_has_begun_is_not_asked_and_can_still_be_scheduled():
    job = training(make_job())
    document = job.to_json()["spec"] | {
        "modelDir": CLAIM,
        "worker": {"replicas": 2, "affinity": beside(term(CACHE))},
    }
    job = with_spec(job, **document)
    job = job.model_copy(update={"status": job.status.model_copy(update={"spec_hash": None})})
    assert state(plan_of(job, seen(*pods_of(job, make_pod("worker-0"))))) == ("True", "Training")
    to_pods = pod_manifest(job, replica("worker-0"), 0, SETTINGS)["spec"]["affinity"]["podAffinity"]
    assert to_pods[REQUIRED] == [term(CACHE)]
    assert len(to_pods[PREFERRED]) == 1


def test_a_job_of_an_earlier_version_that_has_pods_already_goes_on():
    """One of them waits, so it has no start time yet; refused, it would have no deadline and its chief no success."""
    job = job_of(worker={"replicas": 2, "affinity": beside(term(CACHE))})
    made = plan_of(job, seen(*pods_of(job, make_pod("worker-0", phase="Pending", ready=False))))
    assert state(made) == ("False", "PodsPending")
