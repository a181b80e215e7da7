"""What happened between two statuses of a job: the one place that derives it.

The plan asks whether the write of the new status may wait, and which events it is worth; the log and the counters
(`observe/job_changes.py`) ask the same question again of the statuses as they were stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from estimator_api import EstimatorJobStatus
from estimator_api import constants as c
from estimator_api.status import Failure
from estimator_operator.plan import messages
from estimator_operator.plan.backoff import FAILURES_KEPT
from estimator_operator.plan.failures import describe
from estimator_operator.plan.modes import ACTIONS, AT_WORK
from estimator_operator.plan.observed import JobEvent
from estimator_operator.plan.staging import without_steps
from estimator_operator.plan.timestamps import from_text

WITH_THE_JOB: Final = "RestartJob"
"""Reason of a replica that did not fail and is restarted all the same, because another one failed."""
UNKNOWN: Final = "Unknown"
"""Reason of a restart that the status lists no failure for."""
_ATTEMPTS_MOST: Final = 1000
"""Restarts of one replica that two statuses can be apart; what is beyond is no number of ours."""
_PATIENT = frozenset(
    {
        "progress",
        "evaluation",
        "checkpoints",
        "exports",
        "predictions",
        "tensorBoard",
        "workerReplicas",
        "workerSelector",
        "replicas",
        "roles",
        "specHash",
        "pinned",
        "chiefCompletionTime",
        "completedReplicas",
    }
)
"""Fields that are never urgent: what they say can be read from the pods again, should the operator end before; a
change of `workerReplicas` that decides anything is written first in any case. Not among them are `startTime` and
`restarts.pending`, by which a pod that is gone is told from one that was never made: nothing else tells of it."""
_FROM_START = (c.REASON_PODS_PENDING, c.REASON_POD_CREATION_FORBIDDEN)


class News(Enum):
    """How much a status says that the one before does not.

    NONE: both are written alike. PATIENT: nothing that anybody has to know at once. URGENT: something else.
    """

    NONE = 0
    PATIENT = 1
    URGENT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """A replica that is restarted.

    Attributes:
        replica: Its name, e.g. worker-1.
        attempt: The attempt that is over.
        reason: Why.
        failure: What happened to that attempt, when the status lists it.
    """

    replica: str
    attempt: int
    reason: str
    failure: Failure | None = None

    @property
    def role(self) -> str:
        """Role of the replica."""
        return self.replica.rpartition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What is new in a status.

    Attributes:
        restarts: Replicas that are restarted.
        counted: One of the restarts counts against the budget.
        before: State before: reason of the Ready condition, "" for none.
        after: State now.
        message: What the Ready condition says now.
        resumed: The job was suspended and goes on.
        degraded: Why the evaluator has just been given up.
        result: Complete or Failed when the job has just ended.
        seconds: From its start to its end, then.
        trained_nothing: It has just completed, and has trained nothing.
    """

    restarts: tuple[Restart, ...]
    counted: bool
    before: str
    after: str
    message: str
    resumed: bool = False
    degraded: str | None = None
    result: str | None = None
    seconds: float | None = None
    trained_nothing: bool = False


def transition(old: EstimatorJobStatus, new: EstimatorJobStatus) -> Transition:
    """The difference of two statuses of one job, the older one first."""
    ready, given_up = new.condition(c.READY), new.condition(c.EVALUATOR_DEGRADED)
    result = next((one for one in (c.COMPLETE, c.FAILED) if new.is_true(one) and not old.is_true(one)), None)
    return Transition(
        restarts=tuple(_restarts(old, new)),
        counted=new.restarts.counted > old.restarts.counted,
        before=_reason(old),
        after=_reason(new),
        message="" if ready is None else ready.message,
        resumed=old.is_true(c.SUSPENDED) and not new.is_true(c.SUSPENDED) and not new.is_true(c.FAILED),
        degraded=given_up.message
        if given_up is not None
        and new.is_true(c.EVALUATOR_DEGRADED)
        and not old.is_true(c.EVALUATOR_DEGRADED)
        else None,
        result=result,
        seconds=None if result is None else _duration(new),
        trained_nothing=result == c.COMPLETE and messages.trained_nothing(new),
    )


def news(old: EstimatorJobStatus, new: EstimatorJobStatus) -> News:
    """How much the new status says that the old one does not."""
    if old == new:
        # Most looks change nothing, and comparing costs much less than writing.
        return News.NONE
    before, after = old.to_json(), new.to_json()
    if before == after:
        return News.NONE
    return News.PATIENT if _urgent(before) == _urgent(after) else News.URGENT


def events_of(old: EstimatorJobStatus, new: EstimatorJobStatus) -> tuple[JobEvent, ...]:
    """The events of the way from the stored status to the one that follows."""
    made = transition(old, new)
    # What failed is said in the event of the job's end.
    events = [] if new.is_true(c.COMPLETE) or new.is_true(c.FAILED) else _restart_events(made)
    if made.degraded is not None:
        events.append(_event("Warning", c.REASON_EVALUATOR_FAILED, "GiveUpEvaluator", made.degraded))
    before, after, note = made.before, made.after, made.message
    if not after or before == after:
        return tuple(events)
    if made.resumed:
        events.append(_event("Normal", c.REASON_RESUMED, "Resume", messages.RESUMED))
    if new.is_true(c.FAILED):
        events.append(_event("Warning", after, "Fail", note))
    elif new.is_true(c.COMPLETE):
        events.append(_event("Normal", after, "Complete", note))
        if made.trained_nothing:
            events.append(_event("Warning", c.REASON_NOTHING_TRAINED, "Complete", note))
    elif new.is_true(c.SUSPENDED):
        events.append(_event("Normal", after, "Suspend", note))
    elif after == c.REASON_POD_CREATION_FORBIDDEN:
        events.append(_event("Warning", after, "CreatePods", note))
    elif after in ACTIONS and before in _FROM_START and new.chief_completion_time is None:
        events.append(_event("Normal", after, ACTIONS[after], note))
    return tuple(events)


def _reason(status: EstimatorJobStatus) -> str:
    ready = status.condition(c.READY)
    return "" if ready is None else ready.reason


def _restarts(old: EstimatorJobStatus, new: EstimatorJobStatus) -> list[Restart]:
    known = {_identity(one) for one in old.failures}
    failures = {(one.replica, one.attempt): one for one in new.failures if _identity(one) not in known}
    # The list holds ten: of more failures at once those that are not in it cannot be told from bystanders.
    unlisted = WITH_THE_JOB if 0 < len(failures) < FAILURES_KEPT else UNKNOWN
    had = {one.replica: one.count for one in old.restarts.by_replica}
    found = []
    for one in new.restarts.by_replica:
        first = max(had.get(one.replica, 0), one.count - _ATTEMPTS_MOST)
        for attempt in range(first, one.count):
            failure = failures.get((one.replica, attempt))
            reason = unlisted if failure is None else failure.reason
            found.append(Restart(replica=one.replica, attempt=attempt, reason=reason, failure=failure))
    return found


def _identity(failure: Failure) -> tuple[str, int, str]:
    return failure.replica, failure.attempt, failure.time


def _duration(status: EstimatorJobStatus) -> float | None:
    start, end = from_text(status.start_time), from_text(status.completion_time)
    return None if start is None or end is None else (end - start) / timedelta(seconds=1)


def _restart_events(made: Transition) -> list[JobEvent]:
    failures = [one.failure for one in made.restarts if one.failure is not None]
    if not failures:
        return []
    note = "; ".join(describe(one) for one in failures)
    if any(one.reason == WITH_THE_JOB for one in made.restarts):
        others = any(one.role not in (c.CHIEF, c.WORKER) for one in made.restarts)
        note = f"{'all replicas' if others else 'chief and workers'} start again: {note}"
    return [_event("Warning" if made.counted else "Normal", c.REASON_RESTARTING, "Restart", note)]


def _event(kind: Any, reason: str, action: str, note: str) -> JobEvent:
    return JobEvent(type=kind, reason=reason, action=action, note=note)


def _urgent(written: dict[str, Any]) -> dict[str, Any]:
    urgent = {key: value for key, value in written.items() if key not in _PATIENT}
    # Training and Evaluating are both "at work": the chief's end shows soon enough, and so does their message. How far
    # inputs are is progress, too.
    urgent["conditions"] = [
        {"type": c.READY, "status": "True", "reason": "at work"}
        if one["type"] == c.READY and one["status"] == "True" and one["reason"] in AT_WORK
        else {**one, "message": without_steps(one.get("message", ""))}
        for one in written["conditions"]
    ]
    return urgent
