"""The pod of TensorBoard: its image, and what it sees of the model directory."""

from __future__ import annotations

import pytest
from board_job import CLAIM, boarded, pod_of
from job_builder import SETTINGS


def test_pod():
    job = boarded(board={"resources": {"limits": {"memory": "1Gi"}}}, modelDir=CLAIM)
    pod = pod_of(job)
    assert pod["metadata"]["labels"] == {
        "app.kubernetes.io/name": "estimator-job",
        "app.kubernetes.io/instance": "digits",
        "app.kubernetes.io/component": "tensorboard",
        "app.kubernetes.io/managed-by": "estimator-operator",
        "estimator.dev/job-name": "digits",
        "estimator.dev/role": "tensorboard",
        "estimator.dev/index": "0",
        "estimator.dev/attempt": "0",
    }
    assert pod["spec"] == {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 5,
        "securityContext": {"fsGroup": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "affinity": {
            "podAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {
                            "matchLabels": {"estimator.dev/job-name": "digits", "estimator.dev/role": "chief"}
                        },
                    }
                ]
            }
        },
        "volumes": [{"name": "estimator-model", "persistentVolumeClaim": {"claimName": "models"}}],
        "containers": [
            {
                "name": "tensorboard",
                "image": SETTINGS.runtime_image,
                "command": ["tensorboard"],
                "args": ["--logdir", "/model", "--bind_all", "--port", "6006"],
                "ports": [{"name": "http", "containerPort": 6006, "protocol": "TCP"}],
                "readinessProbe": {
                    "httpGet": {"path": "/", "port": 6006},
                    "periodSeconds": 5,
                    "timeoutSeconds": 3,
                    "failureThreshold": 6,
                },
                "volumeMounts": [
                    {"name": "estimator-model", "mountPath": "/model", "subPath": "digits", "readOnly": True}
                ],
                "securityContext": {
                    "runAsUser": 1000,
                    "runAsNonRoot": True,
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {"limits": {"memory": "1Gi"}},
            }
        ],
    }


@pytest.mark.parametrize(
    ("board", "spec", "image"),
    [
        ({}, {}, SETTINGS.runtime_image),
        ({}, {"image": "mine:1"}, "mine:1"),
        ({"image": "board:1"}, {"image": "mine:1"}, "board:1"),
        ({}, {"chief": {"resources": {"limits": {"nvidia.com/gpu": 1}}}}, SETTINGS.runtime_image),
    ],
)
def test_image(board, spec, image):
    assert pod_of(boarded(board, **spec))["spec"]["containers"][0]["image"] == image


def mounted(*paths, **container):
    """A template whose main container mounts volumes there."""
    mounts = [{"name": path.strip("/"), "mountPath": path} for path in paths]
    volumes = [{"name": path.strip("/"), "persistentVolumeClaim": {"claimName": "shared"}} for path in paths]
    main = {"name": "estimator", "volumeMounts": mounts, **container}
    return {"spec": {"containers": [main], "volumes": volumes, "serviceAccountName": "trainer"}}


@pytest.mark.parametrize(
    ("uri", "volumes"),
    [
        ("/mnt/digits", ["mnt"]),
        ("/mnt", ["mnt"]),
        ("/mnt2/digits", []),
        ("gs://models/digits", ["mnt", "keys"]),
    ],
)
def test_sees_what_the_chief_sees_of_the_model_directory(uri, volumes):
    env = [
        {"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/keys/x"},
        {"name": "TF_CONFIG_DIR", "value": "/mnt/conf"},
        {"name": "PYTHONPATH_OF_PLUGINS", "value": "/mnt/plugins"},
    ]
    spec = pod_of(boarded(modelDir={"uri": uri}, template=mounted("/mnt", "/keys", env=env)))["spec"]
    container = spec["containers"][0]
    assert [one["name"] for one in spec.get("volumes", [])] == volumes
    assert all(one["readOnly"] for one in container.get("volumeMounts", []))
    assert container["env"] == env
    assert container["args"][1] == uri
    assert spec["serviceAccountName"] == "trainer"
    assert "affinity" not in spec


@pytest.mark.parametrize("uri", ["/mnt/digits", "/mnt//digits", "//mnt/./digits/"])
@pytest.mark.parametrize("place", ["/mnt", "/mnt/", "//mnt", "/./mnt", "/mnt/.", "mnt", "/mnt/digits/", "/"])
def test_has_the_model_directory_however_its_path_and_the_mount_are_written(uri, place):
    spec = pod_of(boarded(modelDir={"uri": uri}, template=mounted(place, "/mnt/digits2", "/m")))["spec"]
    (mount,) = spec["containers"][0]["volumeMounts"]
    assert mount["mountPath"] == place


def test_a_store_that_is_mirrored_is_read_by_a_container_of_its_own():
    env = [{"name": "AWS_REGION", "value": "eu"}, {"name": "TF_CONFIG_DIR", "value": "/x"}]
    given = {"env": env, "envFrom": [{"secretRef": {"name": "store"}}]}
    job = boarded(
        {"image": "board:1"}, modelDir={"uri": "s3://models/$(x)"}, template=mounted("/keys", **given)
    )
    spec = pod_of(job)["spec"]
    board, events = spec["containers"]
    assert board["image"] == "board:1"
    assert board["args"][:2] == ["--logdir", "/events"]
    assert board["volumeMounts"] == [{"name": "estimator-events", "mountPath": "/events", "readOnly": True}]
    assert "env" not in board
    assert "envFrom" not in board, "who shows has no credentials"
    assert (events["name"], events["image"]) == ("estimator-events", SETTINGS.runtime_image)
    assert events["env"] == [
        *env,
        {"name": "ESTIMATOR_MODEL_DIR", "value": "s3://models/$$(x)"},
        {"name": "ESTIMATOR_BOARD_DIR", "value": "/events"},
    ]
    assert events["envFrom"] == given["envFrom"]
    assert events["volumeMounts"] == [
        {"name": "keys", "mountPath": "/keys", "readOnly": True},
        {"name": "estimator-events", "mountPath": "/events"},
    ]
    assert events["securityContext"] == board["securityContext"]
    assert spec["volumes"][-1] == {"name": "estimator-events", "emptyDir": {}}


def test_a_quota_finds_the_resources_of_every_container_of_a_mirrored_job():
    """A namespace with a compute quota refuses a pod one container of which says nothing."""
    plain = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
    asked = {**plain, "limits": {**plain["limits"], "nvidia.com/gpu": 1}, "claims": [{"name": "screen"}]}
    job = boarded({"resources": asked}, modelDir={"uri": "s3://models/digits"})
    board, events = pod_of(job)["spec"]["containers"]
    assert board["resources"] == asked
    assert events["resources"] == plain, "devices are for the one that shows"


@pytest.mark.parametrize("uri", ["gs://models/digits", "file:///mnt/digits", "/mnt/digits"])
def test_what_tensorboard_reads_by_itself_takes_no_other_container(uri):
    assert len(pod_of(boarded(modelDir={"uri": uri}))["spec"]["containers"]) == 1
