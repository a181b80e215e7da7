"""One job as the operator knows it: the object as seen, what of its own was seen to exist, and the work about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from estimator_api import EstimatorJob
from estimator_operator.control.job_object import UNMANAGED, JobObject
from estimator_operator.control.job_stub import JobStub
from estimator_operator.control.pruned_status import Unkept
from estimator_operator.control.refusal import Refusal
from estimator_operator.kube.object_shape import version_of

__all__ = ["UNMANAGED", "JobKey", "JobRecord", "JobWork", "job_key"]

Json = dict[str, Any]


class JobKey(NamedTuple):
    """Which job."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


def job_key(manifest: Json) -> JobKey:
    """The key of a job."""
    return JobKey(manifest["metadata"]["namespace"], manifest["metadata"]["name"])


@dataclass(slots=True, kw_only=True)
class JobWork:
    """What the operator has on hand about a job. Nobody else's knowledge: lost with the process, and with rest.

    Attributes:
        watched_since: When this process first looked at the job knowing its pods, or None.
        creation: Whether the API server refuses what the replicas need.
        tensorboard: The same for TensorBoard, which nothing waits for.
        status: Whether the API server refuses the status itself, as no status that its CRD allows.
        written_at: Monotonic time of the last status write, or None.
        conflicts: How often in a row the job or a pod was not what a plan took it for.
        dry_run: Kinds of pods of which the API server has accepted one in a dry run, at `dry_run_generation`.
        dry_run_generation: See there.
        claim_compared: The claim that exists is known to be what the job asks for, or people were told that it is not.
        claim_state: What is wrong with the claim of the model directory, while pods wait.
        yielded: The last look made pods, and left the status to be written by one that knows them.
        environment_files: Names of ConfigMaps that this process has made for the job's pods or found for them.
        unkept: What the API server did not keep of the status that was last sent, as its CRD does not know it.
        strays_at: Monotonic time from which pods that the watch cannot see are asked for by name again.
        adopted: Names of pods of which people were told that another controller owns them.
        vanished: Names of pods that left the watch alive and that nobody here told to end, until they are asked for.
    """

    watched_since: datetime | None = None
    creation: Refusal = field(default_factory=Refusal)
    tensorboard: Refusal = field(default_factory=Refusal)
    status: Refusal = field(default_factory=Refusal)
    written_at: float | None = None
    conflicts: int = 0
    dry_run: set[str] = field(default_factory=set)
    dry_run_generation: int | None = None
    claim_compared: bool = False
    claim_state: Literal["Missing", "Lost"] | None = None
    environment_files: set[str] = field(default_factory=set)
    unkept: Unkept | None = None
    strays_at: float = 0.0
    adopted: frozenset[str] = frozenset()
    vanished: set[str] = field(default_factory=set)
    yielded: bool = False


class JobRecord:
    """One job as known. The object changes by replacement, the work about it in place.

    Args:
        key: Which job.
        manifest: The object as the API server has it.
        fresh: See below.

    Attributes:
        key: Which job.
        object: The object at the newest version that is known, or its stub.
        fresh: Pods, Services and claim were looked up since the operator started (or cannot exist yet).
        service_exists: The headless Service is known to exist.
        tensorboard_service: Uid of TensorBoard's Service, when it is known to exist.
        claim_exists: The model claim is known to exist.
    """

    __slots__ = (
        "_work",
        "claim_exists",
        "fresh",
        "key",
        "object",
        "service_exists",
        "tensorboard_service",
    )

    def __init__(self, *, key: JobKey, manifest: Json, fresh: bool = False) -> None:
        self.key = key
        self.object: JobObject | JobStub = JobObject(manifest)
        self.fresh = fresh
        self.service_exists = False
        self.tensorboard_service: str | None = None
        self.claim_exists = False
        self._work: JobWork | None = None

    # The object ---------------------------------------------------------------------------------------------
    @property
    def manifest(self) -> Json:
        """The object as the API server has it; of a job at rest what is left of it."""
        return self.object.manifest

    @property
    def uid(self) -> str:
        """The job's uid."""
        return self.object.uid

    @property
    def version(self) -> int:
        """The job's resourceVersion as a number."""
        return self.object.version

    @property
    def resource_version(self) -> str:
        """The job's resourceVersion."""
        return self.object.resource_version

    @property
    def created_at(self) -> str:
        """When the job was created, RFC 3339 in UTC, which sorts as text."""
        return self.object.created_at

    @property
    def managed(self) -> bool:
        """This operator runs the job."""
        return self.object.managed

    @property
    def deleting(self) -> bool:
        """Somebody deleted the job; it waits for its dependents or a finalizer."""
        return self.object.deleting

    def is_at(self, manifest: Json) -> bool:
        """The job is known at that version, or at a newer one."""
        return self.uid == manifest["metadata"]["uid"] and 0 < version_of(manifest) <= self.version

    @property
    def is_new(self) -> bool:
        """Neither this process nor one before has looked at the job: it has nothing yet."""
        return self.state == "New" and (self._work is None or self._work.watched_since is None)

    @property
    def finished(self) -> bool:
        """The status says Complete or Failed."""
        return self.object.result is not None

    @property
    def state(self) -> str:
        """Reason of the Ready condition, New before the first, Unmanaged when somebody else runs the job."""
        return self.object.state

    @property
    def status(self) -> Json:
        """The stored status; of a job at rest the conditions that say how it stands."""
        return self.object.status

    @property
    def kept_status(self) -> Json:
        """The stored status without what the API server did not keep of it."""
        return self.object.kept_status if isinstance(self.object, JobObject) else self.object.status

    @property
    def stub(self) -> JobStub | None:
        """What is kept of a job at rest; None while the whole object is known."""
        return self.object if isinstance(self.object, JobStub) else None

    def job(self) -> EstimatorJob:
        """The job as a model.

        Raises:
            InvalidJobError: It cannot be read, or the job is at rest.
        """
        return self.object.job()

    def rest(self, stub: JobStub) -> None:
        """Lets go of everything that can be read or made again, of a job for which there is nothing to do."""
        self.object = stub
        self._work = None

    def put(self, newer: JobObject) -> None:
        """Replaces the object by a newer one; what a changed spec asks for is tried at once."""
        if self._work is not None and newer.generation != self.object.generation:
            self._work.creation.try_at_once()
            self._work.tensorboard.try_at_once()
        unkept = None if self._work is None else self._work.unkept
        self.object = newer if unkept is None else newer.with_unkept(unkept)

    def remember(self, unkept: Unkept | None) -> None:
        """The API server has not kept that of the status: it is part of what is known of the job all the same."""
        had, self.work.unkept = self.work.unkept, unkept
        if isinstance(self.object, JobObject) and (had is not None or unkept is not None):
            self.object = self.object.with_unkept(unkept)

    # The work about it --------------------------------------------------------------------------------------
    @property
    def work(self) -> JobWork:
        """What the operator has on hand about the job."""
        if self._work is None:
            self._work = JobWork()
        return self._work

    @property
    def vanished(self) -> frozenset[str]:
        """Pods that left the watch alive and have not been asked for yet."""
        return frozenset() if self._work is None else frozenset(self._work.vanished)

    @property
    def creation(self) -> Refusal:
        """Whether the API server refuses what the replicas need."""
        return self.work.creation

    @property
    def tensorboard(self) -> Refusal:
        """The same for TensorBoard."""
        return self.work.tensorboard
