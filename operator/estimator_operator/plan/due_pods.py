"""Which pods are made now, and when those that have to wait may be.

A pod that still runs in a replica's place is waited for. So are the earlier pods of the chief and of the ps, by every
replica of the cluster: a new chief that found the old parameter servers would go on with variables that are about to
vanish, and a worker that joined an old chief would train for nothing. The evaluator only reads checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.backoff import not_before
from estimator_operator.plan.lost_pods import holds_place
from estimator_operator.plan.roster import Member


def to_be_made(job: EstimatorJob, needed: Iterable[Member], now: datetime) -> tuple[Member, ...]:
    """Members whose pods are made now.

    Args:
        job: The job with its new counters.
        needed: Replicas that must have a running pod.
        now: The present.
    """
    members = tuple(needed)
    awaited = any(
        holds_place(pod, now)
        for one in members
        if one.replica.role in (c.CHIEF, c.PS)
        for pod in one.previous
    )
    return tuple(
        one
        for one in members
        if not (awaited and one.replica.role != c.EVALUATOR) and _can_be_made(job, one, now)
    )


def _can_be_made(job: EstimatorJob, member: Member, now: datetime) -> bool:
    """The member's pod does not exist, nothing that may still run stands in its place, and its backoff is over."""
    if member.pod is not None or any(holds_place(one, now) for one in member.previous):
        return False
    start = not_before(job, member)
    return start is None or now >= start
