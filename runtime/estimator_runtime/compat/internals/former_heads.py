"""The heads of `canned.head`, which `tf.compat.v1.estimator`'s classifiers and regressors had before heads were public.

Each is one of today's heads behind the methods of old: `create_loss` and a `create_estimator_spec` with fewer arguments,
which runs the collection UPDATE_OPS by itself. What libraries override is asked: `create_loss`, `_eval_metric_ops`,
`_create_tpu_estimator_spec`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from estimator_runtime.canned.heads import head, optimizers, reductions, summaries
from estimator_runtime.canned.heads.binary_class_head import BinaryClassHeadV1
from estimator_runtime.canned.heads.keys import MetricKeys, PredictionKeys
from estimator_runtime.canned.heads.multi_class_head import MultiClassHeadV1
from estimator_runtime.canned.heads.regression_head import RegressionHead
from estimator_runtime.compat.internals import head_parts
from estimator_runtime.model.deferred_spec import DeferredSpec
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

_NONE = tf.compat.v1.losses.Reduction.NONE


class LossSpec(NamedTuple):
    """What `create_loss` returns.

    Attributes:
        training_loss: scalar Tensor; for each example where the reduction is none.
        unreduced_loss: Tensor [D0, ..., DN, 1], or of the logits' shape.
        weights: Tensor that broadcasts to it, or 1.0.
        processed_labels: the labels as the loss and the metrics take them.
    """

    training_loss: Any
    unreduced_loss: Any
    weights: Any
    processed_labels: Any


class FormerHead:
    """The last part of a model, as libraries subclass it.

    It is no abstract class, as it was none in tf.estimator: a subclass has what its users call.
    """

    @property
    def name(self) -> str | None:
        """Name of the head."""
        raise NotImplementedError(f"{type(self).__name__} has no name.")

    @property
    def logits_dimension(self) -> Any:
        """Size of the logits' last dimension."""
        raise NotImplementedError(f"{type(self).__name__} has no logits_dimension.")

    def create_loss(self, features: Any, mode: str, logits: Any, labels: Any) -> Any:
        """Returns the LossSpec of a batch."""
        raise NotImplementedError(f"{type(self).__name__} has no create_loss.")

    def create_estimator_spec(
        self,
        features: Any,
        mode: str,
        logits: Any,
        labels: Any = None,
        optimizer: Any = None,
        train_op_fn: Callable[[Any], Any] | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> EstimatorSpec:
        """Makes the EstimatorSpec of a model with these logits.

        Args:
            features: dict of Tensors.
            mode: a `ModeKeys` value.
            logits: float Tensor [D0, ..., DN, logits_dimension].
            labels: what is to be predicted; needed for training and evaluation.
            optimizer: for training, an optimizer of `tf.compat.v1.train`.
            train_op_fn: in place of `optimizer`: function of the loss that returns the training operation.
            regularization_losses: list of scalar Tensors to add to the loss.

        Raises:
            NotImplementedError: the subclass has neither this method nor `_create_tpu_estimator_spec`.
            ValueError: in training: neither or both of `optimizer` and `train_op_fn`.
        """
        made = self._create_tpu_estimator_spec(
            features, mode, logits, labels, optimizer, train_op_fn, regularization_losses
        )
        return made.as_estimator_spec()

    def _create_tpu_estimator_spec(
        self,
        features: Any,
        mode: str,
        logits: Any,
        labels: Any = None,
        optimizer: Any = None,
        train_op_fn: Callable[[Any], Any] | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> DeferredSpec:
        """The same with metrics that are not made yet."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement `create_estimator_spec()` or `_create_tpu_estimator_spec()`."
        )


class _FormerSingleHead(FormerHead):
    """A head of old around one of today's.

    Args:
        of_today: the head.
        loss_reduction: that of the losses, which may be none.
    """

    def __init__(self, of_today: head.SingleHead, loss_reduction: str) -> None:
        self._head = of_today
        self._loss_reduction = loss_reduction
        self._name = of_today.name

    def __getattr__(self, name: str) -> Any:
        # What the constructor was given: subclasses read _n_classes, _label_vocabulary, _weight_column, _thresholds, ...
        if name.startswith("_") and not name.startswith("__") and "_head" in vars(self):
            return getattr(self._head, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def name(self) -> str | None:
        """See `FormerHead.name`."""
        return self._name

    @property
    def logits_dimension(self) -> Any:
        """See `FormerHead.logits_dimension`."""
        return self._head.logits_dimension

    def create_loss(self, features: Any, mode: str, logits: Any, labels: Any) -> LossSpec:
        """See `FormerHead.create_loss`."""
        del mode
        parts = self._head.loss_parts(labels, logits, features)
        training_loss = tf.compat.v1.losses.compute_weighted_loss(
            parts.losses, weights=parts.weights, reduction=self._loss_reduction
        )
        return LossSpec(training_loss, parts.losses, parts.weights, parts.targets)

    def _eval_metric_ops(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The metrics of an evaluation, (value, update) by name; each head names its arguments."""
        raise NotImplementedError

    def _metric_arguments(self, predictions: Mapping[str, Any], labels: Any) -> dict[str, Any]:
        """What a head's `_eval_metric_ops` takes beside the losses and weights."""
        raise NotImplementedError

    def _create_tpu_estimator_spec(
        self,
        features: Any,
        mode: str,
        logits: Any,
        labels: Any = None,
        optimizer: Any = None,
        train_op_fn: Callable[[Any], Any] | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> DeferredSpec:
        with tf.name_scope(self._name or "head"):
            predictions = self._head.predictions(logits)
            if mode == ModeKeys.PREDICT:
                return DeferredSpec(
                    mode, predictions=predictions, export_outputs=self._head.export_outputs(predictions)
                )
            spec = LossSpec(*self.create_loss(features=features, mode=mode, logits=logits, labels=labels))
            added = tf.add_n(list(regularization_losses)) if regularization_losses else None
            loss = spec.training_loss if added is None else spec.training_loss + added
            if mode == ModeKeys.EVAL:
                arguments = {
                    **self._metric_arguments(predictions, spec.processed_labels),
                    "weights": spec.weights,
                    "unreduced_loss": spec.unreduced_loss,
                    "regularization_loss": added,
                }
                metrics = head_parts.create_eval_metrics_tuple(self._eval_metric_ops, arguments)
                return DeferredSpec(mode, predictions=predictions, loss=loss, eval_metrics=metrics)
            train_op = head_parts.append_update_ops(
                optimizers.train_op(loss, optimizer, None, train_op_fn, None)
            )
        self._summarize(loss, spec, added)
        return DeferredSpec(mode, predictions=predictions, loss=loss, train_op=train_op)

    def _summarize(self, loss: Any, spec: LossSpec, regularization_loss: Any) -> None:
        summaries.summarize_scalar(head_parts.summary_key(self._name, MetricKeys.LOSS), loss)
        if self._loss_reduction == reductions.SUM_V1:
            examples = tf.reduce_sum(spec.weights * tf.ones_like(spec.unreduced_loss))
            key = head_parts.summary_key(self._name, MetricKeys.LOSS_MEAN)
            summaries.summarize_scalar(key, spec.training_loss / examples)
        if regularization_loss is not None:
            key = head_parts.summary_key(self._name, MetricKeys.LOSS_REGULARIZATION)
            summaries.summarize_scalar(key, regularization_loss)

    def _counted(
        self, weights: Any, unreduced_loss: Any, regularization_loss: Any, **means: Any
    ) -> dict[str, Any]:
        """The metrics of the losses, and of what else is averaged: dict from name to (value, update)."""
        metrics = tf.compat.v1.metrics
        made = {MetricKeys.LOSS_MEAN: metrics.mean(unreduced_loss, weights)}
        made |= {key: metrics.mean(values, weights) for key, values in means.items()}
        if regularization_loss is not None:
            made[MetricKeys.LOSS_REGULARIZATION] = metrics.mean(regularization_loss)
        return {head_parts.summary_key(self._name, key): pair for key, pair in made.items()}


class MultiClassHeadWithSoftmaxCrossEntropyLoss(_FormerSingleHead):
    """See `MultiClassHead` for the arguments; `loss_reduction` may be none."""

    def __init__(
        self,
        n_classes: int,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        loss_reduction: str = reductions.SUM_V1,
        loss_fn: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> None:
        of_today = MultiClassHeadV1(
            n_classes, weight_column, label_vocabulary, _of_today(loss_reduction), loss_fn, name
        )
        super().__init__(of_today, loss_reduction)

    def _metric_arguments(self, predictions: Mapping[str, Any], labels: Any) -> dict[str, Any]:
        return {
            "labels": labels,
            "class_ids": predictions[PredictionKeys.CLASS_IDS],
        }

    def _eval_metric_ops(
        self, labels: Any, class_ids: Any, weights: Any, unreduced_loss: Any, regularization_loss: Any
    ) -> dict[str, Any]:
        made = self._counted(weights, unreduced_loss, regularization_loss)
        key = head_parts.summary_key(self._name, MetricKeys.ACCURACY)
        return {**made, key: tf.compat.v1.metrics.accuracy(labels, class_ids, weights)}


class BinaryLogisticHeadWithSigmoidCrossEntropyLoss(_FormerSingleHead):
    """See `BinaryClassHead` for the arguments; `loss_reduction` may be none."""

    def __init__(
        self,
        weight_column: Any = None,
        thresholds: Sequence[float] | None = None,
        label_vocabulary: Sequence[str] | None = None,
        loss_reduction: str = reductions.SUM_V1,
        loss_fn: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> None:
        of_today = BinaryClassHeadV1(
            weight_column, thresholds, label_vocabulary, _of_today(loss_reduction), loss_fn, name
        )
        super().__init__(of_today, loss_reduction)

    def _metric_arguments(self, predictions: Mapping[str, Any], labels: Any) -> dict[str, Any]:
        return {
            "labels": labels,
            "logits": predictions[PredictionKeys.LOGITS],
            "logistic": predictions[PredictionKeys.LOGISTIC],
            "class_ids": predictions[PredictionKeys.CLASS_IDS],
        }

    def _eval_metric_ops(
        self,
        labels: Any,
        logits: Any,
        logistic: Any,  # noqa: ARG002 - the logits say it, and callers pass all of these
        class_ids: Any,  # noqa: ARG002 - the same
        weights: Any,
        unreduced_loss: Any,
        regularization_loss: Any,
    ) -> dict[str, Any]:
        added = None if regularization_loss is None else [regularization_loss]
        made = self._head.metrics(added)
        parts = reductions.LossParts(unreduced_loss, weights, labels)
        self._head.count(made, logits, parts, added)
        return {name: metric.pair for name, metric in made.items()}


class RegressionHeadWithMeanSquaredErrorLoss(_FormerSingleHead):
    """See `RegressionHead` for the arguments; `loss_reduction` may be none."""

    def __init__(
        self,
        label_dimension: int,
        weight_column: Any = None,
        loss_reduction: str = reductions.SUM_V1,
        loss_fn: Callable[..., Any] | None = None,
        inverse_link_fn: Callable[[Any], Any] | None = None,
        name: str | None = None,
    ) -> None:
        of_today = RegressionHead(
            label_dimension, weight_column, _of_today(loss_reduction), loss_fn, inverse_link_fn, name
        )
        super().__init__(of_today, loss_reduction)

    def _metric_arguments(self, predictions: Mapping[str, Any], labels: Any) -> dict[str, Any]:
        return {
            "predicted_value": predictions[PredictionKeys.PREDICTIONS],
            "labels": labels,
        }

    def _eval_metric_ops(
        self, predicted_value: Any, labels: Any, weights: Any, unreduced_loss: Any, regularization_loss: Any
    ) -> dict[str, Any]:
        means = {MetricKeys.PREDICTION_MEAN: predicted_value, MetricKeys.LABEL_MEAN: labels}
        return self._counted(weights, unreduced_loss, regularization_loss, **means)


def _of_today(loss_reduction: str) -> str:
    """A reduction that today's heads take."""
    return reductions.SUM_V1 if loss_reduction == _NONE else loss_reduction


def multi_class_head(
    n_classes: int,
    weight_column: Any = None,
    label_vocabulary: Sequence[str] | None = None,
    loss_reduction: str = reductions.SUM_V1,
    loss_fn: Callable[..., Any] | None = None,
    name: str | None = None,
) -> FormerHead:
    """A head for one of many classes; see `MultiClassHead`."""
    head_parts.validate_loss_reduction(loss_reduction)
    return MultiClassHeadWithSoftmaxCrossEntropyLoss(
        n_classes, weight_column, label_vocabulary, loss_reduction, loss_fn, name
    )


def binary_logistic_head(
    weight_column: Any = None,
    thresholds: Sequence[float] | None = None,
    label_vocabulary: Sequence[str] | None = None,
    loss_reduction: str = reductions.SUM_V1,
    loss_fn: Callable[..., Any] | None = None,
    name: str | None = None,
) -> FormerHead:
    """A head for one of two classes; see `BinaryClassHead`."""
    head_parts.validate_loss_reduction(loss_reduction)
    return BinaryLogisticHeadWithSigmoidCrossEntropyLoss(
        weight_column, thresholds, label_vocabulary, loss_reduction, loss_fn, name
    )


def binary_logistic_or_multi_class_head(
    n_classes: int, weight_column: Any, label_vocabulary: Sequence[str] | None, loss_reduction: str
) -> FormerHead:
    """The head of a classifier."""
    if n_classes == 2:
        return binary_logistic_head(
            weight_column, label_vocabulary=label_vocabulary, loss_reduction=loss_reduction
        )
    return multi_class_head(n_classes, weight_column, label_vocabulary, loss_reduction)


def regression_head(
    weight_column: Any = None,
    label_dimension: int = 1,
    loss_reduction: str = reductions.SUM_V1,
    loss_fn: Callable[..., Any] | None = None,
    inverse_link_fn: Callable[[Any], Any] | None = None,
    name: str | None = None,
) -> FormerHead:
    """A head for numbers; see `RegressionHead`."""
    head_parts.validate_loss_reduction(loss_reduction)
    return RegressionHeadWithMeanSquaredErrorLoss(
        label_dimension, weight_column, loss_reduction, loss_fn, inverse_link_fn, name
    )
