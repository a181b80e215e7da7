"""Early stopping: hooks that end training when a condition holds, in every task of the cluster.

The chief's hook looks at the condition now and then; when it holds, the hook sets a variable of the graph and stops,
and the other tasks' hooks stop when they see the variable set. The variable is none of the model's: no checkpoint holds
it, so a training that exists can be given a hook, and the chief clears it when it makes a session, so one that is
started again from a checkpoint of a stopped one does not stop at once.

The conditions of `stop_if_*` read the event files of an evaluation, so they see what the evaluator has written. By time
they do so beside the training, which ends in the step after the look; by steps in the very step that was asked for. A
condition of the program's own is always asked in a step: it may look at what steps change.
"""

import math
import operator
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import tensorflow as tf

from estimator_runtime.cluster.watcher import Sight, Watcher, WatchingHook
from estimator_runtime.errors import MetricNotFoundError
from estimator_runtime.estimator import Estimator
from estimator_runtime.loop import event_files
from estimator_runtime.loop.evaluation import LOSS
from estimator_runtime.loop.stretches.looks import FAR, Look

_SessionRunHook: Any = tf.compat.v1.train.SessionRunHook
_STOP_SCOPE = "signal_early_stopping"
_STOP_NAME = "STOP"


def make_early_stopping_hook(
    estimator: Any,
    should_stop_fn: Callable[[], bool],
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> Any:
    """Makes the hook that stops training when `should_stop_fn()` is true.

    Args:
        estimator: the `Estimator` that is going to train with the hook.
        should_stop_fn: function without arguments; called in the chief only.
        run_every_secs: seconds between two calls; None when `run_every_steps` is given.
        run_every_steps: global steps between two calls.

    Returns:
        A `SessionRunHook` for `TrainSpec.hooks` of every task.

    Raises:
        TypeError: `estimator` is no `Estimator`, or `should_stop_fn` is not callable.
        ValueError: both intervals are given.
    """
    if not isinstance(estimator, Estimator):
        raise TypeError(f"`estimator` must have type `tf.estimator.Estimator`. Got: {type(estimator)}")
    if run_every_secs is not None and run_every_steps is not None:
        raise ValueError("Only one of `run_every_secs` and `run_every_steps` must be set.")
    if estimator.config.is_chief:
        return _StopOnCondition(should_stop_fn, run_every_secs, run_every_steps)
    return _StopOnSignal()


def stop_if_higher_hook(
    estimator: Any,
    metric_name: str,
    threshold: float,
    eval_dir: str | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> Any:
    """Stops when the metric of an evaluation is above `threshold`.

    Args:
        estimator: the `Estimator`.
        metric_name: key in the evaluation's result.
        threshold: value to compare with.
        eval_dir: directory of the evaluation's event files; default `estimator.eval_dir()`.
        min_steps: evaluations of earlier steps are not looked at.
        run_every_secs: seconds between two looks; None when `run_every_steps` is given.
        run_every_steps: global steps between two looks.

    Returns:
        A `SessionRunHook` for `TrainSpec.hooks` of every task.

    Raises:
        MetricNotFoundError: (when the session begins, or in training) there are evaluations, and none has a metric of
            that name. It is a KeyError.
    """
    crossed = _Threshold(
        eval_dir=_eval_dir(estimator, eval_dir),
        metric_name=metric_name,
        threshold=threshold,
        is_beyond=operator.gt,
        wording="greater than",
        min_steps=min_steps,
    )
    return make_early_stopping_hook(estimator, crossed, run_every_secs, run_every_steps)


def stop_if_lower_hook(
    estimator: Any,
    metric_name: str,
    threshold: float,
    eval_dir: str | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> Any:
    """Stops when the metric of an evaluation is below `threshold`; see `stop_if_higher_hook`."""
    crossed = _Threshold(
        eval_dir=_eval_dir(estimator, eval_dir),
        metric_name=metric_name,
        threshold=threshold,
        is_beyond=operator.lt,
        wording="less than",
        min_steps=min_steps,
    )
    return make_early_stopping_hook(estimator, crossed, run_every_secs, run_every_steps)


def stop_if_no_increase_hook(
    estimator: Any,
    metric_name: str,
    max_steps_without_increase: int,
    eval_dir: str | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> Any:
    """Stops when the metric has not risen for `max_steps_without_increase` steps; see `stop_if_higher_hook`."""
    stalled = _NoImprovement(
        eval_dir=_eval_dir(estimator, eval_dir),
        metric_name=metric_name,
        max_steps=max_steps_without_increase,
        is_better=operator.gt,
        wording="increase",
        min_steps=min_steps,
    )
    return make_early_stopping_hook(estimator, stalled, run_every_secs, run_every_steps)


def stop_if_no_decrease_hook(
    estimator: Any,
    metric_name: str,
    max_steps_without_decrease: int,
    eval_dir: str | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> Any:
    """Stops when the metric has not fallen for `max_steps_without_decrease` steps; see `stop_if_higher_hook`."""
    stalled = _NoImprovement(
        eval_dir=_eval_dir(estimator, eval_dir),
        metric_name=metric_name,
        max_steps=max_steps_without_decrease,
        is_better=operator.lt,
        wording="decrease",
        min_steps=min_steps,
    )
    return make_early_stopping_hook(estimator, stalled, run_every_secs, run_every_steps)


def read_eval_metrics(eval_dir: str) -> dict[int, dict[str, float]]:
    """Reads the evaluations that event files hold.

    Returns:
        {global step: {metric: value}}, in order of the steps; empty when there are no event files.
    """
    return event_files.scalars(event_files.matching(eval_dir, "*.tfevents.*"))


def _evaluations_of(metric_name: str, *, eval_dir: str, min_steps: int) -> Iterator[tuple[int, float]]:
    """(global step, value) of each evaluation from `min_steps` on.

    Other steps of the event files are skipped: hooks write what they like, and the last evaluation may be half written.
    What an evaluation writes always has a loss.

    Raises:
        MetricNotFoundError: there are evaluations, and none has the metric.
    """
    found = {step: one for step, one in read_eval_metrics(eval_dir).items() if step >= min_steps}
    values = [(step, metrics[metric_name]) for step, metrics in found.items() if metric_name in metrics]
    if not values:
        names = sorted({name for metrics in found.values() if LOSS in metrics for name in metrics})
        if names:
            raise MetricNotFoundError(
                f"no evaluation in {eval_dir} has {metric_name!r}; there are: {', '.join(names)}"
            )
    return iter(values)


def _eval_dir(estimator: Any, eval_dir: str | None) -> str:
    if eval_dir:
        return eval_dir
    if not isinstance(estimator, Estimator):
        raise TypeError(f"`estimator` must have type `tf.estimator.Estimator`. Got: {type(estimator)}")
    return str(estimator.eval_dir())


class _Threshold:
    def __init__(
        self,
        *,
        eval_dir: str,
        metric_name: str,
        threshold: float,
        is_beyond: Callable[[float, float], bool],
        wording: str,
        min_steps: int,
    ) -> None:
        self._eval_dir = eval_dir
        self._metric_name = metric_name
        self._threshold = threshold
        self._is_beyond = is_beyond
        self._wording = wording
        self._min_steps = min_steps

    def __call__(self) -> bool:
        for step, value in _evaluations_of(
            self._metric_name, eval_dir=self._eval_dir, min_steps=self._min_steps
        ):
            if self._is_beyond(value, self._threshold):
                tf.compat.v1.logging.info(
                    'At step %s, metric "%s" has value %s which is %s the configured threshold (%s) for early stopping.',
                    step,
                    self._metric_name,
                    value,
                    self._wording,
                    self._threshold,
                )
                return True
        return False


class _NoImprovement:
    def __init__(
        self,
        *,
        eval_dir: str,
        metric_name: str,
        max_steps: int,
        is_better: Callable[[float, float], bool],
        wording: str,
        min_steps: int,
    ) -> None:
        self._eval_dir = eval_dir
        self._metric_name = metric_name
        self._max_steps = max_steps
        self._is_better = is_better
        self._wording = wording
        self._min_steps = min_steps

    def __call__(self) -> bool:
        best: float | None = None
        best_step = 0
        for step, value in _evaluations_of(
            self._metric_name, eval_dir=self._eval_dir, min_steps=self._min_steps
        ):
            beats_nan = best is not None and math.isnan(best) and not math.isnan(value)
            if best is None or beats_nan or self._is_better(value, best):
                best, best_step = value, step
            if step - best_step >= self._max_steps:
                tf.compat.v1.logging.info(
                    'No %s in metric "%s" for %s steps, which is greater than or equal to max steps (%s) configured '
                    "for early stopping.",
                    self._wording,
                    self._metric_name,
                    step - best_step,
                    self._max_steps,
                )
                return True
        return False


def stop_variable() -> Any:
    """The variable of the default graph by which the chief's hook tells the others; made when first asked for."""
    with tf.compat.v1.variable_scope(_STOP_SCOPE, reuse=tf.compat.v1.AUTO_REUSE):
        return tf.compat.v1.get_variable(
            name=_STOP_NAME,
            shape=[],
            dtype=tf.bool,
            initializer=tf.compat.v1.constant_initializer(False),
            collections=[_STOP_SCOPE],
            trainable=False,
            use_resource=True,
        )


class _StopOnCondition(WatchingHook, Look):
    """The chief's hook."""

    def __init__(
        self,
        should_stop_fn: Callable[[], bool],
        run_every_secs: float | None = 60,
        run_every_steps: int | None = None,
    ) -> None:
        if not callable(should_stop_fn):
            raise TypeError("`should_stop_fn` must be callable.")
        self._should_stop_fn = should_stop_fn
        self._every_steps = run_every_steps
        self._timer = tf.compat.v1.train.SecondOrStepTimer(
            every_secs=run_every_secs, every_steps=run_every_steps
        )
        self._step: Any = None
        self._set: Any = None
        self._clear: Any = None
        self._reads_events = isinstance(should_stop_fn, _Threshold | _NoImprovement)
        self._watcher: Watcher | None = None
        self._held_at_first = False
        self._error: MetricNotFoundError | None = None
        if self._reads_events and run_every_secs:
            self._watcher = Watcher(
                self._look,
                "the evaluations that early stopping reads",
                first_secs=run_every_secs,
                last_secs=run_every_secs,
            )

    def watching(self) -> AbstractContextManager[Any]:
        self._error = None
        return nullcontext() if self._watcher is None else self._watcher

    @property
    def period(self) -> int:
        return self._every_steps or FAR

    def quiet_steps(self, step: int) -> int:
        last = self._timer.last_triggered_step()
        if not self._every_steps:
            return FAR
        return 0 if last is None else int(last) + self._every_steps - 1 - step

    def begin(self) -> None:
        self._step = tf.compat.v1.train.get_global_step()
        stop = stop_variable()
        self._set = tf.compat.v1.assign(stop, True)
        self._clear = tf.compat.v1.assign(stop, False)
        if self._reads_events:
            self._held_at_first = (
                self._should_stop_fn()
            )  # a metric that is not there shows before the first step

    def after_create_session(self, session: Any, coord: Any) -> None:
        del coord
        session.run(self._clear)

    def before_run(self, run_context: Any) -> Any:
        del run_context
        return tf.compat.v1.train.SessionRunArgs(self._step)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        step = run_values.results
        if self._holds(step):
            tf.compat.v1.logging.info("Requesting early stopping at global step %d", step)
            run_context.session.run(self._set)
            run_context.request_stop()

    def _holds(self, step: int) -> bool:
        """Whether the condition holds, as far as it is due to be asked."""
        if self._watcher is not None and self._watcher.is_looking:
            if self._error is not None:
                raise self._error
            return self._held_at_first or self._watcher.seen
        if not self._timer.should_trigger_for_step(step):
            return False
        self._timer.update_last_triggered_step(step)
        return self._should_stop_fn()

    def _look(self) -> Sight:
        try:
            return Sight.THERE if self._should_stop_fn() else Sight.NOTHING
        except MetricNotFoundError as error:
            self._error = error  # of the program, not of storage: it is raised in the next step
            return Sight.THERE


class _StopOnSignal(_SessionRunHook):  # type: ignore[misc] # TensorFlow is untyped
    """The other tasks' hook."""

    def __init__(self) -> None:
        self._stop: Any = None

    def begin(self) -> None:
        # A distribution strategy has one for each replica.
        stop = tf.distribute.get_strategy().experimental_local_results(stop_variable())[0]
        # The chief, which initialises it, may come later.
        is_there = tf.raw_ops.VarIsInitializedOp(resource=stop.handle)
        self._stop = tf.cond(is_there, stop.read_value, lambda: tf.constant(False))

    def before_run(self, run_context: Any) -> Any:
        del run_context
        return tf.compat.v1.train.SessionRunArgs(self._stop)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        if run_values.results:
            tf.compat.v1.logging.info("Early stopping requested, suspending run.")
            run_context.request_stop()
