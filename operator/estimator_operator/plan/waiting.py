"""Whether a replica is ready, and if not why, in one line: what `kubectl describe` would tell, in the job's own status.

Messages hold no counters of time, so that waiting alone never changes the status. Nor does a pod that flaps: while
the job is at work, a running pod that has become unready counts as ready for HOLD_READY, and Ready stays True for at
least as long once it is. Each change of Ready is a write to the API server at once; this makes it four a minute at
most. A pod that has ended or is being deleted is never held.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan import staging
from estimator_operator.plan.backoff import not_before
from estimator_operator.plan.modes import AT_WORK
from estimator_operator.plan.observed import NODE_NOT_READY, SCHEDULING_GATED, STAGING_INPUTS, Observed, Pod
from estimator_operator.plan.roster import Member, runs
from estimator_operator.plan.timestamps import from_text, to_text

HOLD_READY: Final = timedelta(seconds=30)
"""How long an unready pod of a job at work is still counted as ready, and Ready stays True once it is."""
SLOW_START = timedelta(seconds=20)
"""Creating containers takes longer than this only when an image is large or a volume cannot be mounted."""
SLOW_READINESS = timedelta(seconds=120)
"""Importing TensorFlow and restoring a large checkpoint take less than this: the probe is not going to succeed."""
_ORDINARY = (None, "", "ContainerCreating", "PodInitializing", "Pending")


def is_ready(member: Member) -> bool:
    """The member's current pod runs and is ready."""
    pod = member.pod
    return pod is not None and pod.ready and runs(pod)


def counts_as_ready(job: EstimatorJob, member: Member, now: datetime) -> bool:
    """The member is ready, or has not been unready for long enough to say so.

    Args:
        job: The job with its stored conditions.
        member: One of its replicas.
        now: The present.
    """
    if is_ready(member):
        return True
    end = hold_end(job, member, now)
    return end is not None and now < end


def hold_end(job: EstimatorJob, member: Member, now: datetime) -> datetime | None:
    """Until when an unready pod of a job at work is counted as ready, or None when it is not held."""
    pod, ready = member.pod, job.status.condition(c.READY)
    if pod is None or pod.ready or not runs(pod):
        return None
    if ready is None or ready.status != "True" or ready.reason not in AT_WORK:
        return None
    since, changed = pod.unready_since, from_text(ready.last_transition_time)
    if since is not None and abs(now - since) > HOLD_READY:
        # Long ago, or the clock of the node is off; the job's own condition is dated by the operator's.
        since = None
    return max((one + HOLD_READY for one in (since, changed) if one is not None), default=None)


def is_blocked(member: Member, observed: Observed) -> bool:
    """Something beyond ordinary start-up holds the member's pod up."""
    pod = member.pod
    if pod is None or is_ready(member):
        return False
    return (
        pod.unschedulable
        or pod.reason == SCHEDULING_GATED
        or (runs(pod) and pod.unready == NODE_NOT_READY)
        or (pod.waiting and pod.reason not in _ORDINARY)
        or member.replica in observed.causes
    )


def slow_at(member: Member) -> datetime | None:
    """When an ordinary start-up of the member's pod begins to look like a missing volume or a probe that fails."""
    pod = member.pod
    if pod is None or pod.ready:
        return None
    if runs(pod):
        return None if pod.unready_since is None else pod.unready_since + SLOW_READINESS
    waits = pod.phase == "Pending" and not pod.unschedulable and pod.reason != SCHEDULING_GATED
    return pod.created_at + SLOW_START if waits and pod.created_at is not None else None


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
        return f"{name} cannot be scheduled: {_line(pod.message) or 'no node fits'}{_claim(job, pod)}"
    if pod.reason == SCHEDULING_GATED:
        return f"{name} waits for its scheduling gates to be removed" + _named(pod.message)
    if runs(pod):
        return f"{name} is not ready: {_unready(pod)}"
    if cause is not None:
        return f"{name} waits: {_line(cause)}"
    if pod.reason == STAGING_INPUTS:
        return staging.told(member, observed)
    if pod.waiting and pod.reason not in _ORDINARY:
        return f"{name} waits: {pod.reason}" + (f": {_line(pod.message)}" if pod.message else "")
    slow = slow_at(member)
    if slow is not None and now >= slow:
        return f"{name} is slow to start{_volumes(job)}"
    return f"{name} is starting"


def _unready(pod: Pod) -> str:
    if pod.unready == NODE_NOT_READY:
        return f"its node is NotReady{_named(pod.node)}"
    if pod.unready == "ReadinessGatesNotReady":
        return "its readiness gates are not met"
    return "its container is not ready"


def _named(name: str | None) -> str:
    return f" ({_line(name)})" if name else ""


def _claim(job: EstimatorJob, pod: Pod) -> str:
    """What the job's own claim asks for, when the scheduler waits for a claim without naming it or its class."""
    template = job.spec.model_dir.volume_claim_template
    if template is None or "unbound immediate PersistentVolumeClaim" not in (pod.message or ""):
        return ""
    name = template.storage_class_name
    asked = "the default storage class" if name is None else f"storage class {name}"
    return f" (claim {job.spec.model_dir.claim_name(job.metadata.name)} asks for {asked})"


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
