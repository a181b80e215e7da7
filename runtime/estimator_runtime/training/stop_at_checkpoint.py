"""Ending every task of a cluster at one checkpoint: no worker trains on what nobody will save.

A worker looks into the model directory itself, between two steps: from the last step on it stands still on purpose.
"""

import time
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints, interruption

_LOOK_FOR_INTERRUPTION_SECS = 0.5
_SLEEP = time.sleep
_SessionRunHook: Any = tf.compat.v1.train.SessionRunHook


def make_stop_at_checkpoint_step_hook(
    estimator: Any, last_step: int, wait_after_file_check_secs: float = 30
) -> Any:
    """Makes the hook that stops training at `last_step`, in the workers only once a checkpoint of it is there.

    Args:
        estimator: the `Estimator` that is going to train with the hook.
        last_step: global step at which the chief stops.
        wait_after_file_check_secs: seconds that a worker waits between two looks into the model directory.

    Returns:
        A `SessionRunHook` for `TrainSpec.hooks` of every task.

    Raises:
        ValueError: there is no `last_step` or no model directory.
    """
    if estimator.config.is_chief:
        return tf.compat.v1.train.StopAtStepHook(last_step=last_step)
    return _StopAtCheckpoint(estimator.model_dir, last_step, wait_after_file_check_secs)


class _StopAtCheckpoint(_SessionRunHook):  # type: ignore[misc] # TensorFlow is untyped
    """The workers' hook."""

    def __init__(self, model_dir: str | None, last_step: int | None, wait_secs: float) -> None:
        if last_step is None:
            raise ValueError("last_step must be specified.")
        if model_dir is None:
            raise ValueError("model_dir must be specified.")
        self._model_dir = model_dir
        self._last_step = last_step
        self._wait_secs = wait_secs
        self._step: Any = None

    def begin(self) -> None:
        self._step = tf.compat.v1.train.get_global_step()
        if self._step is None:
            raise RuntimeError("Global step should be created to use StopAtCheckpointStepHook.")

    def before_run(self, run_context: Any) -> Any:
        del run_context
        return tf.compat.v1.train.SessionRunArgs(self._step)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        # The step was read while this task's own step may have been adding to it.
        if run_values.results + 1 < self._last_step:
            return
        if checkpoints.global_step(self._model_dir) >= self._last_step:
            run_context.request_stop()
        else:
            _wait(self._wait_secs)


def _wait(secs: float) -> None:
    """Sleeps for `secs` seconds, or until the process is interrupted.

    Where a program replaced `time.sleep`, it gets the whole time in one call, as from tf.estimator.
    """
    if time.sleep is not _SLEEP:
        time.sleep(secs)
        return
    end = time.monotonic() + secs
    while not interruption.requested() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK_FOR_INTERRUPTION_SECS))
