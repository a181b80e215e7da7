"""Whether the claim of the model directory can be used.

The claim is looked up only while pods wait for a node or a volume. One that is bound to a volume which is gone (phase
Lost) never comes right and fails the job at once; one that does not exist may still be created, so only
`pendingDeadlineSeconds` ends the wait. A claim of a volumeClaimTemplate that the API server refuses (quota, admission)
is waited for in the same way; one that it calls invalid makes the job InvalidSpec.
"""

from __future__ import annotations

from collections.abc import Iterable

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.observed import Observed
from estimator_operator.plan.restarts import Fault
from estimator_operator.plan.roster import Member


def unavailable_for_good(job: EstimatorJob, needed: Iterable[Member], observed: Observed) -> Fault | None:
    """Why the model directory can never be used, or None when that is not known."""
    if observed.claim_state != "Lost":
        return None
    for member in needed:
        if _waits(member):
            said = f": {' '.join(pod.message.split())[:512]}" if (pod := member.pod) and pod.message else ""
            claim = job.spec.model_dir.claim_name(job.metadata.name)
            return Fault(
                reason=c.REASON_MODEL_DIR_UNAVAILABLE,
                message=f"{member.replica} cannot be scheduled: the volume of PersistentVolumeClaim {claim} is gone"
                f" (Lost){said}",
            )
    return None


def is_unavailable(job: EstimatorJob, member: Member, observed: Observed) -> bool:
    """What holds the member up is the claim of the model directory: it does not exist, or may not be created."""
    if member.pod is None:
        of_template = job.spec.model_dir.volume_claim_template is not None
        return of_template and not observed.claim_exists and observed.refused is not None
    return observed.claim_state is not None and _waits(member)


def _waits(member: Member) -> bool:
    pod = member.pod
    return pod is not None and pod.phase == "Pending" and not pod.deleting
