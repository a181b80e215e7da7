"""The plan for a job that is suspended, or on the way there (see `suspension.py`)."""

from __future__ import annotations

from estimator_operator.plan import cleanup, conditions, messages, schedule
from estimator_operator.plan.draft import Draft
from estimator_operator.plan.observed import Plan
from estimator_operator.plan.pods import unused_environment_file
from estimator_operator.plan.results import made_from
from estimator_operator.plan.scaling import worker_selector
from estimator_operator.plan.suspension import is_emptied, is_outdated, is_suspending


def suspended(draft: Draft) -> Plan:
    """Takes the job to Suspending by a write, then its pods away, then to Suspended."""
    job = draft.job
    emptied = is_emptied(draft.roster)
    draft.write(completed_replicas=list(draft.completed), spec_hash=made_from(job, draft.roster))
    draft.count_pods()
    if emptied:
        _empty(draft)
        row = conditions.suspended(messages.SUSPENDED if job.spec.suspend else messages.EMPTIED)
    else:
        asked = job.spec.suspend or not is_outdated(job, draft.roster)
        left = [one for one in draft.observed.pods if not one.remembered]
        held = sorted(one.name for one in left if one.held)
        if held and len(held) == len(left):
            row = conditions.suspending(messages.only_held(held))
        else:
            row = conditions.suspending(messages.SUSPENDING if asked else messages.REPLACING)
    draft.settle(row)
    begins, is_over = not emptied and not is_suspending(job), emptied and not job.spec.suspend
    if begins or is_over:
        return draft.stored_first()
    unused = () if emptied and job.status.pinned is not None else None
    return draft.plan(
        schedule.of_suspended_job(draft),
        delete_pods=cleanup.for_suspension(draft.observed, draft.now),
        delete_environment_file=unused_environment_file(job, draft.settings, unused),
        events=draft.events(),
    )


def _empty(draft: Draft) -> None:
    """What ends with the last pod."""
    progress = draft.status.progress
    if progress is not None and progress.finished:
        # The spec may change now; what was through may not be through then.
        progress = progress.model_copy(update={"finished": None})
    draft.write(
        pinned=None,
        start_time=None,
        chief_completion_time=None,
        restarts=draft.status.restarts.model_copy(update={"pending": []}),
        progress=progress,
        worker_replicas=0,
        worker_selector=worker_selector(draft.job),
    )
