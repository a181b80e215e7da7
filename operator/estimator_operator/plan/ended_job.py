"""The plan for a job that has ended: its pods are cleaned up, and when its time to live is over it is deleted.

Complete and Failed are final, whoever wrote them. People who may write statuses end jobs by them; what belongs to such
an end (Ready, the time, the counts of pods) follows then, as all conditions of an ended job follow from its end.
"""

from __future__ import annotations

from datetime import datetime

from estimator_api import EstimatorJobStatus
from estimator_api import constants as c
from estimator_operator.plan import cleanup, conditions, schedule
from estimator_operator.plan.conditions import Row
from estimator_operator.plan.deadlines import ttl_end
from estimator_operator.plan.draft import Draft
from estimator_operator.plan.observed import Plan
from estimator_operator.plan.pods import unused_environment_file
from estimator_operator.plan.timestamps import from_text, to_text


def ended(draft: Draft) -> Plan:
    """Cleans up; only late reports of pods that were told to end, and what people wrote, still change the status."""
    job, now = draft.job, draft.now
    if from_text(job.status.completion_time) is None:
        draft.write(completion_time=to_text(_ended_at(job.status, now)))
        draft.count_pods(stopped=True)
    draft.settle(_row(job.status))
    end = ttl_end(draft.decided)
    return draft.plan(
        schedule.of_ended_job(draft),
        delete_pods=cleanup.when_ended(job, draft.observed, now),
        delete_job=end is not None and now >= end,
        delete_environment_file=unused_environment_file(job, draft.settings, draft.observed.pods),
        events=draft.events(),
    )


def _row(status: EstimatorJobStatus) -> Row:
    """The conditions of the end that the status tells of; of two ends the one that Ready tells of, too."""
    success, failure, ready = (status.condition(kind) for kind in (c.COMPLETE, c.FAILED, c.READY))
    completed = ready is not None and ready.reason == c.REASON_COMPLETED
    if failure is None or failure.status != "True" or (completed and status.is_true(c.COMPLETE)):
        return conditions.complete("" if success is None else success.message)
    return conditions.failed(failure.reason, failure.message)


def _ended_at(status: EstimatorJobStatus, now: datetime) -> datetime:
    """When the job ended, where the status does not say: since when its end is told."""
    told = (status.condition(kind) for kind in (c.COMPLETE, c.FAILED))
    since = (from_text(one.last_transition_time) for one in told if one is not None and one.status == "True")
    return min((one for one in since if one is not None and one <= now), default=now)


def of_generation(status: EstimatorJobStatus, generation: int) -> EstimatorJobStatus:
    """A final status under a later generation of the spec: nothing changes, and that is said (kstatus)."""
    if status.observed_generation == generation and all(
        one.observed_generation == generation for one in status.conditions
    ):
        return status
    moved = [one.model_copy(update={"observed_generation": generation}) for one in status.conditions]
    return status.model_copy(update={"observed_generation": generation, "conditions": moved})
