"""How a worker learns that its chief has ended the training: by the `finished` marker.

The chief of a training that ends early, by a hook or at the end of its input, leaves workers behind which have input
left, or which wait for a session on variables that nobody will initialise any more. Only a marker that appears while
the worker is there tells it to end: an older one may be of an earlier run, which a chief on its way will continue.
"""

from contextlib import AbstractContextManager
from typing import Any

import tensorflow as tf

from estimator_runtime.cluster import finished
from estimator_runtime.cluster.watcher import Sight, Watcher, WatchingHook


class TrainingEnded(Exception):  # noqa: N818 - an end, not an error
    """The chief has ended the training; there is nothing left for this task to do."""


class ChiefWatch:
    """One worker's view of the marker.

    Args:
        model_dir: where the marker appears; None means that there can be none.
    """

    def __init__(self, model_dir: str | None) -> None:
        appearance = finished.Appearance(model_dir)
        self._watcher = Watcher(
            lambda: Sight.THERE if appearance.seen() else Sight.NOTHING,
            f"the end of the training in {model_dir}",
        )

    def watching(self) -> AbstractContextManager[Any]:
        """The time in which the marker is looked for."""
        return self._watcher

    def look(self) -> bool:
        """Looks for the marker now; tells whether the chief has ended the training."""
        return self._watcher.look()

    def ended(self) -> bool:
        """Tells whether the chief had ended the training at the last look, without a look of its own."""
        return self._watcher.seen

    def check(self) -> None:
        """Raises `TrainingEnded` when the chief has ended the training."""
        if self.ended():
            raise TrainingEnded


class EndWithChiefHook(WatchingHook):
    """Ends a worker's training when the chief has ended its own.

    Args:
        watch: tells when that is.
    """

    def __init__(self, watch: ChiefWatch) -> None:
        self._watch = watch

    def watching(self) -> AbstractContextManager[Any]:
        """The time in which the marker is looked for."""
        return self._watch.watching()

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Stops the session."""
        del run_values
        if self._watch.ended():
            tf.compat.v1.logging.info("The chief has ended the training.")
            run_context.request_stop()
