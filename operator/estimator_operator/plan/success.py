"""When a job has succeeded.

The chief decides when training ends; the evaluator then owes its last evaluation and exports and gets a grace for
them. It ends the job by ending, by being given up, or by its grace running out. Workers and ps decide nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA, EVALUATOR_REPLICA
from estimator_operator.plan.deadlines import grace_end


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How far success is.

    Attributes:
        chief_done: The chief ended with 0.
        complete: The job has succeeded.
        late: The evaluator's grace ran out: what to say about it.
    """

    chief_done: bool
    complete: bool
    late: str | None = None


def outcome(
    job: EstimatorJob,
    completed: Collection[str],
    *,
    evaluator_degraded: bool,
    chief_completed_at: datetime | None,
    now: datetime,
) -> Outcome:
    """Judges success from the replicas that completed."""
    if str(CHIEF_REPLICA) not in completed:
        return Outcome(chief_done=False, complete=False)
    if not job.spec.replicas(c.EVALUATOR) or evaluator_degraded or str(EVALUATOR_REPLICA) in completed:
        return Outcome(chief_done=True, complete=True)
    end = grace_end(job, chief_completed_at)
    if end is not None and now >= end:
        grace = job.spec.run_policy.evaluator_grace_seconds
        return Outcome(
            chief_done=True,
            complete=True,
            late=f"evaluator-0 did not end within {grace} s after the chief (evaluatorGraceSeconds)",
        )
    return Outcome(chief_done=True, complete=False)
