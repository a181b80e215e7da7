"""A training step of a Keras 3 model's optimizer in a graph.

Where an optimizer of `tf.compat.v1.train` has the same formula it takes the step, as in canned Estimators. The others of
Keras are made anew in the graph and applied inside a tf.function, which orders what they read and write; their state is
in the checkpoint then, under their names.
"""

import importlib
import re
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.keras import keras_optimizers, layer_names
from estimator_runtime.keras_models import keras_3_building


def train_op(optimizer: Any, loss: Any, variables: Sequence[Any], originals: Sequence[Any]) -> Any:
    """The operation that changes the variables, and counts in the global step.

    Args:
        optimizer: what a model of Keras 3 was compiled with.
        loss: scalar Tensor.
        variables: the trainable `tf.Variable`s of the default graph.
        originals: the model's `keras.Variable`s that these stand for, in the same order.

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
        with tf.control_dependencies([_applied(optimizer, loss, variables, originals)]):
            return step.assign_add(1).op
    with tf.control_dependencies([loss]):
        return replacement.minimize(loss, step, var_list=list(variables))


def _applied(optimizer: Any, loss: Any, variables: Sequence[Any], originals: Sequence[Any]) -> Any:
    name = _plain_name(getattr(optimizer, "name", None) or type(optimizer).__name__)
    with layer_names.one_scope(tf.compat.v1.get_default_graph(), name):
        made = _anew(optimizer, name)
        _exclude(optimizer, made, variables, originals)
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


def _anew(optimizer: Any, name: str) -> Any:
    """An optimizer like this one, of that name, with variables in the default graph."""
    keras: Any = importlib.import_module("keras")

    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        inner = optimizer.inner_optimizer
        config = _config(optimizer, inner_optimizer=None)
        del config["inner_optimizer"]
        return type(optimizer)(_anew(inner, inner.name), **{**config, "name": name})
    rate = optimizer._learning_rate  # noqa: SLF001 - what is public is the rate at the present step
    if not callable(rate):
        return type(optimizer).from_config({**_config(optimizer), "name": name})
    # A schedule may have no config, and of a program's own function or class Keras makes none again.
    config = _config(optimizer, _learning_rate=0.5)
    return type(optimizer).from_config({**config, "learning_rate": rate, "name": name})


def _config(optimizer: Any, **others: Any) -> dict[str, Any]:
    """The config that an optimizer would have with other attributes, as its own runtime tells it."""
    told = object.__new__(type(optimizer))
    vars(told).update(vars(optimizer), **others)
    config: dict[str, Any] = keras_3_building.eagerly(told.get_config)
    return config


def _exclude(optimizer: Any, made: Any, variables: Sequence[Any], originals: Sequence[Any]) -> None:
    """Excludes from weight decay what `optimizer` does, of which its config says nothing."""
    # Keras asks by the names and identities of the variables, which those that stand for them have not.
    optimizer, made = (getattr(one, "inner_optimizer", one) for one in (optimizer, made))
    excluded = [
        stand_in
        for stand_in, original in zip(variables, originals, strict=True)
        if not optimizer._use_weight_decay(original.value)  # noqa: SLF001 - no public form
    ]
    if excluded:
        made.exclude_from_weight_decay(var_list=excluded)


def _plain_name(name: str) -> str:
    """The name without the number that Keras gives to the second optimizer of a process."""
    return re.sub(r"_\d+$", "", name)
