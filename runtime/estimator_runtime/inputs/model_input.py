"""Calling an input function and reading what it returns.

An input function returns a tf.data.Dataset, or a pair (features, labels), or features alone. A dataset becomes an
iterator that a hook initialises in every new session, so that a recovered session starts its input again.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from estimator_runtime import arguments, faces
from estimator_runtime.errors import InputGraphError

_OF_ANOTHER_GRAPH = (
    "Attempting to capture an EagerTensor",
    "Eager-defined Tensor during graph construction",
    "of the iterator is different from the graph",
    "must be from the same graph",
)


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
        self.initializer = initializer

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Initialises it."""
        del coord
        session.run(self.initializer)


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
        TypeError: it is no function.
        InputGraphError: (a ValueError) it uses what was made outside of it.
    """
    if input_fn is None:
        raise ValueError(f"input_fn must be provided to run the Estimator in mode '{mode}'.")
    arguments.check_input_fn(input_fn)
    declared = arguments.declared(input_fn)
    offered = {"mode": mode, "params": params, "config": config}
    if input_context is not None:
        offered["input_context"] = input_context
    passed = {name: value for name, value in offered.items() if name in declared}
    with tf.device("/cpu:0"), made_inside():
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
        InputGraphError: (a ValueError) it was made outside of input_fn.
    """
    hooks: tuple[Any, ...] = ()
    if is_dataset(result):
        with tf.device("/cpu:0"), made_inside():
            iterator = tf.compat.v1.data.make_initializable_iterator(result)
            hooks = (IteratorInitializerHook(iterator.initializer),)
            result = iterator.get_next()
    features, labels = features_and_labels(result)
    return ModelInput(features, labels, hooks)


@contextlib.contextmanager
def made_inside() -> Iterator[None]:
    """Surrounds the making of the input: TensorFlow's refusal of what is another graph's does not name input_fn.

    Raises:
        InputGraphError: a dataset, a tensor that it uses, or a dataset that it is made of, was made outside of input_fn.
    """
    try:
        yield
    except (ValueError, RuntimeError) as error:
        if not any(sign in str(error) for sign in _OF_ANOTHER_GRAPH):
            raise
        raise InputGraphError(
            "input_fn uses a tf.data.Dataset, or a tensor, that was made outside of input_fn, in another graph or eagerly: "
            f"make it inside input_fn. {error}"
        ) from error


@contextlib.contextmanager
def explained(features: Any) -> Iterator[None]:
    """Surrounds a call of model_fn: notes what kind of features there were, if it is one that few model functions take."""
    try:
        yield
    except Exception as error:
        if features is None or isinstance(features, Iterator) or callable(features):
            error.add_note(
                f"input_fn returned features that are a {type(features).__name__}. It should return a tf.data.Dataset, "
                "(features, labels) or features, the features a Tensor or a dict of Tensors."
            )
        raise


def check_graph(features: Any, labels: Any) -> None:
    """Refuses tensors that no model in the default graph can use.

    Raises:
        InputGraphError: a tensor was made eagerly or in another graph, so outside of input_fn.
    """
    graph = tf.compat.v1.get_default_graph()
    for what, part in (("features", features), ("labels", labels)):
        for tensor in _tensors(part):
            if getattr(tensor, "graph", None) is not graph:
                raise InputGraphError(
                    f"input_fn returned {what} with a tensor that was made outside of input_fn, in another graph or eagerly: "
                    f"make it inside input_fn, or return a numpy array. It is of {tensor.dtype} and shape {tensor.shape}."
                )


def ends(graph: Any) -> bool:
    """Whether the graph's input can come to an end: it reads from a dataset or has a queue runner."""
    if graph.get_collection(tf.compat.v1.GraphKeys.QUEUE_RUNNERS):
        return True
    return any(operation.type.startswith("IteratorGetNext") for operation in graph.get_operations())


def _tensors(part: Any) -> Iterator[Any]:
    if isinstance(part, Mapping):  # whose keys may be of kinds that cannot be sorted
        part = list(part.values())
    if isinstance(part, list | tuple):
        for one in part:
            yield from _tensors(one)
    elif tf.is_tensor(part):
        yield from tf.nest.flatten(part, expand_composites=True)
