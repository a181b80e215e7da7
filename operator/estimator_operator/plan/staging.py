"""How far a pod is that stages its inputs, as it says itself: in the message about it and in `status.roles`.

Told in steps of ten percent, so that one pod changes the status ten times at most. Of the pods of a role that stage, the
one with the lowest index is asked and told of: whatever the number of replicas, a job has no more than four such pods, and
the first pod that Ready names is one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from estimator_api import Progress
from estimator_api.progress import InputsProgress, bytes_text
from estimator_api.status import StagingStatus
from estimator_operator.plan.observed import STAGING_INPUTS, Observed, Pod
from estimator_operator.plan.roster import Member

_STAGES: Final = "stages its inputs"
_HOW_FAR: Final = re.compile(rf"(?<={_STAGES}): [0-9]+ % of [0-9.]+ [KMGTPE]?i?B")


def stages(pod: Pod) -> bool:
    """The pod's inputs are being brought."""
    return pod.reason == STAGING_INPUTS and pod.phase == "Pending" and not pod.deleting


def asked_of(pods: Iterable[Pod]) -> dict[str, Pod]:
    """By role, the pod that stages inputs and is asked how far it is.

    Args:
        pods: All pods of a job.
    """
    found: dict[str, Pod] = {}
    for pod in pods:
        if stages(pod):
            role = pod.replica.role
            found[role] = min(found.get(role, pod), pod, key=lambda one: (one.replica.index, -one.attempt))
    return found


def said_by(document: Progress) -> Progress:
    """What is believed of a pod that stages: nothing but how far it is, and that in steps."""
    inputs = InputsProgress() if document.inputs is None else document.inputs.coarse()
    return Progress(role=document.role, index=document.index, inputs=inputs)


def told(member: Member, observed: Observed) -> str:
    """`chief-0 stages its inputs: 40 % of 2.1 GiB`, as far as that is known."""
    known = _known(member, observed)
    head = f"{member.replica} {_STAGES}"
    return head if known is None else f"{head}: {known.percent} % of {bytes_text(known.total_bytes)}"


def without_steps(message: str) -> str:
    """A message of Ready without how far inputs are, which nobody has to know at once."""
    return _HOW_FAR.sub("", message)


def status_of(members: Iterable[Member], observed: Observed) -> StagingStatus | None:
    """How far the inputs of a role are; None when none of its pods stages, or the one that is asked does not say.

    Args:
        members: The replicas of the role, by index.
        observed: What is known of the job's objects.
    """
    first = next((one for one in members if one.pod is not None and stages(one.pod)), None)
    return None if first is None else _known(first, observed)


def _known(member: Member, observed: Observed) -> StagingStatus | None:
    # A document of an earlier pod may be there while the present one has not been heard.
    document = observed.progress.get(member.replica) if member.replica in observed.heard_at else None
    inputs = None if document is None else document.inputs
    if inputs is None or inputs.percent is None or inputs.total_bytes is None:
        return None
    return StagingStatus(replica=str(member.replica), percent=inputs.percent, total_bytes=inputs.total_bytes)
