"""Siblings of what a template may not say: the same thing written in another way is refused, too."""

from __future__ import annotations

import pytest
from job_builder import make_job

from estimator_api import InvalidJobError

CLAIM = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}


def mount(path: str, **volume: object) -> dict:
    return {
        "spec": {
            "containers": [{"name": "estimator", "volumeMounts": [{"name": "d", "mountPath": path}]}],
            "volumes": [{"name": "d", **(volume or {"persistentVolumeClaim": {"claimName": "d"}})}],
        }
    }


def sidecar(port: int) -> dict:
    one = {"name": "s", "image": "x", "restartPolicy": "Always", "ports": [{"containerPort": port}]}
    return {"spec": {"initContainers": [one]}}


OF_SHARED = {
    "the mount of the model, with a slash": {"modelDir": CLAIM, "template": mount("/model/")},
    "the mount of the code, with a slash": {
        "code": {"configMap": {"name": "c"}},
        "template": mount("/code/"),
    },
    "a native sidecar on the port of TensorFlow": {"template": sidecar(2222)},
    "a native sidecar on the progress port": {"template": sidecar(8787)},
    "the annotations of the pod contract": {
        "template": {"metadata": {"annotations": {"estimator.dev/spec-hash": "x"}}}
    },
}


@pytest.mark.parametrize("spec", OF_SHARED.values(), ids=OF_SHARED.keys())
def test_what_the_operator_would_override_in_silence_is_refused(spec):
    with pytest.raises(InvalidJobError):
        make_job(**spec)


@pytest.mark.parametrize("spec", OF_SHARED.values(), ids=OF_SHARED.keys())
def test_the_same_in_a_role_is_refused(spec):
    rest = {key: value for key, value in spec.items() if key != "template"}
    with pytest.raises(InvalidJobError):
        make_job(**rest, chief={"template": spec["template"]})


@pytest.mark.parametrize("path", ["//model", "/model/.", "model", "/./model//", "/data/../model"])
def test_a_mount_is_at_the_model_however_its_path_is_written(path):
    with pytest.raises(InvalidJobError, match="/model is where the claim of the model directory is mounted"):
        make_job(modelDir=CLAIM, worker={"template": mount(path)})
