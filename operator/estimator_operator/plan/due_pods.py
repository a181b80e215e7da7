"""Which pods are made now, and when those that have to wait may be.

A pod that still runs in a replica's place is waited for. So are the earlier pods of the chief and of the ps, or of chief
and workers where these make every step together, by every replica of the cluster (`training_group.py` has the reasons).
The evaluator only reads checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.backoff import not_before
from estimator_operator.plan.lost_pods import holds_place
from estimator_operator.plan.roster import Member
from estimator_operator.plan.training_group import awaited_roles, in_group, start_of


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
        if one.replica.role in awaited_roles(job)
        for pod in one.previous
    )
    together = start_of(job, members)

    def start(one: Member) -> datetime | None:
        return together if in_group(job, one.replica) else not_before(job, one)

    return tuple(
        one
        for one in members
        if not (awaited and one.replica.role != c.EVALUATOR)
        and _has_room(one, now)
        and _is_due(start(one), now)
    )


def _has_room(member: Member, now: datetime) -> bool:
    """The member's pod does not exist, and nothing that may still run stands in its place."""
    return member.pod is None and not any(holds_place(one, now) for one in member.previous)


def _is_due(start: datetime | None, now: datetime) -> bool:
    return start is None or now >= start
