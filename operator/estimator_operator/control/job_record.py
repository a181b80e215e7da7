"""One job as the operator knows it: the object, what of its own was seen to exist, and what it must wait for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from estimator_api import EstimatorJob, InvalidJobError, parse_job
from estimator_api import constants as c
from estimator_operator.control.refusal import Refusal
from estimator_operator.kube.decoding import UNREADABLE

Json = dict[str, Any]

UNMANAGED: Final = "Unmanaged"
"""State of a job that another controller runs; no condition ever has this reason."""


class JobKey(NamedTuple):
    """Which job."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclass(slots=True, kw_only=True)
class JobRecord:
    """One job as known.

    Attributes:
        key: Which job.
        manifest: The object as the API server has it.
        fresh: Pods, Services and claim were looked up since the operator started (or cannot exist yet).
        watched_since: When this process first looked at the job knowing its pods, or None.
        service_exists: The headless Service is known to exist.
        tensorboard_service: Uid of TensorBoard's Service, when it is known to exist.
        claim_exists: The model claim is known to exist.
        creation: Whether the API server refuses what the replicas need.
        tensorboard: The same for TensorBoard, which nothing waits for.
        written_at: Monotonic time of the last status write, or None.
        conflicts: How often in a row the job or a pod was not what a plan took it for.
        calm_at: Monotonic time before which the job is left alone, after many conflicts.
    """

    key: JobKey
    manifest: Json
    fresh: bool = False
    watched_since: datetime | None = None
    service_exists: bool = False
    tensorboard_service: str | None = None
    claim_exists: bool = False
    creation: Refusal = field(default_factory=Refusal)
    tensorboard: Refusal = field(default_factory=Refusal)
    written_at: float | None = None
    conflicts: int = 0
    calm_at: float = 0.0
    _parsed: EstimatorJob | InvalidJobError | None = None

    @property
    def uid(self) -> str:
        """The job's uid."""
        return str(self.manifest["metadata"]["uid"])

    @property
    def resource_version(self) -> str:
        """The job's resourceVersion."""
        return str(self.manifest["metadata"]["resourceVersion"])

    @property
    def created_at(self) -> str:
        """When the job was created, RFC 3339 in UTC, which sorts as text."""
        return str(self.manifest["metadata"].get("creationTimestamp") or "")

    @property
    def managed(self) -> bool:
        """This operator runs the job. Asked of the object itself: a spec that cannot be read may be somebody else's."""
        spec = self.manifest.get("spec")
        manager = spec.get("managedBy") if isinstance(spec, dict) else None
        return manager in (None, c.CONTROLLER_NAME)

    @property
    def deleting(self) -> bool:
        """Somebody deleted the job; it waits for its dependents or a finalizer."""
        return bool(self.manifest["metadata"].get("deletionTimestamp"))

    @property
    def finished(self) -> bool:
        """The status says Complete or Failed."""
        conditions = self.status.get("conditions") or ()
        return any(one["type"] in (c.COMPLETE, c.FAILED) and one["status"] == "True" for one in conditions)

    @property
    def state(self) -> str:
        """Reason of the Ready condition, New before the first, Unmanaged when somebody else runs the job."""
        if not self.managed:
            return UNMANAGED
        conditions = self.status.get("conditions") or ()
        return next((str(one["reason"]) for one in conditions if one["type"] == c.READY), "New")

    @property
    def status(self) -> Json:
        """The stored status."""
        return self.manifest.get("status") or {}

    def job(self) -> EstimatorJob:
        """The job as a model.

        Raises:
            InvalidJobError: It cannot be read.
        """
        if self._parsed is None and UNREADABLE in self.manifest:
            self._parsed = InvalidJobError(f"the job cannot be read: {self.manifest[UNREADABLE]}")
        if self._parsed is None:
            try:
                self._parsed = parse_job(self.manifest)
            except InvalidJobError as error:
                self._parsed = error
        if isinstance(self._parsed, InvalidJobError):
            raise self._parsed
        return self._parsed

    def rest(self) -> None:
        """Lets go of what can be made again, of a job that is through."""
        self._parsed = None

    def put(self, manifest: Json) -> None:
        """Replaces the object by a newer one; what a changed spec asks for is tried at once."""
        if manifest["metadata"].get("generation") != self.manifest["metadata"].get("generation"):
            self.creation.try_at_once()
            self.tensorboard.try_at_once()
        self.manifest = slim(manifest)
        self._parsed = None


def slim(manifest: Json) -> Json:
    """An object without its managedFields, which are most of it and which nobody reads."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    return {**manifest, "metadata": metadata}
