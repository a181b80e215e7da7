"""What a new status says beyond the old one: whether its write may wait, and which events it is worth."""

from __future__ import annotations

from typing import Any

from estimator_api import EstimatorJobStatus
from estimator_api import constants as c
from estimator_operator.plan.failures import describe
from estimator_operator.plan.modes import ACTIONS
from estimator_operator.plan.observed import JobEvent
from estimator_operator.plan.restarts import Verdict

_NOTE_MOST = 1024
"""Longest note of an event (events.k8s.io/v1)."""
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
        "startTime",
        "pinned",
        "chiefCompletionTime",
        "completedReplicas",
    }
)
"""Fields that are never urgent: what they say can be read from the pods again, should the operator end before; a
change of `workerReplicas` that decides anything is written first in any case."""
_FROM_START = (c.REASON_PODS_PENDING, c.REASON_POD_CREATION_FORBIDDEN)
_AT_WORK = (c.REASON_TRAINING, c.REASON_EVALUATING)


def same(old: EstimatorJobStatus, new: EstimatorJobStatus) -> bool:
    """Both are written alike."""
    return old.to_json() == new.to_json()


def may_wait(old: EstimatorJobStatus, new: EstimatorJobStatus) -> bool:
    """The new status differs from the old in nothing that anybody has to know at once."""
    return _urgent(old) == _urgent(new)


def events_of(
    old: EstimatorJobStatus, new: EstimatorJobStatus, *, verdict: Verdict | None = None
) -> tuple[JobEvent, ...]:
    """The events of the way from `old` to `new`.

    Args:
        old: The stored status.
        new: The status that follows.
        verdict: What is restarted or given up on the way.
    """
    events = []
    if verdict is not None and verdict.restarted:
        events.append(_restart(verdict))
    if verdict is not None and verdict.degraded is not None:
        events.append(_event("Warning", c.REASON_EVALUATOR_FAILED, "GiveUpEvaluator", verdict.degraded))
    before, after = _reason(old), _reason(new)
    ready = new.condition(c.READY)
    if ready is None or before == after:
        return tuple(events)
    note = ready.message
    if old.is_true(c.SUSPENDED) and not new.is_true(c.SUSPENDED) and not new.is_true(c.FAILED):
        events.append(
            _event("Normal", c.REASON_RESUMED, "Resume", "the job goes on from its last checkpoint")
        )
    if new.is_true(c.FAILED):
        events.append(_event("Warning", after, "Fail", note))
    elif new.is_true(c.COMPLETE):
        events.append(_event("Normal", after, "Complete", note))
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


def _restart(verdict: Verdict) -> JobEvent:
    note = "; ".join(describe(one) for one in verdict.restarted)
    if verdict.whole:
        note = f"all replicas start again: {note}"
    return _event("Warning" if verdict.counted else "Normal", c.REASON_RESTARTING, "Restart", note)


def _event(kind: Any, reason: str, action: str, note: str) -> JobEvent:
    return JobEvent(type=kind, reason=reason, action=action, note=note[:_NOTE_MOST])


def _urgent(status: EstimatorJobStatus) -> dict[str, Any]:
    written = status.to_json()
    urgent = {key: value for key, value in written.items() if key not in _PATIENT}
    urgent["restarts"] = {key: value for key, value in written["restarts"].items() if key != "pending"}
    # Training and Evaluating are both "at work": the chief's end shows soon enough.
    urgent["conditions"] = [
        {"type": c.READY, "status": "True", "reason": "at work"}
        if one["type"] == c.READY and one["reason"] in _AT_WORK
        else one
        for one in written["conditions"]
    ]
    return urgent
