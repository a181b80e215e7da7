"""The recorder: what this replica has to say of itself, kept as one immutable progress document.

The training thread records, and one beside it; the endpoint's threads and the end of the process read. A document is
never changed but replaced, so a reader has a whole one.
"""

import math
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from estimator_api.progress import (
    CheckpointProgress,
    EvaluationProgress,
    ExportProgress,
    PredictionsProgress,
    Progress,
    State,
)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Returns the time of the day in UTC."""
    return datetime.now(UTC)


class Recorder:
    """Holds the current progress document.

    Args:
        role: the replica's role.
        index: its index within the role.
        clock: time of the day in UTC.
    """

    def __init__(self, role: str, index: int, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._progress = Progress(role=role, index=index)
        self._told: Callable[[Progress], Progress] = lambda progress: progress

    def tell_through(self, told: Callable[[Progress], Progress]) -> None:
        """From now on each document is what `told` makes of it; it may be called from several threads at once."""
        self._told = told

    def document(self) -> Progress:
        """Returns the document as of now."""
        with self._lock:
            progress = self._progress
        return self._told(progress).model_copy(update={"time": self.now()})

    def now(self) -> str:
        """Returns the time in the document's form, RFC 3339 in UTC."""
        return self._clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def state(self) -> State:
        """What the replica is doing."""
        return self._progress.state

    def enter(self, state: State) -> None:
        """Records that the replica is now doing something else."""
        self._update(state=state)

    def training(self, *, max_steps: int | None, global_step: int | None) -> None:
        """Records how far training is to go, and where it begins if that is known."""
        self._update(max_steps=max_steps)
        if global_step is not None:
            self._update(global_step=global_step)

    def step(self, global_step: int, *, loss: float | None, steps_per_second: float | None) -> None:
        """Records where training is; a loss or rate that is None or not finite is not known."""
        self._update(global_step=global_step, loss=_finite(loss), steps_per_second=_finite(steps_per_second))

    def checkpoint(self, checkpoint: CheckpointProgress) -> None:
        """Records the latest checkpoint; training is at least where it is."""
        with self._lock:
            step = max(self._progress.global_step or 0, checkpoint.global_step)
            self._progress = self._progress.model_copy(update={"checkpoint": checkpoint, "global_step": step})

    def restored(self, checkpoint: CheckpointProgress) -> None:
        """Records which checkpoint training went on from."""
        self._update(restored_from=checkpoint)

    def evaluation(self, *, global_step: int, checkpoint: str | None, metrics: Mapping[str, Any]) -> None:
        """Records an evaluation; of `metrics` the scalars are kept."""
        self._update(
            evaluation=EvaluationProgress(
                global_step=global_step, checkpoint=checkpoint, time=self.now(), metrics=_scalars(metrics)
            )
        )

    def export(self, export: ExportProgress) -> None:
        """Records the newest export of its name, with the metrics of the evaluation that it belongs to."""
        evaluation = self._progress.evaluation
        metrics = (
            evaluation.metrics
            if evaluation is not None and evaluation.global_step == export.global_step
            else {}
        )
        export = export.model_copy(update={"metrics": metrics, "time": self.now()})
        with self._lock:
            others = [one for one in self._progress.exports if one.name != export.name]
            self._progress = self._progress.model_copy(update={"exports": [*others, export]})

    def predictions(self, path: str, examples: int) -> None:
        """Records where predictions are and how many."""
        self._update(predictions=PredictionsProgress(path=path, examples=examples, time=self.now()))

    def finished(self) -> None:
        """Records that everything is done."""
        self._update(state="Finished", error=None)

    def failed(self, error: str) -> None:
        """Records that the replica failed, and why in one line."""
        self._update(state="Failed", error=error)

    def stopped(self, reason: str) -> None:
        """Records that the replica was told to stop; it stays in the state in which it was."""
        self._update(error=reason)

    def _update(self, **fields: Any) -> None:
        with self._lock:
            self._progress = self._progress.model_copy(update=fields)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _scalars(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """The scalar numbers among `metrics` as JSON can hold them."""
    scalars: dict[str, float | None] = {}
    for name, value in metrics.items():
        number = value.item() if hasattr(value, "item") and getattr(value, "size", 1) == 1 else value
        if isinstance(number, int | float):
            scalars[name] = _finite(float(number))
    return scalars
