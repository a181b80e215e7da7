"""Speed of a training in steps and in examples, in the log and as summaries.

A TPU came back to its host once in `iterations_per_loop` steps, and the interval of the log was counted in such returns. It
still is without a TPU, where each step comes back: there are lines every `log_step_count_steps / iterations_per_loop` steps.
"""

import math
from typing import Any

import tensorflow as tf

from estimator_runtime.loop.stretches.default_hooks import SpeedHook
from estimator_runtime.tpu import tpu_config

_TAG = "examples/sec"


class _Examples(tf.compat.v1.train.StepCounterHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Tells examples per second beside the steps."""

    batch_size: int | None = None
    directory: str | None = None
    _writer: Any = None

    def begin(self) -> None:
        """Gets ready for a training."""
        super().begin()
        if self.directory:
            self._writer = tf.compat.v1.summary.FileWriterCache.get(self.directory)

    # What TensorFlow's hook calls when it is time to; it has no public name.
    def _log_and_record(self, elapsed_steps: int, elapsed_time: float, global_step: int) -> None:
        super()._log_and_record(elapsed_steps, elapsed_time, global_step)
        if self.batch_size is None:
            return
        rate = self.batch_size * elapsed_steps / elapsed_time
        if self._writer is not None:
            value = tf.compat.v1.Summary.Value(tag=_TAG, simple_value=rate)
            self._writer.add_summary(tf.compat.v1.Summary(value=[value]), global_step)
        tf.compat.v1.logging.info("%s: %g", _TAG, rate)


class ExamplesHook(_Examples, SpeedHook):
    """Tells the speed every so many steps.

    Args:
        every_steps: number of steps.
        output_dir: directory of the events; None for the log alone.
    """


class TimedExamplesHook(_Examples):
    """Tells the speed whenever so many seconds have passed.

    Args:
        every_n_steps: None.
        every_n_secs: number of seconds.
        output_dir: directory of the events; None for the log alone.
    """


def hook(
    iterations_per_loop: int | str,
    log_step_count_steps: int | None,
    *,
    batch_size: int | None,
    directory: str | None,
) -> Any:
    """The hook that tells the speed of a training; None where nobody asked for it.

    Args:
        iterations_per_loop: that of the TPUConfig: a number of steps or a time.
        log_step_count_steps: that of the RunConfig.
        batch_size: number of examples of a step, if it is known.
        directory: of the events; None for the log alone.
    """
    steps = tpu_config.steps_of(iterations_per_loop)
    made: Any
    if steps is None:
        secs = tpu_config.seconds_of(iterations_per_loop)
        made = TimedExamplesHook(every_n_steps=None, every_n_secs=secs, output_dir=directory)
    elif log_step_count_steps is None:
        return None
    else:
        made = ExamplesHook(math.ceil(log_step_count_steps / steps), directory)
    made.batch_size, made.directory = batch_size, directory
    return made
