"""Calling an input function and reading what it returns.

An input function returns a tf.data.Dataset, or a pair (features, labels), or features alone. A dataset becomes an
iterator that a hook initialises in every new session, so that a recovered session starts its input again.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from estimator_runtime import arguments


class ModelInput(NamedTuple):
    """Tensors of one batch and the hooks that their source needs."""

    features: Any
    labels: Any
    hooks: tuple[Any, ...]


class _IteratorInitializerHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Initialises a dataset's iterator in each new session."""

    def __init__(self, initializer: Any) -> None:
        self._initializer = initializer

    def after_create_session(self, session: Any, coord: Any) -> None:
        del coord
        session.run(self._initializer)


def call_input_fn(
    input_fn: Callable[..., Any] | None, *, mode: str, params: dict[str, Any], config: Any
) -> ModelInput:
    """Calls `input_fn` with whichever of mode, params and config it declares, its operations placed on the CPU.

    Raises:
        ValueError: there is no input_fn, or it returns a list or tuple that is not (features, labels).
    """
    if input_fn is None:
        raise ValueError(f"input_fn must be provided to run the Estimator in mode '{mode}'.")
    declared = arguments.declared(input_fn)
    offered = {"mode": mode, "params": params, "config": config}
    passed = {name: value for name, value in offered.items() if name in declared}
    with tf.device("/cpu:0"):
        result = input_fn(**passed)
        hooks: tuple[Any, ...] = ()
        if isinstance(result, tf.data.Dataset | tf.compat.v1.data.Dataset):
            iterator = tf.compat.v1.data.make_initializable_iterator(result)
            hooks = (_IteratorInitializerHook(iterator.initializer),)
            result = iterator.get_next()
    if isinstance(result, list | tuple):
        if len(result) != 2:
            raise ValueError("input_fn should return (features, labels) as a len 2 tuple.")
        return ModelInput(result[0], result[1], hooks)
    return ModelInput(result, None, hooks)


def ends(graph: Any) -> bool:
    """Whether the graph's input can come to an end: it reads from a dataset or has a queue runner."""
    if graph.get_collection(tf.compat.v1.GraphKeys.QUEUE_RUNNERS):
        return True
    return any(operation.type.startswith("IteratorGetNext") for operation in graph.get_operations())
