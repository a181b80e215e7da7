"""How tasks that make every step together end together.

A task that leaves alone leaves the others in the next step for ever: they wait for its gradients. So in each step all
tell each other whether there is another batch, whether a hook wishes to stop, and whether one sees the next step. Where one
task has no batch, the input of all has ended; after a step in which somebody wished it, all stop. A step that no task's hooks
see is made by all in a loop of the graph (`loop/stretches`), which another number of calls on one of them would not forgive.

A batch is used only when all have one: the step waits for an all-reduce of that. Where the inputs of all tasks are endless
it has none. `repeat()` is endless by what tf.data says of it, yet ends at once where there is nothing to repeat, so the
first step asks all the same. The wishes go along with the loss, which all sum anyway.

A task that is told to end (SIGTERM) says so with its wish. Then all tasks have been told to end: they save and leave, and
none takes the training for finished, for it goes on when all are started again.

What ends a training at the same step everywhere needs no agreement: the Estimator's own `max_steps` and `steps`, and a loss
that is not a number, since the loss is that of all. A program's `StopAtStepHook` may be on one task alone. It knows its last
step beforehand, so it wishes before that one, and all stop where it says.
"""

import sys
import weakref
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from estimator_runtime import interruption
from estimator_runtime.distribution.each_replica import in_each
from estimator_runtime.distribution.standing_feeds import StandingFeeds

_train: Any = tf.compat.v1.train
# By graph. They are no collections: those are written with the graph.
_OF_GRAPHS: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


class CommonEnd:
    """The agreement of one graph.

    Args:
        strategy: the strategy, in whose scope the graph is built.
        dataset: this task's input.

    Attributes:
        sees_next: says, when a step is asked for, whether a hook of this task sees the one after it.
        is_unseen: whether no hook of any task sees the next step.
        is_wished: whether a hook of this task wishes to stop.
    """

    def __init__(self, strategy: Any, dataset: Any) -> None:
        self._strategy = strategy
        self._dataset = dataset
        # A hook wishes to stop; it is because the task is told to end; a hook sees the next step.
        self._said = tf.compat.v1.placeholder_with_default(tf.constant([0, 0, 1]), [3], name="said_of_a_step")
        self._all_have: dict[int, Any] = {}
        self._said_by_all: Any = None
        self._promised = StandingFeeds()
        self._promised_unseen = StandingFeeds()
        self.is_wished = False
        self._is_endless = False
        self.sees_next: Callable[[], bool] = lambda: True
        self.is_unseen = False
        self._steps = 0
        _OF_GRAPHS[tf.compat.v1.get_default_graph()] = self

    def all_have(self, number: int, has_batch: Any) -> Any:
        """Whether every replica of every task has a batch: a bool Tensor; call it in each replica's context.

        Args:
            number: of the replica among this task's.
            has_batch: bool Tensor, this replica's answer.
        """
        context = tf.distribute.get_replica_context()
        batches = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(has_batch, tf.int32))
        self._all_have[number] = tf.equal(batches, self._strategy.num_replicas_in_sync)
        return self._all_have[number]

    def loss_of_all(self, number: int, loss: Any) -> Any:
        """The sum of the losses of all replicas of all tasks, which takes along what these say of a step.

        Args:
            number: of the replica among this task's; call it in each replica's context.
            loss: of this replica, of shape [].
        """
        # The first of the task's replicas says it. The loss comes first, so that it is summed in the order in which it would
        # be alone.
        said = tf.cast(self._said if number == 0 else tf.zeros_like(self._said), loss.dtype)
        context = tf.distribute.get_replica_context()
        sums = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.concat([loss[tf.newaxis], said], 0))
        if number == 0:
            self._said_by_all = tf.cast(sums[1:], tf.int32)
        return sums[0]

    def all_endless(self) -> Any:
        """Whether the inputs of all tasks are endless: a bool Tensor, by a collective of its own."""

        def add(number: int) -> Any:
            del number
            with tf.device("/cpu:0"):
                is_endless = tf.equal(self._dataset.cardinality(), tf.data.INFINITE_CARDINALITY)
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(is_endless, tf.int32))

        return tf.equal(in_each(self._strategy, add)[0], self._strategy.num_replicas_in_sync)

    def begin(self, *, is_endless: bool) -> None:
        """Notes, for the steps of a session, whether the inputs of all tasks are endless."""
        self._is_endless = is_endless
        # What is fed is not computed: such a step has no all-reduce for it.
        self._promised = StandingFeeds(dict.fromkeys(self.promises, True))
        self._promised_unseen = StandingFeeds({**self._promised, self._said: np.zeros(3, np.int32)})

    @property
    def promises(self) -> list[Any]:
        """Tensors that are true in each step but the first where the inputs of all tasks are endless."""
        return list(self._all_have.values())

    @property
    def said(self) -> Any:
        """What this task says of a step: int32 Tensor of shape [3], the last being whether a hook sees the next one."""
        return self._said

    @property
    def said_by_all(self) -> Any:
        """The sum over all tasks of what they say of a step, known after it."""
        return self._said_by_all

    def hooks(self, hooks: Iterable[Any], *, of_all: tuple[type, ...] = ()) -> list[Any]:
        """The hooks of a session: those given, whose request to stop becomes a wish, and the one that stops for all.

        Args:
            hooks: those given.
            of_all: classes of hooks that all tasks have alike, which stop without asking.
        """
        return [
            _Together(self),
            *(hook if isinstance(hook, of_all) else _wishing(hook, self) for hook in hooks),
        ]

    def wish(self) -> None:
        """Asks all tasks to stop after the next step."""
        if not self.is_wished:
            tf.compat.v1.logging.info("A hook asks to stop: all tasks stop together after the next step.")
        self.is_wished = True

    def before_run(self) -> Any:
        """The request of a step: what is said of it, and by all."""
        is_promised = self._is_endless and self._steps > 0
        self._steps += 1
        if self.is_wished:
            said = np.array([1, int(interruption.requested()), 1], np.int32)
            fed = {**(self._promised if is_promised else {}), self._said: said}
        elif is_promised:
            fed = self._promised if self.sees_next() else self._promised_unseen
        else:
            fed = None
        return _train.SessionRunArgs(self._said_by_all, fed)

    def after_run(self, said_by_all: Any) -> tuple[int, int]:
        """Takes what all said of a step; returns how many wish to stop, and how many of them are told to end."""
        wishes, interrupted, see_next = (int(number) for number in said_by_all)
        self.is_unseen = not (wishes or see_next)
        return wishes, interrupted


def of(graph: Any) -> CommonEnd | None:
    """The agreement of a graph; None where nothing has to be agreed upon."""
    return _OF_GRAPHS.get(graph)


def own_hooks(hooks: Iterable[Any]) -> list[Any]:
    """Those of which `CommonEnd.hooks` has made the hooks of a session."""
    return [hook.hook if isinstance(hook, _Wishing) else hook for hook in hooks]


def _wishing(hook: Any, end: CommonEnd) -> "_Wishing":
    # A class of a program's own may stop when it likes.
    stops_at_step = getattr(type(hook), "after_run", None) is _train.StopAtStepHook.after_run
    return (_WishingBefore if stops_at_step else _Wishing)(hook, end)


class _Together(_train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Stops all tasks after the step in which one has wished it."""

    steps_between_looks: ClassVar[int] = sys.maxsize

    def __init__(self, end: CommonEnd) -> None:
        self._end = end

    def before_run(self, run_context: Any) -> Any:
        del run_context
        return self._end.before_run()

    def after_run(self, run_context: Any, run_values: Any) -> None:
        wishes, interrupted = self._end.after_run(run_values.results)
        if not wishes:
            return
        tf.compat.v1.logging.info("%d of the tasks ask to stop: all stop here.", wishes)
        if interrupted:
            tf.compat.v1.logging.info("%d of them are told to end, so training is interrupted.", interrupted)
            interruption.request()
        run_context.request_stop()


class _Wishing(_train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """A hook whose request to stop is a wish."""

    def __init__(self, hook: Any, end: CommonEnd) -> None:
        self.hook = hook
        self._end = end

    def begin(self) -> None:
        self.hook.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        self.hook.after_create_session(session, coord)

    def before_run(self, run_context: Any) -> Any:
        own = self._context(run_context)
        request = self.hook.before_run(own)
        self._notice(own)
        return request

    def after_run(self, run_context: Any, run_values: Any) -> None:
        own = self._context(run_context)
        self.hook.after_run(own, run_values)
        self._notice(own)

    def end(self, session: Any) -> None:
        self.hook.end(session)

    def _context(self, run_context: Any) -> Any:
        return _train.SessionRunContext(run_context.original_args, run_context.session)

    def _notice(self, own: Any) -> None:
        if own.stop_requested:
            self._end.wish()


class _WishingBefore(_Wishing):
    """A `StopAtStepHook`, which wishes one step before its last: the wish goes along with that."""

    def after_create_session(self, session: Any, coord: Any) -> None:
        super().after_create_session(session, coord)
        self._look(session)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        super().after_run(run_context, run_values)
        # As the hook does itself: the number may be that before the step or after it.
        if run_values.results + 1 >= self._last_but_one:
            self._look(run_context.session)

    @property
    def _last_but_one(self) -> int:
        return int(self.hook._last_step) - 1  # noqa: SLF001 - it has no public name

    def _look(self, session: Any) -> None:
        if session.run(self.hook._global_step_tensor) >= self._last_but_one:  # noqa: SLF001 - the same
            self._end.wish()
