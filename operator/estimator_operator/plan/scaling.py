"""Another number of workers while an elastic job runs.

`status.workerReplicas` is the number of workers that the operator has acted on. A change of it is a pass of its own,
written before any pod is made or deleted: from then on it is known that a worker which is not there has never been,
or has been sent away, and it is not taken for one whose pod vanished. Workers that leave are no failures: their pods
are deleted gracefully, nothing is counted, and should they come back they are run again, whatever they had completed.

A worker that comes back while its pod still ends, or after this process saw it go, gets the next attempt. That is a number of
`restarts.byReplica` like any other, for a name must not be used twice, but no failure and not counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.status import Restarts
from estimator_operator.plan.observed import JobEvent, Replica
from estimator_operator.plan.restarts import Tally
from estimator_operator.plan.roster import Roster, ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What a change of the number of workers means.

    Attributes:
        workers: Their number from now on.
        restarts: The new counters.
        completed: Replicas that completed and are still wanted.
        event: What is said about it.
    """

    workers: int
    restarts: Restarts
    completed: tuple[str, ...]
    event: JobEvent


def worker_selector(job: EstimatorJob) -> str:
    """Label selector of the workers' pods, for autoscalers."""
    return f"{c.LABEL_JOB_NAME}={job.metadata.name},{c.LABEL_ROLE}={c.WORKER}"


def rescale(
    job: EstimatorJob, roster: Roster, completed: Collection[str], *, gone: Mapping[Replica, int]
) -> Scaling | None:
    """The change of the number of workers that the spec asks for now, or None when there is none.

    Args:
        job: A job that runs, with its stored status.
        roster: Its pods, by the new number.
        completed: Replicas that completed.
        gone: Attempts of pods that were seen and no longer exist.
    """
    known, wanted = job.status.worker_replicas, job.spec.replicas(c.WORKER)
    elastic = job.spec.elastic
    if elastic is None or known is None or known == wanted:
        return None
    tally = Tally(job.status.restarts)
    workers = roster.of_role(c.WORKER)
    for member in workers:
        tally.see(member)
    for member in workers[known:]:
        if member.pod is None and gone.get(member.replica) == member.attempt:
            tally.restart(member)
        elif member.pod is None:
            tally.pending.add(str(member.replica))
        elif member.pod.deleting or ended(member.pod):
            tally.restart(member)
    kept = {str(one.replica) for one in workers[:known]}
    return Scaling(
        workers=wanted,
        restarts=tally.restarts(roster.members),
        completed=tuple(one for one in completed if one in kept or one.rpartition("-")[0] != c.WORKER),
        event=JobEvent(
            type="Normal",
            reason=c.REASON_SCALED,
            action="Scale",
            note=f"workers: {known} before, {wanted} now, of at most {elastic.max_replicas}",
        ),
    )
