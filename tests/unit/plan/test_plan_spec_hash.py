"""What pods say of their origin: the spec and the flags that they were made from."""

from __future__ import annotations

import json

import pytest
from job_builder import SETTINGS, make_job, replica, with_spec, with_status

from estimator_operator.plan import Settings
from estimator_operator.plan.pods import pod_manifest
from estimator_operator.plan.spec_hash import spec_hash

ELASTIC = {"elastic": {"minReplicas": 1, "maxReplicas": 8}}


def annotations(job, settings=SETTINGS):
    """The annotations of a pod of the job."""
    return pod_manifest(job, replica("worker-0"), 0, settings)["metadata"]["annotations"]


@pytest.mark.parametrize(
    "change",
    [
        {"image": "other:2"},
        {"ps": {"replicas": 2}},
        {"worker": {"replicas": 3}},
        {"worker": {"replicas": 2, "env": [{"name": "A", "value": "1"}]}},
        {"template": {"spec": {"nodeSelector": {"gpu": "yes"}}}},
        {"modelDir": {"uri": "/models/other"}},
        {"code": {"configMap": {"name": "digits-code"}}},
        {"progressPort": 9000},
        {"runPolicy": {"backoffLimit": 1}},
    ],
    ids=lambda one: next(iter(one)),
)
def test_another_spec_has_another_hash(change):
    job = make_job()
    assert spec_hash(with_spec(job, **change)) != spec_hash(job)


@pytest.mark.parametrize(
    "change",
    [
        {"suspend": True},
        {"runPolicy": {"activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 5}},
        {"chief": {}},
        {"imagePullPolicy": None},
        {"worker": {"env": None, "replicas": 2}},
    ],
    ids=lambda one: next(iter(one)),
)
def test_what_may_change_and_defaults_are_not_in_it(change):
    job = make_job()
    assert spec_hash(with_spec(job, **change)) == spec_hash(job)


def test_workers_that_come_and_go_leave_an_elastic_job_its_hash():
    assert spec_hash(make_job(workers=1, **ELASTIC)) == spec_hash(make_job(workers=4, **ELASTIC))
    changed = make_job(worker={"replicas": 4, "nodeSelector": {"a": "b"}}, **ELASTIC)
    assert spec_hash(changed) != spec_hash(make_job(workers=4, **ELASTIC))


def test_order_of_fields_and_status_do_not_matter():
    one = make_job(template={"spec": {"nodeSelector": {"a": "1", "b": "2"}}})
    other = make_job(template={"spec": {"nodeSelector": {"b": "2", "a": "1"}}})
    assert spec_hash(one) == spec_hash(with_status(other, {"observedGeneration": 3}))


def test_it_is_the_same_in_every_version():
    """Another hash for the same spec would stop every running job at an upgrade."""
    assert spec_hash(make_job()) == "07c2dcab8f48948e"


def test_pods_carry_it_and_what_the_flags_gave():
    job = make_job()
    settings = Settings(runtime_image="r:1", runtime_image_gpu="g:1", cluster_domain="cluster.local")
    found = annotations(job, settings)
    assert found["estimator.dev/spec-hash"] == spec_hash(job)
    assert json.loads(found["estimator.dev/pinned"]) == {
        "runtimeImage": "r:1",
        "runtimeImageGpu": "g:1",
        "clusterDomain": "cluster.local",
        "podSecurity": "Restricted",
    }


def test_the_template_cannot_say_otherwise():
    """Of a job that began before such annotations were refused."""
    template = {"metadata": {"annotations": {"estimator.dev/spec-hash": "x", "note": "n"}}}
    job = make_job(template=template, status={"startTime": "2026-01-31T12:00:00Z"})
    assert annotations(job)["estimator.dev/spec-hash"] == spec_hash(job)
    assert annotations(job)["note"] == "n"


@pytest.mark.parametrize("role", ["worker", "ps", "evaluator"])
def test_a_role_that_is_added_is_another_spec(role):
    """`ps: {}` says nothing but its default, and every replica's TF_CONFIG changes with it."""
    sizes = {name: {"replicas": 0} for name in ("worker", "ps", "evaluator")}
    program = {"estimator": None, "program": {"module": "trainer.task"}}
    alone = with_spec(make_job(), **sizes, **program)
    assert spec_hash(with_spec(alone, **{role: {"replicas": 1}})) != spec_hash(alone)
