"""`stallTimeoutSeconds`: how long the chief may run without a new global step.

The clock begins at the latest of four moments, all of them of the operator's and the API server's clocks, for those
of pods may be hours off: the operator saw the step change, or the chief's present pod run (both are
`progress.lastUpdateTime`); that pod was created, which is after every resume; the operator began to look. It runs
only while the chief's pod does, and not beyond `maxSteps`, where no step is left to come. Evaluations and exports of
a chief without an evaluator are no steps: the timeout has to be longer than they take. Modes that do not train have
no step to stall.

The end of that time is no verdict yet. The job fails when a document that was heard after it still shows the same step
(or none). A chief that does not answer may well train: it may have no network path to the operator, the operator may
be behind with its polls, the program may not report at all. That is the condition ProgressUnknown.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA
from estimator_operator.plan.modes import trains
from estimator_operator.plan.observed import Observed, Pod
from estimator_operator.plan.restarts import Fault
from estimator_operator.plan.roster import Roster, runs
from estimator_operator.plan.timestamps import from_text, to_text

_NEXT_POLL: Final = timedelta(seconds=120)
"""A chief that has answered is asked again within this time, however many jobs there are."""
_LOOKS_EVERY: Final = timedelta(seconds=30)
"""An answer without news does not wake the job: it is looked at again, once a step is overdue."""


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


def next_look(end: datetime | None, now: datetime) -> datetime | None:
    """When to look again at a chief whose time is over at `end`: then, and from then on every half minute."""
    if end is None or now < end:
        return end
    return end + ((now - end) // _LOOKS_EVERY + 1) * _LOOKS_EVERY


def stalled(job: EstimatorJob, roster: Roster, observed: Observed, now: datetime) -> Fault | None:
    """Why the job fails of a global step that does not grow, or None."""
    end = stall_end(job, roster, observed)
    heard = observed.heard_at.get(CHIEF_REPLICA)
    if end is None or now < end or heard is None or heard < end:
        return None
    progress = job.status.progress
    limit = f"within {job.spec.run_policy.stall_timeout_seconds} s (stallTimeoutSeconds)"
    if progress is None or progress.global_step is None:
        message = f"{CHIEF_REPLICA} has reported no global step {limit}"
    else:
        message = f"{CHIEF_REPLICA} is at step {progress.global_step} and has reported no new one {limit}"
    return Fault(reason=c.REASON_TRAINING_STALLED, message=message)


def not_heard(job: EstimatorJob, roster: Roster, observed: Observed, now: datetime) -> str | None:
    """Why nobody knows whether the chief, whose time for a new step is over, makes steps; None when that is known."""
    end = stall_end(job, roster, observed)
    if end is None or now < end:
        return None
    heard = observed.heard_at.get(CHIEF_REPLICA)
    if heard is not None and (heard >= end or now < heard + _NEXT_POLL):
        return None
    since = "has answered no poll of /progress" if heard is None else f"was last heard at {to_text(heard)}"
    return f"{CHIEF_REPLICA} {since}: whether it makes steps is not known, and stallTimeoutSeconds waits"


def _chief(roster: Roster) -> Pod | None:
    return next((one.pod for one in roster.members if one.replica == CHIEF_REPLICA), None)


def _is_through(job: EstimatorJob) -> bool:
    progress = job.status.progress
    if progress is None or progress.global_step is None or not progress.max_steps:
        return False
    return progress.global_step >= progress.max_steps
