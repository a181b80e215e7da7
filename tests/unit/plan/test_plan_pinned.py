"""An upgrade of the operator changes the defaults of no job that has begun."""

from __future__ import annotations

import json

from job_builder import (
    NOW,
    SETTINGS,
    failed_pod,
    make_job,
    make_pod,
    pods_of,
    seen,
    stored,
    training,
    with_spec,
)

from estimator_operator.plan import Settings, plan

LATER = Settings(runtime_image="runtime:2", runtime_image_gpu="runtime-gpu:2", cluster_domain="other.local")


def images(made):
    """Images of the pods that are made."""
    return {one["spec"]["containers"][0]["image"] for one in made.create_pods}


def test_a_replica_that_is_restarted_after_an_upgrade_gets_the_image_of_the_others():
    job = training(make_job())
    assert job.status.pinned.runtime_image == SETTINGS.runtime_image
    pods = pods_of(job, failed_pod("worker-0", 1))
    job = stored(job, seen(*pods))
    made = plan(job, seen(*pods), NOW, LATER)
    assert images(made) == {SETTINGS.runtime_image}
    assert "other.local" not in json.dumps(list(made.create_pods))
    assert made.status.pinned == job.status.pinned


def test_a_job_of_an_earlier_version_keeps_what_its_pods_say():
    job = training(make_job())
    job = job.model_copy(update={"status": job.status.model_copy(update={"pinned": None})})
    pinned = {"runtimeImage": "runtime:1", "runtimeImageGpu": "gpu:1", "clusterDomain": ""}
    pods = pods_of(job, make_pod("chief-0", pinned=json.dumps(pinned)), make_pod("ps-0", pinned="nonsense"))
    made = plan(job, seen(*pods), NOW, LATER)
    assert made.status.pinned.runtime_image == "runtime:1"
    assert made.progress_only, "no write of its own"


def test_a_suspended_job_begins_anew_with_the_present_defaults():
    job = with_spec(training(make_job()), suspend=True)
    job = stored(stored(job, seen(*pods_of(job))), seen())
    assert job.status.pinned is None
    made = plan(with_spec(job, suspend=False), seen(), NOW, LATER)
    assert images(made) == {"runtime:2"}
    assert made.status.pinned.runtime_image == "runtime:2"
