"""The conditions of a job, one row of a table per state, and how a row becomes `status.conditions`.

Ready, Complete, Failed and Suspended are present from the first pass; Reconciling, Stalled, EvaluatorDegraded,
ProgressUnknown and ModelDirBehind are abnormal-true (kstatus) and absent while all is well. `lastTransitionTime` moves
only when the status flips.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from estimator_api import constants as c
from estimator_api.status import Condition, EstimatorJobStatus
from estimator_operator.plain_text import one_line
from estimator_operator.plan.timestamps import to_text

Truth = Literal["True", "False"]


@dataclass(frozen=True, slots=True)
class Entry:
    """Status, reason and message of a condition."""

    status: Truth
    reason: str
    message: str = ""


Row = Mapping[str, Entry | None]
_ORDER = (
    c.READY,
    c.RECONCILING,
    c.STALLED,
    c.COMPLETE,
    c.FAILED,
    c.SUSPENDED,
    c.EVALUATOR_DEGRADED,
    c.PROGRESS_UNKNOWN,
    c.MODEL_DIR_BEHIND,
)
_NOT = Entry("False", c.REASON_RUNNING)
_MESSAGE_MOST = 32768
"""Longest message of a condition, in characters: a schema's maxLength counts those, not bytes."""


def pending(reason: str, message: str) -> Row:
    """Pods are awaited: PodsPending, PodsNotReady, Restarting or PodCreationForbidden."""
    return _row(Entry("False", reason, message), reconciling=Entry("True", reason, message))


def running(reason: str, message: str) -> Row:
    """Training, or Evaluating after the chief."""
    return _row(Entry("True", reason, message))


def suspending(message: str) -> Row:
    """Pods are being deleted for a suspension."""
    return _row(
        Entry("False", c.REASON_SUSPENDING, message), reconciling=Entry("True", c.REASON_SUSPENDING, message)
    )


def suspended(message: str) -> Row:
    """No pod is left."""
    return _row(
        Entry("True", c.REASON_SUSPENDED, message), suspended=Entry("True", c.REASON_SUSPENDED, message)
    )


def complete(message: str) -> Row:
    """The job has succeeded."""
    return _row(
        Entry("True", c.REASON_COMPLETED, message), complete=Entry("True", c.REASON_COMPLETED, message)
    )


def failed(reason: str, message: str) -> Row:
    """The job has failed."""
    return _row(
        Entry("False", reason, message),
        stalled=Entry("True", reason, message),
        failed=Entry("True", reason, message),
    )


def unhandled(reason: str, message: str, old: EstimatorJobStatus) -> Row:
    """The spec cannot be read, or the operator fails at it: nothing is done, and nothing has ended."""
    entry = Entry("True", reason, message)
    before = old.condition(c.SUSPENDED)
    kept = _NOT if before is None or before.status != "True" else Entry("True", before.reason, before.message)
    return _row(Entry("False", reason, message), stalled=entry, suspended=kept)


def progress_unknown(row: Row, message: str | None) -> Row:
    """`row`, and that nobody knows how far training is, when there is a message about it."""
    return _abnormal(row, c.PROGRESS_UNKNOWN, c.REASON_NOT_HEARD, message)


def model_dir_behind(row: Row, message: str | None) -> Row:
    """`row`, and that the store of the model directory takes nothing, when there is a message about it."""
    return _abnormal(row, c.MODEL_DIR_BEHIND, c.REASON_STORE_UNAVAILABLE, message)


def _abnormal(row: Row, kind: str, reason: str, message: str | None) -> Row:
    return row if message is None else {**row, kind: Entry("True", reason, message)}


def _row(
    ready: Entry,
    *,
    reconciling: Entry | None = None,
    stalled: Entry | None = None,
    complete: Entry = _NOT,
    failed: Entry = _NOT,
    suspended: Entry = _NOT,
) -> Row:
    return {
        c.READY: ready,
        c.RECONCILING: reconciling,
        c.STALLED: stalled,
        c.COMPLETE: complete,
        c.FAILED: failed,
        c.SUSPENDED: suspended,
    }


def settle(
    old: EstimatorJobStatus, row: Row, *, generation: int, now: datetime, degraded: str | None = None
) -> list[Condition]:
    """`row` as the list of conditions that follows on those of `old`.

    Args:
        old: The stored status.
        row: The new state.
        generation: Generation of the spec that was decided on.
        now: Transition time of conditions whose status flips.
        degraded: Why the evaluator was given up now; None keeps what `old` says of it.
    """
    entries = dict(row)
    known = old.condition(c.EVALUATOR_DEGRADED)
    if degraded is not None:
        entries[c.EVALUATOR_DEGRADED] = Entry("True", c.REASON_EVALUATOR_FAILED, degraded)
    elif known is not None and known.status == "True":
        entries[c.EVALUATOR_DEGRADED] = Entry("True", known.reason, known.message)
    result = []
    for kind in _ORDER:
        entry = entries.get(kind)
        if entry is None:
            continue
        before = old.condition(kind)
        same = before is not None and before.status == entry.status and not _goes_on(before, entry)
        result.append(
            Condition(
                type=kind,
                status=entry.status,
                reason=entry.reason,
                # Much of it is the words of others: of events, of webhooks, of whoever may write to a pod.
                message=one_line(entry.message)[:_MESSAGE_MOST],
                last_transition_time=before.last_transition_time
                if before is not None and same
                else to_text(now),
                observed_generation=generation,
            )
        )
    return result


def _goes_on(before: Condition, entry: Entry) -> bool:
    """The job can be handled again: what it waits for now, it waits for from now on."""
    return before.type == c.READY and before.reason in _UNHANDLED and entry.reason not in _UNHANDLED


_UNHANDLED = frozenset({c.REASON_INVALID_SPEC, c.REASON_OPERATOR_ERROR})
