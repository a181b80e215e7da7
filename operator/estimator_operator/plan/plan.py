"""From a job and what is known of its objects to what is to be done now.

Level-triggered: every plan is made from the stored status and the pods alone, whatever was planned before. What
decides policy and cannot be read from pods again (counted restarts, the end of the job, that it is being suspended)
is stored in a pass of its own before anything is done about it (`status_first`), so that an operator may end
between any two calls, and two of them may work on one job.

Here it is decided which kind of job this is; what is done about it is in `running_job.py`, `suspended_job.py`,
`ended_job.py` and, for jobs that cannot be planned, `unhandled_job.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from estimator_api import EstimatorJob
from estimator_operator.plan import cleanup, schedule
from estimator_operator.plan.completion import completed_names
from estimator_operator.plan.draft import Draft, is_final, requeue
from estimator_operator.plan.ended_job import ended
from estimator_operator.plan.lost_pods import judged
from estimator_operator.plan.observed import Observed, Plan, Settings
from estimator_operator.plan.pinned import effective
from estimator_operator.plan.progress import merge_progress
from estimator_operator.plan.results import begun_anew
from estimator_operator.plan.roster import roster_of
from estimator_operator.plan.running_job import running
from estimator_operator.plan.suspended_job import suspended
from estimator_operator.plan.suspension import to_be_suspended, was_suspended
from estimator_operator.plan.tensorboard import board_of, parted, with_board
from estimator_operator.plan.transitions import News, news


def plan(job: EstimatorJob, observed: Observed, now: datetime, settings: Settings) -> Plan:
    """What to do for `job` now.

    Args:
        job: The job as stored.
        observed: What is known of its objects.
        now: The present (aware).
        settings: What the operator's flags decide.
    """
    return replace(_plan(job, observed, now, settings), based_on=job.metadata.resource_version)


def _plan(job: EstimatorJob, observed: Observed, now: datetime, settings: Settings) -> Plan:
    if not job.spec.is_managed_here:
        # Another controller runs it: even a status of ours would be in its way.
        return Plan(status=job.status)
    observed = judged(job, observed)
    if job.metadata.deletion_timestamp is not None:
        # Its pods are collected, and making them again would only hold that up, as those on lost nodes do.
        return Plan(
            status=job.status,
            delete_pods=cleanup.forced(observed.pods, now),
            **requeue(schedule.of_deletion(observed.pods, now), now),
        )
    replicas, boards = parted(observed)
    settings = effective(job, replicas.pods, settings)
    roster = roster_of(job, replicas)
    stored, final = job.status, is_final(job.status)
    suspends = not final and to_be_suspended(job, roster)
    resumed = not final and not suspends and was_suspended(job)
    if resumed:
        job = begun_anew(job)
    status = merge_progress(job, replicas, roster, now)
    draft = Draft(
        job=job,
        observed=replicas,
        roster=roster,
        now=now,
        settings=settings,
        status=status.model_copy(update={"observed_generation": job.metadata.generation}),
        completed=completed_names(job, roster, status),
        resumed=resumed,
    )
    made = ended(draft) if final else suspended(draft) if suspends else running(draft)
    board = board_of(job, made.status, boards, suspended=suspends, now=now)
    made = with_board(made, job, board, observed, now=now, settings=settings)
    told = news(stored, made.status)
    if told is News.NONE:
        return replace(made, status=stored)
    waits = told is News.PATIENT and (made.write_within is None or made.write_within > 0)
    return replace(made, progress_only=waits and not made.status_first)
