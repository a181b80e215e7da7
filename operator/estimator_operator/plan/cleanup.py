"""Which pods go.

While the job runs: pods of earlier attempts, pods of replicas it does not want, and pods of replicas that have completed
but whose sidecars go on: they would keep their GPU until the job ends. When it is suspended: every pod. When it has
ended: what `cleanPodPolicy` says. Running deletes what may still run (ps, which never end by themselves, stragglers, and
pods that only their sidecars keep up) and leaves finished pods for their logs; All deletes every pod; None deletes none.

A chief that is told to end saves a checkpoint first, and the variables it saves are on the ps: these are deleted
after it.

A pod on a node that is gone is deleted by whoever deletes it, but nobody confirms its end, and its name, its volumes
and a suspension would wait for it for ever. Such a pod (see `lost_pods.py`) is deleted once more, by force.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.lost_pods import lost
from estimator_operator.plan.observed import Observed, Pod, PodDeletion
from estimator_operator.plan.roster import Roster, ended, live, succeeded

SETTLES_WITHIN: Final = timedelta(seconds=30)
"""A kubelet reports the end of the containers some moments before the end of the pod. Longer than that, other
containers keep the pod up."""


def deletions(pods: Iterable[Pod], reason: str) -> tuple[PodDeletion, ...]:
    """Deletes `pods`, those already being deleted apart."""
    return tuple(
        PodDeletion(name=one.name, uid=one.uid, reason=reason, version=one.version)
        for one in pods
        if not one.deleting
    )


def forced(pods: Iterable[Pod], now: datetime) -> tuple[PodDeletion, ...]:
    """Deletes pods whose nodes will never confirm their end, without grace."""
    return tuple(
        PodDeletion(
            name=one.name,
            uid=one.uid,
            reason="its node does not confirm its end",
            force=True,
            version=one.version,
        )
        for one in pods
        if live(one) and lost(one, now) and not one.held
    )


def while_running(job: EstimatorJob, roster: Roster, now: datetime) -> tuple[PodDeletion, ...]:
    """Deletes pods that the running job no longer wants; that a replica completed is stored before."""
    previous = [pod for member in roster.members for pod in member.previous]
    present = [pod for member in roster.members if (pod := member.pod) is not None]
    return (
        deletions(_ps_last(previous, now), "replaced by a later attempt")
        + deletions(roster.surplus, "no such replica in the spec")
        + deletions(_outlived(job, roster, now), "its replica has completed, and only its sidecars run")
        + forced((*previous, *present, *roster.surplus), now)
    )


def for_suspension(observed: Observed, now: datetime) -> tuple[PodDeletion, ...]:
    """Deletes every pod of a job that is suspended."""
    return deletions(_ps_last(observed.pods, now), "the job is suspended") + forced(observed.pods, now)


def when_ended(job: EstimatorJob, observed: Observed, now: datetime) -> tuple[PodDeletion, ...]:
    """Deletes pods of an ended job as its cleanPodPolicy says."""
    policy = job.spec.run_policy.clean_pod_policy
    pods = () if policy == "None" else _ps_last(observed.pods, now)
    gone = (one for one in pods if policy == "All" or (live(one) and not _is_ending(one, now)))
    return deletions(gone, "the job has ended") + forced(observed.pods, now)


def settled_at(pod: Pod) -> datetime | None:
    """When a pod whose main container has ended is seen to be kept up by others; None when that does not matter."""
    return pod.finished_at + SETTLES_WITHIN if live(pod) and ended(pod) and pod.finished_at else None


def _outlived(job: EstimatorJob, roster: Roster, now: datetime) -> tuple[Pod, ...]:
    """Pods of replicas that have completed, which others of their containers keep up."""
    completed = set(job.status.completed_replicas)
    present = (one.pod for one in roster.members if one.pod is not None and str(one.replica) in completed)
    return tuple(
        one
        for one in present
        if live(one) and succeeded(one) and settled_at(one) is not None and not _is_ending(one, now)
    )


def _is_ending(pod: Pod, now: datetime) -> bool:
    settled = settled_at(pod)
    return settled is not None and now < settled


def _ps_last(pods: Iterable[Pod], now: datetime) -> tuple[Pod, ...]:
    """`pods`, without the ps as long as a chief may have to save."""
    found = tuple(pods)
    saving = any(one.replica.role == c.CHIEF and not ended(one) and not lost(one, now) for one in found)
    return tuple(one for one in found if not (saving and one.replica.role == c.PS))
