"""Ending every task of a cluster at one checkpoint: no worker trains on what nobody will save.

A worker stands still from the last step on, on purpose, and what it waits for is looked for beside that: a look that hangs
keeps no signal from it.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints, interruption
from estimator_runtime.cluster.watcher import Sight, Watcher, WatchingHook
from estimator_runtime.config import strategies

_LOOK_FOR_INTERRUPTION_SECS = 0.5
_SHORTEST_WAIT_SECS = 0.2
_SLEEP = time.sleep


def make_stop_at_checkpoint_step_hook(
    estimator: Any, last_step: int, wait_after_file_check_secs: float = 30
) -> Any:
    """Makes the hook that stops training at `last_step`, in the workers only once a checkpoint of it is there.

    Args:
        estimator: the `Estimator` that is going to train with the hook.
        last_step: global step at which the chief stops.
        wait_after_file_check_secs: seconds that a worker waits between two looks into the model directory.

    Returns:
        A `SessionRunHook` for `TrainSpec.hooks` of every task. Tasks that make every step together stop at `last_step` alike:
        none trains on, or could wait while the chief has not stopped.

    Raises:
        ValueError: there is no `last_step` or no model directory.
    """
    config = estimator.config
    if config.is_chief or strategies.is_collective(config.train_distribute, config.cluster_spec):
        return tf.compat.v1.train.StopAtStepHook(last_step=last_step)
    return StopAtCheckpointStepHook(estimator.model_dir, last_step, wait_after_file_check_secs)


class StopAtCheckpointStepHook(WatchingHook):
    """The workers' hook; see `make_stop_at_checkpoint_step_hook`."""

    def __init__(
        self, model_dir: str | None, last_step: int | None, wait_after_file_check_secs: float = 30
    ) -> None:
        if last_step is None:
            raise ValueError("last_step must be specified.")
        if model_dir is None:
            raise ValueError("model_dir must be specified.")
        self._model_dir = model_dir
        self._last_step = last_step
        self._wait_secs = wait_after_file_check_secs
        self._step: Any = None
        secs = max(wait_after_file_check_secs, _SHORTEST_WAIT_SECS)
        self._watcher = Watcher(
            lambda: Sight.THERE if self._is_saved() else Sight.NOTHING,
            f"a checkpoint of step {last_step} in {model_dir}",
            first_secs=secs,
            last_secs=secs,
        )
        self._loop: contextlib.ExitStack | None = None

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """The loop, from whose last step on the checkpoint is looked for."""
        loop = self._loop = contextlib.ExitStack()
        try:
            with loop:
                yield
        finally:
            self._loop = None

    def begin(self) -> None:
        """Finds the global step.

        Raises:
            RuntimeError: there is none.
        """
        self._step = tf.compat.v1.train.get_global_step()
        if self._step is None:
            raise RuntimeError("Global step should be created to use StopAtCheckpointStepHook.")

    def before_run(self, run_context: Any) -> Any:
        """Asks for the global step."""
        del run_context
        return tf.compat.v1.train.SessionRunArgs(self._step)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Waits for the checkpoint from the last step on, and stops when it is there."""
        # The step was read while this task's own step may have been adding to it.
        if run_values.results + 1 < self._last_step:
            return
        if self._waited():
            run_context.request_stop()

    def _waited(self) -> bool:
        """Waits for the checkpoint; tells whether it is there.

        Where a program replaced `time.sleep`, it gets the whole time in one call, as from tf.estimator. That is after a
        look, and so is the wait of a session of the program's own, which no block surrounds.
        """
        if self._loop is None or time.sleep is not _SLEEP:
            if self._is_saved():
                return True
            _wait(self._wait_secs)
            return False
        if not self._watcher.is_looking:
            self._loop.enter_context(self._watcher)
        _wait(max(self._wait_secs, _SHORTEST_WAIT_SECS), unless=self._watcher)
        return self._watcher.seen

    def _is_saved(self) -> bool:
        return checkpoints.global_step(self._model_dir) >= self._last_step


def _wait(secs: float, unless: Watcher | None = None) -> None:
    """Sleeps for `secs` seconds, or until the checkpoint is seen or the process is interrupted."""
    if time.sleep is not _SLEEP:
        time.sleep(secs)
        return
    end = time.monotonic() + secs
    while not interruption.requested() and (left := end - time.monotonic()) > 0:
        pause = min(left, _LOOK_FOR_INTERRUPTION_SECS)
        if unless is None:
            time.sleep(pause)
        elif unless.wait(pause):
            return
