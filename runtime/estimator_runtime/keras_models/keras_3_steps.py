"""A training step of a Keras 3 model's optimizer in a graph.

Where an optimizer of `tf.compat.v1.train` has the same formula it takes the step, as in canned Estimators. The others of
Keras are made anew in the graph and applied inside a tf.function, which orders what they read and write; their state is
in the checkpoint then, under their names.
"""

import re
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.keras import keras_optimizers, layer_names
from estimator_runtime.keras_models import keras_3_building


def train_op(optimizer: Any, loss: Any, variables: Sequence[Any]) -> Any:
    """The operation that changes the variables, and counts in the global step.

    Args:
        optimizer: what a model of Keras 3 was compiled with.
        loss: scalar Tensor.
        variables: the trainable `tf.Variable`s of the default graph.

    Raises:
        ValueError: the optimizer runs on one device only, and there is a strategy with several.
    """
    step = tf.compat.v1.train.get_global_step()
    try:
        replacement = keras_optimizers.translated(optimizer)
    except ValueError as error:
        if tf.distribute.has_strategy():
            raise ValueError(
                f"{error} Without train_distribute it would be run as it is, inside a tf.function, which a strategy's "
                "replicas cannot call."
            ) from error
        # A step that finds the input at its end is none.
        with tf.control_dependencies([_applied(optimizer, loss, variables)]):
            return step.assign_add(1).op
    with tf.control_dependencies([loss]):
        return replacement.minimize(loss, step, var_list=list(variables))


def _applied(optimizer: Any, loss: Any, variables: Sequence[Any]) -> Any:
    config = keras_3_building.eagerly(optimizer.get_config)
    name = _plain_name(config.get("name") or type(optimizer).__name__)
    with layer_names.one_scope(tf.compat.v1.get_default_graph(), name):
        made = type(optimizer).from_config({**config, "name": name})
        try:
            made.build(list(variables))
        except ValueError as error:
            raise ValueError(
                f"The optimizer {type(optimizer).__name__} of Keras cannot be run in a graph ({error}). Compile the model "
                "with another one: Adam, AdamW, SGD, RMSprop, Adagrad, Adadelta, Adamax, Nadam, Ftrl and Lion can."
            ) from error
    gradients = tf.gradients(made.scale_loss(loss), list(variables))
    pairs = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]

    def apply(*given: Any) -> Any:
        made.apply(list(given), [variable for _, variable in pairs])
        return tf.constant(0)

    with tf.control_dependencies([loss]):
        return tf.function(apply, autograph=False)(*[gradient for gradient, _ in pairs]).op


def _plain_name(name: str) -> str:
    """The name without the number that Keras gives to the second optimizer of a process."""
    return re.sub(r"_\d+$", "", name)
