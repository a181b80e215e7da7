"""A model directory that is a path in the pods: all replicas of a job see the same one, or the job is refused."""

from __future__ import annotations

import pytest
from job_builder import make_job, message, plan_of, state

from estimator_operator.plan import Observed

SHARED = {"name": "models", "persistentVolumeClaim": {"claimName": "models"}}
OWN = {"name": "scratch", "emptyDir": {}}


def trainer(*mounts):
    return {
        "name": "estimator",
        "image": "registry.example/train",
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts],
    }


def template(volumes, *mounts):
    return {"spec": {"containers": [trainer(*mounts)], "volumes": volumes}}


def refused(**spec):
    """What the job is told, "" when it is taken."""
    made = plan_of(make_job(modelDir={"uri": "/models/digits"}, **spec), Observed())
    if made.create_pods:
        return ""
    assert state(made) == ("False", "InvalidSpec")
    return message(made)


def test_one_volume_of_each_pod_s_own_among_several_is_found():
    told = refused(template=template([SHARED, OWN], ("models", "/data"), ("scratch", "/models")))
    assert told.startswith("spec.modelDir.uri: volume scratch, which role chief has there, is each pod's own")
    assert "mount a volume that all share, or name a claim" in told


def test_the_innermost_mount_counts():
    inner = template([SHARED, OWN], ("models", "/models"), ("scratch", "/models/digits"))
    assert "volume scratch" in refused(template=inner)
    outer = template([SHARED, OWN], ("scratch", "/models"), ("models", "/models/digits/"))
    assert refused(template=outer) == ""


@pytest.mark.parametrize("place", ["/models", "/models/", "/", "/models/digits", "/./models", "//models"])
def test_a_shared_volume_is_taken_however_its_path_is_written(place):
    assert refused(template=template([SHARED, OWN], ("models", place), ("scratch", "/models/digits2"))) == ""


@pytest.mark.parametrize("outer", ["/././././models", "/models" + "/" * 20, "/models/digits/../../models/"])
def test_the_innermost_mount_counts_however_long_the_outer_one_is_written(outer):
    own = template([SHARED, OWN], ("models", outer), ("scratch", "/models/digits"))
    assert "volume scratch" in refused(template=own)
    shared = template([SHARED, OWN], ("scratch", outer), ("models", "/models/digits"))
    assert refused(template=shared) == ""


@pytest.mark.parametrize("kind", ["configMap", "secret", "projected", "downwardAPI"])
def test_a_volume_that_nobody_can_write_to_holds_no_model(kind):
    told = refused(template=template([{"name": "settings", kind: {}}, SHARED], ("settings", "/models")))
    assert "nothing can be written to volume settings" in told


def test_a_role_s_template_that_puts_its_own_volume_there_is_named():
    worker = {"replicas": 2, "template": template([OWN], ("scratch", "/models"))}
    told = refused(template=template([SHARED], ("models", "/models")), worker=worker)
    assert "volume scratch, which role worker has there" in told


def test_a_role_that_mounts_nothing_there_may_get_its_volume_from_somebody_else():
    worker = {"replicas": 2, "template": template([SHARED], ("models", "/models"))}
    assert refused(template={"spec": {"containers": [trainer()]}}, worker=worker) == ""


def test_one_pod_keeps_its_model_where_it_likes():
    alone = template([OWN], ("scratch", "/models"))
    assert refused(template=alone, workers=0, ps=0, evaluator=0) == ""


def test_what_is_no_volume_of_the_template_is_left_to_the_api_server():
    assert refused(template=template(["what", SHARED], ("elsewhere", "/models"))) == ""
