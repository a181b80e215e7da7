"""Calling an input function and reading what it returns.

An input function returns a tf.data.Dataset, or a pair (features, labels), or features alone. A dataset becomes an
iterator that a hook initialises in every new session, so that a recovered session starts its input again.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from estimator_runtime import arguments, faces


def __getattr__(name: str) -> Any:
    """`inputs.numpy_input_fn` and `inputs.pandas_input_fn`, as programs know them from `tf.compat.v1.estimator.inputs`."""
    if name in faces.INPUTS.homes:
        return faces.INPUTS.resolve(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class ModelInput(NamedTuple):
    """Tensors of one batch and the hooks that their source needs."""

    features: Any
    labels: Any
    hooks: tuple[Any, ...]


class IteratorInitializerHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Initialises a dataset's iterator in each new session.

    Args:
        initializer: the iterator's operation, or list of operations, for that.
    """

    def __init__(self, initializer: Any) -> None:
        self._initializer = initializer

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Initialises it."""
        del coord
        session.run(self._initializer)


def result_of(
    input_fn: Callable[..., Any] | None,
    *,
    mode: str,
    params: dict[str, Any],
    config: Any,
    input_context: Any = None,
) -> Any:
    """What `input_fn` returns, called with whichever of the named arguments it declares, its operations on the CPU.

    `input_context` is a `tf.distribute.InputContext`, and there is one only where a strategy feeds several replicas.

    Raises:
        ValueError: there is no input_fn.
    """
    if input_fn is None:
        raise ValueError(f"input_fn must be provided to run the Estimator in mode '{mode}'.")
    declared = arguments.declared(input_fn)
    offered = {"mode": mode, "params": params, "config": config}
    if input_context is not None:
        offered["input_context"] = input_context
    passed = {name: value for name, value in offered.items() if name in declared}
    with tf.device("/cpu:0"):
        return input_fn(**passed)


def is_dataset(result: Any) -> bool:
    """Whether an input function's result is a dataset, and not tensors."""
    return isinstance(result, tf.data.Dataset | tf.compat.v1.data.Dataset)


def features_and_labels(element: Any) -> tuple[Any, Any]:
    """The two parts of one batch; labels are None where there are only features.

    Raises:
        ValueError: `element` is a list or tuple that is not (features, labels).
    """
    if not isinstance(element, list | tuple):
        return element, None
    if len(element) != 2:
        raise ValueError("input_fn should return (features, labels) as a len 2 tuple.")
    return element[0], element[1]


def read(result: Any) -> ModelInput:
    """One batch of what an input function returned.

    Raises:
        ValueError: `result` is a list or tuple that is not (features, labels).
    """
    hooks: tuple[Any, ...] = ()
    if is_dataset(result):
        with tf.device("/cpu:0"):
            iterator = tf.compat.v1.data.make_initializable_iterator(result)
            hooks = (IteratorInitializerHook(iterator.initializer),)
            result = iterator.get_next()
    features, labels = features_and_labels(result)
    return ModelInput(features, labels, hooks)


def ends(graph: Any) -> bool:
    """Whether the graph's input can come to an end: it reads from a dataset or has a queue runner."""
    if graph.get_collection(tf.compat.v1.GraphKeys.QUEUE_RUNNERS):
        return True
    return any(operation.type.startswith("IteratorGetNext") for operation in graph.get_operations())
