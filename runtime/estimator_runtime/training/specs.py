"""TrainSpec and EvalSpec: what `train_and_evaluate` trains on, evaluates on and exports.

Both are immutable tuples that are checked when they are made, so a mistake shows in every task at once and not in the
evaluator after an hour.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Self

import tensorflow as tf

from estimator_runtime import arguments
from estimator_runtime.export.exporters import Exporter

InputFn = Callable[..., Any]


class _TrainFields(NamedTuple):
    input_fn: InputFn
    max_steps: int | None
    hooks: tuple[Any, ...]
    saving_listeners: tuple[Any, ...]


class _EvalFields(NamedTuple):
    input_fn: InputFn
    steps: int | None
    name: str | None
    hooks: tuple[Any, ...]
    exporters: tuple[Exporter, ...]
    start_delay_secs: float
    throttle_secs: float


class TrainSpec(_TrainFields):
    """The training part of `train_and_evaluate`.

    Args:
        input_fn: returns a `tf.data.Dataset` or (features, labels).
        max_steps: global step at which training ends; None trains until the input ends or a hook stops it.
        hooks: `SessionRunHook`s that run in every training task.
        saving_listeners: `CheckpointSaverListener`s that run in the chief.

    Raises:
        TypeError: `input_fn` is not callable, or an element of a list is of the wrong class.
        ValueError: `max_steps` is not positive.
    """

    __slots__ = ()

    def __new__(
        cls,
        input_fn: InputFn,
        max_steps: int | None = None,
        hooks: Iterable[Any] | None = None,
        saving_listeners: Iterable[Any] | None = None,
    ) -> Self:
        """Checks the arguments."""
        arguments.check_input_fn(input_fn)
        if max_steps is not None and max_steps <= 0:
            raise ValueError(f"Must specify max_steps > 0, given: {max_steps}")
        checked_hooks = _checked_hooks(hooks)
        listeners = tuple(saving_listeners or ())
        for listener in listeners:
            if not isinstance(listener, tf.compat.v1.train.CheckpointSaverListener):
                raise TypeError(
                    f"All saving_listeners must be `CheckpointSaverListener` instances, given: {listener}"
                )
        return super().__new__(cls, input_fn, max_steps, checked_hooks, listeners)


class EvalSpec(_EvalFields):
    """The evaluation and export part of `train_and_evaluate`.

    Args:
        input_fn: returns a `tf.data.Dataset` or (features, labels).
        steps: batches per evaluation; None evaluates until the input ends.
        name: name of the evaluation, for its directory and logs.
        hooks: `SessionRunHook`s that run during evaluation.
        exporters: an `Exporter` or several, called after each evaluation.
        start_delay_secs: seconds that the evaluator waits before its first evaluation.
        throttle_secs: least number of seconds between the starts of two evaluations.

    Raises:
        TypeError: `input_fn` is not callable, `name` is not a string, or an element of a list is of the wrong class.
        ValueError: `steps` is not positive, a delay is negative, an exporter's name is empty or given twice.
    """

    __slots__ = ()

    def __new__(
        cls,
        input_fn: InputFn,
        steps: int | None = 100,
        name: str | None = None,
        hooks: Iterable[Any] | None = None,
        exporters: Exporter | Iterable[Exporter] | None = None,
        start_delay_secs: float = 120,
        throttle_secs: float = 600,
    ) -> Self:
        """Checks the arguments."""
        arguments.check_input_fn(input_fn)
        if steps is not None and steps <= 0:
            raise ValueError(f"Must specify steps > 0, given: {steps}")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"`name` must be string, given: {name}")
        checked_hooks, checked_exporters = _checked_hooks(hooks), _checked_exporters(exporters)
        if start_delay_secs < 0:
            raise ValueError(f"Must specify start_delay_secs >= 0, given: {start_delay_secs}")
        if throttle_secs < 0:
            raise ValueError(f"Must specify throttle_secs >= 0, given: {throttle_secs}")
        return super().__new__(
            cls,
            input_fn,
            steps,
            name,
            checked_hooks,
            checked_exporters,
            start_delay_secs,
            throttle_secs,
        )


def _checked_hooks(hooks: Iterable[Any] | None) -> tuple[Any, ...]:
    checked = tuple(hooks or ())
    for hook in checked:
        if not isinstance(hook, tf.compat.v1.train.SessionRunHook):
            raise TypeError(f"All hooks must be `SessionRunHook` instances, given: {hook}")
    return checked


def _checked_exporters(exporters: Exporter | Iterable[Exporter] | None) -> tuple[Exporter, ...]:
    if not exporters:
        return ()
    if isinstance(exporters, Exporter):
        exporters = [exporters]
    checked = tuple(exporters) if isinstance(exporters, Iterable) else (exporters,)
    if not all(isinstance(exporter, Exporter) for exporter in checked):
        raise TypeError(
            f"`exporters` must be an Exporter, an iterable of Exporter, or `None`, found {exporters}."
        )
    names: list[Any] = [exporter.name for exporter in checked]
    for index, name in enumerate(names):
        if not name or not isinstance(name, str):
            raise ValueError(
                "An Exporter cannot have a name that is `None` or empty, or that is not a string. All exporter "
                f"names: {names}"
            )
        if name in names[:index]:
            raise ValueError(
                "`exporters` must have unique names. Such a name cannot be `None`. All exporter names: "
                f"{names}"
            )
    return checked
