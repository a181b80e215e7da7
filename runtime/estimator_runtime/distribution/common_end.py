"""How tasks that make every step together end together.

A task that leaves alone leaves the others in the next step for ever: they wait for its gradients. So before each step
all tell each other two numbers, by one small all-reduce: whether there is another batch, and whether a hook wishes to
stop. Where one task has no batch, the input of all has ended; after a step in which somebody wished it, all stop.

A task that is told to end (SIGTERM) says so with its wish. Then all tasks have been told to end: they save and leave, and
none takes the training for finished, for it goes on when all are started again.

What ends a training at the same step everywhere needs no agreement: `StopAtStepHook`, and a loss that is not a number,
since the loss is that of all.
"""

import weakref
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from estimator_runtime import interruption

_INTERRUPTED = 1 << 16
"""Added to the wish of a task that is told to end; more than there are tasks."""
_train: Any = tf.compat.v1.train
# By graph. They are no collections: those are written with the graph.
_OF_GRAPHS: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


class CommonEnd:
    """The agreement of one graph.

    Args:
        strategy: the strategy, in whose scope the graph is built.
    """

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy
        self._wish = tf.compat.v1.placeholder_with_default(tf.constant(0, tf.int32), [], name="wish_to_stop")
        self._wishes: Any = None
        self._is_wished = False
        _OF_GRAPHS[tf.compat.v1.get_default_graph()] = self

    def all_have(self, number: int, has_batch: Any) -> Any:
        """Whether every replica of every task has a batch: a bool Tensor; call it in each replica's context.

        Args:
            number: of the replica among this task's.
            has_batch: bool Tensor, this replica's answer.
        """
        context = tf.distribute.get_replica_context()
        # The first of the task's replicas says what its hooks wish.
        wish = self._wish if number == 0 else tf.zeros_like(self._wish)
        batches, wishes = tf.unstack(
            context.all_reduce(tf.distribute.ReduceOp.SUM, tf.stack([tf.cast(has_batch, tf.int32), wish]))
        )
        if number == 0:
            self._wishes = wishes
        return tf.equal(batches, self._strategy.num_replicas_in_sync)

    def hooks(self, hooks: Iterable[Any]) -> list[Any]:
        """The hooks of a session: those given, whose request to stop becomes a wish, and the one that stops for all."""
        return [
            _Together(self),
            *(hook if _stops_everywhere(hook) else _Wishing(hook, self) for hook in hooks),
        ]

    def wish(self) -> None:
        """Asks all tasks to stop after the next step."""
        if not self._is_wished:
            tf.compat.v1.logging.info("A hook asks to stop: all tasks stop together after the next step.")
        self._is_wished = True

    def before_run(self) -> Any:
        """The request of a step: how many wish to stop, and how many of them are told to end."""
        wish = 1 + _INTERRUPTED if interruption.requested() else 1
        return _train.SessionRunArgs(self._wishes, {self._wish: wish} if self._is_wished else None)


def of(graph: Any) -> CommonEnd | None:
    """The agreement of a graph; None where nothing has to be agreed upon."""
    return _OF_GRAPHS.get(graph)


def _stops_everywhere(hook: Any) -> bool:
    return isinstance(hook, _train.StopAtStepHook)


class _Together(_train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Stops all tasks after the step in which one has wished it."""

    def __init__(self, end: CommonEnd) -> None:
        self._end = end

    def before_run(self, run_context: Any) -> Any:
        del run_context
        return self._end.before_run()

    def after_run(self, run_context: Any, run_values: Any) -> None:
        if not run_values.results:
            return
        interrupted, wishes = divmod(int(run_values.results), _INTERRUPTED)
        tf.compat.v1.logging.info("%d of the tasks ask to stop: all stop here.", wishes)
        if interrupted:
            tf.compat.v1.logging.info("%d of them are told to end, so training is interrupted.", interrupted)
            interruption.request()
        run_context.request_stop()


class _Wishing(_train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """A hook whose request to stop is a wish."""

    def __init__(self, hook: Any, end: CommonEnd) -> None:
        self._hook = hook
        self._end = end

    def begin(self) -> None:
        self._hook.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        self._hook.after_create_session(session, coord)

    def before_run(self, run_context: Any) -> Any:
        own = self._context(run_context)
        request = self._hook.before_run(own)
        self._notice(own)
        return request

    def after_run(self, run_context: Any, run_values: Any) -> None:
        own = self._context(run_context)
        self._hook.after_run(own, run_values)
        self._notice(own)

    def end(self, session: Any) -> None:
        self._hook.end(session)

    def _context(self, run_context: Any) -> Any:
        return _train.SessionRunContext(run_context.original_args, run_context.session)

    def _notice(self, own: Any) -> None:
        if own.stop_requested:
            self._end.wish()
