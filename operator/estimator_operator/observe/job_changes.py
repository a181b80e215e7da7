"""What becomes of jobs: for the log, one line for each transition, and for the counters.

Made from two stored statuses, in the order in which the store learns of them, each difference once: a write whose
answer was lost is counted when the job is read again, and a write that was refused is never counted. A job that is
seen for the first time has no difference, so a new leader counts nothing of what was before it. What the difference
means is derived in `plan/transitions.py`, as for events.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, Protocol

from pydantic import ValidationError

from estimator_api import EstimatorJobStatus
from estimator_api import constants as c
from estimator_operator.control.job_record import JobRecord
from estimator_operator.log_format import about_job
from estimator_operator.plan.transitions import Restart, Transition, transition

_log = logging.getLogger(__name__)

Json = Mapping[str, Any]

_TOLD: Final = ("conditions", "restarts", "failures")
"""Fields whose change may be a transition."""
_READ: Final = (*_TOLD, "startTime", "completionTime", "progress", "checkpoints")
"""Fields that transitions are derived from."""


class ChangeObserver(Protocol):
    """Who counts."""

    def restarted(self, role: str, reason: str) -> None:
        """A replica is restarted."""

    def ended(self, result: str, reason: str, seconds: float | None) -> None:
        """A job ended with Complete or Failed."""


class JobChanges:
    """Logs and counts what becomes of jobs. Called as a `control.store.StatusObserver`.

    Args:
        observer: Who counts.
    """

    def __init__(self, observer: ChangeObserver) -> None:
        self._observer = observer

    def __call__(self, record: JobRecord, before: Json) -> None:
        """The status of `record` was `before` until now."""
        if not record.managed or all(before.get(one) == record.status.get(one) for one in _TOLD):
            return
        change = change_of(before, record.status)
        if change is None:
            return
        for one in change.restarts:
            self._observer.restarted(one.role, one.reason)
            _log_restart(record, one)
        if change.result is not None:
            self._observer.ended(change.result, change.after, change.seconds)
        if change.before != change.after:
            warns = change.result == c.FAILED or change.trained_nothing
            about = about_job(record.key, record.uid, state=change.after, before=change.before or None)
            what = f"{change.before} -> {change.after}" if change.before else change.after
            level = logging.WARNING if warns else logging.INFO
            _log.log(level, "%s: %s", what, change.message, extra=about)


def change_of(before: Json, after: Json) -> Transition | None:
    """What happened between two stored statuses, or None when one of them cannot be read."""
    try:
        old, new = (
            EstimatorJobStatus.model_validate({key: status[key] for key in _READ if key in status})
            for status in (before, after)
        )
    except ValidationError:
        # Somebody else wrote it, or another version did.
        return None
    return transition(old, new)


def _log_restart(record: JobRecord, one: Restart) -> None:
    failure = one.failure
    code, node = (None, None) if failure is None else (failure.exit_code, failure.node)
    about = about_job(
        record.key,
        record.uid,
        replica=one.replica,
        attempt=one.attempt + 1,
        reason=one.reason,
        exitCode=code,
        node=node,
    )
    told = "" if code is None else f", exit code {code}"
    where = "" if node is None else f", on {node}"
    why = f": {failure.message}" if failure is not None and failure.message else ""
    _log.info("%s restarts (%s%s%s)%s", one.replica, one.reason, told, where, why, extra=about)
