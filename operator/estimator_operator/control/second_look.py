"""Which plans rest on what did not happen, so that the cluster is looked at once more before they are carried out.

A pod that is not there, a step that did not come, a deadline that passed: the watch tells of what happens, and when
it lags or was away, nothing told looks like nothing done. Restarts and ends cannot be taken back; one list of the
job's pods is cheap.
"""

from __future__ import annotations

from typing import Final

from estimator_api import EstimatorJobStatus
from estimator_api import constants as c
from estimator_operator.plan import Plan
from estimator_operator.plan.restarts import REASON_DELETED

_OF_TIME: Final = frozenset(
    {
        c.REASON_DEADLINE_EXCEEDED,
        c.REASON_PENDING_DEADLINE_EXCEEDED,
        c.REASON_TRAINING_STALLED,
        c.REASON_MODEL_DIR_UNAVAILABLE,
    }
)


def wants_second_look(before: EstimatorJobStatus, made: Plan) -> bool:
    """Whether the plan rests on something that did not happen.

    It restarts a replica whose pod is missing, ends the job because time passed, takes a suspension to have left no
    pod, or deletes by force.
    """
    return (
        ends_suspending(before, made)
        or _restarts_what_is_missing(before, made)
        or _ends_of_time(before, made)
        or any(one.force for one in made.delete_pods)
    )


def ends_suspending(before: EstimatorJobStatus, made: Plan) -> bool:
    """The pods of a job that was suspended, or whose spec changed, are all gone: others may come."""
    was, now = before.condition(c.READY), made.status.condition(c.READY)
    return (
        was is not None
        and now is not None
        and was.reason == c.REASON_SUSPENDING
        and now.reason not in (c.REASON_SUSPENDING, c.REASON_INVALID_SPEC)
    )


def ends(before: EstimatorJobStatus, made: Plan) -> bool:
    """The plan ends the job: from then on its pods are only cleaned up."""
    return _is_final(made.status) and not _is_final(before)


def _is_final(status: EstimatorJobStatus) -> bool:
    return status.is_true(c.COMPLETE) or status.is_true(c.FAILED)


def _restarts_what_is_missing(before: EstimatorJobStatus, made: Plan) -> bool:
    if made.status.restarts.total == before.restarts.total:
        return False
    known = {(one.replica, one.attempt, one.time) for one in before.failures}
    return any(
        one.reason == REASON_DELETED and one.exit_code is None and one.node is None
        for one in made.status.failures
        if (one.replica, one.attempt, one.time) not in known
    )


def _ends_of_time(before: EstimatorJobStatus, made: Plan) -> bool:
    failed = made.status.condition(c.FAILED)
    return ends(before, made) and failed is not None and failed.reason in _OF_TIME
