"""What a new status says beyond the old one: whether its write may wait, and which events it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from estimator_api import EstimatorJobStatus
from estimator_api import constants as c
from estimator_api.status import Failure
from estimator_operator.plan.observed import JobEvent
from estimator_operator.plan.restarts import counts_against_budget, describe

_NOTE_MOST = 1024
"""Longest note of an event (events.k8s.io/v1)."""
_PATIENT = frozenset(
    {
        "progress",
        "evaluation",
        "checkpoints",
        "exports",
        "replicas",
        "roles",
        "startTime",
        "chiefCompletionTime",
        "completedReplicas",
    }
)
"""Fields that are never urgent: what they say can be read from the pods again, should the operator end before."""
_FROM_START = (c.REASON_PODS_PENDING, c.REASON_POD_CREATION_FORBIDDEN)
_AT_WORK = (c.REASON_TRAINING, c.REASON_EVALUATING)


def same(old: EstimatorJobStatus, new: EstimatorJobStatus) -> bool:
    """Both are written alike."""
    return old.to_json() == new.to_json()


def may_wait(old: EstimatorJobStatus, new: EstimatorJobStatus) -> bool:
    """The new status differs from the old in nothing that anybody has to know at once."""
    return _urgent(old) == _urgent(new)


def events_of(
    old: EstimatorJobStatus,
    new: EstimatorJobStatus,
    *,
    restarted: Sequence[Failure] = (),
    degraded: str | None = None,
) -> tuple[JobEvent, ...]:
    """The events of the way from `old` to `new`.

    Args:
        old: The stored status.
        new: The status that follows.
        restarted: Failures that lead to a restart.
        degraded: Why the evaluator is given up.
    """
    events = []
    if restarted:
        events.append(_restart(restarted))
    if degraded is not None:
        events.append(_event("Warning", c.REASON_EVALUATOR_FAILED, "GiveUpEvaluator", degraded))
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
    elif after == c.REASON_TRAINING and before in _FROM_START:
        events.append(_event("Normal", after, "Train", note))
    return tuple(events)


def _reason(status: EstimatorJobStatus) -> str:
    ready = status.condition(c.READY)
    return "" if ready is None else ready.reason


def _restart(failures: Sequence[Failure]) -> JobEvent:
    counted = any(counts_against_budget(one) for one in failures)
    note = "; ".join(describe(one) for one in failures)
    return _event("Warning" if counted else "Normal", c.REASON_RESTARTING, "Restart", note)


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
