"""The ways in which a job ends, in the order in which they are looked for.

What cannot be mended comes first, then success, then the limits of time: a job that has succeeded by the time its
deadline is noticed has succeeded.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from estimator_api import EstimatorJob, EstimatorJobStatus
from estimator_api import constants as c
from estimator_operator.plan.conditions import Row, complete, failed
from estimator_operator.plan.draft import Draft
from estimator_operator.plan.messages import completed
from estimator_operator.plan.model_dir import unavailable_for_good
from estimator_operator.plan.pending_deadline import overdue
from estimator_operator.plan.restarts import Verdict
from estimator_operator.plan.roster import Member
from estimator_operator.plan.stall import stalled
from estimator_operator.plan.success import Outcome

_NAMED_MOST = 5


def ending_of(draft: Draft, *, verdict: Verdict, success: Outcome, deadline: datetime | None) -> Row | None:
    """The conditions of a job that ends now, or None while it goes on.

    Args:
        draft: The job with its new status, conditions apart.
        verdict: What the ended pods mean.
        success: How far success is.
        deadline: When `activeDeadlineSeconds` are over.
    """
    job, needed, now = draft.decided, draft.needed, draft.now
    if verdict.fault is not None:
        return failed(verdict.fault.reason, verdict.fault.message)
    if success.complete:
        return complete(_completed(job, job.status, success, verdict))
    if deadline is not None and now >= deadline:
        return failed(c.REASON_DEADLINE_EXCEEDED, _late(job, needed))
    fault = (
        unavailable_for_good(job, needed, draft.observed)
        or overdue(job, needed, draft.observed, now)
        or stalled(job, draft.roster, draft.observed, now)
    )
    return None if fault is None else failed(fault.reason, fault.message)


def _completed(job: EstimatorJob, status: EstimatorJobStatus, success: Outcome, verdict: Verdict) -> str:
    text = completed(job, status)
    if success.late is not None:
        return f"{text}; {success.late}"
    known = status.condition(c.EVALUATOR_DEGRADED)
    why = verdict.degraded or (known.message if known is not None and known.status == "True" else None)
    return text if why is None else f"{text}; without its evaluator: {why}"


def _late(job: EstimatorJob, needed: Collection[Member]) -> str:
    names = [str(one.replica) for one in needed]
    more = f" and {len(names) - _NAMED_MOST} more" if len(names) > _NAMED_MOST else ""
    limit = job.spec.run_policy.active_deadline_seconds
    return f"not ended within {limit} s (activeDeadlineSeconds): {', '.join(names[:_NAMED_MOST])}{more}"
