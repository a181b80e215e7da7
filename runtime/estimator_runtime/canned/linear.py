"""LinearClassifier, LinearRegressor and LinearEstimator, in both forms."""

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned import feature_layers, heads_of_classes, linear_sdca, network
from estimator_runtime.canned.heads import optimizers, reductions, summaries
from estimator_runtime.canned.heads.head import Head, scope_as_it_is
from estimator_runtime.canned.linear_sdca import LinearSDCA
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.estimator import Estimator
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

SCOPE = "linear"
LOGITS_V1 = "linear_model/linear_model/linear_model/weighted_sum"
LOGITS_V2 = "linear_model/linear/linear_model/linear/linear_model/weighted_sum"
"""Names of the logits below the name scope of the model, by which exports and hooks are asked for them: tf.estimator's,
which follow from its layers. Those of TensorFlow's own function name them otherwise."""
_HIGHEST_LEARNING_RATE = 0.2

Path = str | os.PathLike[str]


def logits_of(
    features: Any,
    columns: Sequence[Any],
    units: int,
    sparse_combiner: str,
    *,
    name: str = "",
    summary_scope: str = "",
) -> Any:
    """Float Tensor [batch, units] of a linear model; variables are made in the current variable scope.

    Args:
        features: dict of Tensors.
        columns: feature columns, dense or categorical.
        units: number of logits.
        sparse_combiner: "sum", "mean" or "sqrtn": how several values of one categorical column count.
        name: `LOGITS_V1` or `LOGITS_V2`; that of TensorFlow's own function without.
        summary_scope: name scope of the summaries, which ends with a slash unless it is empty.
    """
    return _made(features, columns, units, sparse_combiner, name, summary_scope)[0]


def _made(
    features: Any,
    columns: Sequence[Any],
    units: int,
    sparse_combiner: str,
    name: str,
    summary_scope: str = "",
) -> tuple[Any, Any, dict[Any, Any]]:
    """As `logits_of`, with the bias and the dict from column to its variables."""
    features = feature_layers.checked_features(features)
    logits, bias, variables = feature_layers.linear_logits(features, columns, units, sparse_combiner)
    if name:
        logits = _named(logits, name)
    with tf.compat.v1.name_scope(summary_scope):
        summaries.summarize_linear(bias, feature_layers.weights_of(variables), units)
    return logits, bias, variables


def _named(logits: Any, name: str) -> Any:
    """The logits by a name with scopes that are entered as they are: the first model's has no number."""
    scope, _, last = name.rpartition("/")
    with scope_as_it_is(scope):
        return tf.identity(logits, name=last)


def learning_rate(columns: Sequence[Any], highest: float = _HIGHEST_LEARNING_RATE) -> float:
    """The default learning rate: less, the more columns there are."""
    return min(highest, 1.0 / math.sqrt(len(columns)))


def _chosen(optimizer: Any) -> Any:
    """The optimizer given; None stands for the default, as in tf.estimator."""
    return "Ftrl" if optimizer is None else optimizer


def model_fn_of_v2(
    columns: Sequence[Any], head: Head, optimizer: Any, sparse_combiner: str
) -> Callable[..., EstimatorSpec]:
    """The model function of a linear model in the form of `tf.estimator`; see `LinearEstimator`."""

    def model_fn(features: Any, labels: Any, mode: str, config: RunConfig) -> EstimatorSpec:  # noqa: ARG001 - the signature of model functions
        with tf.compat.v1.variable_scope(SCOPE):
            logits, *made = _made(features, columns, head.logits_dimension, sparse_combiner, LOGITS_V2)
        if mode == ModeKeys.TRAIN and isinstance(optimizer, LinearSDCA):
            return linear_sdca.estimator_spec(optimizer, head, features, labels, logits, *made)
        return head.create_estimator_spec(
            features=features,
            mode=mode,
            logits=logits,
            labels=labels,
            optimizer=optimizers.of_v2(_chosen(optimizer), learning_rate(columns))
            if mode == ModeKeys.TRAIN
            else None,
            trainable_variables=network.trainable_variables(SCOPE),
        )

    return model_fn


def model_fn_of_v1(
    columns: Sequence[Any],
    head: Head,
    optimizer: Any,
    partitioner: Callable[..., Any] | None,
    sparse_combiner: str,
) -> Callable[..., EstimatorSpec]:
    """The model function of a linear model in the form of `tf.compat.v1.estimator`; see `LinearEstimatorV1`."""

    def model_fn(features: Any, labels: Any, mode: str, config: RunConfig) -> EstimatorSpec:
        # The optimizer's slots are made in this scope too, which is part of their names in checkpoints.
        with tf.compat.v1.variable_scope(SCOPE, partitioner=network.input_partitioner(partitioner, config)):
            logits, *made = _made(
                features, columns, head.logits_dimension, sparse_combiner, LOGITS_V1, f"{SCOPE}/"
            )
            if mode == ModeKeys.TRAIN and isinstance(optimizer, LinearSDCA):
                return linear_sdca.estimator_spec(optimizer, head, features, labels, logits, *made)
            return head.create_estimator_spec(
                features=features,
                mode=mode,
                logits=logits,
                labels=labels,
                optimizer=optimizers.of_v1(_chosen(optimizer), learning_rate(columns))
                if mode == ModeKeys.TRAIN
                else None,
            )

    return model_fn


class LinearEstimator(Estimator):
    """A linear model with a head.

    Args:
        head: what the logits mean.
        feature_columns: list of feature columns, dense or categorical.
        model_dir: see `Estimator`.
        optimizer: name ("Adagrad", "Adam", "Ftrl", "RMSProp", "SGD"), optimizer of `tf.keras.optimizers` or
            `tf.compat.v1.train`, function that returns one, or a `LinearSDCA`.
        config: a `RunConfig`.
        sparse_combiner: "sum", "mean" or "sqrtn": how several values of one categorical column count.
        warm_start_from: see `Estimator`.

    Raises:
        ValueError: an argument does not fit.
    """

    def __init__(
        self,
        head: Head,
        feature_columns: Any,
        model_dir: Path | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        sparse_combiner: str = "sum",
        warm_start_from: Any = None,
    ) -> None:
        linear_sdca.check(optimizer, sparse_combiner)
        columns = feature_layers.checked_columns(feature_columns)
        model_fn = model_fn_of_v2(columns, head, optimizer, sparse_combiner)
        super().__init__(model_fn, model_dir, config, warm_start_from=warm_start_from)


class LinearClassifier(LinearEstimator):
    """A linear model that tells classes apart; see `LinearEstimator` for the other arguments.

    Args:
        n_classes: number of classes.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        label_vocabulary: list of the classes' names, when labels are words.
        loss_reduction: how the losses of the examples become one.
    """

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Path | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        sparse_combiner: str = "sum",
    ) -> None:
        linear_sdca.check(optimizer, sparse_combiner, n_classes=n_classes)
        super().__init__(
            heads_of_classes.of_classifier(n_classes, weight_column, label_vocabulary, loss_reduction),
            feature_columns,
            model_dir,
            optimizer,
            config,
            sparse_combiner,
            warm_start_from,
        )


class LinearRegressor(LinearEstimator):
    """A linear model that predicts numbers; see `LinearEstimator` for the other arguments.

    Args:
        label_dimension: how many numbers for each example.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        loss_reduction: how the losses of the examples become one.
    """

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Path | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        sparse_combiner: str = "sum",
    ) -> None:
        linear_sdca.check(optimizer, sparse_combiner, label_dimension=label_dimension)
        super().__init__(
            heads_of_classes.of_regressor(label_dimension, weight_column, loss_reduction),
            feature_columns,
            model_dir,
            optimizer,
            config,
            sparse_combiner,
            warm_start_from,
        )


class LinearEstimatorV1(Estimator):
    """The form of `tf.compat.v1.estimator`; see `LinearEstimator`.

    Args:
        partitioner: partitioner of the variables; over the ps tasks without.
    """

    def __init__(
        self,
        head: Head,
        feature_columns: Any,
        model_dir: Path | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        partitioner: Callable[..., Any] | None = None,
        sparse_combiner: str = "sum",
        warm_start_from: Any = None,
    ) -> None:
        linear_sdca.check(optimizer, sparse_combiner)
        columns = feature_layers.checked_columns(feature_columns)
        model_fn = model_fn_of_v1(columns, head, optimizer, partitioner, sparse_combiner)
        super().__init__(model_fn, model_dir, config, warm_start_from=warm_start_from)


class LinearClassifierV1(LinearEstimatorV1):
    """The form of `tf.compat.v1.estimator`; see `LinearClassifier` and `LinearEstimatorV1`."""

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Path | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        partitioner: Callable[..., Any] | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_V1,
        sparse_combiner: str = "sum",
    ) -> None:
        linear_sdca.check(optimizer, sparse_combiner, n_classes=n_classes)
        super().__init__(
            heads_of_classes.of_classifier_v1(n_classes, weight_column, label_vocabulary, loss_reduction),
            feature_columns,
            model_dir,
            optimizer,
            config,
            partitioner,
            sparse_combiner,
            warm_start_from,
        )


class LinearRegressorV1(LinearEstimatorV1):
    """The form of `tf.compat.v1.estimator`; see `LinearRegressor` and `LinearEstimatorV1`."""

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Path | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        partitioner: Callable[..., Any] | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_V1,
        sparse_combiner: str = "sum",
    ) -> None:
        linear_sdca.check(optimizer, sparse_combiner, label_dimension=label_dimension)
        super().__init__(
            heads_of_classes.of_regressor(label_dimension, weight_column, loss_reduction),
            feature_columns,
            model_dir,
            optimizer,
            config,
            partitioner,
            sparse_combiner,
            warm_start_from,
        )
