"""Any number of many classes: a logit for each, sigmoid, mean cross entropy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned.heads import (
    binary_class_head,
    head,
    loss_functions,
    reductions,
    streaming_metrics,
    targets,
)
from estimator_runtime.canned.heads.classes import Classes, OfClasses, check_number
from estimator_runtime.canned.heads.keys import MetricKeys, PredictionKeys
from estimator_runtime.model.export_outputs import (
    DEFAULT_KEY,
    ClassificationOutput,
    ExportOutput,
    PredictOutput,
)


class MultiLabelHead(OfClasses, head.SingleHead):
    """A head for labels that are sets of classes.

    Labels are an integer Tensor of zeros and ones of shape [D0, ..., DN, n_classes], or a SparseTensor whose values
    are the classes' numbers (or, with a vocabulary, words).

    Args:
        n_classes: number of classes, 2 at least.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        thresholds: list of probabilities above which a class counts as present, for metrics of their own.
        label_vocabulary: list of the words, in the order of the classes' numbers.
        loss_reduction: how the losses of the examples become one; a name of `tf.losses.Reduction`.
        loss_fn: function of labels and logits (and features, loss_reduction) to losses of shape [D0, ..., DN, 1].
        classes_for_class_based_metrics: list of classes, numbers or words, that get metrics of their own.
        name: see `Head.name`.

    Raises:
        ValueError: `n_classes` is less than 2, a class or a threshold is out of range, or another argument does not fit.
    """

    def __init__(
        self,
        n_classes: int,
        weight_column: Any = None,
        thresholds: Sequence[float] | None = None,
        label_vocabulary: Sequence[str] | None = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        loss_fn: Callable[..., Any] | None = None,
        classes_for_class_based_metrics: Sequence[int | str] | None = None,
        name: str | None = None,
    ) -> None:
        if n_classes is not None:
            check_number(n_classes)
        if n_classes is None or n_classes < 2:
            raise ValueError(f"n_classes must be > 1 for multi-label classification. Given: {n_classes}")
        super().__init__(weight_column, loss_reduction, loss_fn, name)
        self._thresholds = binary_class_head.checked_thresholds(thresholds)
        self._classes = Classes(n_classes, label_vocabulary)
        self._metric_classes = self._checked_classes(classes_for_class_based_metrics)

    @property
    def logits_dimension(self) -> int:
        """The number of classes."""
        return self._classes.count

    def predictions(self, logits: Any, keys: Sequence[str] | None = None) -> dict[str, Any]:
        """Dict of logits, probabilities and classes (the names of all of them)."""
        logits = targets.checked_logits(logits, self.logits_dimension)
        with head.of_predictions():
            made = {
                PredictionKeys.LOGITS: logits,
                PredictionKeys.PROBABILITIES: tf.sigmoid(logits, name="probabilities"),
                PredictionKeys.CLASSES: self._classes.all_names(logits),
            }
        return head.chosen(made, keys)

    def export_outputs(self, predictions: dict[Any, Any]) -> dict[str, ExportOutput]:
        """Classification (the default) and all predictions."""
        probabilities = predictions[PredictionKeys.PROBABILITIES]
        classification = ClassificationOutput(
            scores=probabilities, classes=self._classes.all_names(probabilities)
        )
        return {
            DEFAULT_KEY: classification,
            "classification": classification,
            "predict": PredictOutput(predictions),
        }

    def _targets(self, labels: Any, logits: Any) -> Any:
        if isinstance(labels, tf.SparseTensor):
            ids = labels.values
            if labels.dtype == tf.string:
                ids = self._classes.ids(ids)
            ids = targets.in_range(tf.cast(ids, tf.int64), self._classes.count)
            present = tf.SparseTensor(labels.indices, ids, labels.dense_shape)
            labels = tf.cast(_indicator(present, self._classes.count), tf.int64)
        labels = targets.checked_labels(labels, logits, self._classes.count)
        if labels.dtype == tf.bool:
            labels = tf.cast(labels, tf.int64)
        return targets.in_range(labels, 2)

    def _losses(self, labels: Any, logits: Any) -> Any:
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(labels, logits.dtype), logits=logits)
        return tf.reduce_mean(loss_functions.collected(losses), axis=-1, keepdims=True)

    def _own_metrics(self) -> list[streaming_metrics.StreamingMetric]:
        made = [
            streaming_metrics.area(self.key(MetricKeys.AUC), "ROC"),
            streaming_metrics.area(self.key(MetricKeys.AUC_PR), "PR"),
            *binary_class_head.threshold_metrics(self, self._thresholds),
        ]
        for _, name in self._named_classes():
            made += [
                streaming_metrics.mean(self.key(MetricKeys.PROBABILITY_MEAN_AT_NAME % name)),
                streaming_metrics.area(self.key(MetricKeys.AUC_AT_NAME % name), "ROC"),
                streaming_metrics.area(self.key(MetricKeys.AUC_PR_AT_NAME % name), "PR"),
            ]
        return made

    def _update_own(self, metrics: Mapping[str, Any], logits: Any, targets_: Any, weights: Any) -> None:
        chances = self.predictions(logits, [PredictionKeys.PROBABILITIES])[PredictionKeys.PROBABILITIES]
        for key in (MetricKeys.AUC, MetricKeys.AUC_PR):
            metrics[self.key(key)].update_state(targets_, chances, weights)
        binary_class_head.update_threshold_metrics(
            self, self._thresholds, metrics, tf.cast(targets_, tf.float32), chances, weights
        )
        for index, name in self._named_classes():
            chance, target = chances[..., index : index + 1], targets_[..., index : index + 1]
            metrics[self.key(MetricKeys.PROBABILITY_MEAN_AT_NAME % name)].update_state(chance, weights)
            for key in (MetricKeys.AUC_AT_NAME, MetricKeys.AUC_PR_AT_NAME):
                metrics[self.key(key % name)].update_state(target, chance, weights)

    def _checked_classes(self, classes: Sequence[int | str] | None) -> tuple[int, ...]:
        made = []
        for given in classes or ():
            if isinstance(given, str):
                if given not in (self._classes.vocabulary or ()):
                    raise ValueError(
                        f"Class {given} is not in the label_vocabulary {self._classes.vocabulary}."
                    )
                made.append((self._classes.vocabulary or ()).index(given))
            elif 0 <= given < self._classes.count:
                made.append(given)
            else:
                raise ValueError(
                    "All classes_for_class_based_metrics must be in range [0, "
                    f"{self._classes.count - 1}]. Given: {given}"
                )
        return tuple(dict.fromkeys(made))

    def _named_classes(self) -> Iterator[tuple[int, str]]:
        """The classes with metrics of their own, and what these are called after."""
        for index in self._metric_classes:
            name = f"class{index}" if self._classes.vocabulary is None else self._classes.vocabulary[index]
            yield index, name


def _indicator(present: Any, count: int) -> Any:
    """Bool Tensor [D0, ..., DN, count]: whether each class is among the values of each row of a SparseTensor."""
    rows = tf.cast(present.indices[:, :-1], tf.int64)
    places = tf.concat([rows, tf.expand_dims(present.values, -1)], axis=-1)
    shape = tf.concat([present.dense_shape[:-1], [tf.cast(count, tf.int64)]], axis=0)
    counted = tf.scatter_nd(places, tf.ones_like(present.values), shape)
    return tf.ensure_shape(counted > 0, present.shape[:-1].concatenate([count]))
