"""What tf.estimator's `util` had: the arguments of a function, and what an input function returned."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime.inputs import model_input

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def fn_args(fn: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the arguments that `fn` takes by position, in their order.

    Args:
        fn: function, method (its `self` is left out), object with `__call__`, or `functools.partial` (what it has bound is
            left out).

    Raises:
        TypeError: `fn` cannot be called.
    """
    if isinstance(fn, functools.partial):
        return tuple(name for name in fn_args(fn.func)[len(fn.args) :] if name not in fn.keywords)
    parameters = inspect.signature(fn, follow_wrapped=False).parameters.values()
    return tuple(parameter.name for parameter in parameters if parameter.kind in _POSITIONAL)


def parse_input_fn_result(result: Any) -> tuple[Any, Any, list[Any]]:
    """Tensors of one batch of what an input function returned, made in the default graph.

    Args:
        result: a `tf.data.Dataset`, (features, labels), or features.

    Returns:
        (features, labels, hooks): labels are None where there are none; the hooks initialise a dataset's iterator in each
        session.

    Raises:
        ValueError: `result` is a list or tuple that is not (features, labels).
    """
    features, labels, hooks = model_input.read(result)
    return features, labels, list(hooks)


def parse_iterator_result(result: Any) -> tuple[Any, Any]:
    """(features, labels) of one element of an iterator; labels are None where there are none.

    Raises:
        ValueError: `result` is a list or tuple that is not (features, labels).
    """
    return model_input.features_and_labels(result)


class DatasetInitializerHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Initialises an iterator in each new session.

    Args:
        iterator: of `tf.compat.v1.data.make_initializable_iterator`.
    """

    def __init__(self, iterator: Any) -> None:
        self._iterator = iterator
        self._initializer: Any = None

    def begin(self) -> None:
        """Makes the operation."""
        self._initializer = self._iterator.initializer

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Runs it."""
        del coord
        session.run(self._initializer)


class DatasetsInitializerHook(model_input.IteratorInitializerHook):
    """Runs the initialisers of several iterators in each new session.

    Args:
        dataset_initializers: list of operations.
    """

    def __init__(self, dataset_initializers: Any) -> None:
        super().__init__(dataset_initializers)
