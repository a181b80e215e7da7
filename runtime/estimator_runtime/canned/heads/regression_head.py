"""Numbers to predict: mean squared error, and two relatives with a link function between logits and predictions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned.heads import head, loss_functions, reductions, streaming_metrics, targets
from estimator_runtime.canned.heads.keys import MetricKeys, PredictionKeys
from estimator_runtime.model.export_outputs import DEFAULT_KEY, ExportOutput, PredictOutput, RegressionOutput


class RegressionHead(head.SingleHead):
    """A head for labels of shape [D0, ..., DN, label_dimension].

    Args:
        label_dimension: size of the labels' last dimension.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        loss_reduction: how the losses of the examples become one; a name of `tf.losses.Reduction`.
        loss_fn: function of labels and logits (and features, loss_reduction) to losses of shape [D0, ..., DN, 1];
            the squared error of every number without.
        inverse_link_fn: function from logits to predictions; None when they are the same.
        name: see `Head.name`.

    Raises:
        ValueError: `label_dimension` is less than 1, or another argument does not fit.
    """

    def __init__(
        self,
        label_dimension: int = 1,
        weight_column: Any = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        loss_fn: Callable[..., Any] | None = None,
        inverse_link_fn: Callable[[Any], Any] | None = None,
        name: str | None = None,
    ) -> None:
        if label_dimension < 1:
            raise ValueError(f"Invalid label_dimension {label_dimension}.")
        super().__init__(weight_column, loss_reduction, loss_fn, name)
        self._dimension = label_dimension
        self._inverse_link_fn = inverse_link_fn

    @property
    def logits_dimension(self) -> int:
        """The label dimension."""
        return self._dimension

    def predictions(self, logits: Any, keys: Sequence[str] | None = None) -> dict[str, Any]:  # noqa: ARG002 - all of them
        """Dict of predictions, and of logits where they are something else; `keys` change nothing."""
        logits = targets.checked_logits(logits, self._dimension)
        if self._inverse_link_fn is None:
            return {PredictionKeys.PREDICTIONS: logits}
        with head.of_predictions():
            return {
                PredictionKeys.PREDICTIONS: self._inverse_link_fn(logits),
                PredictionKeys.LOGITS: logits,
            }

    def export_outputs(self, predictions: dict[Any, Any]) -> dict[str, ExportOutput]:
        """Regression (the default) and all predictions."""
        regression = RegressionOutput(predictions[PredictionKeys.PREDICTIONS])
        return {DEFAULT_KEY: regression, "regression": regression, "predict": PredictOutput(predictions)}

    def _targets(self, labels: Any, logits: Any) -> Any:
        return tf.cast(targets.checked_labels(labels, logits, self._dimension), logits.dtype)

    def _losses(self, labels: Any, logits: Any) -> Any:
        return loss_functions.collected(tf.math.squared_difference(labels, logits))

    def _own_metrics(self) -> list[streaming_metrics.StreamingMetric]:
        return [
            streaming_metrics.mean(self.key(MetricKeys.PREDICTION_MEAN)),
            streaming_metrics.mean(self.key(MetricKeys.LABEL_MEAN)),
        ]

    def _update_own(self, metrics: Mapping[str, Any], logits: Any, targets_: Any, weights: Any) -> None:
        predicted = self.predictions(logits)[PredictionKeys.PREDICTIONS]
        metrics[self.key(MetricKeys.PREDICTION_MEAN)].update_state(predicted, weights)
        metrics[self.key(MetricKeys.LABEL_MEAN)].update_state(targets_, weights)


class PoissonRegressionHead(RegressionHead):
    """A head for counts: Poisson regression with a log link.

    Args:
        label_dimension: size of the labels' last dimension.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        loss_reduction: how the losses of the examples become one.
        compute_full_loss: whether the loss includes the part that depends on the labels alone.
        name: see `Head.name`.
    """

    def __init__(
        self,
        label_dimension: int = 1,
        weight_column: Any = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        compute_full_loss: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(
            label_dimension, weight_column, loss_reduction, inverse_link_fn=tf.math.exp, name=name
        )
        self._compute_full_loss = compute_full_loss

    def _losses(self, labels: Any, logits: Any) -> Any:
        return tf.nn.log_poisson_loss(
            targets=labels, log_input=logits, compute_full_loss=self._compute_full_loss
        )


class LogisticRegressionHead(RegressionHead):
    """A head for labels that are probabilities: logistic regression.

    Args:
        weight_column: name of the feature with the examples' weights, or a numeric column.
        loss_reduction: how the losses of the examples become one.
        name: see `Head.name`.
    """

    def __init__(
        self,
        weight_column: Any = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        name: str | None = None,
    ) -> None:
        super().__init__(1, weight_column, loss_reduction, inverse_link_fn=tf.math.sigmoid, name=name)

    def _losses(self, labels: Any, logits: Any) -> Any:
        labels = targets.in_range(labels, 2)
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
