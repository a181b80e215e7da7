"""Functions of tf.keras.losses and tf.keras.metrics by the names that Keras 3 does not have there, with the values of Keras 2.

Functions of Keras 3 by the short names (`mse`) first give both arguments one rank: of labels [batch] and predictions [batch, 1]
they make another loss than 2.15 did, without a word, and of a Tensor without a known rank none at all. These broadcast.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import keras  # type: ignore[import-untyped]
import tensorflow as tf

_Function = TypeVar("_Function", bound=Callable[..., Any])

# A model that is compiled with one can be saved.
_saved_by_name: Callable[[_Function], _Function] = keras.saving.register_keras_serializable(
    "estimator_runtime"
)


def _pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both as Tensors, of the predictions' dtype."""
    predicted = tf.convert_to_tensor(y_pred)
    return tf.cast(y_true, predicted.dtype), predicted


@_saved_by_name
def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of the squared differences along the last axis."""
    true, predicted = _pair(y_true, y_pred)
    return tf.reduce_mean(tf.math.squared_difference(predicted, true), axis=-1)


@_saved_by_name
def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of the absolute differences along the last axis."""
    true, predicted = _pair(y_true, y_pred)
    return tf.reduce_mean(tf.abs(predicted - true), axis=-1)


@_saved_by_name
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of the absolute differences in percent of the labels, along the last axis."""
    true, predicted = _pair(y_true, y_pred)
    relative = tf.abs((true - predicted) / tf.maximum(tf.abs(true), keras.config.epsilon()))
    return 100.0 * tf.reduce_mean(relative, axis=-1)


@_saved_by_name
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of the squared differences of the logarithms of 1 + x, along the last axis; what is negative counts as none."""
    true, predicted = (
        tf.math.log(tf.maximum(one, keras.config.epsilon()) + 1.0) for one in _pair(y_true, y_pred)
    )
    return tf.reduce_mean(tf.math.squared_difference(predicted, true), axis=-1)


@_saved_by_name
def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """The divergence of the predictions from the labels, both probabilities along the last axis."""
    true, predicted = (tf.clip_by_value(one, keras.config.epsilon(), 1) for one in _pair(y_true, y_pred))
    return tf.reduce_sum(true * tf.math.log(true / predicted), axis=-1)


@_saved_by_name
def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """The mean of the logarithms of the hyperbolic cosines of the differences, along the last axis."""
    true, predicted = _pair(y_true, y_pred)
    difference = predicted - true
    # log((e^x + e^-x) / 2), where e^-x may be more than a float holds.
    return tf.reduce_mean(difference + tf.math.softplus(-2.0 * difference) - math.log(2.0), axis=-1)


@_saved_by_name
def cosine_proximity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """-1 where both point the same way along an axis, 1 where they point away from each other."""
    true, predicted = (tf.math.l2_normalize(one, axis=axis) for one in (y_true, y_pred))
    return -tf.reduce_sum(true * predicted, axis=axis)
