"""Pods whose end nobody will ever confirm, and what is needed to believe that.

A pod that is being deleted is waited for: two chiefs on one model directory would corrupt it. Only its node can say
that its processes have ended, and a node that is slow, or cut off from the API server, may still run them. So a pod is
lost, which means replaced and deleted by force, only when there is evidence: LOST_AFTER the end of its grace its node
is known to be gone (it does not exist, or is marked unreachable or out of service), or the pod was never given to a
node. Who would rather have a replacement than certainty sets `lostPodTimeoutSeconds`: then time alone is enough.

A pod that was deleted without grace and is still there is held by a finalizer of somebody else. Deleting it again
changes nothing, so it is not done.

`now` and the deletion timestamp are of one clock, the API server's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from estimator_api import EstimatorJob
from estimator_operator.plan.observed import Observed, Pod
from estimator_operator.plan.roster import live

LOST_AFTER: Final = timedelta(seconds=30)
"""A kubelet that is there confirms the end of a pod well within this time after its grace."""
_LOOKS_EVERY: Final = timedelta(seconds=60)
"""A node that is not known to be gone is asked about again."""


def judged(job: EstimatorJob, observed: Observed) -> Observed:
    """`observed` with the moment from which each of its deleting pods is lost."""
    if not any(one.deleting for one in observed.pods):
        return observed
    timeout = job.spec.run_policy.lost_pod_timeout_seconds
    pods = (_judged(one, observed.lost_nodes, timeout) if one.deleting else one for one in observed.pods)
    return replace(observed, pods=tuple(pods))


def lost(pod: Pod, now: datetime) -> bool:
    """The pod was to be gone by now, and nobody will ever confirm that it is."""
    return pod.lost_at is not None and now >= pod.lost_at


def holds_place(pod: Pod, now: datetime) -> bool:
    """A pod of an earlier attempt that may still run: its successor has to wait."""
    return live(pod) and not lost(pod, now)


def overdue(pod: Pod, now: datetime) -> bool:
    """The pod's grace is long over: it is time to ask what became of its node."""
    return live(pod) and pod.deleting and pod.delete_by is not None and now >= pod.delete_by + LOST_AFTER


def next_looks(pods: Iterable[Pod], now: datetime) -> Iterable[datetime]:
    """When deleting pods may become lost with no event."""
    for pod in pods:
        if not pod.deleting or not live(pod) or pod.delete_by is None:
            continue
        if pod.lost_at is not None and pod.lost_at > now:
            yield pod.lost_at
        due = pod.delete_by + LOST_AFTER
        if now < due:
            yield due
        elif not lost(pod, now):
            yield due + ((now - due) // _LOOKS_EVERY + 1) * _LOOKS_EVERY


def _judged(pod: Pod, lost_nodes: frozenset[str], timeout: int | None) -> Pod:
    if pod.delete_by is None:
        return pod
    moments = []
    if pod.node is None or pod.node in lost_nodes:
        moments.append(pod.delete_by + LOST_AFTER)
    if timeout is not None:
        moments.append(pod.delete_by + timedelta(seconds=timeout))
    return replace(pod, lost_at=min(moments)) if moments else pod
