"""What is kept of a job for which there is nothing to do: finished and cleaned up, suspended, or somebody else's.

Most jobs of a cluster are of that kind, and each may be a megabyte. A stub has what tells when the job needs a look
again, what the metrics show, and whether a newer version is news; a job that does need a look is read from the API
server again, with one call.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from estimator_api import EstimatorJob, InvalidJobError
from estimator_api import constants as c
from estimator_operator.control.job_object import JobObject
from estimator_operator.plan.environment_file import may_have_environment_file
from estimator_operator.plan.observed import Pod
from estimator_operator.plan.timestamps import from_text

Json = dict[str, Any]

_TOLD: Final = frozenset({c.READY, c.RECONCILING, c.STALLED, c.COMPLETE, c.FAILED, c.SUSPENDED})
_REASONS: Final = {c.COMPLETE: c.REASON_COMPLETED, c.SUSPENDED: c.REASON_SUSPENDED}
_AT_ONCE: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStub:
    """A job at rest. It has the properties of a `JobObject`, short of the manifest and the model.

    Attributes:
        uid: The job's uid.
        version: Its resourceVersion as a number.
        generation: Generation of its spec.
        created_at: When it was created.
        managed: This operator runs it.
        state: Reason of its Ready condition.
        result: Complete or Failed, or None.
        clean_pod_policy: Which of its pods go.
        board: TensorBoard runs for it.
        due: When time alone makes it need a look, or None.
        digest: Tells whether a status is the one that is stored.
    """

    uid: str
    version: int
    generation: int | None
    created_at: str
    managed: bool
    state: str
    result: str | None
    clean_pod_policy: str
    board: bool
    due: datetime | None
    digest: int

    @property
    def resource_version(self) -> str:
        """The job's resourceVersion."""
        return str(self.version)

    @property
    def deleting(self) -> bool:
        """A job that is being deleted is never at rest."""
        return False

    @property
    def manifest(self) -> Json:
        """What is left of the object."""
        return {
            "metadata": {
                "uid": self.uid,
                "resourceVersion": self.resource_version,
                "generation": self.generation,
                "creationTimestamp": self.created_at,
            },
            "status": self.status,
        }

    @property
    def status(self) -> Json:
        """What is left of the status: the conditions that say how the job stands."""
        kinds = {c.READY: "False"} | ({self.result: "True"} if self.result is not None else {})
        return {
            "conditions": [
                {"type": kind, "status": value, "reason": self.state} for kind, value in kinds.items()
            ]
        }

    def job(self) -> EstimatorJob:
        """There is no model of a job at rest.

        Raises:
            InvalidJobError: Always.
        """
        raise InvalidJobError("the job is at rest and must be read again")

    def has_status(self, status: Json) -> bool:
        """The status is the one that was stored when the job came to rest."""
        return _digest(status) == self.digest

    def needs_look(self, now: datetime, pods: Iterable[Pod]) -> bool:
        """Time or pods that should not be there, or TensorBoard that should, make a look necessary.

        Args:
            now: The present.
            pods: The job's pods that exist.
        """
        if not self.managed:
            return False
        if self.due is not None and now >= self.due:
            return True
        boards = 0
        for pod in pods:
            if pod.replica.role == c.TENSORBOARD:
                boards += not pod.finished and not pod.deleting
                if not self.board or pod.finished:
                    return True
            elif self.unwanted(pod):
                return True
        return self.board and not boards

    def unwanted(self, pod: Pod) -> bool:
        """A replica's pod that exists and should not."""
        if self.result is None or self.clean_pod_policy == "All":
            return True
        return not pod.finished and (pod.deleting or self.clean_pod_policy != "None")


def stub_of(job: JobObject, *, due: datetime | None = None, board: bool = False) -> JobStub | None:
    """The stub of a job, or None when it is neither finished, nor suspended, nor somebody else's.

    Args:
        job: The job.
        due: When it needs a look again, as its plan said; None reads the time to live alone.
        board: TensorBoard runs for it, as its plan said.
    """
    metadata, status = job.manifest["metadata"], job.status
    spec = job.manifest.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    policy = spec.get("runPolicy") or {}
    result, state = job.result, job.state
    if job.managed:
        suspended = result is None and spec.get("suspend") is True and _is_settled(status, c.SUSPENDED)
        seen = status.get("observedGeneration") == metadata.get("generation")
        if job.deleting or not seen or not (suspended or result is not None):
            return None
        if due is None and result is not None:
            due = _ttl_end(status.get("completionTime"), policy.get("ttlSecondsAfterFinished"))
    return JobStub(
        uid=job.uid,
        version=job.version,
        generation=job.generation,
        created_at=job.created_at,
        managed=job.managed,
        state=sys.intern(state),
        result=None if result is None else sys.intern(result),
        clean_pod_policy=sys.intern(str(policy.get("cleanPodPolicy") or "Running")),
        board=board,
        due=due,
        digest=_digest(status),
    )


def stub_at_first_sight(job: JobObject) -> JobStub | None:
    """The stub of a job that is only now seen, if its manifest alone tells that there is nothing to do.

    An ended job is looked at once, whole, where its conditions have been edited, and where it may have a file of
    variables: the operator before may have ended before it could delete that, and nothing else tells of it.
    """
    spec = job.manifest.get("spec") or {}
    board = spec.get("tensorBoard")
    if job.managed and job.result is not None and board is not None and board.get("enabled") is not False:
        # Whether TensorBoard is to run is for the plan to say.
        return None
    owed = (
        job.managed
        and job.result is not None
        and (not _is_settled(job.status, job.result) or may_have_environment_file(job.manifest))
    )
    return stub_of(job, due=_AT_ONCE if owed else None)


def _is_settled(status: Json, kind: str) -> bool:
    """Nobody has edited the conditions of a job at rest: they are those of its end, or of its suspension."""
    told = {one["type"]: one for one in status.get("conditions") or ()}
    if kind not in told or c.READY not in told:
        return False
    reason = told[kind]["reason"]
    if told[c.READY]["reason"] != reason or _REASONS.get(kind, reason) != reason:
        return False
    if kind != c.SUSPENDED and from_text(status.get("completionTime")) is None:
        return False
    true = {name for name, one in told.items() if one["status"] == "True"}
    return true & _TOLD == ({c.STALLED, kind} if kind == c.FAILED else {c.READY, kind})


def _ttl_end(ended: str | None, seconds: int | None) -> datetime | None:
    moment = from_text(ended)
    return None if moment is None or seconds is None else moment + timedelta(seconds=seconds)


def _digest(value: Any) -> int:
    """A hash of JSON that does not depend on the order of keys."""
    if isinstance(value, dict):
        return hash(frozenset((key, _digest(one)) for key, one in value.items()))
    if isinstance(value, list):
        return hash(tuple(_digest(one) for one in value))
    return hash(value)
