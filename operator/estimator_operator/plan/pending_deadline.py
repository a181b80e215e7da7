"""`pendingDeadlineSeconds`: how long a replica may wait to run.

The clock of a pod that is not running (no node, no image, no volume, init containers included) begins at its
creation. The clock of a pod that the API server refuses to create begins when the job was no longer ready, or when
the replica failed after that; its backoff, and the end of its previous pod, are not waiting.

The workers of an elastic job above `minReplicas` are not required: training goes on without them, and a cluster
without room for them fails nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.backoff import not_before
from estimator_operator.plan.lost_pods import holds_place
from estimator_operator.plan.model_dir import is_unavailable
from estimator_operator.plan.observed import Observed
from estimator_operator.plan.restarts import Fault
from estimator_operator.plan.roster import Member, ended
from estimator_operator.plan.timestamps import from_text
from estimator_operator.plan.waiting import explain


def pending_end(job: EstimatorJob, member: Member, observed: Observed, now: datetime) -> datetime | None:
    """When the member's time to get running is over, or None when it does not wait.

    Args:
        job: The job with its stored conditions and its new failures.
        member: A replica that must have a running pod.
        observed: What is known of the job's objects.
        now: The present.
    """
    limit = job.spec.run_policy.pending_deadline_seconds
    if limit is None or not is_required(job, member):
        return None
    since = _since(job, member, observed, now)
    return None if since is None else since + timedelta(seconds=limit)


def overdue(job: EstimatorJob, needed: Iterable[Member], observed: Observed, now: datetime) -> Fault | None:
    """Why the job fails of a replica that has waited too long, or None."""
    for member in needed:
        end = pending_end(job, member, observed, now)
        if end is not None and now >= end:
            limit = job.spec.run_policy.pending_deadline_seconds
            unavailable = is_unavailable(job, member, observed)
            return Fault(
                reason=c.REASON_MODEL_DIR_UNAVAILABLE if unavailable else c.REASON_PENDING_DEADLINE_EXCEEDED,
                message=f"{explain(job, member, observed, now)};"
                f" not running within {limit} s (pendingDeadlineSeconds)",
            )
    return None


def is_required(job: EstimatorJob, member: Member) -> bool:
    """The job cannot do without the replica: it is no worker above `minReplicas` of an elastic job."""
    elastic = job.spec.elastic
    return elastic is None or member.replica.role != c.WORKER or member.replica.index < elastic.min_replicas


def _since(job: EstimatorJob, member: Member, observed: Observed, now: datetime) -> datetime | None:
    pod = member.pod
    if pod is not None:
        waits = pod.phase == "Pending" and not pod.deleting and not ended(pod)
        return pod.created_at if waits else None
    ready = job.status.condition(c.READY)
    if observed.refused is None or ready is None or ready.status != "False":
        return None
    if any(holds_place(one, now) for one in member.previous):
        return None
    failed = (one.time for one in job.status.failures if one.replica == str(member.replica))
    moments = [from_text(text) for text in (ready.last_transition_time, *failed)]
    return max((one for one in (*moments, not_before(job, member)) if one is not None), default=None)
