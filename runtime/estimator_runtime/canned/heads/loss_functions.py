"""Loss functions that users give to heads: called with what they declare, and what they return checked."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime import arguments

_ARGUMENTS = ("labels", "logits", "features", "loss_reduction")


def check(loss_fn: Callable[..., Any]) -> None:
    """Holds the arguments of `loss_fn` against what it can be called with.

    Raises:
        ValueError: it does not take labels and logits, or takes something unknown.
    """
    declared = arguments.declared(loss_fn)
    for needed in ("labels", "logits"):
        if needed not in declared:
            raise ValueError(f"loss_fn must contain argument: {needed}. Given arguments: {declared}")
    unexpected = arguments.unexpected(loss_fn, _ARGUMENTS)
    if unexpected:
        raise ValueError(f"loss_fn has unexpected args: {unexpected}")


def called(
    loss_fn: Callable[..., Any],
    labels: Any,
    logits: Any,
    features: Any,
    reduction: str,
    *,
    dimension: int = 1,
) -> Any:
    """The losses that `loss_fn` returns, of shape [D0, ..., DN, dimension].

    Raises:
        ValueError: they have another shape, or there are none.
    """
    declared = arguments.declared(loss_fn)
    optional = {"features": features, "loss_reduction": reduction}
    losses = tf.convert_to_tensor(
        loss_fn(
            labels=labels,
            logits=logits,
            **{name: value for name, value in optional.items() if name in declared},
        )
    )
    wanted = logits.shape[:-1].concatenate([dimension])
    if not losses.shape.is_compatible_with(wanted):
        raise ValueError(
            f"loss_fn must return a Tensor of shape [D0, D1, ... DN, {dimension}], like logits {logits.shape}; it returned "
            f"{losses.shape}."
        )
    check = tf.compat.v1.assert_equal(
        tf.shape(losses),
        tf.concat([tf.shape(logits)[:-1], [dimension]], axis=0),
        message=f"loss_fn must return a Tensor of shape [D0, D1, ... DN, {dimension}]",
    )
    with tf.control_dependencies([check]):
        return tf.identity(losses)


def collected(losses: Any) -> Any:
    """`losses`, added to the graph's collection of losses, where exports have them and programs look for them."""
    tf.compat.v1.losses.add_loss(losses)
    return losses
