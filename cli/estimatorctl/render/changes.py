"""A job's status as a log: one line per change, for output that is no terminal.

Changes of state, evaluations, exports, restarts and failures are told at once, the step every so often.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from estimator_api import EstimatorJobStatus
from estimator_api.status import Checkpoint, TrainingProgress
from estimatorctl.render import words
from estimatorctl.render.status import status_of

PROGRESS_EVERY: Final = timedelta(seconds=10)


@dataclass(slots=True)
class ChangeLog:
    """Remembers what has been told.

    Attributes:
        told: The status that was told last, None at the beginning.
        progress_at: When the step was told last.
        workers: The workers of an elastic job, as they were told last.
    """

    told: EstimatorJobStatus | None = None
    progress_at: datetime | None = None
    workers: str | None = None

    def lines(self, document: Mapping[str, Any], *, now: datetime) -> list[str]:
        """What is new in `document`, each line with the time of day (UTC)."""
        status = status_of(document)
        workers = words.elastic_workers(document, status)
        clock = now.astimezone(UTC).strftime("%H:%M:%S")
        lines = [f"{clock} {line}" for line in self._changes(status, now)]
        if workers is not None and workers != self.workers:
            lines.append(f"{clock} workers: {workers}")
        board, before = status.tensor_board, self.told and self.told.tensor_board
        if board is not None and board.ready and not (before and before.ready):
            lines.append(f"{clock} TensorBoard: {board.url}  {words.port_forward(document, board)}")
        self.told, self.workers = status, workers
        return lines

    def _changes(self, new: EstimatorJobStatus, now: datetime) -> Iterator[str]:
        old = self.told or EstimatorJobStatus()
        failures = {(one.replica, one.attempt, one.time) for one in old.failures}
        for failure in new.failures:
            if (failure.replica, failure.attempt, failure.time) not in failures:
                yield words.failure_text(failure)
        if self.told is None or words.state(new) != words.state(old):
            word, message = words.state(new)
            yield f"{word}: {message}" if message else word
        now_told, before_told = words.abnormal(new), words.abnormal(old)
        yield from (f"{label}: {text}" for label, text in now_told.items() if before_told.get(label) != text)
        if not words.is_final(new):
            yield from (words.no_longer(label) for label in before_told if label not in now_told)
        restored = new.checkpoints.restored_from if new.checkpoints is not None else None
        if restored is not None and restored != (old.checkpoints and old.checkpoints.restored_from):
            yield _restored(restored, new.progress)
        if new.progress is not None and self._is_due(new, now):
            self.progress_at = now
            yield progress_line(new.progress, at_work=words.is_at_work(new))
        if new.evaluation is not None and new.evaluation != old.evaluation:
            yield f"evaluation at step {new.evaluation.global_step}: {words.metrics_text(new.evaluation.metrics)}"
        if new.predictions is not None and words.is_final(new) and not words.is_final(old):
            yield f"predictions: {new.predictions.examples} in {new.predictions.uri or new.predictions.path}"
        before = {one.name: one.path for one in old.exports}
        for export in new.exports:
            if before.get(export.name) != export.path:
                yield f"export {export.name}: {export.uri or export.path}"

    def _is_due(self, new: EstimatorJobStatus, now: datetime) -> bool:
        old = self.told.progress if self.told is not None else None
        progress = new.progress
        if progress is None or progress.global_step is None:
            return False
        if old is not None and progress.global_step == old.global_step:
            return False
        if progress.max_steps is not None and progress.global_step >= progress.max_steps:
            return True
        return self.progress_at is None or now - self.progress_at >= PROGRESS_EVERY


def _restored(one: Checkpoint, progress: TrainingProgress | None) -> str:
    most = None if progress is None else progress.max_steps
    if most is not None and one.global_step >= most:
        return f"the model directory is already at step {one.global_step} of {most} ({one.path})"
    return f"training goes on from step {one.global_step} ({one.path})"


def progress_line(progress: TrainingProgress, *, at_work: bool) -> str:
    """`step 1200 of 2000 (60 %), loss 0.0731, 412.5 steps/s, 2 s left`."""
    parts = [f"step {progress.global_step}"]
    if progress.max_steps:
        parts[0] += f" of {progress.max_steps} ({progress.percent or 0} %)"
    parts += words.pace(progress, at_work=at_work)
    left = words.time_left(progress, at_work=at_work)
    return ", ".join([*parts, left] if left else parts)
