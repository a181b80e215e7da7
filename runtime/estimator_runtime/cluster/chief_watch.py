"""How a worker learns that its chief has ended the training: by the `finished` marker.

The chief of a training that ends early, by a hook or at the end of its input, leaves workers behind which have input
left, or which wait for a session on variables that nobody will initialise any more. Only a marker that appears while
the worker is there tells it to end: an older one may be of an earlier run, which a chief on its way will continue.
"""

import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime.cluster import finished

_LOOK_EVERY_SECS = 2.0


class TrainingEnded(Exception):  # noqa: N818 - an end, not an error
    """The chief has ended the training; there is nothing left for this task to do."""


class ChiefWatch:
    """One worker's view of the marker.

    Args:
        model_dir: where the marker appears; None means that there can be none.
        clock: seconds since any fixed moment, never going back.
    """

    def __init__(self, model_dir: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._appearance = finished.Appearance(model_dir)
        self._clock = clock
        self._due = clock() + _LOOK_EVERY_SECS

    def ended(self) -> bool:
        """Tells whether the chief has ended the training; looks every two seconds."""
        if self._clock() < self._due:
            return False
        self._due = self._clock() + _LOOK_EVERY_SECS
        return self._appearance.seen()

    def check(self) -> None:
        """Raises `TrainingEnded` when the chief has ended the training."""
        if self.ended():
            raise TrainingEnded


class EndWithChiefHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Ends a worker's training when the chief has ended its own.

    Args:
        watch: tells when that is.
    """

    def __init__(self, watch: ChiefWatch) -> None:
        self._watch = watch

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Stops the session."""
        del run_values
        if self._watch.ended():
            tf.compat.v1.logging.info("The chief has ended the training.")
            run_context.request_stop()
