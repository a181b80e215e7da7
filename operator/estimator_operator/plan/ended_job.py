"""The plan for a job that has ended: its pods are cleaned up, and when its time to live is over it is deleted."""

from __future__ import annotations

from estimator_api import EstimatorJobStatus
from estimator_operator.plan import cleanup, schedule
from estimator_operator.plan.deadlines import ttl_end
from estimator_operator.plan.draft import Draft
from estimator_operator.plan.observed import Plan
from estimator_operator.plan.pods import unused_environment_file


def ended(draft: Draft) -> Plan:
    """Cleans up; only late reports of pods that were told to end still change the status."""
    job, now = draft.job, draft.now
    end = ttl_end(job)
    draft.status = of_generation(draft.status, job.metadata.generation)
    return draft.plan(
        schedule.of_ended_job(draft),
        delete_pods=cleanup.when_ended(job, draft.observed, now),
        delete_job=end is not None and now >= end,
        delete_environment_file=unused_environment_file(job, draft.settings, draft.observed.pods),
    )


def of_generation(status: EstimatorJobStatus, generation: int) -> EstimatorJobStatus:
    """A final status under a later generation of the spec: nothing changes, and that is said (kstatus)."""
    if status.observed_generation == generation and all(
        one.observed_generation == generation for one in status.conditions
    ):
        return status
    moved = [one.model_copy(update={"observed_generation": generation}) for one in status.conditions]
    return status.model_copy(update={"observed_generation": generation, "conditions": moved})
