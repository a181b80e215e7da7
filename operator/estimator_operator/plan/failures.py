"""What the end, the deletion or the loss of a pod is called: the entry of `status.failures` that it becomes."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import datetime
from typing import Final

from estimator_api.status import Failure
from estimator_operator.plan.lost_pods import lost
from estimator_operator.plan.observed import Pod
from estimator_operator.plan.roster import Member, ended
from estimator_operator.plan.timestamps import to_text

REASON_DELETED: Final = "DeletedPod"
REASON_DISRUPTED: Final = "Disrupted"
REASON_ERROR: Final = "Error"
REASON_NODE_LOST: Final = "NodeLost"
REASON_PEER_DISRUPTED: Final = "PeerDisrupted"
"""It ended because another one that makes every step with it was disrupted (`training_group.py`)."""
REASON_OOM: Final = "OOMKilled"
_DISRUPTIONS: Final = frozenset(
    {
        REASON_DELETED,
        REASON_DISRUPTED,
        REASON_NODE_LOST,
        REASON_PEER_DISRUPTED,
        "Evicted",
        "Preempting",
        "Shutdown",
    }
)
REASON_LIMIT_EXCEEDED: Final = "LimitExceeded"
_REFUSALS: Final = frozenset(
    {
        "NodeAffinity",
        "NodePorts",
        "NodeShutdown",
        "TopologyAffinityError",
        "UnexpectedAdmissionError",
    }
)
"""Why a kubelet does not admit a pod that the scheduler gave it; also `OutOf<resource>`."""
_OWN_LIMITS: Final = re.compile(
    r"exceeds the (total )?limit|exceeded its local ephemeral storage limit", re.IGNORECASE
)
"""How a kubelet says that it evicts a pod for limits of its own, not for the node's need."""
_MESSAGE_MOST: Final = 1024


def failure_of(
    member: Member, *, started: bool, pending: Container[str], gone: bool, now: datetime
) -> Failure | None:
    """The failure of the member's current attempt, or None when there is nothing to restart.

    Args:
        member: A replica that must have a running pod.
        started: The status says that all pods have been seen (`startTime`).
        pending: Replicas whose pod has not been seen yet.
        gone: The pod was seen, and no longer exists, whatever the status knows of it.
        now: Time of the failure.
    """
    pod = member.pod
    name = str(member.replica)
    if pod is None:
        if not gone and (not started or name in pending):
            return None
        return Failure(
            replica=name,
            attempt=member.attempt,
            reason=REASON_DELETED,
            message="its pod was deleted",
            time=to_text(now),
        )
    # One that ended with 0 and yet is needed was told to end before it was through (`completion.py`).
    return failure_of_ended(name, pod, now) if ended(pod) or lost(pod, now) else None


def failure_of_ended(name: str, pod: Pod, now: datetime) -> Failure:
    """The failure that the end of a replica's pod is.

    Args:
        name: Of the replica.
        pod: One that has ended, or is lost.
        now: Time of the failure.
    """
    return Failure(
        replica=name,
        attempt=pod.attempt,
        reason=_reason(pod),
        exit_code=pod.exit_code,
        node=pod.node,
        message=why(pod),
        time=to_text(now),
    )


def is_disruption(failure: Failure) -> bool:
    """Disruptions, deletions and refusals of a kubelet are nobody's fault and never count."""
    refused = failure.reason in _REFUSALS or failure.reason.startswith("OutOf")
    return failure.reason in _DISRUPTIONS or (refused and failure.exit_code is None)


def was_killed(failure: Failure) -> bool:
    """Killed by a signal or for memory, or ended before the main container could run."""
    if is_disruption(failure):
        return False
    return failure.exit_code is None or failure.exit_code >= 128 or failure.reason == REASON_OOM


def describe(failure: Failure) -> str:
    """One sentence: which replica, exit code, reason, why."""
    if failure.reason == REASON_DELETED:
        return f"{failure.replica}: its pod was deleted"
    if failure.exit_code == 0:
        return f"{failure.replica} was told to end before it had finished ({failure.reason})"
    code = "" if failure.exit_code is None else f" with exit code {failure.exit_code}"
    reason = "" if failure.reason == REASON_ERROR else f" ({failure.reason})"
    said = f": {failure.message}" if failure.message else ""
    return f"{failure.replica} failed{code}{reason}{said}"


def why(pod: Pod) -> str:
    """The one line that says why the pod ended: its own words first, then Kubernetes'."""
    text = (pod.report.error if pod.report is not None else None) or pod.message or ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:_MESSAGE_MOST] if lines else ""


def _reason(pod: Pod) -> str:
    if pod.reason == "Evicted" and _OWN_LIMITS.search(pod.message or ""):
        return REASON_LIMIT_EXCEEDED
    if pod.reason in _DISRUPTIONS:
        return pod.reason
    if pod.disrupted and pod.reason not in _REFUSALS:
        return REASON_DISRUPTED
    if not ended(pod):
        return REASON_NODE_LOST
    return REASON_DELETED if pod.deleting else pod.reason or REASON_ERROR
