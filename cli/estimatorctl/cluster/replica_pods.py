"""The pods of a job as those who read their logs see them: which replica each is, and whether it has begun.

Pure: from the documents of pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from estimator_api import constants as c
from estimator_operator.plain_text import one_line

_ORDER: Final = (*c.ROLES, c.TENSORBOARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaPod:
    """A pod of a job.

    Attributes:
        name: Name of the pod.
        uid: Which pod of that name.
        role: chief, worker, ps, evaluator or tensorboard.
        index: Index within the role.
        attempt: How often the replica had been restarted before.
        container: The container whose output is the replica's.
        started: That container has begun, so that it has a log.
        running: It has not ended.
        waits_for: Why it has not begun; "" when nobody says.
    """

    name: str
    uid: str
    role: str
    index: int
    attempt: int
    container: str
    started: bool
    running: bool
    waits_for: str

    @property
    def label(self) -> str:
        """`worker-1`, after its second restart `worker-1-r2`."""
        return f"{self.role}-{self.index}" + (f"-r{self.attempt}" if self.attempt else "")


def selector(job: str, *, role: str | None = None, index: int | None = None) -> str:
    """Label selector of the pods of a job; without a role, of all its replicas, which TensorBoard is none of."""
    parts = [f"{c.LABEL_JOB_NAME}={job}"]
    parts.append(f"{c.LABEL_ROLE} in ({','.join(c.ROLES)})" if role is None else f"{c.LABEL_ROLE}={role}")
    if index is not None:
        parts.append(f"{c.LABEL_INDEX}={index}")
    return ",".join(parts)


def pods_of(owner: str | None, documents: Iterable[Mapping[str, Any]]) -> list[ReplicaPod]:
    """The pods that belong to one job, in the order of their replicas.

    Args:
        owner: Uid of the job; a job of the same name before it may have left pods that are still being deleted.
        documents: Pods.
    """
    found = [
        replica_pod(one)
        for one in documents
        if any(it.get("uid") == owner for it in one["metadata"].get("ownerReferences") or ())
    ]
    return sorted(found, key=lambda one: (_ORDER.index(one.role), one.index, one.attempt))


def replica_pod(document: Mapping[str, Any]) -> ReplicaPod:
    """What a pod's document says."""
    metadata = document["metadata"]
    labels = metadata["labels"]
    status = document.get("status") or {}
    containers = [one["name"] for one in document["spec"]["containers"]]
    container = c.CONTAINER if c.CONTAINER in containers else containers[0]
    states = status.get("containerStatuses") or ()
    state = next((one.get("state") or {} for one in states if one["name"] == container), {})
    return ReplicaPod(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        role=labels[c.LABEL_ROLE],
        index=int(labels[c.LABEL_INDEX]),
        attempt=int(labels.get(c.LABEL_ATTEMPT, 0)),
        container=container,
        started="running" in state or "terminated" in state,
        running="running" in state,
        waits_for=one_line(_cause(status, state)),
    )


def _cause(status: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    waiting = state.get("waiting") or {}
    if waiting.get("reason"):
        return str(waiting["reason"])
    unscheduled = (
        one
        for one in status.get("conditions") or ()
        if one["type"] == "PodScheduled" and one["status"] == "False"
    )
    return next((str(one.get("message") or one.get("reason") or "") for one in unscheduled), "")
