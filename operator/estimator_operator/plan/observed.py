"""What the plan is made from and what it says: the types between the functional core and those who act on it.

The core sees the cluster only through `Observed` and answers only with `Plan`. The operator fills them from pods
and acts through the API server; local runs fill them from processes and act through the operating system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from estimator_api import EstimatorJobStatus, Progress
from estimator_operator.plain_text import first_bytes, one_line

Phase = Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]

NODE_NOT_READY: Final = "NodeNotReady"
"""`Pod.unready` when the pod's node is NotReady; the node lifecycle controller itself gives no reason."""
NOTE_BYTES: Final = 1024
"""Longest note of an event (events.k8s.io/v1): bytes of UTF-8, not characters."""
STAGING_INPUTS: Final = "StagingInputs"
"""`Pod.reason` while the pod's inputs are brought."""
SCHEDULING_GATED: Final = "SchedulingGated"
"""`Pod.reason` while a scheduling gate keeps the scheduler from looking at the pod."""


@dataclass(frozen=True, slots=True, order=True)
class Replica:
    """One member of a role, over all its attempts."""

    role: str
    index: int

    def __str__(self) -> str:
        """`worker-1`, as people and the status name it."""
        return f"{self.role}-{self.index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the manifest of a pod shows of the operator's settings it was made with.

    Attributes:
        image: Image of the main container.
        gpu: The main container asks for a GPU.
        user: User that the main container runs as, if the manifest says so.
        cluster_domain: Domain after `.svc` in the addresses of TF_CONFIG; None without addresses.
    """

    image: str | None = None
    gpu: bool = False
    user: int | None = None
    cluster_domain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """What the plan needs to know of one pod (or local process) of the job.

    Attributes:
        name: Object name.
        uid: Unique id; deletes are preconditioned on it.
        replica: Which replica it is.
        attempt: The attempt it was made for; 0 is the first.
        phase: As in the pod's status.
        ready: The main container is ready, and so are its node and the pod's readiness gates; sidecars do not count.
        deleting: It has a deletion timestamp.
        exit_code: Exit code of the main container when it has terminated.
        reason: Reason of the termination, waiting or eviction, e.g. OOMKilled, Evicted, ImagePullBackOff, Error.
        message: One line that says why: from the termination message, the waiting state or the pod's status.
        waiting: The main container (or an init container) waits; `reason` says for what.
        unschedulable: The scheduler found no node; `message` says why.
        disrupted: Evicted, preempted, node lost or drained (DisruptionTarget, or reason Evicted/NodeLost/Shutdown).
        node: Node name.
        ip: Pod address, where progress is polled.
        created_at: Creation time.
        finished_at: When the main container ended.
        report: Final progress document from the termination message.
        delete_by: When the grace of a deleting pod ends (Kubernetes' deletionTimestamp), if known.
        version: The pod's resourceVersion, if known; two summaries that differ in it alone are equal.
        unready: Reason why the Ready condition is False, e.g. ContainersNotReady or NodeNotReady; None when the pod
            is ready or the reason is not known.
        unready_since: When it became False, by the clock of the node or of the node lifecycle controller.
        remembered: It succeeded and is gone; this is what is known of it until the status says that it completed.
        held: It was deleted without grace, and only finalizers keep the object.
        lost_at: From when it is taken for lost; set by the plan itself (`lost_pods.py`).
        spec_hash: Hash of what of the job's spec it was made from, if it says so.
        pinned: What the operator's flags gave when the job began (JSON), if it says so.
        shown: What its manifest shows of that, if it does not say so.
    """

    name: str
    uid: str
    replica: Replica
    attempt: int
    phase: Phase = "Pending"
    ready: bool = False
    deleting: bool = False
    exit_code: int | None = None
    reason: str | None = None
    message: str | None = None
    waiting: bool = False
    unschedulable: bool = False
    disrupted: bool = False
    node: str | None = None
    ip: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    report: Progress | None = None
    delete_by: datetime | None = None
    version: str | None = field(default=None, compare=False)
    unready: str | None = None
    unready_since: datetime | None = None
    remembered: bool = False
    held: bool = False
    lost_at: datetime | None = None
    spec_hash: str | None = None
    pinned: str | None = None
    shown: Shown | None = None

    @property
    def finished(self) -> bool:
        """The pod has ended, one way or the other."""
        return self.phase in ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything known of a job's objects at one moment.

    Attributes:
        pods: All pods that belong to the job (owned by its uid), whatever their state.
        progress: Latest polled progress document of running replicas; of one whose pod is gone, its last one.
        heard_at: When the present pod of a replica last answered a poll with a document, by the operator's clock.
        service_exists: The headless Service is known to exist.
        claim_exists: The claim `<job>-model` is known to exist (only asked for a volumeClaimTemplate).
        refused: Why the API server refused to create a pod or claim (quota, admission, forbidden), or None.
        causes: Why a replica's pod waits when the pod's own status does not say so: a ConfigMap that does not
            exist shows only in the pod's events. One line each; empty when nobody looked.
        watched_since: When this observer began to look at the job's pods; what happened before it may have missed.
        tensorboard_service_exists: The Service of TensorBoard is known to exist.
        lost_nodes: Nodes of deleting pods that are known to be gone: they do not exist any more, or are marked as
            unreachable or out of service.
        gone: Of a replica a pod of which was seen since the job was last suspended, and no longer exists: the pod's
            attempt, the newest of several.
        claim_state: The claim of the model directory does not exist, or its volume is gone; None while it is well or
            nobody looked.
    """

    pods: tuple[Pod, ...] = ()
    progress: Mapping[Replica, Progress] = field(default_factory=dict)
    heard_at: Mapping[Replica, datetime] = field(default_factory=dict)
    service_exists: bool = False
    claim_exists: bool = False
    refused: str | None = None
    causes: Mapping[Replica, str] = field(default_factory=dict)
    watched_since: datetime | None = None
    tensorboard_service_exists: bool = False
    lost_nodes: frozenset[str] = frozenset()
    gone: Mapping[Replica, int] = field(default_factory=dict)
    claim_state: Literal["Missing", "Lost"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator's flags decide about plans.

    Attributes:
        runtime_image: Default image of the main container.
        runtime_image_gpu: The same when the role asks for nvidia.com/gpu.
        cluster_domain: DNS domain appended to service names, or "" to leave names at `.svc`.
        assign_user: Main containers run as the runtime images' user and group unless job or template say otherwise;
            False leaves both to the platform.
        progress_interval: Least seconds between two status writes that only carry progress.
    """

    runtime_image: str = "estimator-operator/runtime:latest"
    runtime_image_gpu: str = "estimator-operator/runtime-gpu:latest"
    cluster_domain: str = ""
    progress_interval: float = 10.0
    assign_user: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PodDeletion:
    """A pod to delete, and why (for the log and the event).

    Attributes:
        name: Object name.
        uid: Unique id, the precondition.
        reason: Why.
        force: Without grace: its node is gone, and nobody will ever confirm its end.
        version: The pod's resourceVersion when this was planned, a precondition too; None for any.
    """

    name: str
    uid: str
    reason: str
    force: bool = False
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """A Kubernetes event to record once the status is written.

    Its note is made fit for one: plain text on one line, as long as the API server takes it.

    Attributes:
        type: Normal or Warning.
        reason: One of the reasons in estimator_api.constants.
        action: What was done, in CamelCase, e.g. Train, Restart, Suspend.
        note: One or two sentences for people.
    """

    type: Literal["Normal", "Warning"]
    reason: str
    action: str
    note: str

    def __post_init__(self) -> None:
        """Cuts the note here and nowhere else: of one that is too long the whole event would be refused."""
        object.__setattr__(self, "note", first_bytes(one_line(self.note), NOTE_BYTES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do now.

    The order of acting: if `status` differs from the job's, write it FIRST when `status_first` (counters that
    decide policy must be stored before anything is deleted or created); then claim, service, pod deletions, pod
    creations; then (not `status_first`) the status; then events. Nothing else is written.

    Attributes:
        create_claim: Manifest of the claim to create, or None.
        create_service: Manifest of the headless Service, or None.
        create_pods: Manifests of pods to create, each made when it is asked for (`PodManifests`); names are
            deterministic, "already exists" with our owner is success.
        optional: The job can do without the pods to create, and nothing else is created.
        put_off: Such pods are missing and come later, so that they keep nothing from being made.
        create_tensorboard_pod: Manifest of TensorBoard's pod to create, or None.
        create_tensorboard_service: Manifest of the Service of TensorBoard, or None.
        delete_tensorboard_service: TensorBoard is over, and so is its Service.
        delete_pods: Pods to delete, gracefully unless they say otherwise.
        delete_environment_file: Name of the ConfigMap with variables that no pod needs any more, if there may be one.
        delete_job: The TTL is over: delete the EstimatorJob (background propagation, uid precondition).
        status: The whole new status.
        status_first: Write the status before acting and act only in the next pass, on the stored status.
        events: Events for transitions that this plan makes.
        requeue_after: Seconds until the plan must be made again though nothing happens, or None.
        requeue_reason: Which deadline that is, and what happens then.
        progress_only: The new status differs from the old in progress, evaluation, checkpoints, exports, counts of
            pods and what else can be read from the pods again: the write may wait until
            `Settings.progress_interval` after the last write.
        write_within: Seconds that such a write may wait in any case, or None: later, nothing tells again what it says.
        leave_status: The stored status cannot be read, so it is not written over, whatever is wrong with it besides.
        based_on: resourceVersion of the job that the plan was made from: the precondition of writes to the job.
    """

    status: EstimatorJobStatus
    create_claim: dict[str, Any] | None = None
    create_service: dict[str, Any] | None = None
    create_pods: Sequence[dict[str, Any]] = ()
    optional: bool = False
    put_off: bool = False
    create_tensorboard_pod: dict[str, Any] | None = None
    create_tensorboard_service: dict[str, Any] | None = None
    delete_tensorboard_service: bool = False
    delete_pods: tuple[PodDeletion, ...] = ()
    delete_environment_file: str | None = None
    delete_job: bool = False
    status_first: bool = False
    events: tuple[JobEvent, ...] = ()
    requeue_after: float | None = None
    requeue_reason: str = ""
    progress_only: bool = False
    write_within: float | None = None
    leave_status: bool = False
    based_on: str | None = None
