"""The model functions of the canned Estimators, for Estimators that libraries make of them with heads of their own."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned import (
    baseline,
    dnn,
    feature_layers,
    linear,
    linear_sdca,
    logit_fn_builders,
    network,
    wide_and_deep,
)
from estimator_runtime.canned.heads import reductions, summaries
from estimator_runtime.model.model_fn import EstimatorSpec

Activation = Callable[[Any], Any] | str | None


def baseline_model_fn(
    features: Any,
    labels: Any,
    mode: str,
    head: Any,
    optimizer: Any,
    weight_column: Any = None,
    config: Any = None,
) -> EstimatorSpec:
    """That of `tf.compat.v1.estimator.BaselineEstimator`.

    Args:
        features: see `Estimator`.
        labels: see `Estimator`.
        mode: see `Estimator`.
        head: what the logits mean.
        optimizer: as there.
        weight_column: of the head, which has it already: a weight is a feature like others to the batch's size.
        config: see `Estimator`.
    """
    del weight_column
    return baseline.model_fn_of_v1(head, optimizer)(features, labels, mode, config)


def baseline_model_fn_v2(
    features: Any,
    labels: Any,
    mode: str,
    head: Any,
    optimizer: Any,
    weight_column: Any = None,
    config: Any = None,
    loss_reduction: Any = reductions.SUM_OVER_BATCH_SIZE,
) -> EstimatorSpec:
    """That of `tf.estimator.BaselineEstimator`; see `baseline_model_fn`.

    Replicas divide the gradients of a `loss_reduction` that is a mean by their number.
    """
    del weight_column
    return baseline.model_fn_of_v2(head, optimizer, loss_reduction)(features, labels, mode, config)


def baseline_logit_fn_builder(num_outputs: int, weight_column: Any = None) -> Callable[[Any], Any]:
    """A function from features to the same logits for all of them, of shape [batch, num_outputs]."""
    del weight_column

    def baseline_logit_fn(features: Any) -> Any:
        return baseline.logits_of(features, num_outputs)[0]

    return baseline_logit_fn


def dnn_model_fn(
    features: Any,
    labels: Any,
    mode: str,
    head: Any,
    hidden_units: Sequence[int],
    feature_columns: Any,
    optimizer: Any = "Adagrad",
    activation_fn: Activation = tf.nn.relu,
    dropout: float | None = None,
    input_layer_partitioner: Callable[..., Any] | None = None,
    config: Any = None,
    use_tpu: bool = False,
    batch_norm: bool = False,
) -> EstimatorSpec:
    """That of `tf.compat.v1.estimator.DNNEstimator`, whose arguments these are.

    Raises:
        ValueError: `use_tpu`, or an argument does not fit.
    """
    _check_no_tpu(use_tpu)
    net = network.network_of(hidden_units, feature_columns, activation_fn, dropout, batch_norm)
    model_fn = dnn.model_fn_of_v1(net, head, optimizer, input_layer_partitioner)
    return model_fn(features, labels, mode, config)


def dnn_model_fn_v2(
    features: Any,
    labels: Any,
    mode: str,
    head: Any,
    hidden_units: Sequence[int],
    feature_columns: Any,
    optimizer: Any = "Adagrad",
    activation_fn: Activation = tf.nn.relu,
    dropout: float | None = None,
    config: Any = None,
    use_tpu: bool = False,
    batch_norm: bool = False,
) -> EstimatorSpec:
    """That of `tf.estimator.DNNEstimator`, whose arguments these are.

    Raises:
        ValueError: `use_tpu`, or an argument does not fit.
    """
    _check_no_tpu(use_tpu)
    net = network.network_of(hidden_units, feature_columns, activation_fn, dropout, batch_norm)
    return dnn.model_fn_of_v2(net, head, optimizer)(features, labels, mode, config)


def linear_model_fn(
    features: Any,
    labels: Any,
    mode: str,
    head: Any,
    feature_columns: Any,
    optimizer: Any,
    partitioner: Callable[..., Any] | None,
    config: Any,
    sparse_combiner: str = "sum",
) -> EstimatorSpec:
    """That of `tf.compat.v1.estimator.LinearEstimator`, whose arguments these are."""
    columns = feature_layers.checked_columns(feature_columns)
    model_fn = linear.model_fn_of_v1(columns, head, optimizer, partitioner, sparse_combiner)
    return model_fn(features, labels, mode, config)


def linear_model_fn_v2(
    features: Any,
    labels: Any,
    mode: str,
    head: Any,
    feature_columns: Any,
    optimizer: Any,
    config: Any,
    sparse_combiner: str = "sum",
) -> EstimatorSpec:
    """That of `tf.estimator.LinearEstimator`, whose arguments these are."""
    columns = feature_layers.checked_columns(feature_columns)
    return linear.model_fn_of_v2(columns, head, optimizer, sparse_combiner)(features, labels, mode, config)


def check_optimizer_of_linear_classifier(
    feature_columns: Any, n_classes: int, optimizer: Any, sparse_combiner: str
) -> None:
    """Refuses LinearSDCA where there are more than two classes or another combiner than "sum"."""
    del feature_columns
    linear_sdca.check(optimizer, sparse_combiner, n_classes=n_classes)


def check_optimizer_of_linear_regressor(
    feature_columns: Any, label_dimension: int, optimizer: Any, sparse_combiner: str
) -> None:
    """Refuses LinearSDCA where there is more than one number to predict or another combiner than "sum"."""
    del feature_columns
    linear_sdca.check(optimizer, sparse_combiner, label_dimension=label_dimension)


def dnn_linear_combined_model_fn(
    features: Any,
    labels: Any,
    mode: str,
    head: Any,
    linear_feature_columns: Any = None,
    linear_optimizer: Any = "Ftrl",
    dnn_feature_columns: Any = None,
    dnn_optimizer: Any = "Adagrad",
    dnn_hidden_units: Sequence[int] | None = None,
    dnn_activation_fn: Activation = tf.nn.relu,
    dnn_dropout: float | None = None,
    input_layer_partitioner: Callable[..., Any] | None = None,
    config: Any = None,
    batch_norm: bool = False,
    linear_sparse_combiner: str = "sum",
) -> EstimatorSpec:
    """That of `tf.compat.v1.estimator.DNNLinearCombinedEstimator`, whose arguments these are."""
    model = wide_and_deep.wide_and_deep(
        head,
        linear_feature_columns,
        linear_optimizer,
        linear_sparse_combiner,
        dnn_feature_columns,
        dnn_optimizer,
        dnn_hidden_units,
        dnn_activation_fn,
        dnn_dropout,
        batch_norm,
    )
    return model.model_fn_of_v1(
        features, labels, mode, config, input_layer_partitioner=input_layer_partitioner
    )


def dnn_linear_combined_model_fn_v2(
    features: Any,
    labels: Any,
    mode: str,
    head: Any,
    linear_feature_columns: Any = None,
    linear_optimizer: Any = "Ftrl",
    dnn_feature_columns: Any = None,
    dnn_optimizer: Any = "Adagrad",
    dnn_hidden_units: Sequence[int] | None = None,
    dnn_activation_fn: Activation = tf.nn.relu,
    dnn_dropout: float | None = None,
    config: Any = None,
    batch_norm: bool = False,
    linear_sparse_combiner: str = "sum",
    loss_reduction: Any = reductions.SUM_OVER_BATCH_SIZE,
) -> EstimatorSpec:
    """That of `tf.estimator.DNNLinearCombinedEstimator`, whose arguments these are.

    Replicas divide the gradients of a `loss_reduction` that is a mean by their number.
    """
    model = wide_and_deep.wide_and_deep(
        head,
        linear_feature_columns,
        linear_optimizer,
        linear_sparse_combiner,
        dnn_feature_columns,
        dnn_optimizer,
        dnn_hidden_units,
        dnn_activation_fn,
        dnn_dropout,
        batch_norm,
        loss_reduction,
    )
    return model.model_fn_of_v2(features, labels, mode, config)


def dnn_logit_fn_builder_v2(
    units: int,
    hidden_units: Sequence[int],
    feature_columns: Any,
    activation_fn: Activation,
    dropout: float | None,
    batch_norm: bool,
) -> Callable[..., Any]:
    """As `dnn_logit_fn_builder`, without a partitioner."""
    return logit_fn_builders.dnn_logit_fn_builder(
        units, hidden_units, feature_columns, activation_fn, dropout, None, batch_norm
    )


linear_logit_fn_builder_v2 = logit_fn_builders.linear_logit_fn_builder


def _check_no_tpu(use_tpu: bool) -> None:
    if use_tpu:
        raise ValueError("use_tpu: there is no support for TPUs here. Leave it out, or pass use_tpu=False.")


def add_hidden_layer_summary(value: Any, tag: str) -> None:
    """The share of zeros in a layer's output, and its distribution, as summaries.

    Args:
        value: Tensor, the output.
        tag: what their names begin with.
    """
    summaries.summarize_activation(value, tag)


def compute_fraction_of_zero(variables: Sequence[Any]) -> Any:
    """The share of zeros in variables, or in the parts of some: a float32 scalar Tensor.

    Args:
        variables: the variables; one that stands as a list of its parts counts as these.
    """
    parts = [part for one in variables for part in (one if isinstance(one, list | tuple) else [one])]
    return summaries.zero_fraction(parts)
