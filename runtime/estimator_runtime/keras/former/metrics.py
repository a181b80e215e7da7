"""Metrics of `tf.keras.metrics` that Keras 3 does not have."""

from typing import Any

import keras  # type: ignore[import-untyped]
import numpy as np
import tensorflow as tf

from estimator_runtime.errors import ValueKindError


class MeanRelativeError(keras.metrics.Mean):  # type: ignore[misc]  # Keras has no types
    """The mean of the absolute differences from the labels, each divided by a number of its own; nought where that is nought.

    Args:
        normalizer: what is divided by, of a shape that the predictions' is broadcast with.
        name: of the metric.
        dtype: of the result.
    """

    def __init__(self, normalizer: Any, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.normalizer = normalizer

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Adds a batch.

        Args:
            y_true: labels.
            y_pred: predictions.
            sample_weight: weights of the examples.
        """
        true, predicted, normalizer = (tf.cast(one, self.dtype) for one in (y_true, y_pred, self.normalizer))
        predicted, true = _of_one_rank(predicted, true)
        predicted, normalizer = _of_one_rank(predicted, normalizer)
        if not predicted.shape.is_compatible_with(true.shape):
            raise ValueKindError(f"Shapes {predicted.shape} and {true.shape} are incompatible")
        relative = tf.math.divide_no_nan(tf.abs(true - predicted), normalizer)
        return super().update_state(relative, sample_weight=sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The arguments, for saving."""
        config: dict[str, Any] = super().get_config()
        return {**config, "normalizer": np.asarray(self.normalizer).tolist()}


def _of_one_rank(one: Any, other: Any) -> tuple[Any, Any]:
    """Both, the one of a rank more without its last axis, if that is of size 1."""
    ranks = one.shape.rank, other.shape.rank
    if None in ranks or abs(ranks[0] - ranks[1]) != 1:
        return one, other
    if ranks[0] > ranks[1]:
        return (tf.squeeze(one, -1) if one.shape[-1] == 1 else one), other
    return one, (tf.squeeze(other, -1) if other.shape[-1] == 1 else other)
