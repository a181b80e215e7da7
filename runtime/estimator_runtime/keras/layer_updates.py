"""What layers of Keras 2 told a model function about their updates and losses, of layers of Keras 3 in an Estimator's graph.

A model function of TensorFlow 2 runs `model.updates`, or `model.get_updates_for(inputs)`, with its training step and adds
`model.get_losses_for(inputs)` to its loss. Layers of Keras 3 have `losses` alone. Their updates are none: the training step
runs what they assign by itself (`layer_state`).
"""

import functools
import threading
import weakref
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime.keras.legacy_api import OfKeras2

_TEACHING = threading.Lock()


def _losses_for(layer: Any, inputs: Any) -> list[Any]:
    """Losses, scalar Tensors: for None those of the weights, else those of what the layer was called with."""
    losses = layer.losses
    # Keras has those of the weights last.
    of_calls = len(losses) - sum(weight.regularizer is not None for weight in layer.trainable_weights)
    return list(losses[of_calls:] if inputs is None else losses[:of_calls])


def _updates_for(layer: Any, inputs: Any) -> list[Any]:
    del layer, inputs
    return []


_NAMES: dict[str, Callable[[Any], Any]] = {
    "get_losses_for": lambda layer: functools.partial(_losses_for, layer),
    "get_updates_for": lambda layer: functools.partial(_updates_for, layer),
    "updates": lambda layer: _updates_for(layer, None),
}


def teach(layer_class: Any, graphs: weakref.WeakSet[Any]) -> None:
    """Gives the names to layers, in the (growing) set of graphs `graphs`.

    Args:
        layer_class: `keras.Layer`.
        graphs: of Estimators.
    """
    with _TEACHING:
        for name, value in _NAMES.items():
            if name not in vars(layer_class):
                setattr(layer_class, name, OfKeras2(name, _in(graphs, value)))


def _in(graphs: weakref.WeakSet[Any], value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def find(layer: Any) -> Any:
        is_here = not tf.executing_eagerly() and tf.compat.v1.get_default_graph() in graphs
        return value(layer) if is_here else None

    return find
