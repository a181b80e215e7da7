"""The evaluator task: evaluates checkpoints as they appear, until training has ended.

It ends after evaluating a checkpoint at or above `max_steps`, or when the `finished` marker is there and the latest
checkpoint has been evaluated; that last evaluation is the final export. Waiting is cut short by the marker and by an
interruption.

The marker is looked for beside all this, at first after a second and then ever more seldom, up to every 15 seconds; each
evaluation begins that anew, for a new checkpoint may have been the last. A checkpoint is looked for when
`throttle_secs` are over. Where these are 0, it is 0.2 seconds after the last evaluation and then up to every 5 seconds:
a chief that has not saved for long need not be asked five times a second, and one that saves often is.
"""

import time
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints, interruption
from estimator_runtime.checkpoints import faults
from estimator_runtime.checkpoints.holds import CheckpointHold
from estimator_runtime.cluster import finished
from estimator_runtime.cluster.watcher import Sight, Watcher, intervals
from estimator_runtime.training.checkpoint_evaluator import (
    CheckpointEvaluator,
    ContinuousEvalListener,
    Outcome,
    Status,
)
from estimator_runtime.training.specs import EvalSpec

_LOOK_FOR_INTERRUPTION_SECS = 0.5
_FIRST_LOOK_FOR_CHECKPOINT_SECS = 0.2
_LAST_LOOK_FOR_CHECKPOINT_SECS = 5.0
_LOOK_FOR_CONTENTS_SECS = 1.0
_WAIT_FOR_CONTENTS_SECS = 60.0
_SLEEP = time.sleep


def run(
    estimator: Any, max_steps: int | None, eval_spec: EvalSpec, listener: ContinuousEvalListener | None = None
) -> None:
    """Evaluates and exports until training has ended, the listener has had enough or the process is interrupted."""
    model_dir = finished.directory(estimator)
    watch = finished.Watch(model_dir, max_steps, time.monotonic)

    def look() -> Sight:
        return Sight.THERE if watch.believed() else Sight.NOTHING

    with Watcher(look, f"the end of the training in {model_dir}") as marker:
        _evaluate_until(marker, estimator, max_steps, eval_spec, listener)


def _evaluate_until(
    marker: Watcher,
    estimator: Any,
    max_steps: int | None,
    eval_spec: EvalSpec,
    listener: ContinuousEvalListener | None,
) -> None:
    if eval_spec.start_delay_secs:
        tf.compat.v1.logging.info("Waiting %f secs before starting eval.", eval_spec.start_delay_secs)
        _wait(eval_spec.start_delay_secs, unless=marker)
    hold = CheckpointHold(finished.directory(estimator))
    evaluator = CheckpointEvaluator(estimator, eval_spec, max_steps, hold, listener)
    contents = _LastContents(finished.directory(estimator))
    warned = False
    pauses = _pauses()
    while not interruption.requested():
        start = time.monotonic()
        # Read before the checkpoint is chosen: the chief writes the marker after its last checkpoint.
        ended = marker.look()
        if ended and contents.are_missing():
            time.sleep(_LOOK_FOR_CONTENTS_SECS)
            continue
        outcome = evaluator.evaluate_and_export(training_ended=ended)
        last = ended or _is_last(outcome, max_steps)
        if outcome.is_last:
            return
        if outcome.status is Status.EVALUATED:
            marker.soon()
            pauses = _pauses()
        left = eval_spec.throttle_secs - (time.monotonic() - start)
        if left > 0:
            tf.compat.v1.logging.info("Waiting %f secs before starting next eval run.", left)
            _wait(left, unless=marker, over=last)
        elif eval_spec.throttle_secs == 0 and outcome.status is not Status.EVALUATED:
            if not warned:
                tf.compat.v1.logging.warning(
                    "EvalSpec.throttle_secs is set as 0. This might overload the job before finding (next) new "
                    "checkpoint. Please consider to increase it."
                )
                warned = True
            if time.sleep is _SLEEP:
                _wait(next(pauses), unless=marker, over=last)
        if last:
            contents.explain()
            _explain_end(outcome, ended, max_steps)
            return


class _LastContents:
    """Whether the checkpoint that the model directory names last is there, once training has ended.

    Args:
        model_dir: the directory; None for one that nobody knows.
    """

    def __init__(self, model_dir: str | None) -> None:
        self._model_dir = model_dir
        self._until: float | None = None

    def are_missing(self) -> bool:
        """Tells whether it is not whole and may still become so."""
        path, what = self._unreadable()
        if path is None:
            return False
        if self._until is None:
            self._until = time.monotonic() + _WAIT_FOR_CONTENTS_SECS
            tf.compat.v1.logging.info(
                "Training has ended; waiting for the contents of its last checkpoint %s (%s).", path, what
            )
        return time.monotonic() < self._until

    def explain(self) -> None:
        """Says so when the evaluation ends without it."""
        path, what = (None, None) if self._until is None else self._unreadable()
        if path is not None:
            tf.compat.v1.logging.warning(
                "The last checkpoint %s cannot be read (%s): it was neither evaluated nor exported.",
                path,
                what,
            )

    def _unreadable(self) -> tuple[str | None, str | None]:
        """Path and fault of the checkpoint; (None, None) where it is whole or there is none."""
        state = None if self._model_dir is None else checkpoints.named_checkpoints(self._model_dir)
        path = None if state is None else str(state.model_checkpoint_path)
        what = None if path is None else faults.fault(path)
        return (None, None) if what is None else (path, what)


def _pauses() -> Iterator[float]:
    return intervals(_FIRST_LOOK_FOR_CHECKPOINT_SECS, _LAST_LOOK_FOR_CHECKPOINT_SECS)


def _is_last(outcome: Outcome, max_steps: int | None) -> bool:
    if outcome.metrics is None or not max_steps:
        return False
    return bool(outcome.metrics[tf.compat.v1.GraphKeys.GLOBAL_STEP] >= max_steps)


def _explain_end(outcome: Outcome, ended: bool, max_steps: int | None) -> None:
    if _is_last(outcome, max_steps) and outcome.metrics is not None:
        step = outcome.metrics[tf.compat.v1.GraphKeys.GLOBAL_STEP]
        tf.compat.v1.logging.info("Exiting evaluation, global_step=%s >= train max_steps=%s", step, max_steps)
    elif ended and outcome.status is Status.MISSING_CHECKPOINT:
        tf.compat.v1.logging.warning(
            "Exiting evaluation: training has ended and left no checkpoint to evaluate."
        )
    else:
        tf.compat.v1.logging.info(
            "Exiting evaluation: training has ended and its last checkpoint is evaluated."
        )


def _wait(secs: float, *, unless: Watcher, over: bool = False) -> None:
    """Sleeps for `secs` seconds, or until the marker is seen or the process interrupted; not at all when it is `over`.

    Where a program replaced `time.sleep`, it gets the whole time in one call, as from tf.estimator.
    """
    if time.sleep is not _SLEEP:
        time.sleep(secs)
        return
    end = time.monotonic() + secs
    while not over and not interruption.requested() and (left := end - time.monotonic()) > 0:
        if unless.wait(min(left, _LOOK_FOR_INTERRUPTION_SECS)):
            return
