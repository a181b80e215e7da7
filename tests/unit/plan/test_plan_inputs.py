"""Inputs of a job: an init container of the runtime that fills volumes, which the main container mounts read-only."""

from __future__ import annotations

import json

import pytest
from job_builder import make_job
from job_pods import env, main, pod

from estimator_api import InvalidJobError
from estimator_api.inputs import Input

INPUTS = [
    {"uri": "s3://data/train", "path": "/data/train", "sizeLimit": "10Gi"},
    {"uri": "https://example.com/w.tgz?a=$(HOME)", "path": "/words", "roles": ["ps", "worker"]},
]
TEMPLATE = {
    "spec": {
        "initContainers": [{"name": "proxy", "image": "proxy", "restartPolicy": "Always"}],
        "containers": [
            {
                "name": "estimator",
                "envFrom": [{"secretRef": {"name": "store"}}],
                "env": [{"name": "AWS_REGION", "value": "eu-west-1"}],
                "volumeMounts": [{"name": "authorities", "mountPath": "/etc/authorities"}],
            }
        ],
        "volumes": [{"name": "authorities", "configMap": {"name": "authorities"}}],
    }
}
RESOURCES = {"limits": {"nvidia.com/gpu": 1, "memory": "8Gi"}, "requests": {"cpu": 2}}


def staging(manifest):
    """The init container that stages, and those before it."""
    *before, last = manifest["spec"]["initContainers"]
    assert last["name"] == "estimator-inputs"
    return last, [one["name"] for one in before]


def test_the_init_container_reaches_the_store_as_the_program_does():
    manifest = pod("chief-0", inputs=INPUTS, template=TEMPLATE, chief={"resources": RESOURCES})
    container, before = staging(manifest)
    assert before == ["proxy"]
    assert container["image"] == "estimator-operator/runtime:latest"
    assert container["command"] == ["python", "-m", "estimator_runtime.job.staging"]
    assert container["envFrom"] == [{"secretRef": {"name": "store"}}]
    assert {"name": "AWS_REGION", "value": "eu-west-1"} in container["env"]
    assert not {"TF_CONFIG", "ESTIMATOR_SPEC"} & {one["name"] for one in container["env"]}
    assert container["resources"] == {"limits": {"memory": "8Gi"}, "requests": {"cpu": 2}}
    assert container["securityContext"] == main(manifest)["securityContext"]
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert container["volumeMounts"] == [
        {"name": "authorities", "mountPath": "/etc/authorities"},
        {"name": "estimator-input-0", "mountPath": "/var/run/estimator.dev/inputs/estimator-input-0"},
    ]


def test_the_main_container_reads_what_is_whole():
    manifest = pod("chief-0", inputs=INPUTS, template=TEMPLATE)
    assert {"name": "estimator-input-0", "emptyDir": {"sizeLimit": "10Gi"}} in manifest["spec"]["volumes"]
    assert {
        "name": "estimator-input-0",
        "mountPath": "/data/train",
        "subPath": "data",
        "readOnly": True,
    } in main(manifest)["volumeMounts"]
    assert "ESTIMATOR_INPUTS" not in env(manifest)


@pytest.mark.parametrize(
    ("name", "volumes"),
    [
        ("chief-0", ["estimator-input-0"]),
        ("worker-1", ["estimator-input-0", "estimator-input-1"]),
        ("ps-0", ["estimator-input-1"]),
        ("evaluator-0", ["estimator-input-0"]),
    ],
)
def test_roles(name, volumes):
    container, _ = staging(pod(name, inputs=INPUTS))
    said = next(one["value"] for one in container["env"] if one["name"] == "ESTIMATOR_INPUTS")
    assert [one["folder"].rpartition("/")[2] for one in json.loads(said)] == volumes
    assert "a=$(HOME)" not in said.replace("$$(HOME)", "")


def test_what_is_said_of_an_input():
    container, _ = staging(pod("worker-0", inputs=INPUTS))
    said = next(one["value"] for one in container["env"] if one["name"] == "ESTIMATOR_INPUTS")
    folder = "/var/run/estimator.dev/inputs/estimator-input-"
    assert json.loads(said.replace("$$", "$")) == [
        {"uri": "s3://data/train", "folder": f"{folder}0", "sizeLimit": 10 << 30},
        {"uri": "https://example.com/w.tgz?a=$(HOME)", "folder": f"{folder}1"},
    ]


def test_a_pod_without_inputs_has_no_such_container():
    only = [{"uri": "s3://data/train", "path": "/data", "roles": ["worker"]}]
    assert "initContainers" not in pod("chief-0", inputs=only)["spec"]
    assert "initContainers" not in pod("chief-0")["spec"]


def test_a_pod_that_has_the_runtime_image_pulls_both_alike():
    manifest = pod("chief-0", inputs=INPUTS, imagePullPolicy="IfNotPresent")
    assert staging(manifest)[0]["imagePullPolicy"] == "IfNotPresent"
    manifest = pod("chief-0", inputs=INPUTS, image="own:1", imagePullPolicy="Never")
    assert "imagePullPolicy" not in staging(manifest)[0]


@pytest.mark.parametrize(
    ("amount", "size"),
    [
        (7, 7),
        ("7", 7),
        ("1.5Ki", 1536),
        ("2k", 2000),
        ("1e3", 1000),
        ("+3Mi", 3 << 20),
        ("5000m", 5),
        (None, None),
    ],
)
def test_size_limit_in_bytes(amount, size):
    assert Input(uri="s3://a/b", path="/data", size_limit=amount).most_bytes == size


@pytest.mark.parametrize(("role", "path"), [("", "/words/"), ("chief.", "/words/more")])
def test_a_mount_of_the_template_at_the_path_of_an_input(role, path):
    mount = {"name": "estimator", "volumeMounts": [{"name": "x", "mountPath": path}]}
    template = {"template": {"spec": {"containers": [mount]}}}
    with pytest.raises(InvalidJobError) as raised:
        make_job(inputs=INPUTS, **({"chief": template} if role else template))
    field = f"spec.{role}template.spec.containers"
    assert f"{field}: an input is mounted at /words: mount this elsewhere" in str(raised.value)
