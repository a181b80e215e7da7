"""What a new status says that the one before did not: for the log, one line each, and for the counters.

Made from the difference of two stored statuses, in the order in which the store learns of them, each difference once:
a write whose answer was lost is counted when the job is read again, and a write that was refused is never counted.
A job that is seen for the first time has no difference, so a new leader counts nothing of what was before it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from estimator_api import constants as c
from estimator_operator.control.job_record import JobRecord
from estimator_operator.log_format import about_job

_log = logging.getLogger(__name__)

Json = Mapping[str, Any]

WITH_THE_JOB: Final = "RestartJob"
"""Reason of a replica that did not fail and is restarted all the same, because another one failed."""
UNKNOWN: Final = "Unknown"
"""Reason of a restart that the status lists no failure for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """A replica that is restarted.

    Attributes:
        replica: Its name, e.g. worker-1.
        attempt: The attempt that is over.
        reason: Why.
        exit_code: Exit code of the main container, if it had one.
        node: Where it ran, if that is known.
        message: One line that says why.
    """

    replica: str
    attempt: int
    reason: str
    exit_code: int | None = None
    node: str | None = None
    message: str = ""

    @property
    def role(self) -> str:
        """Role of the replica."""
        return self.replica.rpartition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is new.

    Attributes:
        restarts: Replicas that are restarted.
        before: State before: reason of the Ready condition, "" for none.
        after: State now.
        message: What the Ready condition says now.
        result: Complete or Failed when the job has just ended.
        seconds: From its start to its end, then.
    """

    restarts: tuple[Restart, ...]
    before: str
    after: str
    message: str
    result: str | None = None
    seconds: float | None = None


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
        if not record.managed:
            return
        change = change_of(before, record.status)
        for one in change.restarts:
            self._observer.restarted(one.role, one.reason)
            self._log_restart(record, one)
        if change.result is not None:
            self._observer.ended(change.result, change.after, change.seconds)
        if change.before != change.after:
            level = logging.WARNING if change.result == c.FAILED else logging.INFO
            about = about_job(record.key, record.uid, state=change.after, before=change.before or None)
            what = f"{change.before} -> {change.after}" if change.before else change.after
            _log.log(level, "%s: %s", what, change.message, extra=about)

    def _log_restart(self, record: JobRecord, one: Restart) -> None:
        about = about_job(
            record.key,
            record.uid,
            replica=one.replica,
            attempt=one.attempt + 1,
            reason=one.reason,
            exitCode=one.exit_code,
            node=one.node,
        )
        code = "" if one.exit_code is None else f", exit code {one.exit_code}"
        node = "" if one.node is None else f", on {one.node}"
        why = f": {one.message}" if one.message else ""
        _log.info("%s restarts (%s%s%s)%s", one.replica, one.reason, code, node, why, extra=about)


def change_of(before: Json, after: Json) -> Change:
    """The difference of two statuses of one job, the older one first."""
    was, now = _conditions(before), _conditions(after)
    ready = now.get(c.READY, {})
    result = next(
        (kind for kind in (c.COMPLETE, c.FAILED) if _is_true(now, kind) and not _is_true(was, kind)), None
    )
    return Change(
        restarts=tuple(_restarts(before, after)),
        before=was.get(c.READY, {}).get("reason", ""),
        after=ready.get("reason", ""),
        message=ready.get("message", ""),
        result=result,
        seconds=_duration(after) if result is not None else None,
    )


def _restarts(before: Json, after: Json) -> list[Restart]:
    known = {_identity(one) for one in before.get("failures") or ()}
    failures = {
        (one["replica"], one.get("attempt", 0)): one
        for one in after.get("failures") or ()
        if _identity(one) not in known
    }
    unlisted = WITH_THE_JOB if failures else UNKNOWN
    had, found = _counts(before), []
    for replica, count in _counts(after).items():
        for attempt in range(had.get(replica, 0), count):
            failure = failures.get((replica, attempt), {})
            found.append(
                Restart(
                    replica=replica,
                    attempt=attempt,
                    reason=failure.get("reason", unlisted),
                    exit_code=failure.get("exitCode"),
                    node=failure.get("node"),
                    message=failure.get("message", ""),
                )
            )
    return found


def _identity(failure: Json) -> tuple[Any, ...]:
    return failure.get("replica"), failure.get("attempt", 0), failure.get("time")


def _counts(status: Json) -> dict[str, int]:
    by_replica = (status.get("restarts") or {}).get("byReplica") or ()
    return {one["replica"]: one["count"] for one in by_replica}


def _conditions(status: Json) -> dict[str, Json]:
    return {one["type"]: one for one in status.get("conditions") or ()}


def _is_true(conditions: Mapping[str, Json], kind: str) -> bool:
    return conditions.get(kind, {}).get("status") == "True"


def _duration(status: Json) -> float | None:
    start, end = status.get("startTime"), status.get("completionTime")
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)) / timedelta(seconds=1)
