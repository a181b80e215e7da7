"""What TensorBoard shows of the layers of canned Estimators."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def summarize_scalar(name: str, value: Any) -> None:
    """A number by this very name, whatever name scope is open."""
    with tf.compat.v1.name_scope(""):
        tf.compat.v1.summary.scalar(name, value)


def summarize_activation(value: Any, tag: str) -> None:
    """The share of zeros in a layer's output, and its distribution."""
    tf.compat.v1.summary.scalar(f"{tag}/fraction_of_zero_values", tf.math.zero_fraction(value))
    tf.compat.v1.summary.histogram(f"{tag}/activation", value)


def summarize_linear(bias: Any, weights: Sequence[Any], units: int) -> None:
    """The bias of a linear model, a histogram where there are several, and the share of zeros in its weights."""
    parts = bias if isinstance(bias, list | tuple) else [bias]
    value = tf.concat([tf.convert_to_tensor(part) for part in parts], axis=0)
    if units > 1:
        tf.compat.v1.summary.histogram("bias", value)
    else:
        tf.compat.v1.summary.scalar("bias", value[0])
    tf.compat.v1.summary.scalar("fraction_of_zero_weights", zero_fraction(weights))


def zero_fraction(weights: Sequence[Any]) -> Any:
    """The share of zeros in several variables together, a scalar."""
    # In a scope of its own: the sum of a model's logits is the first `add` of its graph, which clients fetch.
    with tf.name_scope("zero_fraction"):
        zeros, total = tf.constant(0.0), tf.constant(0.0)
        for variable in weights:
            values = tf.convert_to_tensor(variable)
            size = tf.cast(tf.size(values), tf.float32)
            zeros += size - tf.cast(tf.math.count_nonzero(values), tf.float32)
            total += size
        return zeros / total
