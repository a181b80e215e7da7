"""Chief and workers that make every step together: of such a group no replica can start again alone.

A task that is lost leaves the others in a step that never ends, and what was aborted between them stays so until their
processes end (docs/decisions/synchronous-training.md). So the group fails, waits and starts as one:

* whichever of them fails, all get their next attempt, those that have completed too, unless the chief has: one write,
  counted once. The evaluator, which only reads checkpoints, goes on;
* one that says, in its exit code, that no retry mends it is heard also where the others, who lost it by that, were seen to
  fail first: else each attempt would be made in vain, up to the last one allowed;
* none of them is made before the last pod of an earlier attempt has ended, and before every backoff is over;
* what the others do when one of them is told to end is not theirs: they end in the step after, or lose it in a step, and
  fail soon after. It is counted no more than the disruption itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.status import Failure
from estimator_operator.plan.backoff import not_before
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA
from estimator_operator.plan.failure_rules import decide
from estimator_operator.plan.failures import REASON_PEER_DISRUPTED, failure_of_ended, is_disruption
from estimator_operator.plan.observed import NODE_NOT_READY, Replica
from estimator_operator.plan.roster import Member, ended

_ROLES = (c.CHIEF, c.WORKER)


def in_group(job: EstimatorJob, replica: Replica) -> bool:
    """The replica starts again with others, never alone."""
    return job.spec.is_synchronous and replica.role in _ROLES


def group_of(job: EstimatorJob, members: Iterable[Member]) -> tuple[Member, ...]:
    """The members that start again together; none in most jobs."""
    return tuple(one for one in members if in_group(job, one.replica))


def awaited_roles(job: EstimatorJob) -> tuple[str, ...]:
    """Roles whose earlier pods every replica of the cluster waits for.

    In an asynchronous job a new chief that found old parameter servers would go on with variables that are about to
    vanish, and a worker that joined an old chief would train for nothing.
    """
    return _ROLES if job.spec.is_synchronous else (c.CHIEF, c.PS)


def start_of(job: EstimatorJob, members: Iterable[Member]) -> datetime | None:
    """When pods of the group that do not exist may be made, if that is later than at once: when all may.

    Args:
        job: The job with its new failures.
        members: All that must have a running pod.
    """
    starts = (not_before(job, one) for one in group_of(job, members) if one.pod is None)
    return max((one for one in starts if one is not None), default=None)


def completed_at_resume(job: EstimatorJob, completed: tuple[str, ...]) -> tuple[str, ...]:
    """What of `completed` stays so when a suspended job goes on: of a group that has to train on, nobody."""
    if not job.spec.is_synchronous or str(CHIEF_REPLICA) in completed:
        return completed
    return tuple(one for one in completed if one.rpartition("-")[0] not in _ROLES)


def late_verdict(job: EstimatorJob, member: Member, now: datetime) -> Failure | None:
    """The failure of an earlier attempt that no retry mends, and that was not seen before the group started again.

    Args:
        job: The job.
        member: One that must have a running pod.
        now: Time of the failure.
    """
    if not in_group(job, member.replica):
        return None
    for pod in member.previous:
        if ended(pod) and pod.exit_code == c.EXIT_CONFIG:
            # It was told to end with the group, which is no reason to end so: SIGTERM ends it with 143.
            failure = failure_of_ended(str(member.replica), replace(pod, deleting=False), now)
            if decide(job, failure).action == "FailJob":
                return failure
    return None


def excused(
    job: EstimatorJob, needed: Iterable[Member], found: Iterable[tuple[Member, Failure]]
) -> list[tuple[Member, Failure]]:
    """`found`, in which failures of the group that follow from a disruption of one of it are called so.

    Args:
        job: The job.
        needed: Members that must have a running pod.
        found: Failures of some of them.
    """
    failures = list(found)
    struck = any(_is_struck(one) for one in group_of(job, needed)) or any(
        in_group(job, one.replica) and is_disruption(failure) for one, failure in failures
    )
    if not struck:
        return failures
    return [(one, _of_peer(failure) if in_group(job, one.replica) else failure) for one, failure in failures]


def _is_struck(member: Member) -> bool:
    """Somebody has told its pod to end, or its node is gone."""
    pod = member.pod
    return pod is not None and (pod.deleting or pod.disrupted or pod.unready == NODE_NOT_READY)


def _of_peer(failure: Failure) -> Failure:
    if is_disruption(failure) or failure.exit_code == c.EXIT_CONFIG:
        return failure
    return failure.model_copy(update={"reason": REASON_PEER_DISRUPTED})
