"""What counts the batches of an evaluation, and ends it after a number of them."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from estimator_runtime.loop.stretches.looks import Look

# An attribute of a graph: what holds on to it could not be held elsewhere without keeping it alive.
_COUNTER = "estimator_runtime_evaluated_batches"
_TOLD = "_set_evals_completed_tensor"


class StopAfterBatchesHook(tf.compat.v1.train.SessionRunHook, Look):  # type: ignore[misc]  # TensorFlow is untyped
    """Stops an evaluation after a number of batches.

    Args:
        batches: how many; must be positive.

    Attributes:
        completed: scalar int64 Tensor that counts a batch when it is run; set before the evaluation is.
    """

    completed: Any = None

    def __init__(self, batches: int) -> None:
        self._batches = batches
        self._log_every = max(1, batches // 10)

    @property
    def most_steps(self) -> int:
        """All batches."""
        return self._batches

    @property
    def period(self) -> int:
        """The number of batches between two lines of the log."""
        return self._log_every

    def quiet_steps(self, step: int) -> int:
        """Up to the next line of the log, or the last batch."""
        due = min(step - step % self._log_every + self._log_every, self._batches)
        return due - 1 - step

    def before_run(self, run_context: Any) -> Any:
        """Asks for the number of batches."""
        del run_context
        return tf.compat.v1.train.SessionRunArgs({"completed": self.completed})

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Stops at the last batch."""
        completed = int(run_values.results["completed"])
        if completed % self._log_every == 0 or completed == self._batches:
            tf.compat.v1.logging.info("Evaluation [%d/%d]", completed, self._batches)
        if completed >= self._batches:
            run_context.request_stop()


def counted(graph: Any) -> tuple[Any, Any]:
    """What counts a batch of the (default) graph when it is run, and the variable; made when first asked for.

    Raises:
        ValueError: the collection of the variable, GraphKeys.EVAL_STEP, has several.
    """
    if not hasattr(graph, _COUNTER):
        variable = _variable()
        setattr(graph, _COUNTER, (tf.identity(variable.assign_add(1, use_locking=True)), variable))
    made: tuple[Any, Any] = getattr(graph, _COUNTER)
    return made


def _variable() -> Any:
    """The local variable that counts: a model may have made it already, by `get_or_create_eval_step` of tf_slim."""
    made = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.EVAL_STEP)
    if len(made) > 1:
        raise ValueError("Multiple tensors added to tf.GraphKeys.EVAL_STEP")
    return (
        made[0]
        if made
        else tf.compat.v1.get_variable(
            "eval_step",
            shape=[],
            dtype=tf.int64,
            initializer=tf.compat.v1.zeros_initializer(),
            trainable=False,
            collections=[tf.compat.v1.GraphKeys.LOCAL_VARIABLES, tf.compat.v1.GraphKeys.EVAL_STEP],
        )
    )


def tell(hooks: Iterable[Any], completed: Any) -> None:
    """Gives the hooks that end an evaluation the Tensor that counts its batches.

    Beside the one of this package these are TensorFlow's two, which are private there; tf_slim has them under public
    names, and programs pass them to `evaluate`.
    """
    for hook in hooks:
        if isinstance(hook, StopAfterBatchesHook):
            hook.completed = completed
        elif callable(getattr(hook, _TOLD, None)):
            getattr(hook, _TOLD)(completed)
