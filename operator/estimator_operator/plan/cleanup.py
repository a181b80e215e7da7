"""Which pods go.

While the job runs: pods of earlier attempts and pods of replicas it does not want. When it has ended: what
`cleanPodPolicy` says. Running deletes what may still run (ps, which never end by themselves, and stragglers) and
leaves finished pods for their logs; All deletes every pod; None deletes none.
"""

from __future__ import annotations

from collections.abc import Iterable

from estimator_api import EstimatorJob
from estimator_operator.plan.observed import Observed, Pod, PodDeletion
from estimator_operator.plan.roster import Roster, live


def deletions(pods: Iterable[Pod], reason: str) -> tuple[PodDeletion, ...]:
    """Deletes `pods`, those already being deleted apart."""
    return tuple(PodDeletion(name=one.name, uid=one.uid, reason=reason) for one in pods if not one.deleting)


def while_running(roster: Roster) -> tuple[PodDeletion, ...]:
    """Deletes pods that the running job no longer wants."""
    previous = [pod for member in roster.members for pod in member.previous]
    return deletions(previous, "replaced by a later attempt") + deletions(roster.surplus, "no such replica in the spec")


def when_ended(job: EstimatorJob, observed: Observed) -> tuple[PodDeletion, ...]:
    """Deletes pods of an ended job as its cleanPodPolicy says."""
    policy = job.spec.run_policy.clean_pod_policy
    if policy == "None":
        return ()
    return deletions((one for one in observed.pods if policy == "All" or live(one)), "the job has ended")
