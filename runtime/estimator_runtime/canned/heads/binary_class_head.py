"""One of two classes: a logit, its sigmoid, cross entropy."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import tensorflow as tf

from estimator_runtime.canned.heads import head, reductions, streaming_metrics, targets
from estimator_runtime.canned.heads.classes import Classes, OfClasses
from estimator_runtime.canned.heads.keys import MetricKeys, PredictionKeys
from estimator_runtime.model.export_outputs import (
    DEFAULT_KEY,
    ClassificationOutput,
    ExportOutput,
    PredictOutput,
    RegressionOutput,
)


class BinaryClassHead(OfClasses, head.SingleHead):
    """A head for labels that are 0 or 1, a probability between, or one of two words.

    Args:
        weight_column: name of the feature with the examples' weights, or a numeric column.
        thresholds: list of probabilities above which an example counts as 1, for metrics of their own.
        label_vocabulary: list of the two words, in the order of 0 and 1.
        loss_reduction: how the losses of the examples become one; a name of `tf.losses.Reduction`.
        loss_fn: function of labels and logits (and features, loss_reduction) to losses of shape [D0, ..., DN, 1].
        name: see `Head.name`.

    Raises:
        ValueError: a threshold is not between 0 and 1, or another argument does not fit.
    """

    _precision_recall_summation: ClassVar[str | None] = None

    def __init__(
        self,
        weight_column: Any = None,
        thresholds: Sequence[float] | None = None,
        label_vocabulary: Sequence[str] | None = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        loss_fn: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(weight_column, loss_reduction, loss_fn, name)
        self._thresholds = checked_thresholds(thresholds)
        self._classes = Classes(2, label_vocabulary)

    @property
    def logits_dimension(self) -> int:
        """1."""
        return 1

    def predictions(self, logits: Any, keys: Sequence[str] | None = None) -> dict[str, Any]:
        """Dict of logits, logistic, probabilities, class_ids, classes, all_class_ids and all_classes."""
        logits = targets.checked_logits(logits, 1)
        with head.of_predictions():
            logistic = tf.sigmoid(logits, name="logistic")
            two = tf.concat([tf.zeros_like(logits), logits], axis=-1, name="two_class_logits")
            probabilities = tf.nn.softmax(two, name="probabilities")
            made = {
                PredictionKeys.LOGITS: logits,
                PredictionKeys.LOGISTIC: logistic,
                PredictionKeys.PROBABILITIES: probabilities,
                **self._classes.predictions(two),
            }
        return head.chosen(made, keys)

    def export_outputs(self, predictions: dict[Any, Any]) -> dict[str, ExportOutput]:
        """Classification (the default), regression to the probability of 1, and all predictions."""
        probabilities = predictions[PredictionKeys.PROBABILITIES]
        classification = ClassificationOutput(
            scores=probabilities, classes=self._classes.all_names(probabilities)
        )
        return {
            DEFAULT_KEY: classification,
            "classification": classification,
            "regression": RegressionOutput(predictions[PredictionKeys.LOGISTIC]),
            "predict": PredictOutput(predictions),
        }

    def _targets(self, labels: Any, logits: Any) -> Any:
        labels = targets.checked_labels(labels, logits, 1)
        ids = self._classes.ids(labels)
        return targets.in_range(tf.cast(ids, logits.dtype), 2)

    def _losses(self, labels: Any, logits: Any) -> Any:
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)

    def _own_metrics(self) -> list[streaming_metrics.StreamingMetric]:
        made = [
            streaming_metrics.accuracy(self.key(MetricKeys.ACCURACY)),
            streaming_metrics.majority(self.key(MetricKeys.ACCURACY_BASELINE)),
            streaming_metrics.precision(self.key(MetricKeys.PRECISION)),
            streaming_metrics.recall(self.key(MetricKeys.RECALL)),
            streaming_metrics.mean(self.key(MetricKeys.PREDICTION_MEAN)),
            streaming_metrics.mean(self.key(MetricKeys.LABEL_MEAN)),
            streaming_metrics.area(self.key(MetricKeys.AUC), "ROC"),
            streaming_metrics.area(self.key(MetricKeys.AUC_PR), "PR", self._precision_recall_summation),
        ]
        return [*made, *threshold_metrics(self, self._thresholds)]

    def _update_own(self, metrics: Mapping[str, Any], logits: Any, targets_: Any, weights: Any) -> None:
        made = self.predictions(logits, [PredictionKeys.LOGISTIC, PredictionKeys.CLASS_IDS])
        chances, ids = made[PredictionKeys.LOGISTIC], made[PredictionKeys.CLASS_IDS]
        for key in (MetricKeys.ACCURACY, MetricKeys.PRECISION, MetricKeys.RECALL):
            metrics[self.key(key)].update_state(targets_, tf.cast(ids, targets_.dtype), weights)
        metrics[self.key(MetricKeys.PREDICTION_MEAN)].update_state(chances, weights)
        label_mean = metrics[self.key(MetricKeys.LABEL_MEAN)]
        label_mean.update_state(targets_, weights)
        metrics[self.key(MetricKeys.ACCURACY_BASELINE)].update_state(label_mean)
        for key in (MetricKeys.AUC, MetricKeys.AUC_PR):
            metrics[self.key(key)].update_state(targets_, chances, weights)
        update_threshold_metrics(self, self._thresholds, metrics, targets_, chances, weights)


class BinaryClassHeadV1(BinaryClassHead):
    """The head of the classifiers of `tf.compat.v1.estimator`: their `auc_precision_recall` is of trapezoids."""

    _precision_recall_summation = "trapezoidal"


_AT_THRESHOLD = {
    "accuracy": MetricKeys.ACCURACY_AT_THRESHOLD,
    "precision": MetricKeys.PRECISION_AT_THRESHOLD,
    "recall": MetricKeys.RECALL_AT_THRESHOLD,
}


def checked_thresholds(thresholds: Sequence[float] | None) -> tuple[float, ...]:
    """The thresholds as a tuple; of those whose metrics have one name the last.

    Raises:
        ValueError: one is not between 0 and 1.
    """
    made = tuple(thresholds or ())
    for threshold in made:
        if not 0 < threshold < 1:
            raise ValueError(f"thresholds not in (0, 1): {made}")
    named = {MetricKeys.ACCURACY_AT_THRESHOLD % threshold: threshold for threshold in made}
    return tuple(named.values())


def threshold_metrics(of: head.Head, thresholds: Sequence[float]) -> list[streaming_metrics.StreamingMetric]:
    """Accuracy, precision and recall for each threshold."""
    return [
        streaming_metrics.at_threshold(of.key(name % threshold), kind, threshold)
        for threshold in thresholds
        for kind, name in _AT_THRESHOLD.items()
    ]


def update_threshold_metrics(
    of: head.Head,
    thresholds: Sequence[float],
    metrics: Mapping[str, Any],
    labels: Any,
    chances: Any,
    weights: Any,
) -> None:
    """Feeds the metrics of `threshold_metrics`."""
    for threshold in thresholds:
        for name in _AT_THRESHOLD.values():
            metrics[of.key(name % threshold)].update_state(labels, chances, weights)
