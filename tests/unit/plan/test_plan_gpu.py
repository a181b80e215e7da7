"""GPU defaults: image and toleration follow from what the merged pod asks for."""

from __future__ import annotations

import pytest
from job_builder import SETTINGS, make_job, replica

from estimator_operator.plan.pods import pod_manifest

GPU = {"limits": {"nvidia.com/gpu": 1}}
DEFAULT = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def spec_of(**spec):
    """The spec of worker-0's pod."""
    return pod_manifest(make_job(**spec), replica("worker-0"), 0, SETTINGS)["spec"]


def container(name="estimator", **fields):
    """A template with one container."""
    return {"spec": {"containers": [{"name": name, **fields}]}}


@pytest.mark.parametrize(
    ("spec", "image", "tolerates"),
    [
        ({}, "cpu", False),
        ({"worker": {"resources": GPU}}, "gpu", True),
        ({"worker": {"resources": {"requests": {"nvidia.com/gpu": "2"}}}}, "gpu", True),
        ({"worker": {"resources": {"limits": {"nvidia.com/gpu": 0}}}}, "cpu", False),
        ({"worker": {"resources": {"limits": {"nvidia.com/gpu": "0"}}}}, "cpu", False),
        ({"chief": {"resources": GPU}}, "cpu", False),
        ({"template": container(resources=GPU)}, "gpu", True),
        ({"worker": {"template": container(resources=GPU)}}, "gpu", True),
        (
            {
                "template": container(resources=GPU),
                "worker": {"template": container(resources={"limits": {"nvidia.com/gpu": None}})},
            },
            "cpu",
            False,
        ),
        ({"template": container("decoder", image="decoder:1", resources=GPU)}, "cpu", True),
        ({"template": {"spec": {"initContainers": [{"name": "a", "resources": GPU}]}}}, "cpu", True),
        ({"worker": {"resources": GPU}, "image": "mine:1"}, "mine:1", True),
    ],
)
def test_image_and_toleration(spec, image, tolerates):
    found = spec_of(**spec)
    images = {"cpu": SETTINGS.runtime_image, "gpu": SETTINGS.runtime_image_gpu}
    assert found["containers"][0]["image"] == images.get(image, image)
    assert found.get("tolerations", []) == ([DEFAULT] if tolerates else [])


@pytest.mark.parametrize(
    ("toleration", "covers"),
    [
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoSchedule"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "nvidia.com/gpu", "operator": "Exists"}, True),
        ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "nvidia.com/gpu", "operator": "Equal", "value": "a100", "effect": "NoSchedule"}, True),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_toleration_that_covers_it_already(toleration, covers):
    found = spec_of(worker={"resources": GPU, "tolerations": [toleration]})["tolerations"]
    assert found == ([toleration] if covers else [toleration, DEFAULT])


def shared_memory(**spec):
    """The size of worker-0's own /dev/shm; None for the 64 MiB of any container."""
    found = spec_of(**spec)
    mounts = [one for one in found["containers"][0].get("volumeMounts", []) if one["mountPath"] == "/dev/shm"]
    volumes = {one["name"]: one for one in found.get("volumes", [])}
    assert ("estimator-shared-memory" in volumes) == (
        [one["name"] for one in mounts] == ["estimator-shared-memory"]
    )
    return volumes["estimator-shared-memory"]["emptyDir"] if "estimator-shared-memory" in volumes else None


@pytest.mark.parametrize(
    ("resources", "size"),
    [
        ({"limits": {"nvidia.com/gpu": 2}}, "2Gi"),
        ({"limits": {"nvidia.com/gpu": "8"}}, "8Gi"),
        ({"limits": {"nvidia.com/gpu": 1}}, None),
        ({"limits": {"cpu": 8}}, None),
        (None, None),
    ],
)
def test_shared_memory_by_the_number_of_gpus(resources, size):
    wanted = None if size is None else {"medium": "Memory", "sizeLimit": size}
    assert shared_memory(worker={"resources": resources} if resources else {}) == wanted
    assert shared_memory(template=container(resources=resources or {}) if resources else None) == wanted


TWO = {"resources": {"limits": {"nvidia.com/gpu": 2}}}
OWN = {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "64Gi"}}


@pytest.mark.parametrize("path", ["/dev/shm", "/dev/shm/", "/dev"])
def test_a_mount_of_ones_own_wins(path):
    template = container(volumeMounts=[{"name": "memory", "mountPath": path}])
    template["spec"]["volumes"] = [OWN]
    found = spec_of(template=template, worker=TWO)
    assert found["volumes"] == [OWN]
    assert found["containers"][0]["volumeMounts"] == [{"name": "memory", "mountPath": path}]


def test_the_memory_of_the_node_wins():
    assert shared_memory(template={"spec": {"hostIPC": True}}, worker=TWO) is None


def test_settings_of_nccl_reach_the_container():
    env = [{"name": "NCCL_DEBUG", "value": "INFO"}, {"name": "NCCL_SOCKET_IFNAME", "value": "eth0"}]
    found = spec_of(worker=TWO | {"env": env}, ps=0, strategy={"kind": "MultiWorkerMirrored"})
    assert [one for one in found["containers"][0]["env"] if one["name"].startswith("NCCL_")] == env
