"""The evaluator task: evaluates checkpoints as they appear, until training has ended.

It ends after evaluating a checkpoint at or above `max_steps`, or when the `finished` marker is there and the latest
checkpoint has been evaluated; that last evaluation is the final export. Waiting is cut short by the marker and by an
interruption: both are looked for every second.
"""

import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime import interruption
from estimator_runtime.checkpoints.holds import CheckpointHold
from estimator_runtime.cluster import finished
from estimator_runtime.training.checkpoint_evaluator import CheckpointEvaluator, Outcome, Status
from estimator_runtime.training.specs import EvalSpec

_LOOK_FOR_MARKER_SECS = 1.0
_LOOK_FOR_CHECKPOINT_SECS = 0.2
_SLEEP = time.sleep


def run(estimator: Any, max_steps: int | None, eval_spec: EvalSpec) -> None:
    """Evaluates and exports until training has ended or the process is interrupted."""
    watch = finished.Watch(finished.directory(estimator), max_steps, time.monotonic)

    def wanted() -> bool:
        return watch.believed() or interruption.requested()

    if eval_spec.start_delay_secs:
        tf.compat.v1.logging.info("Waiting %f secs before starting eval.", eval_spec.start_delay_secs)
        _wait(eval_spec.start_delay_secs, unless=wanted)
    hold = CheckpointHold(finished.directory(estimator))
    evaluator = CheckpointEvaluator(estimator, eval_spec, max_steps, hold)
    warned = False
    while not interruption.requested():
        start = time.time()
        # Read before the checkpoint is chosen: the chief writes the marker after its last checkpoint.
        ended = watch.believed()
        outcome = evaluator.evaluate_and_export(training_ended=ended)
        last = ended or _is_last(outcome, max_steps)
        left = eval_spec.throttle_secs - (time.time() - start)
        if left > 0:
            tf.compat.v1.logging.info("Waiting %f secs before starting next eval run.", left)
            _wait(left, unless=lambda: last or wanted())  # noqa: B023 - called before the next round
        elif eval_spec.throttle_secs == 0 and outcome.status is not Status.EVALUATED:
            if not warned:
                tf.compat.v1.logging.warning(
                    "EvalSpec.throttle_secs is set as 0. This might overload the job before finding (next) new "
                    "checkpoint. Please consider to increase it."
                )
                warned = True
            if time.sleep is _SLEEP:
                _wait(_LOOK_FOR_CHECKPOINT_SECS, unless=lambda: last or wanted())  # noqa: B023 - as above
        if last:
            _explain_end(outcome, ended, max_steps)
            return


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


def _wait(secs: float, *, unless: Callable[[], bool]) -> None:
    """Sleeps for `secs` seconds, or until `unless` is true.

    Where a program replaced `time.sleep`, it gets the whole time in one call, as from tf.estimator.
    """
    if time.sleep is not _SLEEP:
        time.sleep(secs)
        return
    end = time.monotonic() + secs
    while not unless():
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, _LOOK_FOR_MARKER_SECS))
