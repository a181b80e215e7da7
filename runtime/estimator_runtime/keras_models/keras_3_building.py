"""What a Keras 3 model needs before it can be run in a graph.

Its variables, those of its metrics and of its losses are made when it is first called. In a graph they would belong to
that graph, so they are made before, in a thread that has none.
"""

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf

# Layers with a table of words, which is a resource of the eager runtime.
_WITH_TABLES = ("IntegerLookup", "StringLookup", "TextVectorization")


def prepared(model: Any, inputs: Any, labels: Any = None, weights: Any = None, *, is_compiled: bool) -> None:
    """Builds what is not built, for a batch of this kind.

    Args:
        model: a model of Keras 3.
        inputs: what it is called with: tensors of a graph.
        labels: its targets, or None.
        weights: sample weights, or None.
        is_compiled: whether losses and metrics are needed.
    """
    keras: Any = importlib.import_module("keras")

    def symbolic(tensor: Any) -> Any:
        if tensor is None:
            return None
        is_sparse = isinstance(tensor, tf.SparseTensor)
        return keras.KerasTensor(tuple(tensor.shape), tensor.dtype.name, sparse=is_sparse)

    batch = tf.nest.map_structure(symbolic, (inputs, labels, weights))

    def build() -> None:
        if is_compiled:
            # What `fit` builds a model by, of which there is no public form.
            model._symbolic_build(data_batch=batch)  # noqa: SLF001
        elif not all(layer.built for layer in model._flatten_layers()):  # noqa: SLF001
            model(batch[0], training=False)
        _without_eager_tensors(model)

    eagerly(build)


def check(model: Any) -> None:
    """Refuses a model that cannot be run in a graph.

    Raises:
        ValueError: it has a layer with a table of words.
    """
    for layer in model._flatten_layers():  # noqa: SLF001 - all layers within layers have no public name
        if type(layer).__name__ in _WITH_TABLES and type(layer).__module__.startswith("keras."):
            raise ValueError(
                f"The layer {layer.name} ({type(layer).__name__}) cannot be run in an Estimator's graph: its table belongs "
                "to Keras. Call it in the input_fn instead (dataset.map), and give the model what it returns."
            )


def eagerly(function: Callable[[], Any]) -> Any:
    """What a function returns that is called outside of every graph."""
    with ThreadPoolExecutor(1) as without_graph:
        return without_graph.submit(function).result()


def _without_eager_tensors(model: Any) -> None:
    """Makes arrays of the tensors that layers keep (as Normalization does): no graph takes one of another."""
    for layer in model._flatten_layers():  # noqa: SLF001
        for name, value in list(vars(layer).items()):
            if isinstance(value, tf.Tensor) and not tf.is_symbolic_tensor(value):
                setattr(layer, name, value.numpy())
