"""The model of DNNLinearCombined Estimators: the sum of a linear model's and a network's logits, an optimizer for each."""

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimator_runtime.canned import feature_layers, heads_of_classes, linear, network
from estimator_runtime.canned.heads import optimizers, summaries
from estimator_runtime.canned.heads.head import Head
from estimator_runtime.canned.network import Network
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.model.model_fn import EstimatorSpec

_LINEAR_LEARNING_RATE = 0.005
_DNN_LEARNING_RATE = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class WideAndDeep:
    """A linear model and a network under one head; one of them may be missing.

    Attributes:
        head: what the logits mean.
        linear_columns: feature columns of the linear model; empty without one.
        linear_optimizer: name, optimizer, or function that returns one.
        sparse_combiner: how several values of one categorical column count.
        net: the network; None without one.
        dnn_optimizer: name, optimizer, or function that returns one.
        reduction: what the optimizers take the head's loss for, see `optimizers.minimize`.
    """

    head: Head
    linear_columns: tuple[Any, ...]
    linear_optimizer: Any
    sparse_combiner: str
    net: Network | None
    dnn_optimizer: Any
    reduction: str | None

    def model_fn_of_v2(self, features: Any, labels: Any, mode: str, config: RunConfig) -> EstimatorSpec:  # noqa: ARG002 - the signature of model functions
        """The model function in the form of `tf.estimator`."""
        parts: dict[str, Any] = {}
        if self.net is not None:
            with tf.compat.v1.variable_scope(network.SCOPE):
                parts[network.SCOPE] = self.net.logits(features, mode, self.head.logits_dimension)
        if self.linear_columns:
            with tf.compat.v1.variable_scope(linear.SCOPE):
                parts[linear.SCOPE] = self._linear_logits(features, linear.LOGITS_V2)
            summaries.summarize_activation(parts[linear.SCOPE], linear.SCOPE)
        made = {
            network.SCOPE: lambda: optimizers.of_v2(self.dnn_optimizer, _DNN_LEARNING_RATE),
            linear.SCOPE: lambda: optimizers.of_v2(self.linear_optimizer, self._linear_rate()),
        }
        return self._spec(features, labels, mode, parts, made)

    def model_fn_of_v1(
        self,
        features: Any,
        labels: Any,
        mode: str,
        config: RunConfig,
        *,
        input_layer_partitioner: Callable[..., Any] | None,
    ) -> EstimatorSpec:
        """The model function in the form of `tf.compat.v1.estimator`."""
        parts: dict[str, Any] = {}
        input_partitioner = network.input_partitioner(input_layer_partitioner, config)
        if self.net is not None:
            with tf.compat.v1.variable_scope(network.SCOPE, partitioner=network.partitioner(config)):
                parts[network.SCOPE] = self.net.logits(
                    features,
                    mode,
                    self.head.logits_dimension,
                    input_partitioner=input_partitioner,
                    summary_scope=f"{network.SCOPE}/",
                )
        if self.linear_columns:
            with tf.compat.v1.variable_scope(linear.SCOPE, partitioner=input_partitioner):
                parts[linear.SCOPE] = self._linear_logits(
                    features, linear.LOGITS_V1, summary_scope=f"{linear.SCOPE}/"
                )
                with tf.compat.v1.name_scope(f"{linear.SCOPE}/"):
                    summaries.summarize_activation(parts[linear.SCOPE], linear.SCOPE)
        made = {
            network.SCOPE: lambda: optimizers.of_v1(self.dnn_optimizer, _DNN_LEARNING_RATE),
            linear.SCOPE: lambda: optimizers.of_v1(self.linear_optimizer, self._linear_rate()),
        }
        return self._spec(features, labels, mode, parts, made)

    def _linear_logits(self, features: Any, name: str, *, summary_scope: str = "") -> Any:
        return linear.logits_of(
            features,
            self.linear_columns,
            self.head.logits_dimension,
            self.sparse_combiner,
            name=name,
            summary_scope=summary_scope,
        )

    def _linear_rate(self) -> float:
        return linear.learning_rate(self.linear_columns, _LINEAR_LEARNING_RATE)

    def _spec(
        self,
        features: Any,
        labels: Any,
        mode: str,
        parts: Mapping[str, Any],
        made: Mapping[str, Callable[[], Any]],
    ) -> EstimatorSpec:
        """The EstimatorSpec of the parts' logits, each part trained by its own optimizer."""

        def train_op_fn(loss: Any) -> Any:
            used = {scope: made[scope]() for scope in parts}
            # Those of Keras count steps themselves, the first one in the model's step, as in tf.estimator.
            count = all(optimizers.is_of_keras(optimizer) for optimizer in used.values())
            steps = [
                optimizers.minimize(
                    optimizer,
                    loss,
                    network.trainable_variables(scope),
                    counts=count and scope == next(iter(used)),
                    reduction=self.reduction,
                )
                for scope, optimizer in used.items()
            ]
            if count:
                return tf.group(*steps)
            with tf.control_dependencies([tf.group(*steps)]):
                return tf.compat.v1.assign_add(tf.compat.v1.train.get_or_create_global_step(), 1).op

        return self.head.create_estimator_spec(
            features=features,
            mode=mode,
            logits=functools.reduce(operator.add, parts.values()),
            labels=labels,
            train_op_fn=train_op_fn,
            **heads_of_classes.taken_by(
                self.head, update_ops=tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)
            ),
        )


def wide_and_deep(
    head: Head,
    linear_feature_columns: Any,
    linear_optimizer: Any,
    linear_sparse_combiner: str,
    dnn_feature_columns: Any,
    dnn_optimizer: Any,
    dnn_hidden_units: Sequence[int] | None,
    dnn_activation_fn: Callable[[Any], Any] | str | None,
    dnn_dropout: float | None,
    batch_norm: bool,
    reduction: str | None = None,
) -> WideAndDeep:
    """The model of the arguments of a DNNLinearCombined Estimator.

    Raises:
        ValueError: there are no feature columns at all, or a network without hidden layers.
    """
    linear_columns, dnn_columns = (
        () if columns is None else feature_layers.listed(columns)
        for columns in (linear_feature_columns, dnn_feature_columns)
    )
    if not linear_columns and not dnn_columns:
        raise ValueError("Either linear_feature_columns or dnn_feature_columns must be defined.")
    net = None
    if dnn_columns:
        if not dnn_hidden_units:
            raise ValueError("dnn_hidden_units must be defined when dnn_feature_columns is specified.")
        net = network.network_of(dnn_hidden_units, dnn_columns, dnn_activation_fn, dnn_dropout, batch_norm)
    return WideAndDeep(
        head=head,
        linear_columns=linear_columns,
        linear_optimizer=linear_optimizer,
        sparse_combiner=linear_sparse_combiner,
        net=net,
        dnn_optimizer=dnn_optimizer,
        reduction=reduction,
    )
