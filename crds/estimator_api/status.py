"""`status` of an EstimatorJob. Floats are strings, as the Kubernetes API conventions ask."""

from __future__ import annotations

from bisect import bisect_left
from typing import Annotated, Literal

from pydantic import Field

from estimator_api.base import ApiModel

Text = Annotated[str, Field(max_length=32768)]
Name = Annotated[str, Field(max_length=253)]
Path = Annotated[str, Field(max_length=2048)]
Float = Annotated[str, Field(max_length=32)]
Time = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
Int32 = Annotated[int, Field(json_schema_extra={"format": "int32"})]
Int64 = Annotated[int, Field(json_schema_extra={"format": "int64"})]


def _by(key: str, most: int) -> dict[str, object]:
    return {"maxItems": most, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def _atomic(most: int) -> dict[str, object]:
    return {"maxItems": most, "x-kubernetes-list-type": "atomic"}


class Condition(ApiModel):
    """A metav1.Condition."""

    type: Annotated[str, Field(max_length=316)]
    """Ready, Reconciling, Stalled, Complete, Failed, Suspended, EvaluatorDegraded, ProgressUnknown or ModelDirBehind."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    """Why, as a constant in CamelCase."""
    message: Text = ""
    """Why, in words."""
    last_transition_time: Time
    """When the status last changed."""
    observed_generation: Int64 | None = None
    """The generation of the spec this was decided on."""


class ReplicaCount(ApiModel):
    """Pods over all roles."""

    ready: Int32 = 0
    """Pods that are ready."""
    desired: Int32 = 0
    """Pods that should run or have run."""


class StagingStatus(ApiModel):
    """How much a pod has of its inputs, which are brought before its program begins."""

    replica: Name
    """For example worker-1: of the pods of its role that stage inputs, the one with the lowest index."""
    percent: Int32
    """What is there of totalBytes, 0 to 100 in steps of ten."""
    total_bytes: Int64
    """What is to be there."""


class RoleStatus(ApiModel):
    """Pods of one role."""

    role: Name
    """chief, worker, ps or evaluator."""
    desired: Int32 = 0
    """Replicas asked for."""
    active: Int32 = 0
    """Pods that are pending or running."""
    ready: Int32 = 0
    """Pods that are ready."""
    succeeded: Int32 = 0
    """Replicas that ended with exit code 0."""
    failed: Int32 = 0
    """Pods that failed and have not been replaced."""
    staging: StagingStatus | None = None
    """How far the role's inputs are, as long as one of its pods stages them and says so."""


class ReplicaRestarts(ApiModel):
    """Restarts of one replica."""

    replica: Name
    """For example worker-1."""
    count: Int32
    """All restarts, counted or not; the attempt number of its present pod."""
    time: Time | None = None
    """When the last restart was decided, if a disruption or a deleted pod was its cause."""
    quick: Int32 | None = None
    """How many disruptions and deletions in a row came shortly after the one before; each doubles the backoff."""


class Incident(ApiModel):
    """Failures with one cause within a minute; they count against backoffLimit once."""

    reason: Name
    """Reason of the failures."""
    exit_code: Int32 | None = None
    """Exit code of the main containers."""
    time: Time
    """When the first of them was seen."""
    replicas: Annotated[
        list[Name], Field(json_schema_extra={"maxItems": 3002, "x-kubernetes-list-type": "set"})
    ] = Field(default_factory=list)
    """Replicas restarted by it. One of them that fails again is a new incident."""


class Restarts(ApiModel):
    """Restarts of the job's replicas."""

    total: Int32 = 0
    """All restarts."""
    counted: Int32 = 0
    """Incidents that count against backoffLimit, without those of the evaluator."""
    evaluator: Int32 | None = None
    """Restarts of the evaluator that count against its own budget of backoffLimit."""
    incidents: Annotated[list[Incident], Field(json_schema_extra=_atomic(8))] = Field(default_factory=list)
    """The newest incidents, oldest first, so that none is counted twice."""
    by_replica: Annotated[list[ReplicaRestarts], Field(json_schema_extra=_by("replica", 3002))] = Field(
        default_factory=list
    )
    """By replica, for those that were restarted."""
    pending: Annotated[
        list[Name], Field(json_schema_extra={"maxItems": 3002, "x-kubernetes-list-type": "set"})
    ] = Field(default_factory=list)
    """Restarted replicas whose new pod has not been seen yet."""

    def of(self, replica: str) -> ReplicaRestarts | None:
        """The restarts of one replica; `byReplica` is sorted by name."""
        place = bisect_left(self.by_replica, replica, key=lambda one: one.replica)
        found = self.by_replica[place] if place < len(self.by_replica) else None
        return found if found is not None and found.replica == replica else None


class TrainingProgress(ApiModel):
    """How far training is."""

    global_step: Int64 | None = None
    """Global step."""
    max_steps: Int64 | None = None
    """Where training ends, when that is known."""
    percent: Int32 | None = None
    """globalStep of maxSteps, 0 to 100."""
    steps_per_second: Float | None = None
    """Global steps per second."""
    remaining_seconds: Int64 | None = None
    """Estimate from the present rate."""
    loss: Float | None = None
    """Training loss last seen."""
    last_update_time: Time | None = None
    """When the operator saw the global step change, by the operator's clock; with stallTimeoutSeconds also when it saw
    a new pod of the chief run."""
    finished: bool | None = None
    """The chief's last report said that it had done all that it had to do."""
    report_time: Time | None = None
    """When the chief made the report of this step, by the chief's clock. Only tells which of its reports is newer."""


class Metric(ApiModel):
    """A metric by name."""

    name: Name
    """Name as in eval_metric_ops."""
    value: Float
    """Value as a decimal string; nan and inf are written so."""


Metrics = Annotated[list[Metric], Field(json_schema_extra=_by("name", 256))]


class Evaluation(ApiModel):
    """The last evaluation."""

    global_step: Int64
    """Step of the checkpoint evaluated."""
    checkpoint: Path | None = None
    """Checkpoint evaluated."""
    time: Time | None = None
    """When it ended."""
    metrics: Metrics = Field(default_factory=list)
    """Metrics, loss among them."""


class Checkpoint(ApiModel):
    """A checkpoint."""

    path: Path
    """Path prefix as the pods see it."""
    uri: Path | None = None
    """The same from outside: pvc://claim/path, or the URI itself."""
    global_step: Int64
    """Its global step."""
    time: Time | None = None
    """When it was saved."""


class Checkpoints(ApiModel):
    """Checkpoints in the model directory."""

    latest: Checkpoint | None = None
    """The newest."""
    kept: Int32 | None = None
    """How many there are."""
    restored_from: Checkpoint | None = None
    """The one the present chief started from."""
    behind_since: Time | None = None
    """Since when the chief has saved what the object store of the model directory does not take, by the chief's clock;
    absent while it takes everything."""


class ExportStatus(ApiModel):
    """The newest SavedModel of one export."""

    name: Name
    """Name of the export."""
    path: Path
    """Directory as the pods see it."""
    uri: Path | None = None
    """The same from outside; pvc://claim/path is KServe's storageUri."""
    global_step: Int64 | None = None
    """Step of the checkpoint exported."""
    time: Time | None = None
    """When it was exported."""
    signatures: Annotated[list[Name], Field(json_schema_extra=_atomic(64))] = Field(default_factory=list)
    """Names of its signatures."""
    metrics: Metrics = Field(default_factory=list)
    """Metrics of the evaluation that led to it."""


class Predictions(ApiModel):
    """What a job of mode Predict has written."""

    path: Path
    """Directory as the pods see it."""
    uri: Path | None = None
    """The same from outside: pvc://claim/path, or the URI itself."""
    examples: Int64 = 0
    """Predictions written so far, one a line."""


class TensorBoardStatus(ApiModel):
    """Where TensorBoard is."""

    service: Name
    """Service in the job's namespace."""
    url: Path
    """Address inside the cluster."""
    ready: bool = False
    """Its pod is ready."""


class Failure(ApiModel):
    """A replica that failed."""

    replica: Name
    """For example worker-1."""
    attempt: Int32 = 0
    """Which attempt of the replica it was."""
    reason: Name
    """Error, OOMKilled, Evicted, DeletedPod, ... ."""
    exit_code: Int32 | None = None
    """Exit code of the main container."""
    node: Name | None = None
    """Node it ran on."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """One line: why."""
    time: Time
    """When it was seen."""


class Pinned(ApiModel):
    """What the operator's flags gave when the job began."""

    runtime_image: Path
    """Default image of the main container."""
    runtime_image_gpu: Path
    """The same for roles that ask for nvidia.com/gpu."""
    cluster_domain: Name = ""
    """DNS domain of the cluster; empty for none."""
    pod_security: Literal["Restricted", "Platform"] | None = None
    """What a job that says no podSecurity gets."""


class EstimatorJobStatus(ApiModel):
    """What the operator has seen and done."""

    observed_generation: Int64 = -1
    """Generation of the spec that this status belongs to."""
    conditions: Annotated[list[Condition], Field(json_schema_extra=_by("type", 16))] = Field(
        default_factory=list
    )
    """Ready, Reconciling, Stalled, Complete, Failed, Suspended, EvaluatorDegraded, ProgressUnknown and ModelDirBehind. The
    reason of Ready is the state in one word; Complete and Failed are final."""
    start_time: Time | None = None
    """When the pods were first created (again after a resume)."""
    spec_hash: Annotated[str, Field(max_length=64)] | None = None
    """Hash of the spec that the job began with, and that its results are of: completed replicas, budget, failures,
    progress. A job that is changed while it is suspended begins without them."""
    pinned: Pinned | None = None
    """Defaults that all pods of the job are made with, until it is suspended: an upgrade of the operator changes none."""
    completion_time: Time | None = None
    """When the job completed or failed."""
    chief_completion_time: Time | None = None
    """When the chief ended with success; the evaluator's grace runs from here."""
    replicas: ReplicaCount | None = None
    """Pods over all roles: how many are ready, of how many."""
    roles: Annotated[list[RoleStatus], Field(json_schema_extra=_by("role", 8))] = Field(default_factory=list)
    """Pods by role."""
    restarts: Restarts = Field(default_factory=Restarts)
    """Restarts so far, in all and by replica."""
    completed_replicas: Annotated[
        list[Name], Field(json_schema_extra={"maxItems": 3002, "x-kubernetes-list-type": "set"})
    ] = Field(default_factory=list)
    """Replicas that ended with success; not run again when their pod is deleted."""
    progress: TrainingProgress | None = None
    """How far training is: step, rate, loss and the time that remains."""
    evaluation: Evaluation | None = None
    """The last evaluation and its metrics."""
    checkpoints: Checkpoints | None = None
    """The newest checkpoint, how many there are, and the one that the present chief started from."""
    exports: Annotated[list[ExportStatus], Field(json_schema_extra=_by("name", 16))] = Field(
        default_factory=list
    )
    """The newest SavedModel of each export, with the URI under which it can be served."""
    predictions: Predictions | None = None
    """Where the predictions of mode Predict are, and how many."""
    worker_replicas: Int32 | None = None
    """Workers that exist; what the scale subresource shows."""
    worker_selector: Annotated[str, Field(max_length=1024)] | None = None
    """Label selector of the workers, for autoscalers."""
    tensor_board: TensorBoardStatus | None = None
    """Where TensorBoard is, when the job asks for it."""
    failures: Annotated[list[Failure], Field(json_schema_extra=_atomic(10))] = Field(default_factory=list)
    """The last ten failures, oldest first."""
    last_failure: Failure | None = None
    """The newest failure."""

    def condition(self, kind: str) -> Condition | None:
        """The condition of type `kind`, if present."""
        return next((one for one in self.conditions if one.type == kind), None)

    def is_true(self, kind: str) -> bool:
        """Whether the condition of type `kind` is True."""
        one = self.condition(kind)
        return one is not None and one.status == "True"
