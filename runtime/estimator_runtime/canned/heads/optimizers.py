"""Optimizers of canned Estimators: given by name, as objects of `tf.compat.v1.train`, or as Keras' own.

Keras 3 optimizers return no operation in a graph. Those that have the same formula as an optimizer of `tf.compat.v1.train` are
translated; all others are refused with the names of those that are not. Keras 2 optimizers (tf_keras) run as they are.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import tensorflow as tf

from estimator_runtime.canned.heads import reductions
from estimator_runtime.keras import former_checkpoints, keras_optimizers

_T = TypeVar("_T")
_NO_MEANS = (tf.compat.v1.losses.Reduction.SUM, tf.compat.v1.losses.Reduction.NONE)
_V1: Mapping[str, str] = {
    "Adagrad": "AdagradOptimizer",
    "Adam": "AdamOptimizer",
    "Ftrl": "FtrlOptimizer",
    "RMSProp": "RMSPropOptimizer",
    "SGD": "GradientDescentOptimizer",
}


def of_v1(optimizer: Any, learning_rate: float) -> Any:
    """The optimizer that an Estimator of the first form was given.

    Args:
        optimizer: name, optimizer, or function that returns an optimizer.
        learning_rate: for one given by name.

    Raises:
        ValueError: it is no optimizer, or the name of none.
    """
    if isinstance(optimizer, str):
        return getattr(tf.compat.v1.train, _by_name(optimizer, _V1))(learning_rate)
    return _checked(_fresh(optimizer))


def of_v2(optimizer: Any, learning_rate: float | None = None) -> Any:
    """The optimizer that an Estimator of the second form was given; by name it has the defaults of Keras.

    Args:
        optimizer: as in `of_v1`.
        learning_rate: for one given by name; None for Keras' default.

    Raises:
        ValueError: it is no optimizer, or the name of none.
    """
    if isinstance(optimizer, str):
        return former_checkpoints.taking_over(_by_name(optimizer, keras_optimizers.BY_NAME)(learning_rate))
    return _checked(_fresh(optimizer))


def is_known(name: str) -> bool:
    """Whether an optimizer can be given by this name."""
    return name in _V1


def _fresh(optimizer: Any) -> Any:
    """An optimizer of Keras 2 in the state in which it was made: its variables belong to one graph, of one training."""
    return keras_optimizers.anew(optimizer) if keras_optimizers.runs_in_graphs(optimizer) else optimizer


def leave_out(optimizer: Any) -> None:
    """Takes the variables of an optimizer that something else will stand for out of the graph, if they are in it.

    A model function that makes the optimizer in all modes would look for them in its checkpoints.
    """
    if keras_optimizers.is_translatable(optimizer):
        keras_optimizers.forget_variables(optimizer)


def train_op(
    loss: Any,
    optimizer: Any,
    trainable_variables: Sequence[Any] | None,
    train_op_fn: Callable[[Any], Any] | None,
    update_ops: Sequence[Any] | None,
    reduction: Any = None,
) -> Any:
    """One step of training; see `Head.create_estimator_spec`, and `minimize` for `reduction`.

    Raises:
        ValueError: neither or both of `optimizer` and `train_op_fn` are given, or the variables are no list.
    """
    if optimizer is not None and train_op_fn is not None:
        raise ValueError("train_op_fn and optimizer cannot both be set.")
    if optimizer is None and train_op_fn is None:
        raise ValueError("train_op_fn and optimizer cannot both be None.")
    step = (
        train_op_fn(loss)
        if train_op_fn
        else minimize(optimizer, loss, trainable_variables, reduction=reduction)
    )
    return tf.group(step, *update_ops) if update_ops else step


def minimize(
    optimizer: Any,
    loss: Any,
    variables: Sequence[Any] | None,
    *,
    counts: bool = True,
    reduction: Any = None,
) -> Any:
    """The operation that makes one step with `optimizer`.

    Args:
        optimizer: one of `tf.compat.v1.train` or of Keras.
        loss: scalar Tensor.
        variables: list of variables; None for all trainable ones, which Keras 2 does not allow.
        counts: whether the operation advances the global step.
        reduction: how the losses of the examples became `loss`. A strategy's replicas add up their gradients, so of a mean over
            the examples of each, the gradients are divided by the number of replicas.
    """
    if variables is not None and not isinstance(variables, list | tuple):
        raise ValueError(f"trainable_variables should be a list or a tuple. Given type: {type(variables)}")
    optimizer = _checked(optimizer)
    if reduction == reductions.SUM_OVER_BATCH_SIZE and not _divides(optimizer):
        loss /= tf.distribute.get_strategy().num_replicas_in_sync
    step = tf.compat.v1.train.get_or_create_global_step() if counts else None
    if is_of_keras(optimizer):
        if variables is None:
            raise ValueError("trainable_variables cannot be None. Given None")
        if counts:
            # A model function that has set it already, as it has to in TensorFlow 2, cannot be overruled.
            with contextlib.suppress(RuntimeError):
                optimizer.iterations = step
        # There tf.estimator's checkpoints have the slots, whatever scope the head is in.
        with tf.name_scope("training/"):
            return tf.group(*optimizer.get_updates(loss, list(variables)))
    return optimizer.minimize(loss, global_step=step, var_list=variables)


def _divides(optimizer: Any) -> bool:
    """Whether the optimizer divides a loss by the number of replicas: one of TensorFlow 1 does, unless it was last made a sum."""
    last = getattr(tf.compat.v1.get_default_graph(), "_last_loss_reduction", None)
    return isinstance(optimizer, tf.compat.v1.train.Optimizer) and last not in _NO_MEANS


def _by_name(name: str, known: Mapping[str, _T]) -> _T:
    if name not in known:
        raise ValueError(f"Unsupported optimizer name: {name}. Supported names are: {tuple(sorted(known))}")
    return known[name]


def is_of_keras(optimizer: Any) -> bool:
    """Whether an optimizer counts steps in its `iterations`, in place of a step that it is given."""
    return not isinstance(optimizer, tf.compat.v1.train.Optimizer)


def _checked(given: Any) -> Any:
    optimizer = given() if callable(given) and not _is_optimizer(given) else given
    leave_out(optimizer)
    if keras_optimizers.is_translatable(optimizer):
        return keras_optimizers.translated(optimizer)
    if not _is_optimizer(optimizer):
        raise ValueError(
            f"The given object is not an Optimizer instance. Given: {optimizer}. It may be an optimizer of "
            "tf.compat.v1.train or of tf.keras.optimizers, a name, or a function that returns an optimizer."
        )
    return optimizer


def _is_optimizer(given: Any) -> bool:
    return (
        isinstance(given, tf.compat.v1.train.Optimizer)
        or keras_optimizers.runs_in_graphs(given)
        or keras_optimizers.is_translatable(given)
    )
