"""What stands between the logits of a model and its EstimatorSpec: loss, predictions, metrics and signatures."""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import tensorflow as tf

from estimator_runtime.canned.heads import (
    loss_functions,
    optimizers,
    reductions,
    streaming_metrics,
    summaries,
    targets,
)
from estimator_runtime.canned.heads.keys import MetricKeys
from estimator_runtime.model.deferred_spec import DeferredSpec
from estimator_runtime.model.export_outputs import DEFAULT_KEY, ExportOutput, PredictOutput
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

_Key = TypeVar("_Key")
Metrics = dict[str, streaming_metrics.StreamingMetric]


class Head(abc.ABC):
    """The last part of a model: subclasses say what its logits mean.

    All methods work in a graph; `loss` and `predictions` work eagerly as well. Metrics belong to a graph. A subclass that
    has a `_create_tpu_estimator_spec` of its own is asked for the EstimatorSpec by that, as in tf.estimator.
    """

    @property
    @abc.abstractmethod
    def name(self) -> str | None:
        """Name of the head: the end of its metrics' names, the beginning of its signatures'. None for none."""

    @property
    @abc.abstractmethod
    def logits_dimension(self) -> Any:
        """Size of the logits' last dimension."""

    @property
    @abc.abstractmethod
    def loss_reduction(self) -> Any:
        """How the losses of the examples become one."""

    @abc.abstractmethod
    def loss(
        self,
        labels: Any,
        logits: Any,
        features: Any = None,
        mode: str | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> Any:
        """Returns the loss of a batch, a scalar float Tensor, with the regularization losses added.

        Args:
            labels: Tensor, or what the head takes.
            logits: float Tensor of shape [D0, ..., DN, logits_dimension].
            features: dict of Tensors, for the weight column.
            mode: a `ModeKeys` value.
            regularization_losses: list of scalar float Tensors.
        """

    @abc.abstractmethod
    def predictions(self, logits: Any, keys: Sequence[Any] | None = None) -> dict[Any, Any]:
        """Returns the predictions, a dict from name to Tensor.

        Args:
            logits: float Tensor of shape [D0, ..., DN, logits_dimension].
            keys: names of the predictions wanted; None for all.
        """

    @abc.abstractmethod
    def metrics(self, regularization_losses: Sequence[Any] | None = None) -> dict[str, Any]:
        """New metrics by name, for `update_metrics`."""

    @abc.abstractmethod
    def update_metrics(
        self,
        eval_metrics: dict[str, Any],
        features: Any,
        logits: Any,
        labels: Any,
        mode: str | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> dict[str, Any]:
        """Feeds the metrics with a batch.

        Args:
            eval_metrics: what `metrics` made.
            features: dict of Tensors.
            logits: float Tensor of shape [D0, ..., DN, logits_dimension].
            labels: Tensor, or what the head takes.
            mode: a `ModeKeys` value.
            regularization_losses: list of scalar float Tensors.

        Returns:
            The metrics by name.
        """

    def export_outputs(self, predictions: dict[Any, Any]) -> dict[str, ExportOutput]:
        """The signatures of an exported model, of these `predictions`; one is the default."""
        return {DEFAULT_KEY: PredictOutput(predictions)}

    def create_estimator_spec(
        self,
        features: Any,
        mode: str,
        logits: Any,
        labels: Any = None,
        optimizer: Any = None,
        trainable_variables: Sequence[Any] | None = None,
        train_op_fn: Callable[[Any], Any] | None = None,
        update_ops: Sequence[Any] | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> EstimatorSpec:
        """Makes the EstimatorSpec of a model with these logits.

        Args:
            features: dict of Tensors.
            mode: a `ModeKeys` value.
            logits: what the model makes of the features.
            labels: what is to be predicted; needed for training and evaluation.
            optimizer: for training: an optimizer of `tf.compat.v1.train`, or one of `tf.keras.optimizers` that
                `canned.optimizers` knows.
            trainable_variables: list of the variables to train; needed for an optimizer of Keras.
            train_op_fn: in place of `optimizer`: function of the loss that returns the training operation.
            update_ops: list of operations to run with each training step.
            regularization_losses: list of scalar float Tensors to add to the loss.

        Raises:
            ValueError: in training: neither or both of `optimizer` and `train_op_fn`, or no variables for Keras.
        """
        return self._create_tpu_estimator_spec(
            features,
            mode,
            logits,
            labels,
            optimizer,
            trainable_variables,
            train_op_fn,
            update_ops,
            regularization_losses,
        ).as_estimator_spec()

    def _create_tpu_estimator_spec(
        self,
        features: Any,
        mode: str,
        logits: Any,
        labels: Any = None,
        optimizer: Any = None,
        trainable_variables: Sequence[Any] | None = None,
        train_op_fn: Callable[[Any], Any] | None = None,
        update_ops: Sequence[Any] | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> DeferredSpec:
        """As `create_estimator_spec`, with the metrics of an evaluation not updated yet."""
        optimizers.leave_out(optimizer)
        with tf.name_scope(self.name or "head") as scope:
            predictions = self.predictions(logits)
            if mode == ModeKeys.PREDICT:
                return DeferredSpec(
                    mode, predictions=predictions, export_outputs=self.export_outputs(predictions)
                )
            loss = self.loss(labels, logits, features, mode, regularization_losses)
            if mode == ModeKeys.EVAL:

                def updated(**given: Any) -> dict[str, Any]:
                    with tf.name_scope(scope):
                        return self.update_metrics(**given)

                given = {
                    "eval_metrics": self.metrics(regularization_losses),
                    "features": features,
                    "logits": logits,
                    "labels": labels,
                    "regularization_losses": regularization_losses,
                }
                return DeferredSpec(mode, predictions=predictions, loss=loss, eval_metrics=(updated, given))
            train_op = optimizers.train_op(
                loss, optimizer, trainable_variables, train_op_fn, update_ops, self.loss_reduction
            )
        summaries.summarize_scalar(self.key(MetricKeys.LOSS), loss)
        return DeferredSpec(mode, predictions=predictions, loss=loss, train_op=train_op)

    def key(self, metric: str) -> str:
        """The full name of a metric of this head."""
        return f"{metric}/{self.name}" if self.name else metric

    def _summary_key(self, key: str) -> str:
        """The name by which tf.estimator's heads have `key`, for those that libraries make."""
        return self.key(key)

    @property
    def _regularization_key(self) -> str:
        """The full name of the metric of the regularization losses."""
        return self.key(MetricKeys.LOSS_REGULARIZATION)

    def _regularized(self, loss: Any, added: Sequence[Any] | None, mode: str | None) -> Any:
        """The loss with the regularization losses, which training summarizes."""
        if not added:
            return loss
        total = tf.add_n(list(added))
        if mode == ModeKeys.TRAIN:
            summaries.summarize_scalar(self.key(MetricKeys.LOSS_REGULARIZATION), total)
        return loss + total

    def _update_regularization(self, metrics: Mapping[str, Any], added: Sequence[Any] | None) -> None:
        """Feeds the metric of the regularization losses, if there is one."""
        if added is not None:
            total = tf.add_n(list(added)) if added else tf.constant(0.0)
            metrics[self._regularization_key].update_state(total)


class SingleHead(Head):
    """A head with one Tensor of logits and one loss for each example."""

    def __init__(
        self, weight_column: Any, loss_reduction: str, loss_fn: Callable[..., Any] | None, name: str | None
    ) -> None:
        self._weight_column = weight_column
        self._loss_reduction = reductions.checked(loss_reduction)
        self._loss_fn = loss_fn
        self._name = name
        if loss_fn is not None:
            loss_functions.check(loss_fn)

    @property
    def name(self) -> str | None:
        """See `Head.name`."""
        return self._name

    @property
    def weight_column(self) -> Any:
        """Name of the feature with the examples' weights, or a numeric column; None for none."""
        return self._weight_column

    @property
    def loss_reduction(self) -> str:
        """See `Head.loss_reduction`."""
        return self._loss_reduction

    @abc.abstractmethod
    def _losses(self, labels: Any, logits: Any) -> Any:
        """The loss of each example, of shape [D0, ..., DN, 1], for labels of `_targets`."""

    @abc.abstractmethod
    def _targets(self, labels: Any, logits: Any) -> Any:
        """The labels as numbers, checked, of the shape that `_losses` takes."""

    def _unreduced(self, targets_: Any, logits: Any, features: Any) -> tuple[Any, Any]:
        """(losses, weights) of the examples."""
        if self._loss_fn is not None:
            losses = loss_functions.called(self._loss_fn, targets_, logits, features, self._loss_reduction)
        else:
            losses = self._losses(targets_, logits)
        return losses, targets.weights_of(features, self._weight_column, logits)

    def loss_parts(self, labels: Any, logits: Any, features: Any) -> reductions.LossParts:
        """The losses of the examples and what they were made of; see `loss` for the arguments."""
        logits = targets.checked_logits(logits, self.logits_dimension)
        targets_ = self._targets(labels, logits)
        return reductions.LossParts(*self._unreduced(targets_, logits, features), targets_)

    def _processed_labels(self, logits: Any, labels: Any) -> Any:
        """The labels as numbers, as heads that libraries make of this one ask for them."""
        return self._targets(labels, logits)

    def _unweighted_loss_and_weights(self, logits: Any, label_ids: Any, features: Any) -> tuple[Any, Any]:
        """(losses, weights) of labels of `_processed_labels`, for the same heads."""
        return self._unreduced(label_ids, logits, features)

    def loss(
        self,
        labels: Any,
        logits: Any,
        features: Any = None,
        mode: str | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> Any:
        """See `Head.loss`."""
        losses, weights, _ = self.loss_parts(labels, logits, features)
        loss = reductions.reduced(losses, weights, self._loss_reduction)
        if mode == ModeKeys.TRAIN and self._loss_reduction == reductions.SUM_V1:
            # A loss function of one's own may have computed in another precision than the weights'.
            examples = tf.cast(tf.reduce_sum(weights * tf.ones_like(losses, tf.float32)), loss.dtype)
            summaries.summarize_scalar(self.key(MetricKeys.LOSS_MEAN), loss / examples)
        return self._regularized(loss, regularization_losses, mode)

    def metrics(self, regularization_losses: Sequence[Any] | None = None) -> Metrics:
        """See `Head.metrics`."""
        made = [streaming_metrics.mean(self.key(MetricKeys.LOSS_MEAN)), *self._own_metrics()]
        if regularization_losses is not None:
            made.append(streaming_metrics.mean(self._regularization_key))
        return {metric.name: metric for metric in made}

    @abc.abstractmethod
    def _own_metrics(self) -> Sequence[streaming_metrics.StreamingMetric]:
        """The metrics beside the average loss."""

    @abc.abstractmethod
    def _update_own(self, metrics: Mapping[str, Any], logits: Any, targets_: Any, weights: Any) -> None:
        """Feeds them; `weights` is None when there are none."""

    def update_metrics(  # type: ignore[override]  # tf.estimator's order of arguments, which differs from Head's
        self,
        eval_metrics: dict[str, Any],
        features: Any,
        logits: Any,
        labels: Any,
        regularization_losses: Sequence[Any] | None = None,
    ) -> dict[str, Any]:
        """See `Head.update_metrics`."""
        parts = self.loss_parts(labels, logits, features)
        self.count(
            eval_metrics,
            targets.checked_logits(logits, self.logits_dimension),
            parts._replace(weights=None if self._weight_column is None else parts.weights),
            regularization_losses,
        )
        return eval_metrics

    def count(
        self,
        metrics: Mapping[str, Any],
        logits: Any,
        parts: reductions.LossParts,
        regularization_losses: Sequence[Any] | None,
    ) -> None:
        """Feeds the metrics with the losses of a batch; weights may be None."""
        metrics[self.key(MetricKeys.LOSS_MEAN)].update_state(parts.losses, parts.weights)
        self._update_own(metrics, logits, parts.targets, parts.weights)
        self._update_regularization(metrics, regularization_losses)


def of_predictions() -> Any:
    """The name scope in which heads make their predictions: exports and hooks are asked for them by these names."""
    return tf.name_scope("predictions")


def scope_as_it_is(path: str) -> Any:
    """The name scope `path` below the present one, without a number where it was entered before."""
    outer = tf.compat.v1.get_default_graph().get_name_scope()
    return tf.name_scope(f"{outer}/{path}/" if outer else f"{path}/")


def chosen(made: dict[_Key, Any], keys: Sequence[_Key] | None) -> dict[_Key, Any]:
    """Those of the predictions that `keys` name, all without.

    Raises:
        ValueError: a key is not among them.
    """
    if not keys:
        return made
    unknown = [key for key in keys if key not in made]
    if unknown:
        raise ValueError(f"there are no predictions {unknown}; there are {list(made)}")
    return {key: made[key] for key in keys}
