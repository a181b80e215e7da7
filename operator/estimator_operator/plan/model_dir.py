"""Whether the claim of the model directory can be used, as far as it can be known without asking for it.

The operator does not read claims that it has not made. What the scheduler says of a pod tells the rest: it names a
claim that does not exist, and one that is bound to a volume which is gone (phase Lost). The latter never comes right
and fails the job at once; the former may still be created, so only `pendingDeadlineSeconds` ends the wait. A claim of
a volumeClaimTemplate that the API server refuses (quota, admission) is waited for in the same way; one that it calls
invalid makes the job InvalidSpec.
"""

from __future__ import annotations

from collections.abc import Iterable

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.observed import Observed
from estimator_operator.plan.restarts import Fault
from estimator_operator.plan.roster import Member


def unavailable_for_good(job: EstimatorJob, needed: Iterable[Member]) -> Fault | None:
    """Why the model directory can never be used, or None when that is not known."""
    for member in needed:
        said = _said(member)
        if said is not None and _names_claim(job, said) and "bound to non-existent persistentvolume" in said:
            claim = job.spec.model_dir.claim_name(job.metadata.name)
            return Fault(
                reason=c.REASON_MODEL_DIR_UNAVAILABLE,
                message=f"{member.replica} cannot be scheduled: the volume of PersistentVolumeClaim {claim} is gone"
                f" (Lost): {' '.join(said.split())[:512]}",
            )
    return None


def is_unavailable(job: EstimatorJob, member: Member, observed: Observed) -> bool:
    """What holds the member up is the claim of the model directory: it does not exist, or may not be created."""
    if member.pod is None:
        of_template = job.spec.model_dir.volume_claim_template is not None
        return of_template and not observed.claim_exists and observed.refused is not None
    said = _said(member) or observed.causes.get(member.replica)
    return said is not None and _names_claim(job, said) and "not found" in said


def _said(member: Member) -> str | None:
    pod = member.pod
    return pod.message if pod is not None and pod.unschedulable and not pod.deleting else None


def _names_claim(job: EstimatorJob, text: str) -> bool:
    claim = job.spec.model_dir.claim_name(job.metadata.name)
    return claim is not None and f'persistentvolumeclaim "{claim}"' in text
