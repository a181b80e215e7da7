"""The hooks that a training has by default, which know when they look next.

Each does what TensorFlow's does, which it is. How a hook counts is not public; so each keeps its own account beside, and
is called for the steps that it was not asked in where TensorFlow's counts calls.
"""

from typing import Any

import tensorflow as tf

from estimator_runtime.distribution.step_collectives import with_step
from estimator_runtime.loop.stretches.looks import FAR, Look

_train: Any = tf.compat.v1.train


class StopHook(_train.StopAtStepHook, Look):  # type: ignore[misc]  # TensorFlow is untyped
    """Stops at a step; the step that it stops after is one that it sees.

    Args:
        num_steps: number of steps from the first session on; excludes `last_step`.
        last_step: global step.
        most_steps: how many steps there are to make at most.

    Attributes:
        last_step: the global step that was given; None where a number of steps was.
    """

    def __init__(self, num_steps: int | None, last_step: int | None, *, most_steps: int) -> None:
        super().__init__(num_steps, last_step)
        self.last_step = last_step
        self._most_steps = most_steps
        self._ends_after = num_steps
        self._ends_at = last_step

    @property
    def most_steps(self) -> int:
        """As it was told."""
        return self._most_steps

    @property
    def period(self) -> int:
        """No period."""
        return FAR

    def began(self, step: int) -> None:
        """Knows the last step from the first session on."""
        if self._ends_at is None:
            self._ends_at = step + (self._ends_after or 0)

    def quiet_steps(self, step: int) -> int:
        """Up to the last step."""
        return 0 if self._ends_at is None else int(self._ends_at) - 1 - step


class _EverySteps(Look):
    """A look at the first step and then whenever the global step has grown by a number of steps."""

    _every = 1
    _due: int | None = None

    @property
    def period(self) -> int:
        """That number."""
        return self._every

    def looked(self, step: int) -> None:
        """Counts from the step at which the hook did something."""
        if self._due is None or step >= self._due:
            self._due = step + self._every

    def quiet_steps(self, step: int) -> int:
        """Up to the next such step."""
        return 0 if self._due is None else self._due - 1 - step


class SpeedHook(_train.StepCounterHook, _EverySteps):  # type: ignore[misc]  # TensorFlow is untyped
    """Logs and writes steps per second every so many steps.

    Args:
        every_steps: number of steps.
        output_dir: directory of the events.
    """

    def __init__(self, every_steps: int, output_dir: str | None) -> None:
        super().__init__(every_n_steps=every_steps, output_dir=output_dir)
        self._every = every_steps


class SummaryHook(_train.SummarySaverHook, _EverySteps):  # type: ignore[misc]  # TensorFlow is untyped
    """Writes the summaries of a scaffold every so many steps.

    Args:
        every_steps: number of steps.
        output_dir: directory of the events.
        scaffold: the model's Scaffold.
    """

    def __init__(self, every_steps: int, output_dir: str | None, scaffold: Any) -> None:
        super().__init__(save_steps=every_steps, output_dir=output_dir, scaffold=scaffold)
        self._every = every_steps

    def passed(self, steps: int, step: int, run_context: Any) -> None:
        """Sees the last of the steps: before the next one it decides by the step that it saw last."""
        del steps
        # With summaries in it this is no step that may be missed; then the next one has them.
        if "summary" not in self.before_run(run_context).fetches:
            self.after_run(run_context, _train.SessionRunValues({"global_step": step - 1}, None, None))


class CommonSummaryHook(SummaryHook):
    """The summaries of tasks that make every step together, where a step has more collectives with them than without.

    All tasks have it, ask in the same steps and count these alike; one writes.

    Args:
        every_steps: number of steps.
        output_dir: directory of the events; None on a task that writes none.
        scaffold: the model's Scaffold.
    """

    def __init__(self, every_steps: int, output_dir: str | None, scaffold: Any) -> None:
        super().__init__(every_steps, output_dir, scaffold)
        if output_dir is None:
            # Without any it would not count.
            self._summary_writer = _NoWriter()

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Counts by the step that it is."""
        super().after_run(run_context, with_step(self, run_context, run_values))


class _NoWriter:
    """A writer of events that writes none."""

    def add_session_log(self, session_log: Any, global_step: Any) -> None:
        pass

    def add_summary(self, summary: Any, global_step: Any) -> None:
        pass

    def flush(self) -> None:
        pass


class LogHook(_train.LoggingTensorHook, Look):  # type: ignore[misc]  # TensorFlow is untyped
    """Logs tensors every so many steps of this call.

    Args:
        tensors: what is logged, by name.
        every_steps: number of steps.
    """

    def __init__(self, tensors: dict[str, Any], every_steps: int) -> None:
        super().__init__(tensors, every_n_iter=every_steps)
        self._every = every_steps
        self._calls = 0
        self._due_call = 0

    @property
    def period(self) -> int:
        """That number."""
        return self._every

    def looked(self, step: int) -> None:
        """Counts the call."""
        del step
        if self._calls >= self._due_call:
            self._due_call = self._calls + self._every
        self._calls += 1

    def quiet_steps(self, step: int) -> int:
        """Up to the next call in which it logs."""
        del step
        return self._due_call - self._calls

    def passed(self, steps: int, step: int, run_context: Any) -> None:
        """Has every step counted."""
        del step
        self._calls += steps
        for _ in range(steps):
            self.before_run(run_context)
            self.after_run(run_context, None)


class NanHook(_train.NanTensorHook, Look):  # type: ignore[misc]  # TensorFlow is untyped
    """Ends a training at a loss that is not a number; a stretch ends there by itself, and this hook is shown the loss."""

    @property
    def period(self) -> int:
        """No period."""
        return FAR

    def quiet_steps(self, step: int) -> int:
        """Any number."""
        del step
        return FAR

    def see(self, loss: Any, run_context: Any) -> None:
        """Looks at the loss of the last step of a stretch.

        Raises:
            NanLossDuringTrainingError: it is not a number.
        """
        metadata = tf.compat.v1.RunMetadata()
        self.after_run(run_context, _train.SessionRunValues(loss, tf.compat.v1.RunOptions(), metadata))
