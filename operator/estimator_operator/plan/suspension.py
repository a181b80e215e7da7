"""Suspending and resuming.

Suspending is a phase of its own, entered by a status write: from then on deleted pods are not failures, and it is
carried through to the last pod, and to a status that says Suspended, even when the job is resumed meanwhile: with a
status that still said Suspending, the first new pods would be taken for old ones. Hence at resume no pod is left, names are
free, and the attempt numbers stay as they are: a suspension is not a restart. All pods go, the finished ones too;
replicas that completed are recorded before and not run again. `startTime` and the evaluator's grace begin anew at
the resume.

The spec may change while the job is suspended, and an operator that was away sees suspension, change and resume only as
a whole: pods that carry the hash of another spec. These are of two clusters that must not meet, so the job is taken
through Suspending until no pod is left, and begins with the new spec, as it would have had the operator looked.
"""

from __future__ import annotations

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.roster import Roster
from estimator_operator.plan.spec_hash import hashes_of, spec_hash


def is_suspending(job: EstimatorJob) -> bool:
    """The status says that pods are being deleted for a suspension."""
    ready = job.status.condition(c.READY)
    return ready is not None and ready.reason == c.REASON_SUSPENDING


def was_suspended(job: EstimatorJob) -> bool:
    """The status says that the job is suspended, or on the way there."""
    return is_suspending(job) or job.status.is_true(c.SUSPENDED)


def to_be_suspended(job: EstimatorJob, roster: Roster) -> bool:
    """Whether this pass is about suspending: the spec asks for it, or an earlier suspension is not through."""
    return job.spec.suspend or is_suspending(job) or is_outdated(job, roster)


def is_outdated(job: EstimatorJob, roster: Roster) -> bool:
    """A pod was made from another spec than the present one; or the job began with another one, and no pod is left."""
    known = hashes_of(roster)
    if not known and not was_suspended(job):
        known = {job.status.spec_hash}
    told = known - {None}
    return bool(told) and told != {spec_hash(job)}


def is_emptied(roster: Roster) -> bool:
    """No pod is left whose name, volumes or processes could be in the way of a resume.

    What is only remembered of a pod that succeeded is in nobody's way, nor is a finished pod that is being deleted if it
    is of an earlier attempt or of a replica that is no longer wanted.
    """
    left = [one.pod for one in roster.members if one.pod is not None and not one.pod.remembered]
    others = [*roster.surplus, *(pod for one in roster.members for pod in one.previous)]
    return not left and all(one.finished and one.deleting for one in others)
