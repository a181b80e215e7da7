"""Pods: the user's template completed to what the pod contract promises."""

from __future__ import annotations

import json

import pytest
from job_builder import SETTINGS, make_job, replica
from job_pods import CLAIM, env, main, pod, templated

from estimator_api import InvalidJobError
from estimator_operator.plan import pod_name
from estimator_operator.plan.pods import named_union, pod_manifest

OF_ROLE = {
    "template": {
        "spec": {"containers": [{"name": "estimator", "image": "chief:1", "imagePullPolicy": "Never"}]}
    }
}


@pytest.mark.parametrize(("attempt", "name"), [(0, "digits-worker-1"), (3, "digits-worker-1-r3")])
def test_names(attempt, name):
    assert pod_name("digits", replica("worker-1"), attempt) == name


def test_metadata():
    metadata = pod("worker-1", 2)["metadata"]
    del metadata["annotations"]
    assert metadata == {
        "name": "digits-worker-1-r2",
        "namespace": "team",
        "labels": {
            "app.kubernetes.io/name": "estimator-job",
            "app.kubernetes.io/instance": "digits",
            "app.kubernetes.io/component": "worker",
            "app.kubernetes.io/managed-by": "estimator-operator",
            "estimator.dev/job-name": "digits",
            "estimator.dev/role": "worker",
            "estimator.dev/index": "1",
            "estimator.dev/attempt": "2",
        },
        "ownerReferences": [
            {
                "apiVersion": "estimator.dev/v1alpha1",
                "kind": "EstimatorJob",
                "name": "digits",
                "uid": "job-uid",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def test_metadata_of_the_template_is_kept():
    template = {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}}
    metadata = pod(template=template)["metadata"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["labels"]["estimator.dev/role"] == "chief"
    assert metadata["annotations"]["note"] == "b"


def test_pod_spec_without_a_template():
    spec = pod("ps-0")["spec"]
    assert {key: value for key, value in spec.items() if key != "containers"} == {
        "restartPolicy": "Never",
        "hostname": "digits-ps-0",
        "subdomain": "digits",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 60,
        "securityContext": {"fsGroup": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
    }


def test_main_container_without_a_template():
    container = main(pod())
    container.pop("env")
    assert container == {
        "name": "estimator",
        "image": SETTINGS.runtime_image,
        "command": ["python", "-m", "estimator_runtime.job"],
        "ports": [
            {"name": "tf-grpc", "containerPort": 2222, "protocol": "TCP"},
            {"name": "progress", "containerPort": 8787, "protocol": "TCP"},
        ],
        "readinessProbe": {
            "httpGet": {"path": "/healthz", "port": 8787},
            "periodSeconds": 3,
            "timeoutSeconds": 3,
            "failureThreshold": 20,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "runAsUser": 1000,
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }


@pytest.mark.parametrize(
    ("program", "args"),
    [
        ({"module": "trainer.task"}, ["--module", "trainer.task", "--"]),
        ({"script": "train.py", "args": ["--epochs=3"]}, ["--script", "train.py", "--", "--epochs=3"]),
    ],
)
def test_programs(program, args):
    found = pod(estimator=None, program=program)
    assert main(found)["command"] == ["python", "-m", "estimator_runtime.job"]
    assert main(found)["args"] == args
    assert "ESTIMATOR_SPEC" not in env(found)


def test_image_with_a_command_of_its_own():
    container = main(pod(estimator=None, image="registry.example.com/mine:1"))
    assert "command" not in container
    assert "readinessProbe" not in container, "nobody knows whether it serves /healthz"
    assert container["image"] == "registry.example.com/mine:1"


def test_command_of_the_template_is_kept():
    container = main(pod(estimator=None, **templated({"command": ["./train"], "args": ["-v"]})))
    assert (container["command"], container["args"]) == (["./train"], ["-v"])
    assert "readinessProbe" not in container


@pytest.mark.parametrize(
    ("spec", "image"),
    [
        ({}, SETTINGS.runtime_image),
        ({"chief": {"resources": {"limits": {"nvidia.com/gpu": 1}}}}, SETTINGS.runtime_image_gpu),
        ({"worker": {"resources": {"limits": {"nvidia.com/gpu": 1}}}}, SETTINGS.runtime_image),
        (templated({"image": "mine:1"}), "mine:1"),
        (templated({"image": "mine:1"}) | {"image": "mine:2"}, "mine:2"),
        ({"image": "mine:2", "chief": OF_ROLE}, "chief:1"),
        (templated({"image": "mine:1"}) | {"image": "mine:2", "chief": OF_ROLE}, "chief:1"),
        ({"image": "mine:2", "worker": OF_ROLE}, "mine:2"),
    ],
)
def test_the_image_that_says_most_of_the_replica_wins(spec, image):
    assert main(pod(**spec))["image"] == image


def test_pull_policy_of_the_role_wins():
    found = pod(image="mine:2", imagePullPolicy="Always", chief=OF_ROLE)
    assert main(found)["imagePullPolicy"] == "Never"


def test_command_of_the_role_runs_in_place_of_the_runner():
    role = {
        "template": {"spec": {"containers": [{"name": "estimator", "command": ["./serve"], "args": ["x"]}]}}
    }
    container = main(pod("worker-0", worker=role))
    assert (container["command"], container["args"]) == (["./serve"], ["x"])
    assert main(pod("chief-0", worker=role))["command"] == ["python", "-m", "estimator_runtime.job"]


@pytest.mark.parametrize(
    ("metadata", "spec", "path"),
    [
        ({}, {"restartPolicy": "OnFailure"}, ".spec.restartPolicy"),
        ({}, {"hostname": "mine"}, ".spec.hostname"),
        ({}, {"subdomain": "mine"}, ".spec.subdomain"),
        ({"labels": {"estimator.dev/attempt": "7"}}, {}, ".metadata.labels"),
        ({}, {"volumes": [{"name": "estimator-code", "emptyDir": {}}]}, ".spec.volumes"),
        ({}, {"containers": [{"name": "estimator", "args": ["--fast"]}]}, ".spec.containers"),
        ({}, {"containers": [{"name": "estimator", "env": [{"name": "TF_CONFIG"}]}]}, ".spec.containers"),
        ({}, {"containers": [{"name": "proxy", "ports": [{"containerPort": 8787}]}]}, ".spec.containers"),
        (
            {},
            {"containers": [{"name": "estimator", "volumeMounts": [{"mountPath": "/model"}]}]},
            ".spec.containers",
        ),
        (
            {},
            {"containers": [{"name": "estimator", "volumeMounts": [{"mountPath": "/code"}]}]},
            ".spec.containers",
        ),
    ],
)
def test_what_a_role_s_template_may_not_say_is_told_with_its_path(metadata, spec, path):
    overlay = {"template": {"metadata": metadata, "spec": spec}}
    fields = {"worker": overlay, "modelDir": CLAIM, "code": {"configMap": {"name": "c"}}}
    with pytest.raises(InvalidJobError) as caught:
        make_job(**fields)
    assert str(caught.value).startswith(f"spec.worker.template{path}: ")
    begun = make_job(**fields, status={"startTime": "2026-01-31T12:00:00Z"})
    assert pod_manifest(begun, replica("worker-0"), 0, SETTINGS), (
        "what an earlier version runs stays readable"
    )


@pytest.mark.parametrize("name", sorted(env(pod("worker-0"))))
def test_no_variable_of_the_contract_is_taken_from_users_in_silence(name):
    with pytest.raises(InvalidJobError, match="are the operator's: remove them"):
        make_job(worker={"env": [{"name": name, "value": "x"}]})


@pytest.mark.parametrize(
    "spec", [None, {}, {"containers": "x", "volumes": 7}, {"containers": [1, None, {"env": {}}]}]
)
def test_a_role_s_template_of_another_shape_is_left_to_the_api_server(spec):
    make_job(worker={"template": {"spec": spec}})


def test_pull_policy_and_secrets():
    found = pod(
        imagePullPolicy="Always",
        imagePullSecrets=[{"name": "b"}],
        **templated(imagePullSecrets=[{"name": "a"}]),
    )
    assert main(found)["imagePullPolicy"] == "Always"
    assert found["spec"]["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]


def test_model_dir_of_a_claim():
    found = pod(modelDir=CLAIM)
    assert env(found)["ESTIMATOR_MODEL_DIR"] == "/model"
    assert json.loads(env(found)["TF_CONFIG"])["model_dir"] == "/model"
    assert main(found)["volumeMounts"] == [
        {"name": "estimator-model", "mountPath": "/model", "subPath": "digits"}
    ]
    assert found["spec"]["volumes"] == [
        {"name": "estimator-model", "persistentVolumeClaim": {"claimName": "models"}}
    ]
    template = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}
    assert pod(modelDir=template)["spec"]["volumes"][0]["persistentVolumeClaim"] == {
        "claimName": "digits-model"
    }


def test_ps_mount_the_model_too():
    """Savers are sharded: every ps writes the variables that live on it."""
    assert [one["name"] for one in pod("ps-0", modelDir=CLAIM)["spec"]["volumes"]] == ["estimator-model"]
    assert [one["mountPath"] for one in main(pod("ps-0", modelDir=CLAIM))["volumeMounts"]] == ["/model"]


def test_template_is_kept_where_it_says_something():
    found = pod(
        modelDir=CLAIM,
        **templated(
            {
                "volumeMounts": [{"name": "mine", "mountPath": "/data"}],
                "ports": [{"containerPort": 8787, "hostPort": 80}, {"containerPort": 9, "name": "own"}],
                "readinessProbe": {"exec": {}},
                "resources": {"requests": {"cpu": "1"}},
                "terminationMessagePolicy": "File",
            },
            volumes=[{"name": "mine", "emptyDir": {}}],
            initContainers=[{"name": "fetch", "image": "fetch:1"}],
            restartPolicy="Never",
            automountServiceAccountToken=True,
            terminationGracePeriodSeconds=5,
        ),
        chief={"resources": {"requests": {"memory": "1Gi"}, "claims": []}},
    )
    spec, container = found["spec"], main(found)
    assert [one["mountPath"] for one in container["volumeMounts"]] == ["/data", "/model"]
    assert [one["name"] for one in container["ports"]] == ["own", "tf-grpc", "progress"]
    assert container["ports"][2]["hostPort"] == 80
    assert container["readinessProbe"] == {"exec": {}}
    assert container["resources"] == {"requests": {"cpu": "1", "memory": "1Gi"}, "claims": []}
    assert container["terminationMessagePolicy"] == "File"
    assert [one["name"] for one in spec["volumes"]] == ["mine", "estimator-model"]
    assert spec["initContainers"] == [{"name": "fetch", "image": "fetch:1"}]
    assert (spec["restartPolicy"], spec["hostname"]) == ("Never", "digits-chief-0"), "these are the job's"
    assert spec["automountServiceAccountToken"]
    assert spec["terminationGracePeriodSeconds"] == 5


def test_sidecars_stay_as_they_are():
    sidecar = {"name": "proxy", "image": "proxy:1"}
    template = {"spec": {"containers": [sidecar]}}
    containers = pod(template=template)["spec"]["containers"]
    assert [one["name"] for one in containers] == ["estimator", "proxy"]
    assert containers[1] == sidecar


def test_role_is_laid_over_the_template():
    role = {
        "nodeSelector": {"gpu": "yes"},
        "tolerations": [{"key": "b"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
    }
    template = {
        "nodeSelector": {"zone": "z", "gpu": "no"},
        "tolerations": [{"key": "a"}],
        "affinity": {"podAffinity": {}},
        "priorityClassName": "low",
    }
    spec = pod("worker-0", worker=role, **templated(**template))["spec"]
    assert spec["nodeSelector"] == {"zone": "z", "gpu": "yes"}
    assert spec["tolerations"] == [{"key": "a"}, {"key": "b"}]
    assert spec["affinity"] == {"nodeAffinity": {}}
    assert spec["priorityClassName"] == "high"
    other = pod("chief-0", worker=role, **templated(**template))["spec"]
    assert {key: other[key] for key in template} == template


def test_manifest_leaves_the_job_as_it_is():
    job = make_job(modelDir=CLAIM, **templated({"env": [{"name": "A", "value": "1"}]}))
    before = job.to_json()
    first = pod_manifest(job, replica("chief-0"), 0, SETTINGS)
    assert pod_manifest(job, replica("chief-0"), 0, SETTINGS) == first
    assert job.to_json() == before


def test_named_union_keeps_the_order():
    assert named_union(None, []) == []
    lower = [{"name": "a", "x": 1}, {"name": "b"}]
    assert named_union(lower, [{"name": "a", "x": 2}, {"name": "c"}]) == [
        {"name": "a", "x": 2},
        {"name": "b"},
        {"name": "c"},
    ]
