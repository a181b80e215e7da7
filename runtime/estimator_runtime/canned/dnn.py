"""DNNClassifier, DNNRegressor and DNNEstimator, in both forms."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned import heads_of_classes, network
from estimator_runtime.canned.heads import optimizers, reductions
from estimator_runtime.canned.heads.head import Head
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.estimator import Estimator
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

_LEARNING_RATE_V1 = 0.05

Path = str | os.PathLike[str]
Activation = Callable[[Any], Any] | str | None


def model_fn_of_v2(net: network.Network, head: Head, optimizer: Any) -> Callable[..., EstimatorSpec]:
    """The model function of a network in the form of `tf.estimator`; see `DNNEstimator`."""

    def model_fn(features: Any, labels: Any, mode: str, config: RunConfig) -> EstimatorSpec:  # noqa: ARG001 - the signature of model functions
        with tf.compat.v1.variable_scope(network.SCOPE):
            logits = net.logits(features, mode, head.logits_dimension)
        return head.create_estimator_spec(
            features=features,
            mode=mode,
            logits=logits,
            labels=labels,
            optimizer=optimizers.of_v2(optimizer) if mode == ModeKeys.TRAIN else None,
            trainable_variables=network.trainable_variables(network.SCOPE),
            update_ops=tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS),
        )

    return model_fn


def model_fn_of_v1(
    net: network.Network, head: Head, optimizer: Any, input_layer_partitioner: Callable[..., Any] | None
) -> Callable[..., EstimatorSpec]:
    """The model function of a network in the form of `tf.compat.v1.estimator`; see `DNNEstimatorV1`."""

    def model_fn(features: Any, labels: Any, mode: str, config: RunConfig) -> EstimatorSpec:
        # The optimizer's slots are made in this scope too, which is part of their names in checkpoints.
        with tf.compat.v1.variable_scope(network.SCOPE, partitioner=network.partitioner(config)):
            logits = net.logits(
                features,
                mode,
                head.logits_dimension,
                input_partitioner=network.input_partitioner(input_layer_partitioner, config),
                summary_scope=f"{network.SCOPE}/",
            )
            return head.create_estimator_spec(
                features=features,
                mode=mode,
                logits=logits,
                labels=labels,
                optimizer=optimizers.of_v1(optimizer, _LEARNING_RATE_V1) if mode == ModeKeys.TRAIN else None,
                **heads_of_classes.taken_by(
                    head, update_ops=tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)
                ),
            )

    return model_fn


class DNNEstimator(Estimator):
    """A fully connected network with a head.

    Args:
        head: what the logits mean.
        hidden_units: list of the hidden layers' numbers of units.
        feature_columns: list of dense feature columns.
        model_dir: see `Estimator`.
        optimizer: name ("Adagrad", "Adam", "Ftrl", "RMSProp", "SGD"), optimizer of `tf.keras.optimizers` or
            `tf.compat.v1.train`, or function that returns one.
        activation_fn: of the hidden layers: a function, or a name that Keras knows; None for the identity.
        dropout: share of each hidden layer's outputs that training drops.
        config: a `RunConfig`.
        warm_start_from: see `Estimator`.
        batch_norm: whether the hidden layers' outputs are normalized.

    Raises:
        ValueError: an argument does not fit.
    """

    def __init__(
        self,
        head: Head,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Path | None = None,
        optimizer: Any = "Adagrad",
        activation_fn: Activation = tf.nn.relu,
        dropout: float | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        batch_norm: bool = False,
    ) -> None:
        net = network.network_of(hidden_units, feature_columns, activation_fn, dropout, batch_norm)
        super().__init__(
            model_fn_of_v2(net, head, optimizer), model_dir, config, warm_start_from=warm_start_from
        )


class DNNClassifier(DNNEstimator):
    """A fully connected network that tells classes apart; see `DNNEstimator` for the other arguments.

    Args:
        n_classes: number of classes.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        label_vocabulary: list of the classes' names, when labels are words.
        loss_reduction: how the losses of the examples become one.
    """

    def __init__(
        self,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Path | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        optimizer: Any = "Adagrad",
        activation_fn: Activation = tf.nn.relu,
        dropout: float | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        batch_norm: bool = False,
    ) -> None:
        super().__init__(
            heads_of_classes.of_classifier(n_classes, weight_column, label_vocabulary, loss_reduction),
            hidden_units,
            feature_columns,
            model_dir,
            optimizer,
            activation_fn,
            dropout,
            config,
            warm_start_from,
            batch_norm,
        )


class DNNRegressor(DNNEstimator):
    """A fully connected network that predicts numbers; see `DNNEstimator` for the other arguments.

    Args:
        label_dimension: how many numbers for each example.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        loss_reduction: how the losses of the examples become one.
    """

    def __init__(
        self,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Path | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Adagrad",
        activation_fn: Activation = tf.nn.relu,
        dropout: float | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        batch_norm: bool = False,
    ) -> None:
        super().__init__(
            heads_of_classes.of_regressor(label_dimension, weight_column, loss_reduction),
            hidden_units,
            feature_columns,
            model_dir,
            optimizer,
            activation_fn,
            dropout,
            config,
            warm_start_from,
            batch_norm,
        )


class DNNEstimatorV1(Estimator):
    """The form of `tf.compat.v1.estimator`; see `DNNEstimator`.

    Args:
        input_layer_partitioner: partitioner of the feature columns' variables; over the ps tasks without.
    """

    def __init__(
        self,
        head: Head,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Path | None = None,
        optimizer: Any = "Adagrad",
        activation_fn: Activation = tf.nn.relu,
        dropout: float | None = None,
        input_layer_partitioner: Callable[..., Any] | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        batch_norm: bool = False,
    ) -> None:
        net = network.network_of(hidden_units, feature_columns, activation_fn, dropout, batch_norm)
        super().__init__(
            model_fn_of_v1(net, head, optimizer, input_layer_partitioner),
            model_dir,
            config,
            warm_start_from=warm_start_from,
        )


class DNNClassifierV1(DNNEstimatorV1):
    """The form of `tf.compat.v1.estimator`; see `DNNClassifier` and `DNNEstimatorV1`."""

    def __init__(
        self,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Path | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        optimizer: Any = "Adagrad",
        activation_fn: Activation = tf.nn.relu,
        dropout: float | None = None,
        input_layer_partitioner: Callable[..., Any] | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_V1,
        batch_norm: bool = False,
    ) -> None:
        super().__init__(
            heads_of_classes.of_classifier_v1(n_classes, weight_column, label_vocabulary, loss_reduction),
            hidden_units,
            feature_columns,
            model_dir,
            optimizer,
            activation_fn,
            dropout,
            input_layer_partitioner,
            config,
            warm_start_from,
            batch_norm,
        )


class DNNRegressorV1(DNNEstimatorV1):
    """The form of `tf.compat.v1.estimator`; see `DNNRegressor` and `DNNEstimatorV1`."""

    def __init__(
        self,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Path | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Adagrad",
        activation_fn: Activation = tf.nn.relu,
        dropout: float | None = None,
        input_layer_partitioner: Callable[..., Any] | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = reductions.SUM_V1,
        batch_norm: bool = False,
    ) -> None:
        super().__init__(
            heads_of_classes.of_regressor(label_dimension, weight_column, loss_reduction),
            hidden_units,
            feature_columns,
            model_dir,
            optimizer,
            activation_fn,
            dropout,
            input_layer_partitioner,
            config,
            warm_start_from,
            batch_norm,
        )
