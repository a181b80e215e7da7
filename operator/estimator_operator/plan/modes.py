"""What a job of each mode does while it works, and what it has done when it has completed, in words.

Modes Evaluate, Predict and Export run in the chief alone: success is the chief's, and there is no training to end, to
stall or to wait for. A program of one's own, and an image's own command, are taken for training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from estimator_api import EstimatorJob, EstimatorJobStatus
from estimator_api import constants as c


@dataclass(frozen=True, slots=True)
class Work:
    """What a job does.

    Attributes:
        reason: Reason of Ready and of the event.
        action: Action of the event.
        message: Message of Ready.
    """

    reason: str
    action: str
    message: str


_TRAINING: Final = Work(c.REASON_TRAINING, "Train", "all replicas are ready")
_WORKS: Final = {
    "Evaluate": Work(c.REASON_EVALUATING, "Evaluate", "the checkpoint is being evaluated"),
    "Predict": Work(c.REASON_PREDICTING, "Predict", "predictions are being written"),
    "Export": Work(c.REASON_EXPORTING, "Export", "exports are being made"),
}
ACTIONS: Final = {one.reason: one.action for one in (_TRAINING, *_WORKS.values())}
"""Action of the event that tells of a job at work, by its reason."""
AT_WORK: Final = frozenset(ACTIONS)
"""Reasons of Ready of a job at work."""


def work_of(job: EstimatorJob) -> Work:
    """What the job does while all its replicas are ready."""
    return _TRAINING if job.spec.estimator is None else _WORKS.get(job.spec.estimator.mode, _TRAINING)


def trains(job: EstimatorJob) -> bool:
    """Whether the job has a global step that grows."""
    return job.spec.estimator is None or job.spec.estimator.trains


def done(job: EstimatorJob, status: EstimatorJobStatus) -> str:
    """What a job that has completed has done."""
    mode = None if job.spec.estimator is None else job.spec.estimator.mode
    if mode == "Evaluate":
        found = status.evaluation
        return "the evaluation has ended" + ("" if found is None else f" at step {found.global_step}")
    if mode == "Predict":
        written = status.predictions
        if written is None:
            return "the predictions have been written"
        return f"{written.examples} predictions have been written to {written.uri or written.path}"
    if mode == "Export":
        names = ", ".join(one.name for one in status.exports)
        return f"the exports have been made{f': {names}' if names else ''}"
    step = status.progress.global_step if status.progress is not None else None
    return "training has ended" + ("" if step is None else f" at step {step}")
