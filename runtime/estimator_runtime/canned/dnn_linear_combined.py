"""DNNLinearCombinedClassifier, DNNLinearCombinedRegressor and DNNLinearCombinedEstimator, in both forms."""

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned import heads_of_classes
from estimator_runtime.canned.heads import reductions
from estimator_runtime.canned.heads.head import Head
from estimator_runtime.canned.wide_and_deep import wide_and_deep
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.estimator import Estimator

Path = str | os.PathLike[str]
Activation = Callable[[Any], Any] | str | None


class DNNLinearCombinedEstimator(Estimator):
    """A linear model and a fully connected network, whose logits are added.

    Args:
        head: what the logits mean.
        model_dir: see `Estimator`.
        linear_feature_columns: list of feature columns of the linear model, dense or categorical; None without one.
        linear_optimizer: name ("Adagrad", "Adam", "Ftrl", "RMSProp", "SGD"), optimizer of `tf.keras.optimizers` or
            `tf.compat.v1.train`, or function that returns one.
        dnn_feature_columns: list of dense feature columns of the network; None without one.
        dnn_optimizer: as `linear_optimizer`.
        dnn_hidden_units: list of the hidden layers' numbers of units.
        dnn_activation_fn: of the hidden layers; None for the identity.
        dnn_dropout: share of each hidden layer's outputs that training drops.
        config: a `RunConfig`.
        warm_start_from: see `Estimator`.
        batch_norm: whether the hidden layers' outputs are normalized.
        linear_sparse_combiner: "sum", "mean" or "sqrtn": how several values of one categorical column count.

    Raises:
        ValueError: there are no feature columns, or an argument does not fit.
    """

    def __init__(
        self,
        head: Head,
        model_dir: Path | None = None,
        linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Activation = tf.nn.relu,
        dnn_dropout: float | None = None,
        config: RunConfig | None = None,
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
        warm_start_from: Any = None,
    ) -> None:
        model = wide_and_deep(
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
            self._reduction(head),
        )
        super().__init__(model.model_fn_of_v2, model_dir, config, warm_start_from=warm_start_from)

    def _reduction(self, head: Head) -> str:
        """What replicas take the head's loss for, as tf.estimator's do: only those of a classifier ask its head."""
        del head
        return reductions.SUM_OVER_BATCH_SIZE


class DNNLinearCombinedClassifier(DNNLinearCombinedEstimator):
    """A linear model and a network that tells classes apart; see `DNNLinearCombinedEstimator` for the other arguments.

    Args:
        n_classes: number of classes.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        label_vocabulary: list of the classes' names, when labels are words.
        loss_reduction: how the losses of the examples become one.
    """

    def __init__(
        self,
        model_dir: Path | None = None,
        linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Activation = tf.nn.relu,
        dnn_dropout: float | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
    ) -> None:
        super().__init__(
            heads_of_classes.of_classifier(n_classes, weight_column, label_vocabulary, loss_reduction),
            model_dir=model_dir,
            linear_feature_columns=linear_feature_columns,
            linear_optimizer=linear_optimizer,
            dnn_feature_columns=dnn_feature_columns,
            dnn_optimizer=dnn_optimizer,
            dnn_hidden_units=dnn_hidden_units,
            dnn_activation_fn=dnn_activation_fn,
            dnn_dropout=dnn_dropout,
            config=config,
            batch_norm=batch_norm,
            linear_sparse_combiner=linear_sparse_combiner,
            warm_start_from=warm_start_from,
        )

    def _reduction(self, head: Head) -> str:
        reduction: str = head.loss_reduction
        return reduction


class DNNLinearCombinedRegressor(DNNLinearCombinedEstimator):
    """A linear model and a network that predicts numbers; see `DNNLinearCombinedEstimator` for the other arguments.

    Args:
        label_dimension: how many numbers for each example.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        loss_reduction: how the losses of the examples become one.
    """

    def __init__(
        self,
        model_dir: Path | None = None,
        linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Activation = tf.nn.relu,
        dnn_dropout: float | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
    ) -> None:
        super().__init__(
            heads_of_classes.of_regressor(label_dimension, weight_column, loss_reduction),
            model_dir=model_dir,
            linear_feature_columns=linear_feature_columns,
            linear_optimizer=linear_optimizer,
            dnn_feature_columns=dnn_feature_columns,
            dnn_optimizer=dnn_optimizer,
            dnn_hidden_units=dnn_hidden_units,
            dnn_activation_fn=dnn_activation_fn,
            dnn_dropout=dnn_dropout,
            config=config,
            batch_norm=batch_norm,
            linear_sparse_combiner=linear_sparse_combiner,
            warm_start_from=warm_start_from,
        )


class DNNLinearCombinedEstimatorV1(Estimator):
    """The form of `tf.compat.v1.estimator`; see `DNNLinearCombinedEstimator`.

    Args:
        input_layer_partitioner: partitioner of the feature columns' variables; over the ps tasks without.
    """

    def __init__(
        self,
        head: Head,
        model_dir: Path | None = None,
        linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Activation = tf.nn.relu,
        dnn_dropout: float | None = None,
        input_layer_partitioner: Callable[..., Any] | None = None,
        config: RunConfig | None = None,
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
        warm_start_from: Any = None,
    ) -> None:
        model = wide_and_deep(
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
        model_fn = functools.partial(model.model_fn_of_v1, input_layer_partitioner=input_layer_partitioner)
        super().__init__(model_fn, model_dir, config, warm_start_from=warm_start_from)


class DNNLinearCombinedClassifierV1(DNNLinearCombinedEstimatorV1):
    """The form of `tf.compat.v1.estimator`; see `DNNLinearCombinedClassifier` and `DNNLinearCombinedEstimatorV1`."""

    def __init__(
        self,
        model_dir: Path | None = None,
        linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Activation = tf.nn.relu,
        dnn_dropout: float | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        input_layer_partitioner: Callable[..., Any] | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_V1,
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
    ) -> None:
        super().__init__(
            heads_of_classes.of_classifier_v1(n_classes, weight_column, label_vocabulary, loss_reduction),
            model_dir=model_dir,
            linear_feature_columns=linear_feature_columns,
            linear_optimizer=linear_optimizer,
            dnn_feature_columns=dnn_feature_columns,
            dnn_optimizer=dnn_optimizer,
            dnn_hidden_units=dnn_hidden_units,
            dnn_activation_fn=dnn_activation_fn,
            dnn_dropout=dnn_dropout,
            input_layer_partitioner=input_layer_partitioner,
            config=config,
            batch_norm=batch_norm,
            linear_sparse_combiner=linear_sparse_combiner,
            warm_start_from=warm_start_from,
        )


class DNNLinearCombinedRegressorV1(DNNLinearCombinedEstimatorV1):
    """The form of `tf.compat.v1.estimator`; see `DNNLinearCombinedRegressor` and `DNNLinearCombinedEstimatorV1`."""

    def __init__(
        self,
        model_dir: Path | None = None,
        linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Activation = tf.nn.relu,
        dnn_dropout: float | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        input_layer_partitioner: Callable[..., Any] | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_V1,
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
    ) -> None:
        super().__init__(
            heads_of_classes.of_regressor(label_dimension, weight_column, loss_reduction),
            model_dir=model_dir,
            linear_feature_columns=linear_feature_columns,
            linear_optimizer=linear_optimizer,
            dnn_feature_columns=dnn_feature_columns,
            dnn_optimizer=dnn_optimizer,
            dnn_hidden_units=dnn_hidden_units,
            dnn_activation_fn=dnn_activation_fn,
            dnn_dropout=dnn_dropout,
            input_layer_partitioner=input_layer_partitioner,
            config=config,
            batch_norm=batch_norm,
            linear_sparse_combiner=linear_sparse_combiner,
            warm_start_from=warm_start_from,
        )
