"""When time alone changes something for a job: all of its deadlines, whichever policy they are of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from estimator_operator.plan.backoff import not_before
from estimator_operator.plan.cleanup import settled_at
from estimator_operator.plan.conditions import Row
from estimator_operator.plan.deadlines import Deadline, at, grace_end, ttl_end
from estimator_operator.plan.draft import Draft
from estimator_operator.plan.lost_pods import next_looks
from estimator_operator.plan.observed import Pod
from estimator_operator.plan.pending_deadline import pending_end
from estimator_operator.plan.stall import next_look, stall_end
from estimator_operator.plan.state import failure_told_until
from estimator_operator.plan.waiting import hold_end, slow_at


def of_deletion(pods: Iterable[Pod], now: datetime) -> Iterator[Deadline]:
    """Deadlines of pods that are being deleted."""
    for moment in next_looks(pods, now):
        yield Deadline("deletion of a pod", moment, "its node is asked about")


def of_ended_job(draft: Draft) -> Iterator[Deadline | None]:
    """Deadlines of a job that has ended."""
    yield at(ttl_end(draft.decided), "ttlSecondsAfterFinished", "the job is deleted")
    yield from _sidecars(draft.observed.pods)
    yield from of_deletion(draft.observed.pods, draft.now)


def of_suspended_job(draft: Draft) -> Iterator[Deadline | None]:
    """Deadlines of a job that is suspended, or on the way there."""
    yield from of_deletion(draft.observed.pods, draft.now)


def of_running_job(
    draft: Draft, row: Row, *, active: datetime | None, chief_completed_at: datetime | None
) -> Iterator[Deadline | None]:
    """Deadlines of a job whose replicas run, or are to run.

    Args:
        draft: The job with its new counters.
        row: Its new conditions.
        active: When `activeDeadlineSeconds` are over.
        chief_completed_at: When the chief ended with success.
    """
    job, now = draft.decided, draft.now
    yield at(active, "activeDeadlineSeconds", "the job fails")
    yield at(grace_end(job, chief_completed_at), "evaluatorGraceSeconds", "the job completes")
    stalled = next_look(stall_end(job, draft.roster, draft.observed), now)
    yield at(stalled, "stallTimeoutSeconds", "the job fails if the chief is heard at the same step")
    yield at(failure_told_until(job, row), "last failure", "Ready stops telling of it")
    for one in draft.needed:
        yield at(pending_end(job, one, draft.observed, now), "pendingDeadlineSeconds", "the job fails")
        if one.pod is None:
            yield at(not_before(job, one), "backoff", f"{one.replica} starts again")
        yield at(slow_at(one), "slow start", f"Ready tells of {one.replica}")
        # By the conditions as they are stored: how long a pod has been unready so far.
        yield at(hold_end(draft.job, one, now), "readiness", f"Ready tells of {one.replica}")
    yield from _sidecars(pod for one in draft.roster.members if (pod := one.pod) is not None)
    yield from of_deletion(draft.observed.pods, now)


def _sidecars(pods: Iterable[Pod]) -> Iterator[Deadline | None]:
    for pod in pods:
        yield at(settled_at(pod), "sidecars", f"{pod.replica} is taken for kept up by them")
