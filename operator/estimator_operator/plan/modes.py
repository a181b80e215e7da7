"""What a job of each mode does while it works; `messages.completed` says what it has done.

Modes Evaluate, Predict and Export run in the chief alone: success is the chief's, and there is no training to end, to
stall or to wait for. A program of one's own, and an image's own command, are taken for training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan import messages


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


_TRAINING: Final = Work(c.REASON_TRAINING, "Train", messages.ALL_READY)
_WORKS: Final = {
    "Evaluate": Work(c.REASON_EVALUATING, "Evaluate", messages.EVALUATES),
    "Predict": Work(c.REASON_PREDICTING, "Predict", messages.PREDICTS),
    "Export": Work(c.REASON_EXPORTING, "Export", messages.EXPORTS),
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
