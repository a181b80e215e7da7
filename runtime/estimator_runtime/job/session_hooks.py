"""What the job runner adds to a training session: a hook that looks at the step, a listener that sees the saves.

The hook looks once a second. In between it asks for nothing, so that a step costs one comparison of clocks; and when
it looks it asks for the loss, which every step fetches, and for the global step as TensorFlow's own hooks read it.
"""

import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import tensorflow as tf

from estimator_runtime import interruption

LOOK_EVERY_SECS = 1.0
# The collection in which TensorFlow keeps the tensor that its own hooks fetch at every step.
_STEP_READ = "global_step_read_op_cache"

_Hook: Any = tf.compat.v1.train.SessionRunHook
_Listener: Any = tf.compat.v1.train.CheckpointSaverListener


class SessionEvents(Protocol):
    """Who is told what the hook and the listener see."""

    def session_created(self, step: int) -> None:
        """A session stands, the first or another one, at global step `step`."""

    def stepped(self, step: int, loss: float | None) -> None:
        """Training is at `step`; `loss` is that of the latest step, None when no step was seen."""

    def saving(self) -> None:
        """A checkpoint is about to be written."""

    def saved(self, step: int) -> None:
        """A checkpoint of `step` was written."""


class ProgressHook(_Hook):  # type: ignore[misc] # TensorFlow is untyped
    """Looks at step and loss once a second, and ends the session when the process is to stop.

    Args:
        events: who is told.
        loss: scalar Tensor of the loss.
        step: the global step variable.
        clock: seconds since any fixed moment.
    """

    # It looks at the clock, and a stretch of steps that it is not called in is short.
    steps_between_looks: ClassVar[int] = sys.maxsize

    def __init__(
        self, events: SessionEvents, *, loss: Any, step: Any, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._events = events
        self._clock = clock
        self._tensors = {"loss": loss, "step": step}
        self._due = 0.0
        self._loss: float | None = None

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Tells where the session begins."""
        del coord
        cached = tf.compat.v1.get_collection(_STEP_READ)
        if cached:
            self._tensors["step"] = cached[0]
        self._due = self._clock()
        self._events.session_created(int(session.run(self._tensors["step"])))

    def before_run(self, run_context: Any) -> Any:
        """Asks for step and loss when it is time for a look."""
        del run_context
        if self._clock() < self._due:
            return None
        return tf.compat.v1.train.SessionRunArgs(self._tensors)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Tells what was seen; has the session stop after this step when the process is interrupted."""
        seen = run_values.results
        if seen is not None:
            self._due = self._clock() + LOOK_EVERY_SECS
            self._loss = float(seen["loss"])
            self._events.stepped(int(seen["step"]), self._loss)
        if interruption.requested():
            run_context.request_stop()

    def end(self, session: Any) -> None:
        """Tells where training ended."""
        try:
            step = int(session.run(self._tensors["step"]))
        except tf.errors.OpError:
            # A worker may end after the servers of its variables; there is nothing to see then.
            tf.compat.v1.logging.info("The last global step could not be read.")
        else:
            self._events.stepped(step, self._loss)


class CheckpointListener(_Listener):  # type: ignore[misc] # TensorFlow is untyped
    """Tells of checkpoints.

    Args:
        events: who is told.
    """

    def __init__(self, events: SessionEvents) -> None:
        self._events = events

    def before_save(self, session: Any, global_step_value: int) -> None:
        """Tells that a checkpoint is about to be written."""
        del session, global_step_value
        self._events.saving()

    def after_save(self, session: Any, global_step_value: int) -> None:
        """Tells that it was written."""
        del session
        self._events.saved(int(global_step_value))
