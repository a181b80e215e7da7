"""One of many classes: a logit for each, softmax, cross entropy."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import tensorflow as tf

from estimator_runtime.canned.heads import head, loss_functions, reductions, streaming_metrics, targets
from estimator_runtime.canned.heads.classes import Classes, OfClasses, check_number
from estimator_runtime.canned.heads.keys import MetricKeys, PredictionKeys
from estimator_runtime.model.export_outputs import (
    DEFAULT_KEY,
    ClassificationOutput,
    ExportOutput,
    PredictOutput,
)


class MultiClassHead(OfClasses, head.SingleHead):
    """A head for labels that are one of `n_classes` numbers or words.

    Args:
        n_classes: number of classes, more than 2; `BinaryClassHead` is for 2.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        label_vocabulary: list of the words, in the order of the classes' numbers.
        loss_reduction: how the losses of the examples become one; a name of `tf.losses.Reduction`.
        loss_fn: function of labels and logits (and features, loss_reduction) to losses of shape [D0, ..., DN, 1].
        name: see `Head.name`.

    Raises:
        ValueError: `n_classes` is 2 or less, or another argument does not fit.
    """

    _all_classes_first: ClassVar[bool] = False

    def __init__(
        self,
        n_classes: int,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        loss_fn: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> None:
        if n_classes is None:
            raise ValueError("n_classes cannot be None")
        check_number(n_classes)
        if n_classes <= 2:
            raise ValueError(f"n_classes must be > 2: {n_classes}.")
        super().__init__(weight_column, loss_reduction, loss_fn, name)
        self._classes = Classes(n_classes, label_vocabulary)

    @property
    def logits_dimension(self) -> int:
        """The number of classes."""
        return self._classes.count

    def predictions(self, logits: Any, keys: Sequence[str] | None = None) -> dict[str, Any]:
        """Dict of logits, probabilities, class_ids, classes, all_class_ids and all_classes."""
        logits = targets.checked_logits(logits, self.logits_dimension)
        with head.of_predictions():
            made = {
                PredictionKeys.LOGITS: logits,
                PredictionKeys.PROBABILITIES: tf.nn.softmax(logits, name="probabilities"),
                **self._classes.predictions(logits, all_first=self._all_classes_first),
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
        labels = targets.checked_labels(labels, logits, 1)
        if labels.dtype.is_floating:
            raise ValueError(f"Labels dtype should be integer. Instead got {labels.dtype}.")
        return self._classes.in_range(tf.cast(self._classes.ids(labels), tf.int64))

    def _losses(self, labels: Any, logits: Any) -> Any:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.squeeze(labels, -1), logits=logits)
        return tf.expand_dims(loss_functions.collected(losses), -1)

    def _own_metrics(self) -> list[streaming_metrics.StreamingMetric]:
        return [streaming_metrics.accuracy(self.key(MetricKeys.ACCURACY))]

    def _update_own(self, metrics: Mapping[str, Any], logits: Any, targets_: Any, weights: Any) -> None:
        ids = self.predictions(logits, [PredictionKeys.CLASS_IDS])[PredictionKeys.CLASS_IDS]
        metrics[self.key(MetricKeys.ACCURACY)].update_state(targets_, tf.cast(ids, targets_.dtype), weights)


class MultiClassHeadV1(MultiClassHead):
    """The head of the classifiers of `tf.compat.v1.estimator`: their operations of predictions have another order.

    Those without a name of their own are numbered: the class_ids are `predictions/ExpandDims_2`.
    """

    _all_classes_first = True
