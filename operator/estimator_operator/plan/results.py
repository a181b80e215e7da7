"""What of a job's status is a result of its spec, and ends with it.

While a job is suspended its spec may change. What the status says of the old one (replicas that completed, an evaluator
that was given up, the budget that its crashes used) would be wrong of the new one. So the status names the hash of the
spec that its results were made from, and a job that begins with another one begins without them. That is decided when
the job begins, not while it is suspended: who changes the spec and changes it back has lost nothing.

Attempt numbers stay, since names of pods must not be used twice. So do the facts about the model directory (checkpoints,
evaluation, exports), as long as it is the same one.
"""

from __future__ import annotations

from typing import Final

from estimator_api import EstimatorJob, EstimatorJobStatus
from estimator_api import constants as c
from estimator_api.status import Checkpoint, Checkpoints, Restarts
from estimator_operator.plan.environment import model_dir_in_pod
from estimator_operator.plan.progress import uri_of
from estimator_operator.plan.roster import Roster
from estimator_operator.plan.spec_hash import hashes_of, spec_hash

_VERDICTS: Final = frozenset({c.EVALUATOR_DEGRADED})
"""Conditions that one pass takes over from the one before; the others are made anew in each."""


def made_from(job: EstimatorJob, roster: Roster) -> str | None:
    """The hash of the spec that the results in the status were made from; None when there are none.

    An earlier version did not write it. Then pods say it, and without pods the spec is taken for the one that it was.
    """
    if job.status.spec_hash is not None or not _has_results(job.status):
        return job.status.spec_hash
    return next((one for one in hashes_of(roster) if one is not None), None) or spec_hash(job)


def begun_anew(job: EstimatorJob) -> EstimatorJob:
    """The suspended `job` as it begins: without results of another spec than the present one."""
    known = job.status.spec_hash
    if known is None or known == spec_hash(job):
        return job
    status = job.status
    kept = status.checkpoints if _is_of_model_dir(job, status.checkpoints) else None
    update = {
        "completed_replicas": [],
        "conditions": [one for one in status.conditions if one.type not in _VERDICTS],
        "failures": [],
        "last_failure": None,
        "restarts": _attempts(status.restarts),
        "progress": None,
        "predictions": None,
        "checkpoints": None if kept is None else kept.model_copy(update={"restored_from": None}),
        "evaluation": None if kept is None else status.evaluation,
        "exports": [] if kept is None else status.exports,
    }
    return job.model_copy(update={"status": status.model_copy(update=update)})


def _has_results(status: EstimatorJobStatus) -> bool:
    return bool(
        status.completed_replicas
        or status.failures
        or status.restarts != Restarts()
        or status.progress is not None
        or status.checkpoints is not None
        or any(status.is_true(one) for one in _VERDICTS)
    )


def _attempts(restarts: Restarts) -> Restarts:
    """The counters without what failures have cost: neither budget nor backoff is left of them."""
    kept = [one.model_copy(update={"time": None, "quick": None}) for one in restarts.by_replica]
    return Restarts(total=restarts.total, by_replica=kept)


def _is_of_model_dir(job: EstimatorJob, checkpoints: Checkpoints | None) -> bool:
    """The newest checkpoint lies in the present model directory: the same path, of the same claim."""
    latest: Checkpoint | None = checkpoints.latest if checkpoints is not None else None
    if latest is None:
        return False
    directory = latest.path.rpartition("/")[0]
    return directory == model_dir_in_pod(job).rstrip("/") and latest.uri == uri_of(job, latest.path)
