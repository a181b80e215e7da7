"""Pairs of a function and its tensors, as `eval_metrics` and `host_call` are: checked, called, and run in every step."""

import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf

_WRITERS = ("CreateSummaryFileWriter", "CreateSummaryDbWriter")


def check(name: str, pair: Any) -> None:
    """Holds a pair against what may be: (function, list, tuple or dict of tensors).

    Raises:
        ValueError: it is no pair, or its second part is none of the three.
        TypeError: its first part is no function.
        RuntimeError: the function takes another number of tensors.
    """
    if not isinstance(pair, tuple | list):
        raise ValueError(f"{name} should be tuple or list, given: {pair}")  # noqa: TRY004 - tf.estimator's type
    if len(pair) != 2:
        raise ValueError(f"{name} should have two elements, a function and its tensors, given: {pair}")
    function, tensors = pair
    if not callable(function):
        raise TypeError(f"{name}[0] should be callable, given: {function}")
    if not isinstance(tensors, tuple | list | dict):
        raise ValueError(f"{name}[1] should be tuple or list, or dict, given: {tensors}")  # noqa: TRY004 - as above
    if isinstance(tensors, dict):
        return
    takes = _number_of_arguments(function)
    if takes is not None and takes != len(tensors):
        raise RuntimeError(
            f"In TPUEstimatorSpec.{name}, length of tensors {len(tensors)} does not match method args of the function, which "
            f"takes {takes}. A dict passes tensors by name."
        )


def called(name: str, pair: Any) -> Any:
    """What the function of a pair returns for its tensors.

    Raises:
        TypeError: it does not take tensors of these names.
    """
    function, tensors = pair
    if not isinstance(tensors, dict):
        return function(*tensors)
    try:
        return function(**tensors)
    except TypeError as error:
        error.add_note(f"It was called for TPUEstimatorSpec.{name}, with the tensors {sorted(tensors)}.")
        raise


class HostCallHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Runs in every step what a host call returned, with the writers of `tf.summary` that it made.

    Args:
        operations: tensors and operations, or nests of them, to run; None for none.
    """

    def __init__(self, operations: Any) -> None:
        self._operations = operations
        self._made: list[Any] = []
        self._flushed: list[Any] = []

    def begin(self) -> None:
        """Finds the writers of the graph, to which no public name of TensorFlow leads."""
        graph = tf.compat.v1.get_default_graph()
        self._made = [operation for operation in graph.get_operations() if operation.type in _WRITERS]
        self._flushed = [
            tf.raw_ops.FlushSummaryWriter(writer=operation.inputs[0]) for operation in self._made
        ]

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Makes the writers' files."""
        del coord
        session.run(self._made)

    def before_run(self, run_context: Any) -> Any:
        """Asks for the operations."""
        del run_context
        return tf.compat.v1.train.SessionRunArgs(self._operations)

    def end(self, session: Any) -> None:
        """Writes what is left."""
        session.run(self._flushed)


def _number_of_arguments(function: Callable[..., Any]) -> int | None:
    """How many tensors a function takes by position; None for any number, or if it is built in and does not tell."""
    try:
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    except ValueError:
        return None
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in by_position for parameter in parameters)
