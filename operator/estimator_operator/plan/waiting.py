"""Why a replica is not ready, in one line: what `kubectl describe` would tell, in the job's own status.

Messages hold no counters of time, so that waiting alone never changes the status.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from estimator_api import EstimatorJob
from estimator_operator.plan.backoff import not_before
from estimator_operator.plan.observed import Observed
from estimator_operator.plan.roster import Member, runs
from estimator_operator.plan.timestamps import to_text

SLOW_START = timedelta(seconds=20)
"""Creating containers takes longer than this only when an image is large or a volume cannot be mounted."""
_ORDINARY = (None, "", "ContainerCreating", "PodInitializing", "Pending")


def is_ready(member: Member) -> bool:
    """The member's current pod runs and is ready."""
    pod = member.pod
    return pod is not None and pod.ready and runs(pod)


def is_blocked(member: Member, observed: Observed) -> bool:
    """Something beyond ordinary start-up holds the member's pod up."""
    pod = member.pod
    if pod is None or is_ready(member):
        return False
    return (
        pod.unschedulable
        or (pod.waiting and pod.reason not in _ORDINARY)
        or member.replica in observed.causes
    )


def slow_at(member: Member) -> datetime | None:
    """When an ordinary start-up of the member's pod begins to look like a missing volume."""
    pod = member.pod
    if pod is None or pod.created_at is None or pod.phase != "Pending" or pod.unschedulable:
        return None
    return pod.created_at + SLOW_START


def explain(job: EstimatorJob, member: Member, observed: Observed, now: datetime) -> str:
    """Why `member`, which is not ready, is not."""
    name = str(member.replica)
    pod = member.pod
    if pod is None:
        start = not_before(job, member)
        if start is not None and start > now:
            return f"{name} starts again at {to_text(start)}"
        if member.previous:
            return f"{name} waits for its previous pod to end"
        if observed.refused is not None:
            return f"{name} cannot be created: {_line(observed.refused)}"
        return f"{name} is about to be created"
    cause = observed.causes.get(member.replica)
    if pod.deleting:
        return f"{name} is being deleted"
    if pod.unschedulable:
        return f"{name} cannot be scheduled: {_line(pod.message) or 'no node fits'}"
    if cause is not None:
        return f"{name} waits: {_line(cause)}"
    if pod.waiting and pod.reason not in _ORDINARY:
        return f"{name} waits: {pod.reason}" + (f": {_line(pod.message)}" if pod.message else "")
    slow = slow_at(member)
    if slow is not None and now >= slow:
        return f"{name} is slow to start{_volumes(job)}"
    return f"{name} is starting"


def _volumes(job: EstimatorJob) -> str:
    """What a pod that does not start may be missing."""
    needs = []
    if job.spec.code is not None:
        needs.append(f"ConfigMap {job.spec.code.config_map.name}")
    claim = job.spec.model_dir.claim_name(job.metadata.name)
    if claim is not None:
        needs.append(f"PersistentVolumeClaim {claim}")
    return f": it needs its image, {' and '.join(needs)}" if needs else ": it needs its image"


def _line(text: str | None) -> str:
    return " ".join((text or "").split())[:512]
