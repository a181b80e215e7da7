"""The metrics of which `canned.head` made its evaluations: pairs (value, update) of `tf.compat.v1.metrics`."""

from typing import Any

import tensorflow as tf

_metrics: Any = tf.compat.v1.metrics
_Pair = tuple[Any, Any]


def predictions_mean(predictions: Any, weights: Any = None, name: str | None = None) -> _Pair:
    """The mean of predictions, a Tensor of numbers, weighted with `weights`, which may be broadcast to them."""
    return _mean("predictions_mean", predictions, weights, name)


def indicator_labels_mean(labels: Any, weights: Any = None, name: str | None = None) -> _Pair:
    """The share of ones among labels that are 0 or 1."""
    return _mean("labels_mean", labels, weights, name)


def _mean(default: str, values: Any, weights: Any, name: str | None) -> _Pair:
    with tf.name_scope(name or default):
        values = tf.cast(values, tf.float32)
        pair: _Pair = _metrics.mean(values, _broadcast(weights, values), name=name)
    return pair


def accuracy_baseline(labels_mean: _Pair) -> _Pair:
    """The accuracy of always saying the more frequent one of two labels, given the pair of their mean."""
    with tf.name_scope("accuracy_baseline"):
        value, update = (tf.maximum(part, 1.0 - part) for part in labels_mean)
    return value, update


def auc(
    labels: Any, predictions: Any, weights: Any = None, curve: str = "ROC", name: str | None = None
) -> _Pair:
    """The area under a curve of probabilities.

    Args:
        labels: Tensor of 0 and 1.
        predictions: Tensor of probabilities, of the same shape.
        weights: Tensor that may be broadcast to them, or None.
        curve: "ROC" or "PR".
        name: name of the metric's operations.
    """
    predictions = tf.cast(predictions, tf.float32)
    pair: _Pair = _metrics.auc(
        labels=labels,
        predictions=predictions,
        weights=_broadcast(weights, predictions),
        curve=curve,
        name=name,
        summation_method="trapezoidal",
    )
    return pair


def accuracy_at_threshold(
    labels: Any, predictions: Any, weights: Any, threshold: float, name: str | None = None
) -> _Pair:
    """The accuracy of saying one where the probability is at least `threshold`; see `auc` for the other arguments."""
    pair: _Pair = _metrics.accuracy(
        labels=labels,
        predictions=tf.cast(tf.greater_equal(predictions, threshold), tf.float32),
        weights=weights,
        name=name,
    )
    return pair


def precision_at_threshold(
    labels: Any, predictions: Any, weights: Any, threshold: float, name: str | None = None
) -> _Pair:
    """The precision of saying one where the probability is above `threshold`; see `auc` for the other arguments."""
    return _only(_metrics.precision_at_thresholds, labels, predictions, weights, threshold, name)


def recall_at_threshold(
    labels: Any, predictions: Any, weights: Any, threshold: float, name: str | None = None
) -> _Pair:
    """The recall of saying one where the probability is above `threshold`; see `auc` for the other arguments."""
    return _only(_metrics.recall_at_thresholds, labels, predictions, weights, threshold, name)


def _only(metric: Any, labels: Any, predictions: Any, weights: Any, threshold: float, name: Any) -> _Pair:
    values, update = metric(
        labels=labels, predictions=predictions, thresholds=(threshold,), weights=weights, name=name
    )
    return tf.squeeze(values), tf.squeeze(update)


def _broadcast(weights: Any, values: Any) -> Any:
    if weights is None:
        return None
    # Numbers of another kind are refused, as there.
    return tf.broadcast_to(tf.convert_to_tensor(weights, tf.float32), tf.shape(values))
