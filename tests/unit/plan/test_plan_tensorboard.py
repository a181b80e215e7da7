"""TensorBoard: a pod and a Service beside the job that nothing waits for and nothing fails of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from job_builder import (
    NOW,
    SETTINGS,
    after,
    done_pod,
    failed_pod,
    make_job,
    make_pod,
    plan_of,
    pods_of,
    seen,
    state,
    stored,
    training,
    with_spec,
    with_status,
)

from estimator_operator.plan import Observed, Settings, plan

CLAIM = {"persistentVolumeClaim": {"claimName": "models", "subPath": "digits"}}
SHARED_CLAIM = {
    "volumeClaimTemplate": {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
}


def boarded(board=None, **spec):
    """A training job with TensorBoard, which is not made yet."""
    return training(make_job(tensorBoard=board or {}, **spec))


def board_pod(**fields):
    """The pod of TensorBoard."""
    return replace(make_pod("tensorboard-0"), name="digits-tensorboard", **fields)


def pod_of(job):
    """The manifest of its pod."""
    made = plan_of(job, seen(*pods_of(job)))
    assert made.create_tensorboard_pod["metadata"]["name"] == "digits-tensorboard"
    return made.create_tensorboard_pod


def test_made_once_all_replicas_were_seen():
    job = make_job(tensorBoard={})
    made = plan_of(job, Observed())
    assert made.create_tensorboard_pod is None
    assert made.create_tensorboard_service is None
    assert made.status.tensor_board is None
    job = training(job)
    made = plan_of(job, seen(*pods_of(job)))
    assert pod_of(job)
    assert not made.create_pods, "it is no replica"
    assert made.create_tensorboard_service["metadata"]["name"] == "digits-tensorboard"


@pytest.mark.parametrize("board", [None, {"enabled": False}])
def test_not_asked_for(board):
    job = training(make_job(tensorBoard=board))
    made = plan_of(job, seen(*pods_of(job)))
    assert (
        made.create_tensorboard_pod,
        made.create_tensorboard_service,
        made.delete_tensorboard_service,
    ) == (
        None,
        None,
        False,
    )
    assert made.status is job.status
    made = plan_of(job, seen(*pods_of(job), board_pod(), tensorboard_service_exists=True))
    assert [one.name for one in made.delete_pods] == ["digits-tensorboard"]
    assert made.delete_tensorboard_service


def test_service():
    job = boarded()
    manifest = plan_of(job, seen(*pods_of(job))).create_tensorboard_service
    assert manifest["spec"] == {
        "selector": {"estimator.dev/job-name": "digits", "estimator.dev/role": "tensorboard"},
        "ports": [{"name": "http", "port": 6006, "targetPort": 6006, "protocol": "TCP"}],
    }
    assert manifest["metadata"]["ownerReferences"][0]["uid"] == "job-uid"
    assert (
        plan_of(job, seen(*pods_of(job), tensorboard_service_exists=True)).create_tensorboard_service is None
    )


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


@pytest.mark.parametrize(
    ("claim", "beside"), [(CLAIM, True), (SHARED_CLAIM, False), ({"uri": "gs://m/d"}, False)]
)
def test_goes_where_the_chief_is_if_the_claim_may_be_for_one_node(claim, beside):
    assert ("affinity" in pod_of(boarded(modelDir=claim))["spec"]) == beside


@pytest.mark.parametrize(
    ("claim", "chief", "board", "deleted"),
    [
        (CLAIM, "n2", {"node": "n1"}, True),
        (CLAIM, "n1", {"node": "n1"}, False),
        (CLAIM, None, {"node": "n1"}, False),
        (CLAIM, "n2", {"node": None, "phase": "Pending", "ready": False}, False),
        (CLAIM, "n2", {"node": "n1", "deleting": True}, False),
        (SHARED_CLAIM, "n2", {"node": "n1"}, False),
    ],
)
def test_follows_the_chief_lest_it_keeps_the_volume_away(claim, chief, board, deleted):
    job = boarded(modelDir=claim)
    pods = pods_of(job, make_pod("chief-0", phase="Pending", ready=False, node=chief))
    made = plan_of(job, seen(*pods, board_pod(**board)))
    assert [one.name for one in made.delete_pods] == (["digits-tensorboard"] if deleted else [])


def test_goes_anywhere_when_the_chief_has_ended():
    job = boarded(modelDir=CLAIM)
    pods = pods_of(job, done_pod("chief-0", finished_at=NOW), done_pod("evaluator-0"))
    job = stored(job, seen(*pods))
    made = plan_of(job, seen(*pods))
    assert state(made) == ("True", "Completed")
    assert "affinity" not in made.create_tensorboard_pod["spec"]


@pytest.mark.parametrize(
    "board",
    [
        board_pod(phase="Pending", ready=False),
        board_pod(ready=False),
        board_pod(deleting=True),
        board_pod(phase="Failed", ready=False, reason="Evicted", disrupted=True),
        board_pod(phase="Pending", ready=False, unschedulable=True),
        None,
    ],
)
def test_nothing_waits_for_it_and_nothing_fails_of_it(board):
    job = boarded(policy={"pendingDeadlineSeconds": 10, "backoffLimit": 0})
    boards = () if board is None else (board,)
    made = plan_of(job, seen(*pods_of(job), *boards), after(1000))
    assert state(made) == ("True", "Training")
    assert made.status.restarts.total == 0
    assert {one.role for one in made.status.roles} == {"chief", "worker", "ps", "evaluator"}
    assert (made.status.replicas.ready, made.status.replicas.desired) == (5, 5)


@pytest.mark.parametrize(
    ("boards", "created", "deleted"),
    [
        ((), True, False),
        ((board_pod(),), False, False),
        ((board_pod(phase="Pending", ready=False),), False, False),
        ((board_pod(deleting=True),), False, False),
        ((board_pod(phase="Failed", ready=False),), False, True),
        ((board_pod(phase="Succeeded", ready=False),), False, True),
        ((board_pod(phase="Failed", ready=False, deleting=True),), False, False),
    ],
    ids=["gone", "running", "pending", "deleting", "failed", "ended", "failed and deleting"],
)
@pytest.mark.parametrize("ended", [False, True])
def test_made_again(boards, created, deleted, ended):
    job = boarded(policy={"cleanPodPolicy": "All"})
    pods = pods_of(job)
    if ended:
        pods = ()
        job = stored(job, seen(*pods_of(job, done_pod("chief-0"), done_pod("evaluator-0"))))
    made = plan_of(job, seen(*pods, *boards))
    assert (made.create_tensorboard_pod is not None) == created
    assert [one.name for one in made.delete_pods] == (["digits-tensorboard"] if deleted else [])


def test_on_a_lost_node():
    job = boarded()
    lost = board_pod(deleting=True, delete_by=NOW)
    assert plan_of(job, seen(*pods_of(job), lost), after(10)).requeue_after == 20
    made = plan_of(job, seen(*pods_of(job), lost), after(30))
    assert [(one.name, one.force) for one in made.delete_pods] == [("digits-tensorboard", True)]


@pytest.mark.parametrize(
    ("domain", "url"),
    [
        ("", "http://digits-tensorboard.team.svc:6006"),
        ("cluster.local", "http://digits-tensorboard.team.svc.cluster.local:6006"),
    ],
)
def test_status(domain, url):
    job = boarded()
    job = job.model_copy(update={"status": job.status.model_copy(update={"pinned": None})})
    settings = Settings(cluster_domain=domain)
    observed = seen(*pods_of(job), board_pod(ready=False), tensorboard_service_exists=True)
    made = plan(job, observed, NOW, settings)
    assert made.status.tensor_board.to_json() == {"service": "digits-tensorboard", "url": url, "ready": False}
    job = with_status(job, made.status)
    ready = plan(job, seen(*pods_of(job), board_pod(), tensorboard_service_exists=True), NOW, settings)
    assert ready.status.tensor_board.ready
    assert ready.progress_only, "nobody waits for it"
    assert plan(job, observed, NOW, settings).status is job.status


def test_suspended():
    job = with_spec(boarded(), suspend=True)
    observed = seen(*pods_of(job), board_pod(), tensorboard_service_exists=True)
    job = stored(job, observed)
    made = plan_of(job, observed)
    assert "digits-tensorboard" in [one.name for one in made.delete_pods]
    assert not made.delete_tensorboard_service, "the address stays"
    made = plan_of(job, seen(board_pod(deleting=True), tensorboard_service_exists=True))
    assert state(made) == ("True", "Suspended"), "nothing waits for it"
    made = plan_of(with_status(job, made.status), seen(tensorboard_service_exists=True))
    assert made.create_tensorboard_pod is None
    assert not made.status.tensor_board.ready


def ended(board, policy=None):
    """A job that has completed at NOW."""
    job = boarded(board, policy=policy)
    pods = pods_of(job, done_pod("chief-0"), done_pod("evaluator-0"))
    return stored(job, seen(*pods, board_pod(), tensorboard_service_exists=True))


@pytest.mark.parametrize(("seconds", "over"), [(299, False), (300, True), (10_000, True)])
def test_ttl(seconds, over):
    job = ended({"ttlSecondsAfterFinished": 300})
    made = plan_of(job, seen(board_pod(), tensorboard_service_exists=True), after(seconds))
    assert [one.name for one in made.delete_pods] == (["digits-tensorboard"] if over else [])
    assert made.delete_tensorboard_service == over
    assert (made.status.tensor_board is None) == over
    assert made.requeue_after == (None if over else 300 - seconds)
    if over:
        job = with_status(job, made.status)
        again = plan_of(job, seen(), after(seconds))
        assert (again.create_tensorboard_pod, again.delete_tensorboard_service) == (None, False)
        assert again.status is job.status


@pytest.mark.parametrize("policy", ["All", "Running", "None"])
def test_stays_as_long_as_the_job(policy):
    job = ended({}, {"cleanPodPolicy": policy})
    made = plan_of(job, seen(board_pod(), tensorboard_service_exists=True), after(10**6))
    assert not made.delete_pods
    assert made.requeue_after is None


def test_a_job_that_failed_before_it_began_has_nothing_to_show():
    job = stored(make_job(tensorBoard={}, policy={"pendingDeadlineSeconds": 5}), Observed())
    waiting = seen(make_pod("chief-0", phase="Pending", ready=False, unschedulable=True))
    job = stored(job, waiting, after(5))
    assert job.status.is_true("Failed")
    assert plan_of(job, seen(), after(6)).create_tensorboard_pod is None


def test_nothing_is_done_about_it_in_a_pass_that_only_writes():
    job = boarded()
    made = plan_of(job, seen(*pods_of(job, failed_pod("worker-0"))))
    assert made.status_first
    assert (made.create_tensorboard_pod, made.create_tensorboard_service) == (None, None)


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


@pytest.mark.parametrize("uri", ["gs://models/digits", "file:///mnt/digits", "/mnt/digits"])
def test_what_tensorboard_reads_by_itself_takes_no_other_container(uri):
    assert len(pod_of(boarded(modelDir={"uri": uri}))["spec"]["containers"]) == 1
