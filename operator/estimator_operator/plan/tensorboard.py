"""TensorBoard beside a job: one pod and one Service, on the job's model directory.

It is no replica. It is made once all replicas have been seen, so that it never takes a quota or a node from them;
nothing waits for it and nothing fails of it. A pod that failed, was evicted or deleted is made again under the same
name once that is free; inside a pod the kubelet restarts the process. It goes when the job is suspended, and for good
`ttlSecondsAfterFinished` after the job has ended; without one it stays as long as the job, whatever cleanPodPolicy
says.

It sees what the chief sees of the model directory, read-only, as the same user and with the same credentials. Of one in a
store that the job runner mirrors, a second container of the runtime's brings the event files into a volume of the pod's
own; the credentials are then that container's alone. A volume
that only one node may use at a time would keep the chief away if TensorBoard had it on another node first: while the
job runs, it therefore goes where the chief is, and after it, unless the claim is known to be for many nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from estimator_api import EstimatorJob, EstimatorJobStatus
from estimator_api import constants as c
from estimator_api.status import TensorBoardStatus
from estimator_operator.plan.cleanup import deletions, forced
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA
from estimator_operator.plan.deadlines import at
from estimator_operator.plan.draft import sooner
from estimator_operator.plan.environment import model_dir_in_pod
from estimator_operator.plan.lost_pods import next_looks
from estimator_operator.plan.mounts import mounts_holding
from estimator_operator.plan.observed import Observed, Plan, Pod, Replica, Settings
from estimator_operator.plan.ownership import job_labels, owner_reference
from estimator_operator.plan.pods import pod_manifest
from estimator_operator.plan.roster import runs
from estimator_operator.plan.runtime_container import runtime_container
from estimator_operator.plan.spec_hash import provenance, spec_hash
from estimator_operator.plan.timestamps import from_text

TENSORBOARD: Final = Replica(c.TENSORBOARD, 0)
_CARRIED: Final = ("automountServiceAccountToken", "imagePullSecrets", "serviceAccountName", "tolerations")
"""What its pod takes over from the chief's."""
_OWN_VARIABLES: Final = frozenset({c.ENV_TF_CONFIG, "PYTHONPATH"})
_OWN_PREFIX: Final = "ESTIMATOR_"
_MANY_NODES: Final = frozenset({"ReadWriteMany", "ReadOnlyMany"})
_GRACE_SECONDS: Final = 5
_EVENTS: Final = "estimator-events"
"""Container that brings event files, and the volume where it puts them."""
_EVENTS_PATH: Final = "/events"
_EVENTS_COMMAND: Final = ("python", "-m", "estimator_runtime.job.board")


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """TensorBoard of one job at one moment.

    Attributes:
        wanted: It is to run now.
        over: It is not to run again, and its Service goes.
        pods: Its pods.
        end: When it is over, if that is known.
    """

    wanted: bool
    over: bool
    pods: tuple[Pod, ...]
    end: datetime | None


def parted(observed: Observed) -> tuple[Observed, tuple[Pod, ...]]:
    """What is observed of the replicas, and the pods of TensorBoard."""
    boards = tuple(one for one in observed.pods if one.replica.role == c.TENSORBOARD)
    if not boards:
        return observed, ()
    return replace(observed, pods=tuple(one for one in observed.pods if one not in boards)), boards


def board_of(
    job: EstimatorJob, status: EstimatorJobStatus, pods: tuple[Pod, ...], *, suspended: bool, now: datetime
) -> Board:
    """Whether TensorBoard is wanted.

    Args:
        job: The job.
        status: Its new status.
        pods: The pods of TensorBoard.
        suspended: The job is suspended, or on the way there.
        now: The present.
    """
    section = job.spec.tensor_board
    if section is None or not section.enabled:
        return Board(wanted=False, over=True, pods=pods, end=None)
    ended, ttl = from_text(status.completion_time), section.ttl_seconds_after_finished
    end = None if ended is None or ttl is None else ended + timedelta(seconds=ttl)
    over = end is not None and now >= end
    # A job that ended before its replicas were seen has nothing to show.
    begun = status.start_time is not None
    return Board(wanted=begun and not over and not suspended, over=over, pods=pods, end=end)


def _status(
    job: EstimatorJob, board: Board, observed: Observed, settings: Settings
) -> TensorBoardStatus | None:
    """`status.tensorBoard`: where it is, from when it is made until it is over."""
    if board.over or not (board.wanted or observed.tensorboard_service_exists):
        return None
    name, domain = board_name(job), settings.cluster_domain
    host = f"{name}.{job.metadata.namespace}.svc" + (f".{domain}" if domain else "")
    return TensorBoardStatus(
        service=name,
        url=f"http://{host}:{c.TENSORBOARD_PORT}",
        ready=any(one.ready and runs(one) for one in board.pods),
    )


def with_board(
    made: Plan, job: EstimatorJob, board: Board, observed: Observed, *, now: datetime, settings: Settings
) -> Plan:
    """`made` with what is to be done about TensorBoard."""
    told = made.status.model_copy(update={"tensor_board": _status(job, board, observed, settings)})
    made = replace(made, status=told)
    if made.status_first or made.delete_job:
        return made
    chief = _chief_node(observed) if _goes_with_chief(job) else None
    unwanted = (
        board.pods if not board.wanted else tuple(one for one in board.pods if _in_the_way(one, job, chief))
    )
    creates = board.wanted and not board.pods
    end = at(board.end, "ttlSecondsAfterFinished of TensorBoard", "it goes")
    lost = (
        at(one, "deletion of TensorBoard", "its node is asked about") for one in next_looks(board.pods, now)
    )
    made = sooner(made, (end, *lost), now)
    return replace(
        made,
        create_tensorboard_pod=_pod_manifest(job, settings) if creates else None,
        delete_pods=(
            *made.delete_pods,
            *deletions(unwanted, "TensorBoard is made anew" if board.wanted else "TensorBoard is not wanted"),
            *forced(board.pods, now),
        ),
        create_tensorboard_service=_service_manifest(job)
        if board.wanted and not observed.tensorboard_service_exists
        else None,
        delete_tensorboard_service=board.over and observed.tensorboard_service_exists,
    )


def _chief_node(observed: Observed) -> str | None:
    """Node of the chief's newest pod, if it has one."""
    chiefs = [one for one in observed.pods if one.replica == CHIEF_REPLICA and not one.finished]
    return max(chiefs, key=lambda one: one.attempt).node if chiefs else None


def _in_the_way(board: Pod, job: EstimatorJob, chief: str | None) -> bool:
    """The pod has ended, may keep the volume on a node that the chief has left, or shows what another spec named."""
    elsewhere = chief is not None and board.node is not None and board.node != chief
    outdated = (
        board.spec_hash is not None and not _has_ended(job.status) and board.spec_hash != spec_hash(job)
    )
    return board.finished or elsewhere or outdated


def board_name(job: EstimatorJob) -> str:
    """`<job>-tensorboard`: name of the pod and of the Service."""
    return f"{job.metadata.name}-{c.TENSORBOARD}"


def _labels(job: EstimatorJob) -> dict[str, str]:
    return {**job_labels(job), c.LABEL_APP_COMPONENT: c.TENSORBOARD, c.LABEL_ROLE: c.TENSORBOARD}


def _service_manifest(job: EstimatorJob) -> dict[str, Any]:
    port = {"name": "http", "port": c.TENSORBOARD_PORT, "targetPort": c.TENSORBOARD_PORT, "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": board_name(job),
            "namespace": job.metadata.namespace,
            "labels": _labels(job),
            "ownerReferences": [owner_reference(job)],
        },
        "spec": {
            "selector": {c.LABEL_JOB_NAME: job.metadata.name, c.LABEL_ROLE: c.TENSORBOARD},
            "ports": [port],
        },
    }


def _pod_manifest(job: EstimatorJob, settings: Settings) -> dict[str, Any]:
    chief = pod_manifest(job, CHIEF_REPLICA, 0, settings)["spec"]
    main = next(one for one in chief["containers"] if one["name"] == c.CONTAINER)
    mounts = _mounts(job, main)
    names = {one["name"] for one in mounts}
    volumes = [one for one in chief.get("volumes") or () if one.get("name") in names]
    spec: dict[str, Any] = {key: chief[key] for key in _CARRIED if key in chief}
    containers = [_container(job, main, mounts, settings)]
    if job.spec.model_dir.is_mirrored:
        containers.append(_events_container(job, main, mounts, settings))
        volumes.append({"name": _EVENTS, "emptyDir": {}})
    spec |= {
        "containers": containers,
        "restartPolicy": "Always",
        "securityContext": chief["securityContext"],
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
    }
    shared = (job.spec.template or {}).get("spec") or {}
    if shared.get("nodeSelector"):
        spec["nodeSelector"] = dict(shared["nodeSelector"])
    if volumes:
        spec["volumes"] = volumes
    if _goes_with_chief(job):
        spec["affinity"] = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_beside(job)]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": board_name(job),
            "namespace": job.metadata.namespace,
            "labels": {**_labels(job), c.LABEL_INDEX: "0", c.LABEL_ATTEMPT: "0"},
            "annotations": provenance(job, settings),
            "ownerReferences": [owner_reference(job)],
        },
        "spec": spec,
    }


def _container(
    job: EstimatorJob, main: Mapping[str, Any], mounts: Collection[dict[str, Any]], settings: Settings
) -> dict[str, Any]:
    section = job.spec.tensor_board
    image = (section.image if section is not None else None) or job.spec.image or settings.runtime_image
    container: dict[str, Any] = {
        "name": c.TENSORBOARD,
        "image": image,
        "command": ["tensorboard"],
        "args": [
            *("--logdir", _EVENTS_PATH if job.spec.model_dir.is_mirrored else model_dir_in_pod(job)),
            "--bind_all",
            *("--port", str(c.TENSORBOARD_PORT)),
        ],
        "ports": [{"name": "http", "containerPort": c.TENSORBOARD_PORT, "protocol": "TCP"}],
        "readinessProbe": {
            "httpGet": {"path": "/", "port": c.TENSORBOARD_PORT},
            "periodSeconds": 5,
            "timeoutSeconds": 3,
            "failureThreshold": 6,
        },
    }
    if job.spec.model_dir.is_mirrored:
        kept: dict[str, Any] = {
            "volumeMounts": [{"name": _EVENTS, "mountPath": _EVENTS_PATH, "readOnly": True}]
        }
    else:
        kept = {"env": _users_variables(main), "envFrom": main.get("envFrom"), "volumeMounts": list(mounts)}
    kept |= {key: main.get(key) for key in ("imagePullPolicy", "securityContext")}
    if section is not None:
        kept["resources"] = section.resources
    return container | {key: value for key, value in kept.items() if value}


def _events_container(
    job: EstimatorJob, main: Mapping[str, Any], mounts: Collection[dict[str, Any]], settings: Settings
) -> dict[str, Any]:
    """The container that brings event files, with what the chief reaches the store by."""
    section = job.spec.tensor_board
    container = runtime_container(
        main,
        settings,
        name=_EVENTS,
        command=_EVENTS_COMMAND,
        env=[
            *_users_variables(main),
            {"name": c.ENV_MODEL_DIR, "value": model_dir_in_pod(job).replace("$", "$$")},
            {"name": c.ENV_BOARD_DIR, "value": _EVENTS_PATH},
        ],
        mounts=[*mounts, {"name": _EVENTS, "mountPath": _EVENTS_PATH}],
        resources=None if section is None else section.resources,
    )
    if main.get("securityContext"):
        container["securityContext"] = main["securityContext"]
    return container


def _users_variables(main: Mapping[str, Any]) -> list[dict[str, Any]]:
    users = (one for one in main.get("env") or () if one["name"] not in _OWN_VARIABLES)
    return [one for one in users if not one["name"].startswith(_OWN_PREFIX)]


def _mounts(job: EstimatorJob, main: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The chief's mounts that lead to the model directory; for a URI those that may hold its credentials: all."""
    path = model_dir_in_pod(job)
    replicas = (c.CODE_MOUNT_PATH, c.ENVIRONMENT_MOUNT_PATH)
    found = main.get("volumeMounts") or () if "://" in path else mounts_holding(main, path)
    return [{**one, "readOnly": True} for one in found if one.get("mountPath") not in replicas]


def _goes_with_chief(job: EstimatorJob) -> bool:
    if job.spec.model_dir.claim_name(job.metadata.name) is None or _has_ended(job.status):
        return False
    template = job.spec.model_dir.volume_claim_template
    return template is None or not _MANY_NODES & set(template.access_modes)


def _has_ended(status: EstimatorJobStatus) -> bool:
    return status.chief_completion_time is not None or status.completion_time is not None


def _beside(job: EstimatorJob) -> dict[str, Any]:
    return {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {
            "matchLabels": {c.LABEL_JOB_NAME: job.metadata.name, c.LABEL_ROLE: CHIEF_REPLICA.role}
        },
    }
