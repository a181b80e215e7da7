"""The end of a training whose loss hardly changes any more."""

from typing import Any

import tensorflow as tf


class ConvergenceHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Stops a training when a step changes the loss, in relation to the one before, by less than a tolerance.

    Args:
        loss: float Tensor [].
        tolerance: bound of |loss - loss before| / (1 + |loss before|).
    """

    def __init__(self, loss: Any, tolerance: float) -> None:
        self._loss = loss
        self._tolerance = tolerance
        self._before: float | None = None

    def before_run(self, run_context: Any) -> Any:
        """Asks for the loss."""
        del run_context
        return tf.compat.v1.train.SessionRunArgs(self._loss)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Compares it with the one before."""
        loss = float(run_values.results)
        before, self._before = self._before, loss
        if before is not None and abs(loss - before) / (1 + abs(before)) < self._tolerance:
            run_context.request_stop()
