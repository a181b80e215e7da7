"""BaselineClassifier, BaselineRegressor and BaselineEstimator, in both forms: the same prediction for all examples."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned import feature_layers, heads_of_classes
from estimator_runtime.canned.heads import optimizers, reductions
from estimator_runtime.canned.heads.head import Head
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.errors import ValueKindError
from estimator_runtime.estimator import Estimator
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

_SCOPE = "baseline"
_LEARNING_RATE = 0.3

Path = str | os.PathLike[str]


class BaselineEstimator(Estimator):
    """A bias with a head: it ignores the features, and shows what a model has to be better than.

    Args:
        head: what the logits mean.
        model_dir: see `Estimator`.
        optimizer: name ("Adagrad", "Adam", "Ftrl", "RMSProp", "SGD"), optimizer of `tf.keras.optimizers` or
            `tf.compat.v1.train`, or function that returns one.
        config: a `RunConfig`.

    Raises:
        ValueError: an argument does not fit.
    """

    def __init__(
        self,
        head: Head,
        model_dir: Path | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
    ) -> None:
        super().__init__(model_fn_of_v2(head, optimizer, self._reduction(head)), model_dir, config)

    def _reduction(self, head: Head) -> str:
        """What replicas take the head's loss for, as tf.estimator's do: only those of a classifier ask its head."""
        del head
        return reductions.SUM_OVER_BATCH_SIZE


class BaselineClassifier(BaselineEstimator):
    """The same chances of the classes for all examples; see `BaselineEstimator` for the other arguments.

    Args:
        n_classes: number of classes.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        label_vocabulary: list of the classes' names, when labels are words.
        loss_reduction: how the losses of the examples become one.
    """

    def __init__(
        self,
        model_dir: Path | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
    ) -> None:
        super().__init__(
            heads_of_classes.of_classifier(n_classes, weight_column, label_vocabulary, loss_reduction),
            model_dir,
            optimizer,
            config,
        )

    def _reduction(self, head: Head) -> str:
        reduction: str = head.loss_reduction
        return reduction


class BaselineRegressor(BaselineEstimator):
    """The mean of the labels for all examples; see `BaselineEstimator` for the other arguments.

    Args:
        label_dimension: how many numbers for each example.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        loss_reduction: how the losses of the examples become one.
    """

    def __init__(
        self,
        model_dir: Path | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
    ) -> None:
        super().__init__(
            heads_of_classes.of_regressor(label_dimension, weight_column, loss_reduction),
            model_dir,
            optimizer,
            config,
        )


class BaselineEstimatorV1(Estimator):
    """The form of `tf.compat.v1.estimator`; see `BaselineEstimator`."""

    def __init__(
        self,
        head: Head,
        model_dir: Path | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
    ) -> None:
        super().__init__(model_fn_of_v1(head, optimizer), model_dir, config)


class BaselineClassifierV1(BaselineEstimatorV1):
    """The form of `tf.compat.v1.estimator`; see `BaselineClassifier`."""

    def __init__(
        self,
        model_dir: Path | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        loss_reduction: str = reductions.SUM_V1,
    ) -> None:
        super().__init__(
            heads_of_classes.of_classifier_v1(n_classes, weight_column, label_vocabulary, loss_reduction),
            model_dir,
            optimizer,
            config,
        )


class BaselineRegressorV1(BaselineEstimatorV1):
    """The form of `tf.compat.v1.estimator`; see `BaselineRegressor`."""

    def __init__(
        self,
        model_dir: Path | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        loss_reduction: str = reductions.SUM_V1,
    ) -> None:
        super().__init__(
            heads_of_classes.of_regressor(label_dimension, weight_column, loss_reduction),
            model_dir,
            optimizer,
            config,
        )


def model_fn_of_v1(head: Any, optimizer: Any) -> Callable[..., EstimatorSpec]:
    """The model function of `tf.compat.v1.estimator.BaselineEstimator`, whose arguments these are."""

    def training(bias: Any) -> dict[str, Any]:
        made = optimizers.of_v1(optimizer, _LEARNING_RATE)
        return {"optimizer": made, **heads_of_classes.taken_by(head, trainable_variables=[bias])}

    return _model_fn(head, training)


def model_fn_of_v2(head: Any, optimizer: Any, reduction: Any) -> Callable[..., EstimatorSpec]:
    """The model function of `tf.estimator.BaselineEstimator`, whose arguments these are.

    Args:
        head: as there.
        optimizer: as there.
        reduction: what replicas take the head's loss for, see `optimizers.minimize`.
    """

    def training(bias: Any) -> dict[str, Any]:
        def train_op_fn(loss: Any) -> Any:
            made = optimizers.of_v2(optimizer, _LEARNING_RATE)
            return optimizers.minimize(made, loss, [bias], reduction=reduction)

        return {"train_op_fn": train_op_fn}

    return _model_fn(head, training)


def logits_of(features: Any, num_outputs: int) -> tuple[Any, Any]:
    """(logits of shape [batch, num_outputs], the variable that is each row) in the variable scope of the caller.

    Raises:
        ValueError: there are no features.
    """
    bias = tf.compat.v1.get_variable("bias", [num_outputs], tf.float32, tf.compat.v1.zeros_initializer())
    size = _batch_size(feature_layers.checked_features(features))
    return tf.multiply(tf.ones([size, num_outputs]), bias, name="Mul"), bias


def _model_fn(head: Any, training: Callable[[Any], dict[str, Any]]) -> Callable[..., EstimatorSpec]:
    """A model function.

    Args:
        head: what the logits mean.
        training: function of the bias that returns what the head takes to train it.
    """

    def model_fn(features: Any, labels: Any, mode: str, config: RunConfig) -> EstimatorSpec:  # noqa: ARG001 - the signature of model functions
        with tf.compat.v1.variable_scope(_SCOPE):
            logits, bias = logits_of(features, head.logits_dimension)
        spec: EstimatorSpec = head.create_estimator_spec(
            features=features,
            mode=mode,
            logits=logits,
            labels=labels,
            **(training(bias) if mode == ModeKeys.TRAIN else {}),
        )
        return spec

    return model_fn


def _batch_size(features: dict[Any, Any]) -> Any:
    """The first dimension of the features, which must be the same for all.

    Raises:
        ValueError: there are no features.
    """
    sizes = []
    for feature in features.values():
        if isinstance(feature, tf.SparseTensor):
            sizes.append(tf.cast(feature.dense_shape[0], tf.int64))
        elif isinstance(feature, tf.RaggedTensor):
            sizes.append(tf.cast(feature.nrows(), tf.int64))
        else:
            sizes.append(tf.shape(feature, out_type=tf.int64)[0])
    if not sizes:
        raise ValueKindError("features must not be empty: the size of the batch is theirs.")
    checks = [
        tf.compat.v1.assert_equal(
            size, sizes[0], message="all features must have the same first dimension, the batch"
        )
        for size in sizes[1:]
    ]
    with tf.control_dependencies(checks):
        return tf.identity(sizes[0])
