"""A model directory in gs:// that a job chooses to have mirrored: what its pods and TensorBoard's are told."""

from __future__ import annotations

import pytest
from board_job import boarded, pod_of
from job_builder import make_job
from job_pods import env, pod

GOOGLE = {"uri": "gs://models/digits"}
CHOSEN = GOOGLE | {"mirror": True}


@pytest.mark.parametrize(
    ("model_dir", "told", "mirrored"),
    [
        (CHOSEN, "gs", True),
        (GOOGLE, None, False),
        (GOOGLE | {"mirror": False}, None, False),
        ({"uri": "s3://models/digits"}, None, True),
        ({"uri": "az://models/digits", "mirror": True}, None, True),
        ({"uri": "/models/digits"}, None, False),
        ({"persistentVolumeClaim": {"claimName": "models"}}, None, False),
    ],
    ids=str,
)
def test_the_job_runner_is_told_what_the_job_chooses(model_dir, told, mirrored):
    assert make_job(modelDir=model_dir).spec.model_dir.is_mirrored == mirrored
    for name in ("chief-0", "worker-1", "ps-0", "evaluator-0"):
        assert env(pod(name, modelDir=model_dir)).get("ESTIMATOR_MIRROR") == told


@pytest.mark.parametrize(("model_dir", "mirrored"), [(CHOSEN, True), (GOOGLE, False)])
def test_tensorboard_reads_a_local_directory_where_the_pods_write_one(model_dir, mirrored):
    spec = pod_of(boarded(modelDir=model_dir))["spec"]
    board = next(one for one in spec["containers"] if one["name"] == "tensorboard")
    assert ("gs://models/digits" in str(board)) != mirrored
    beside = [one for one in spec["containers"] if one["name"] == "estimator-events"]
    assert [
        {"name": "ESTIMATOR_MODEL_DIR", "value": "gs://models/digits"} in one["env"] for one in beside
    ] == ([True] if mirrored else [])
