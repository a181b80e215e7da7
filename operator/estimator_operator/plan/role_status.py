"""`status.roles` and `status.replicas`: how many pods of which role are in which state."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.status import ReplicaCount, RoleStatus, StagingStatus
from estimator_operator.plan.observed import Observed, Pod, Replica
from estimator_operator.plan.roster import Member, Roster, ended, succeeded
from estimator_operator.plan.staging import status_of
from estimator_operator.plan.waiting import counts_as_ready


def role_statuses(
    job: EstimatorJob,
    roster: Roster,
    completed: Collection[str],
    *,
    now: datetime,
    observed: Observed,
    created: Collection[Replica] = (),
    stopped: bool = False,
) -> list[RoleStatus]:
    """One entry per role that the job has.

    Args:
        job: The job.
        roster: Its replicas and pods.
        completed: Names of replicas that ended with success.
        now: The present.
        observed: What is known of its objects.
        created: Replicas whose pods are made before this status is written.
        stopped: The job has ended and its running pods are deleted: none is active or ready.
    """
    return [
        _role_status(
            role,
            roster.of_role(role),
            completed,
            ready=sum(1 for one in roster.of_role(role) if counts_as_ready(job, one, now)),
            created=sum(1 for one in created if one.role == role),
            stopped=stopped,
            staging=None if stopped else status_of(roster.of_role(role), observed),
        )
        for role in c.ROLES
        if job.spec.replicas(role)
    ]


def replica_count(roles: Collection[RoleStatus]) -> ReplicaCount:
    """The sums over all roles."""
    return ReplicaCount(ready=sum(one.ready for one in roles), desired=sum(one.desired for one in roles))


def _role_status(
    role: str,
    members: Collection[Member],
    completed: Collection[str],
    *,
    ready: int,
    created: int,
    stopped: bool,
    staging: StagingStatus | None,
) -> RoleStatus:
    pods = [one.pod for one in members if one.pod is not None and not one.pod.deleting]
    return RoleStatus(
        role=role,
        desired=len(members),
        active=0 if stopped else created + sum(1 for one in pods if not ended(one)),
        ready=0 if stopped else ready,
        succeeded=sum(1 for one in members if str(one.replica) in completed),
        failed=sum(1 for one in pods if _failed(one)),
        staging=staging,
    )


def _failed(pod: Pod) -> bool:
    return ended(pod) and not succeeded(pod)
