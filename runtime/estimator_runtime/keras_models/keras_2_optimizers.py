"""Optimizers of Keras 2 in an Estimator's graph.

Those of `tf_keras.optimizers.legacy` run there. Each of the newer classes has one of the same formula among them, if it
is not newer still (AdamW, Lion, Adafactor). One of `tf.compat.v1.train` runs by itself.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import ValueKindError

# What the older classes do not know.
_UNKNOWN = (
    "ema_momentum",
    "ema_overwrite_frequency",
    "is_legacy_optimizer",
    "jit_compile",
    "use_ema",
    "weight_decay",
)


def recipe(optimizer: Any) -> Callable[[], Any]:
    """A function that makes the optimizer anew, for each graph; `optimizer` is read now, in its own runtime.

    Args:
        optimizer: what a model of Keras 2 was compiled with.

    Raises:
        ValueKindError: (a ValueError and AttributeError) there is none that runs in a graph.
    """
    given = getattr(optimizer, "optimizer", None)
    if isinstance(given, tf.compat.v1.train.Optimizer):
        return lambda: given  # inside the wrapper that Keras has for it
    keras = _keras()
    if isinstance(optimizer, keras.optimizers.legacy.Optimizer):
        own, own_config = type(optimizer), optimizer.get_config()
        return lambda: own.from_config(own_config)
    kind: Any = getattr(keras.optimizers.legacy, type(optimizer).__name__, None)
    config = dict(optimizer.get_config())
    if kind is None:
        raise ValueKindError(
            f"The optimizer {type(optimizer).__name__} of Keras 2 does not run in a graph. Compile the model with one of "
            "tf.keras.optimizers.legacy (Adadelta, Adagrad, Adam, Adamax, Ftrl, Nadam, RMSprop, SGD) or with an optimizer of "
            "tf.compat.v1.train; or use Keras 3, whose models are taken with any optimizer."
        )
    left_out = [name for name in ("use_ema", "weight_decay") if config.get(name)]
    if left_out:
        tf.compat.v1.logging.warning(
            "The optimizer %s of Keras 2 is replaced by that of tf.keras.optimizers.legacy, which does not know %s, as in "
            "tf.estimator: the training goes on without.",
            type(optimizer).__name__,
            " and ".join(left_out),
        )
    schedule = getattr(optimizer, "_learning_rate", None)
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        config["learning_rate"] = schedule
    config = {name: value for name, value in config.items() if name not in _UNKNOWN and value is not None}
    return lambda: kind(**config)


def train_op(optimizer: Any, loss: Any, variables: Sequence[Any]) -> Any:
    """One step: the operation that changes the variables and counts in the global step.

    Args:
        optimizer: what a recipe made.
        loss: scalar Tensor.
        variables: the trainable ones.
    """
    # There tf.estimator's checkpoints have the slots, whatever scope this is in.
    with tf.name_scope("training/"):
        if not isinstance(optimizer, tf.compat.v1.train.Optimizer):
            return tf.group(*optimizer.get_updates(loss, list(variables)))
        return optimizer.minimize(loss, tf.compat.v1.train.get_global_step(), var_list=list(variables))


def _keras() -> Any:
    return importlib.import_module("tf_keras")
