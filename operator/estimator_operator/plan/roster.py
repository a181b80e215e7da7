"""The replicas a job wants, and the pod of each: what the policies look at instead of a bag of pods.

Attempt numbers come from the status (`restarts.byReplica`): the pod of that attempt is the replica's current one,
pods of earlier attempts are previous ones. A status that is behind (a cached copy, a second leader) shows as a pod
of a later attempt than the status knows; the attempt is then the pod's, so that a counter never goes backwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.cluster_spec import replicas_of
from estimator_operator.plan.observed import Observed, Pod, Replica


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One wanted replica.

    Attributes:
        replica: Which.
        attempt: Number of its current attempt.
        pod: The pod of that attempt, if there is one.
        previous: Pods of earlier attempts that still exist.
    """

    replica: Replica
    attempt: int
    pod: Pod | None = None
    previous: tuple[Pod, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """All wanted replicas in listing order, and the pods that belong to none of them."""

    members: tuple[Member, ...]
    surplus: tuple[Pod, ...] = ()

    def of_role(self, role: str) -> tuple[Member, ...]:
        """Members of one role by index."""
        return tuple(one for one in self.members if one.replica.role == role)


def ended(pod: Pod) -> bool:
    """The main container has ended; a sidecar may keep the pod itself running."""
    return pod.finished or pod.exit_code is not None


def succeeded(pod: Pod) -> bool:
    """The main container ended with 0, whatever became of the rest of the pod."""
    return pod.exit_code == 0 or (pod.exit_code is None and pod.phase == "Succeeded")


def runs(pod: Pod) -> bool:
    """The main container runs, and nobody has told it to end."""
    return pod.phase == "Running" and not pod.deleting and not ended(pod)


def live(pod: Pod) -> bool:
    """The pod may still be running something."""
    return not pod.finished


def roster_of(job: EstimatorJob, observed: Observed) -> Roster:
    """Sorts the observed pods by wanted replica and attempt."""
    counts = {one.replica: one.count for one in job.status.restarts.by_replica}
    pods: dict[Replica, list[Pod]] = {}
    for pod in sorted(observed.pods, key=lambda one: (one.attempt, one.name)):
        pods.setdefault(pod.replica, []).append(pod)
    wanted = replicas_of(job.spec)
    members = tuple(_member(one, counts.get(str(one), 0), pods.pop(one, [])) for one in wanted)
    return Roster(members=members, surplus=tuple(pod for rest in pods.values() for pod in rest))


def _member(replica: Replica, count: int, pods: Iterable[Pod]) -> Member:
    mine = tuple(pods)
    attempt = max([count, *(pod.attempt for pod in mine)])
    current = next((pod for pod in mine if pod.attempt == attempt), None)
    return Member(
        replica=replica,
        attempt=attempt,
        pod=current,
        previous=tuple(pod for pod in mine if pod.attempt < attempt),
    )


def needed_members(
    roster: Roster, completed: Iterable[str], *, evaluator_degraded: bool
) -> tuple[Member, ...]:
    """Members that must have a running pod now.

    A replica that completed is never run again. Once the chief has completed there is nothing left to train: only
    the evaluator is still kept up; workers and ps are left to end, and are not restarted.
    """
    done = set(completed)
    chief_done = f"{c.CHIEF}-0" in done
    return tuple(
        one
        for one in roster.members
        if str(one.replica) not in done
        and not (chief_done and one.replica.role != c.EVALUATOR)
        and not (evaluator_degraded and one.replica.role == c.EVALUATOR)
    )
