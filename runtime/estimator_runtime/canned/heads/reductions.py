"""How the losses of the examples become one: the names of both versions of TensorFlow."""

from typing import Any, NamedTuple

import tensorflow as tf

SUM_V1: str = tf.compat.v1.losses.Reduction.SUM
SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

_V1_NAMES = {
    "sum": SUM_V1,
    SUM_OVER_BATCH_SIZE: tf.compat.v1.losses.Reduction.SUM_OVER_BATCH_SIZE,
    "auto": tf.compat.v1.losses.Reduction.SUM_OVER_BATCH_SIZE,
    **{
        name: name
        for name in tf.compat.v1.losses.Reduction.all()
        if name != tf.compat.v1.losses.Reduction.NONE
    },
}


class LossParts(NamedTuple):
    """What the loss of a batch is made of.

    Attributes:
        losses: float Tensor of the examples' losses.
        weights: Tensor that broadcasts to it, or 1.0.
        targets: the labels as numbers, checked.
    """

    losses: Any
    weights: Any
    targets: Any


def checked(reduction: str) -> str:
    """`reduction`, if it is the name of one.

    Raises:
        ValueError: it is not, or it is "none": training needs one number.
    """
    if reduction not in _V1_NAMES:
        raise ValueError(
            f"Invalid loss_reduction: {reduction}. It may be one of {', '.join(sorted(_V1_NAMES))}."
        )
    return reduction


def reduced(losses: Any, weights: Any, reduction: str) -> Any:
    """One loss.

    Args:
        losses: float Tensor of shape [D0, ..., DN, 1] or [D0, ..., DN, D].
        weights: float Tensor that broadcasts to it, or 1.0.
        reduction: a checked name.

    Returns:
        Scalar float Tensor; by a name of version 1 it is also in the collection of losses, as it was there.
    """
    collection = tf.compat.v1.GraphKeys.LOSSES if reduction.startswith("weighted_") else None
    return tf.compat.v1.losses.compute_weighted_loss(
        losses, weights=weights, loss_collection=collection, reduction=_V1_NAMES[reduction]
    )
