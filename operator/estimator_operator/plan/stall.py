"""`stallTimeoutSeconds`: how long the chief may run without a new global step.

The clock begins at the latest of four moments, all of them of the operator's and the API server's clocks, for those
of pods may be hours off: the operator saw the step change, or the chief's present pod run (both are
`progress.lastUpdateTime`); that pod was created, which is after every resume; the operator began to look. It runs
only while the chief's pod does, and not beyond `maxSteps`, where no step is left to come. Evaluations and exports of
a chief without an evaluator are no steps: the timeout has to be longer than they take. Modes that do not train have
no step to stall.

A chief that reports nothing stalls too: programs that set the timeout owe `/progress`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA
from estimator_operator.plan.modes import trains
from estimator_operator.plan.observed import Observed, Pod
from estimator_operator.plan.restarts import Fault
from estimator_operator.plan.roster import Roster, runs
from estimator_operator.plan.timestamps import from_text


def watches_steps(job: EstimatorJob) -> bool:
    """The job fails when its global step does not grow."""
    return job.spec.run_policy.stall_timeout_seconds is not None and trains(job)


def stall_end(job: EstimatorJob, roster: Roster, observed: Observed) -> datetime | None:
    """When the chief's time for a new global step is over, or None when no step is awaited.

    Args:
        job: The job with its new progress.
        roster: Its pods.
        observed: What is known of its objects.
    """
    limit = job.spec.run_policy.stall_timeout_seconds
    pod = _chief(roster)
    if limit is None or not trains(job) or pod is None or not runs(pod) or _is_through(job):
        return None
    progress = job.status.progress
    updated = from_text(progress.last_update_time) if progress is not None else None
    known = [one for one in (updated, pod.created_at, observed.watched_since) if one is not None]
    return max(known) + timedelta(seconds=limit) if known else None


def stalled(job: EstimatorJob, roster: Roster, observed: Observed, now: datetime) -> Fault | None:
    """Why the job fails of a global step that does not grow, or None."""
    end = stall_end(job, roster, observed)
    if end is None or now < end:
        return None
    progress = job.status.progress
    limit = f"within {job.spec.run_policy.stall_timeout_seconds} s (stallTimeoutSeconds)"
    if progress is None or progress.global_step is None:
        message = f"{CHIEF_REPLICA} has reported no global step {limit}"
    else:
        message = f"{CHIEF_REPLICA} is at step {progress.global_step} and has reported no new one {limit}"
    return Fault(reason=c.REASON_TRAINING_STALLED, message=message)


def _chief(roster: Roster) -> Pod | None:
    return next((one.pod for one in roster.members if one.replica == CHIEF_REPLICA), None)


def _is_through(job: EstimatorJob) -> bool:
    progress = job.status.progress
    if progress is None or progress.global_step is None or not progress.max_steps:
        return False
    return progress.global_step >= progress.max_steps
