"""A role's partial template over the shared one."""

from __future__ import annotations

import copy

import pytest
from job_builder import SETTINGS, make_job, replica

from estimator_operator.plan.overlay import lay_over
from estimator_operator.plan.pods import pod_manifest


@pytest.mark.parametrize(
    ("lower", "upper", "merged"),
    [
        ({}, {}, {}),
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"x": 1}}, {"a": {"x": None}}, {"a": {}}),
        ({"a": 1}, {"a": {"x": 1}}, {"a": {"x": 1}}),
        ({"command": ["a", "b"]}, {"command": ["c"]}, {"command": ["c"]}),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
        ({"containers": [{"name": "a"}]}, {"containers": []}, {"containers": [{"name": "a"}]}),
        (
            {"containers": [{"name": "a", "image": "a:1", "command": ["x"]}, {"name": "b"}]},
            {"containers": [{"name": "c"}, {"name": "a", "image": "a:2"}]},
            {"containers": [{"name": "a", "image": "a:2", "command": ["x"]}, {"name": "b"}, {"name": "c"}]},
        ),
        (
            {"initContainers": [{"name": "a", "resources": {"limits": {"cpu": 1}}}]},
            {"initContainers": [{"name": "a", "resources": {"limits": {"memory": "1Gi"}}}]},
            {"initContainers": [{"name": "a", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}]},
        ),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {}}}]},
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {}}}, {"name": "B", "value": "2"}]},
        ),
        (
            {"volumes": [{"name": "data", "emptyDir": {"medium": "Memory"}}]},
            {"volumes": [{"name": "data", "emptyDir": {"sizeLimit": "1Gi"}}]},
            {"volumes": [{"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}]},
        ),
        (
            {"volumes": [{"name": "data", "emptyDir": {}}]},
            {"volumes": [{"name": "data", "hostPath": {"path": "/x"}}]},
            {"volumes": [{"name": "data", "hostPath": {"path": "/x"}}]},
        ),
        (
            {"volumeMounts": [{"name": "a", "mountPath": "/data", "readOnly": True}]},
            {"volumeMounts": [{"name": "b", "mountPath": "/data"}, {"name": "a", "mountPath": "/more"}]},
            {
                "volumeMounts": [
                    {"name": "b", "mountPath": "/data", "readOnly": True},
                    {"name": "a", "mountPath": "/more"},
                ]
            },
        ),
        (
            {"ports": [{"name": "web", "containerPort": 80}, {"containerPort": 81}]},
            {"ports": [{"name": "web", "containerPort": 8080}, {"containerPort": 81, "name": "x"}]},
            {"ports": [{"name": "web", "containerPort": 8080}, {"containerPort": 81, "name": "x"}]},
        ),
        (
            {"ports": [{"containerPort": 81, "protocol": "TCP"}]},
            {"ports": [{"containerPort": 81}, {"containerPort": 81, "protocol": "UDP"}]},
            {"ports": [{"containerPort": 81, "protocol": "TCP"}, {"containerPort": 81, "protocol": "UDP"}]},
        ),
        (
            {"imagePullSecrets": [{"name": "a"}]},
            {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]},
            {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]},
        ),
        ({"env": None}, {"env": [{"name": "A"}]}, {"env": [{"name": "A"}]}),
        (
            {"env": [{"value": "nameless"}]},
            {"env": [{"value": "nameless too"}]},
            {"env": [{"value": "nameless"}, {"value": "nameless too"}]},
        ),
        (
            {"readinessProbe": {"httpGet": {"path": "/"}, "periodSeconds": 3}},
            {"readinessProbe": {"exec": {"command": ["x"]}}},
            {"readinessProbe": {"exec": {"command": ["x"]}, "periodSeconds": 3}},
        ),
        (
            {"readinessProbe": {"httpGet": {"path": "/", "port": 1}}},
            {"readinessProbe": {"httpGet": {"path": "/x"}}},
            {"readinessProbe": {"httpGet": {"path": "/x", "port": 1}}},
        ),
        (
            {"affinity": {"nodeAffinity": {"preferred": [1]}}},
            {"affinity": {"nodeAffinity": {"preferred": [2]}, "podAffinity": {}}},
            {"affinity": {"nodeAffinity": {"preferred": [2]}, "podAffinity": {}}},
        ),
    ],
)
def test_table(lower, upper, merged):
    before = copy.deepcopy((lower, upper))
    assert lay_over(lower, upper) == merged
    assert (lower, upper) == before, "neither is changed"


def spec_of(job, name="worker-0"):
    """The spec of a replica's pod."""
    return pod_manifest(job, replica(name), 0, SETTINGS)["spec"]


SHARED = {
    "metadata": {"labels": {"team": "a", "tier": "x"}, "annotations": {"note": "shared"}},
    "spec": {
        "containers": [{"name": "estimator", "env": [{"name": "A", "value": "shared"}]}, {"name": "proxy"}],
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"key": "shared"}],
    },
}
OVERLAY = {
    "metadata": {
        "labels": {"tier": "y"},
        "annotations": {"note": "worker"},
    },
    "spec": {
        "containers": [
            {
                "name": "estimator",
                "image": "worker:1",
                "env": [{"name": "A", "value": "template"}, {"name": "B", "value": "template"}],
                "resources": {"limits": {"memory": "1Gi", "cpu": 1}},
            }
        ],
        "nodeSelector": {"disk": "ssd"},
        "terminationGracePeriodSeconds": 120,
    },
}


def test_shared_template_then_the_roles_then_its_own_fields():
    worker = {
        "replicas": 2,
        "template": OVERLAY,
        "env": [{"name": "B", "value": "field"}],
        "resources": {"limits": {"cpu": 2}},
        "nodeSelector": {"zone": "b"},
        "tolerations": [{"key": "field"}],
    }
    job = make_job(template=SHARED, worker=worker)
    spec = spec_of(job)
    main, proxy = spec["containers"]
    env = {one["name"]: one.get("value") for one in main["env"]}
    assert (env["A"], env["B"]) == ("template", "field")
    assert main["image"] == "worker:1"
    assert main["resources"] == {"limits": {"memory": "1Gi", "cpu": 2}}
    assert proxy == {"name": "proxy"}
    assert spec["nodeSelector"] == {"zone": "b", "disk": "ssd"}
    assert spec["tolerations"] == [{"key": "shared"}, {"key": "field"}]
    assert spec["terminationGracePeriodSeconds"] == 120
    chief = spec_of(job, "chief-0")
    assert chief["nodeSelector"] == {"zone": "a"}
    assert chief["containers"][0]["image"] == SETTINGS.runtime_image


def test_metadata_is_merged():
    job = make_job(template=SHARED, worker={"replicas": 2, "template": OVERLAY})
    metadata = pod_manifest(job, replica("worker-0"), 0, SETTINGS)["metadata"]
    assert metadata["annotations"]["note"] == "worker"
    labels = metadata["labels"]
    assert (labels["team"], labels["tier"]) == ("a", "y")


def test_overlay_without_a_shared_template():
    job = make_job(chief={"template": {"spec": {"volumes": [{"name": "x", "emptyDir": {}}]}}})
    assert spec_of(job, "chief-0")["volumes"] == [{"name": "x", "emptyDir": {}}]
    assert "volumes" not in spec_of(job, "worker-0")


def test_job_stays_as_it_is():
    job = make_job(template=SHARED, worker={"replicas": 2, "template": OVERLAY})
    before = job.to_json()
    spec_of(job)["containers"][0]["env"].clear()
    assert job.to_json() == before
