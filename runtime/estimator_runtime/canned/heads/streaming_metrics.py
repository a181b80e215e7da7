"""Metrics of heads: made empty, fed once with Tensors of a graph, then an entry of `eval_metric_ops`.

They have the attributes by which an EstimatorSpec knows a legacy Keras metric (`update_state`, `result`, `updates`,
`variables`), and hold a pair of `tf.compat.v1.metrics` inside. So they need no Keras, and belong to the graph in which
they were fed.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


class StreamingMetric:
    """One metric over the batches of an evaluation.

    Args:
        name: name of the metric.
        build: function of the Tensors given to `update_state` that returns (value, update).
    """

    def __init__(self, name: str, build: Callable[..., tuple[Any, Any]]) -> None:
        self.name = name
        self._build = build
        self._pair: tuple[Any, Any] | None = None

    def update_state(self, *tensors: Any, **named: Any) -> Any:
        """Feeds the metric; returns the operation that adds one batch.

        Raises:
            ValueError: it has been fed before.
            RuntimeError: there is no graph: eager execution is on.
        """
        if tf.executing_eagerly():
            raise RuntimeError(
                f"The metric {self.name} belongs to a graph: call it in a model_fn, or with tf.Graph().as_default()."
            )
        if self._pair is not None:
            raise ValueError(f"The metric {self.name} was fed before; make new metrics for each graph.")
        self._pair = self._build(*tensors, **named)
        return self._pair[1]

    def result(self) -> Any:
        """Tensor with the value over all batches so far.

        Raises:
            ValueError: the metric has not been fed.
        """
        return self.pair[0]

    @property
    def pair(self) -> tuple[Any, Any]:
        """(value, update).

        Raises:
            ValueError: the metric has not been fed.
        """
        if self._pair is None:
            raise ValueError(f"Call update_state on the metric {self.name} first.")
        return self._pair

    @property
    def updates(self) -> list[Any]:
        """The operation that adds one batch; empty before `update_state`."""
        return [] if self._pair is None else [self._pair[1]]

    @property
    def variables(self) -> list[Any]:
        """Empty: the variables are in the collections where an evaluation looks for them."""
        return []


def mean(name: str) -> StreamingMetric:
    """The mean of `values`, weighted with `weights` (of the same rank) if there are any."""
    return StreamingMetric(name, tf.compat.v1.metrics.mean)


def accuracy(name: str) -> StreamingMetric:
    """The share of `predictions` that equal `labels`."""
    return StreamingMetric(name, tf.compat.v1.metrics.accuracy)


def precision(name: str) -> StreamingMetric:
    """The share of true ones among those of `predictions`."""
    return StreamingMetric(name, tf.compat.v1.metrics.precision)


def recall(name: str) -> StreamingMetric:
    """The share found of the ones of `labels`."""
    return StreamingMetric(name, tf.compat.v1.metrics.recall)


def area(name: str, curve: str, summation_method: str | None = None) -> StreamingMetric:
    """The area under `curve` ("ROC" or "PR") of probabilities.

    Args:
        name: name of the metric.
        curve: of the true positives over the false ones, or of the precision over the recall.
        summation_method: of `tf.compat.v1.metrics.auc`; None for the interpolation that fits the curve.
    """
    method = summation_method or ("careful_interpolation" if curve == "PR" else "trapezoidal")

    def build(labels: Any, predictions: Any, weights: Any = None) -> tuple[Any, Any]:
        made: tuple[Any, Any] = tf.compat.v1.metrics.auc(
            labels=labels, predictions=predictions, weights=weights, curve=curve, summation_method=method
        )
        return made

    return StreamingMetric(name, build)


def at_threshold(name: str, kind: str, threshold: float) -> StreamingMetric:
    """`kind` ("accuracy", "precision" or "recall") of probabilities that count as one above `threshold`."""

    def build(labels: Any, predictions: Any, weights: Any = None) -> tuple[Any, Any]:
        ones = tf.cast(predictions > threshold, tf.float32)
        made: tuple[Any, Any] = getattr(tf.compat.v1.metrics, kind)(labels, ones, weights)
        return made

    return StreamingMetric(name, build)


def majority(name: str) -> StreamingMetric:
    """The accuracy of always saying the more frequent one of two labels, given the metric of their mean."""

    def build(label_mean: StreamingMetric) -> tuple[Any, Any]:
        value, update = (tf.maximum(part, 1.0 - part) for part in label_mean.pair)
        return value, update

    return StreamingMetric(name, build)
