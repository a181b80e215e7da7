"""Which replicas have completed, and what is needed to believe it.

Exit code 0 of a container that nobody told to end is completion. A program that was told to end (its pod was deleted,
evicted or preempted) may end with 0 as well, at any step; so such an end counts only with a report that says Finished.
The chief also has its last checkpoint: if that is at the step where training ends, and the chief owes nothing beyond
training, then it was through.

The same evidence decides about a chief whose end nobody saw, because its pod was collected while no operator looked.
What it cannot tell is left to the runtime: the chief starts again, and the `finished` marker in the model directory, or
the step of its checkpoint, ends it at once.
"""

from __future__ import annotations

from estimator_api import EstimatorJob, EstimatorJobStatus
from estimator_api import constants as c
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA
from estimator_operator.plan.observed import Pod
from estimator_operator.plan.roster import Member, Roster, succeeded
from estimator_operator.plan.suspension import was_suspended
from estimator_operator.plan.timestamps import from_text


def completed_names(job: EstimatorJob, roster: Roster, status: EstimatorJobStatus) -> tuple[str, ...]:
    """Names of replicas that ended with success: those the status knows and those seen now.

    Args:
        job: The job with its stored status.
        roster: Its pods.
        status: The stored status with progress merged in.
    """
    known = list(job.status.completed_replicas)
    taken = set(known)
    known += [
        str(one.replica)
        for one in roster.members
        if str(one.replica) not in taken and _has_completed(job, one, status)
    ]
    return tuple(known)


def _has_completed(job: EstimatorJob, member: Member, status: EstimatorJobStatus) -> bool:
    pod = member.pod
    if pod is None:
        was_there = job.status.start_time is not None and not was_suspended(job)
        restarted = str(member.replica) in job.status.restarts.pending
        return member.replica == CHIEF_REPLICA and was_there and not restarted and _is_through(job, status)
    if not succeeded(pod):
        return False
    if not _told_to_end(pod) or (pod.report is not None and pod.report.state == "Finished"):
        return True
    return member.replica == CHIEF_REPLICA and _is_through(job, status)


def _told_to_end(pod: Pod) -> bool:
    """It was deleted or disrupted; what is only remembered of a pod that ended before is not."""
    return pod.disrupted or (pod.deleting and pod.delete_by is not None)


def _is_through(job: EstimatorJob, status: EstimatorJobStatus) -> bool:
    """The last that was heard of the chief says that it has nothing left to do."""
    progress, checkpoints = status.progress, status.checkpoints
    if progress is not None and progress.finished:
        return True
    estimator = job.spec.estimator
    if estimator is None or estimator.train is None or not estimator.train.max_steps:
        return False
    started, heard = (
        from_text(job.status.start_time),
        from_text(progress.last_update_time if progress else None),
    )
    if started is None or heard is None or heard < started:
        # Of before a suspension: the model directory and maxSteps may have been others.
        return False
    owes_exports = estimator.mode != "Train" and not job.spec.replicas(c.EVALUATOR)
    saved = checkpoints.latest if checkpoints is not None else None
    return not owes_exports and saved is not None and saved.global_step >= estimator.train.max_steps
