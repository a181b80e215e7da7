"""The parts of which tf.estimator's heads were made, and of which libraries make heads of their own.

`head.base_head` had them for the heads of `tf.estimator`, `canned.head` under names with an underscore for its own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned import heads_of_classes
from estimator_runtime.canned.heads import loss_functions, optimizers, reductions, summaries, targets
from estimator_runtime.canned.heads.classes import Classes, check_number
from estimator_runtime.canned.heads.head import chosen
from estimator_runtime.canned.heads.keys import MetricKeys
from estimator_runtime.model.export_outputs import DEFAULT_KEY, ClassificationOutput

DEFAULT_SERVING_KEY = DEFAULT_KEY
CLASSIFY_SERVING_KEY = "classification"
REGRESS_SERVING_KEY = "regression"
PREDICT_SERVING_KEY = "predict"


def check_logits_final_dim(logits: Any, expected_logits_dimension: int) -> Any:
    """Logits of shape [D0, ..., DN, expected_logits_dimension] as float32, checked.

    Raises:
        ValueError: they have another dimension or are no numbers.
    """
    return targets.checked_logits(logits, expected_logits_dimension)


def check_dense_labels_match_logits_and_reshape(
    labels: Any, logits: Any, expected_labels_dimension: int
) -> Any:
    """Dense labels of shape [D0, ..., DN, expected_labels_dimension], checked.

    Args:
        labels: Tensor, which may lack the last dimension when that is 1, or SparseTensor with one value for each example.
        logits: Tensor of shape [D0, ..., DN, logits_dimension].
        expected_labels_dimension: the labels' last dimension.

    Raises:
        ValueError: there are no labels, or their shape does not fit.
    """
    return targets.checked_labels(labels, logits, expected_labels_dimension)


def get_weights_and_check_match_logits(
    features: Any, weight_column: Any, logits: Any, allow_per_logit_weights: bool = False
) -> Any:
    """Weights of the examples, of shape [D0, ..., DN, 1]; 1.0 where there is no weight column.

    Args:
        features: dict of Tensors.
        weight_column: name of a feature, numeric column, or None.
        logits: Tensor of shape [D0, ..., DN, logits_dimension].
        allow_per_logit_weights: whether each logit may have a weight of its own.

    Raises:
        ValueError: the features have no such column, or its shape does not fit.
    """
    weights = targets.weights_of(features, weight_column, logits)
    if not allow_per_logit_weights and weight_column is not None:
        last = targets.last_dimension(weights.shape)
        if last not in (None, 1):
            raise ValueError(f"weights shape must be [D0, D1, ... DN, 1], given: {weights.shape}")
    return weights


def check_label_range(labels: Any, n_classes: int, message: str | None = None) -> Any:
    """`labels`, with a check that they are in [0, n_classes - 1] whenever the graph runs.

    Args:
        labels: Tensor of numbers.
        n_classes: number of classes.
        message: text of the error, which has one of its own without.
    """
    if message is None:
        return targets.in_range(labels, n_classes)
    checks = [
        tf.compat.v1.assert_less_equal(labels, tf.cast(n_classes - 1, labels.dtype), message=message),
        tf.compat.v1.assert_non_negative(labels, message=message),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(labels)


def check_prediction_keys(pred_keys: Sequence[Any], valid_keys: Sequence[Any]) -> None:
    """Holds the names of predictions against those that there are.

    Raises:
        ValueError: one is not among them.
    """
    chosen(dict.fromkeys(valid_keys), pred_keys)


def all_class_ids(logits: Any, n_classes: int) -> Any:
    """Int32 Tensor [D0, n_classes] of the classes' numbers for each example."""
    return Classes(n_classes, None).all_ids(logits)


def all_classes(logits: Any, n_classes: int, label_vocabulary: Sequence[str] | None = None) -> Any:
    """String Tensor [D0, n_classes] of the classes' names for each example; their numbers without a vocabulary."""
    return _classes(n_classes, label_vocabulary).all_names(logits)


def classification_output(
    scores: Any, n_classes: int, label_vocabulary: Sequence[str] | None = None
) -> ClassificationOutput:
    """The output of a classification: float `scores` [D0, n_classes] and the names of the classes."""
    return ClassificationOutput(scores=scores, classes=all_classes(scores, n_classes, label_vocabulary))


def _classes(n_classes: int, vocabulary: Sequence[str] | None) -> Classes:
    return Classes(n_classes, None if not vocabulary else list(vocabulary))


def validate_loss_fn_args(loss_fn: Callable[..., Any]) -> None:
    """Holds the arguments of a loss function against what it can be called with.

    Raises:
        ValueError: it does not take labels and logits, or takes something unknown.
    """
    loss_functions.check(loss_fn)


def validate_loss_reduction(loss_reduction: str) -> None:
    """Holds the name of a reduction against those that a head takes.

    Raises:
        ValueError: it is none of them.
    """
    reductions.checked(loss_reduction)


def validate_update_ops(update_ops: Any = None) -> None:
    """Refuses what is no list of operations.

    Raises:
        ValueError: it is neither None nor a list or tuple.
    """
    _check_list("update_ops", update_ops)


def validate_v2_optimizer(optimizer: Any) -> None:
    """Refuses what no head can train with.

    Raises:
        ValueError: it is neither an optimizer of `tf.keras.optimizers` nor one of `tf.compat.v1.train`.
    """
    optimizers.of_v2(optimizer)


def validate_trainable_variables(trainable_variables: Any = None) -> None:
    """Refuses what is no list of variables.

    Raises:
        ValueError: it is None, or neither a list nor a tuple.
    """
    if trainable_variables is None:
        raise ValueError("trainable_variables cannot be None. Given None")
    _check_list("trainable_variables", trainable_variables)


def _check_list(name: str, given: Any) -> None:
    if given is not None and not isinstance(given, list | tuple):
        raise ValueError(f"{name} should be a list or a tuple. Given type: {type(given)}.")


def validate_n_classes(n_classes: Any) -> int:
    """The number of classes of a classification of more than two.

    Raises:
        ValueError: there are 2 or less, or it is no whole number.
    """
    if n_classes is None:
        raise ValueError("n_classes cannot be None")
    check_number(n_classes)
    if n_classes <= 2:
        raise ValueError(f"n_classes must be > 2: {n_classes}.")
    return int(n_classes)


def call_loss_fn(
    loss_fn: Callable[..., Any], labels: Any, logits: Any, features: Any, expected_loss_dim: int = 1
) -> Any:
    """The losses that a loss function returns, of shape [D0, ..., DN, expected_loss_dim].

    Raises:
        ValueError: they have another shape, or there are none.
    """
    return loss_functions.called(
        loss_fn, labels, logits, features, reductions.SUM_OVER_BATCH_SIZE, dimension=expected_loss_dim
    )


def update_metric_with_broadcast_weights(eval_metric: Any, values: Any, weights: Any) -> Any:
    """Feeds a metric with values and weights, which are brought to the values' shape."""
    values = tf.cast(values, tf.float32)
    if weights is None:
        return eval_metric.update_state(values)
    return eval_metric.update_state(values, tf.broadcast_to(tf.cast(weights, tf.float32), tf.shape(values)))


def create_eval_metrics_tuple(
    fn: Callable[..., Any], kwargs: Mapping[str, Any]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """(function, its arguments) as `eval_metrics` of a TPUEstimatorSpec: the arguments are Tensors alone.

    Args:
        fn: function that makes metrics.
        kwargs: its arguments; those that are no Tensors are given to it beside.
    """
    tensors = {name: value for name, value in kwargs.items() if tf.is_tensor(value)}
    others = {name: value for name, value in kwargs.items() if name not in tensors}

    def called(**given: Any) -> Any:
        return fn(**{**given, **others})

    return called, tensors


def create_estimator_spec_train_op(
    head_name: str | None,
    optimizer: Any = None,
    trainable_variables: Sequence[Any] | None = None,
    train_op_fn: Callable[[Any], Any] | None = None,
    update_ops: Sequence[Any] | None = None,
    regularized_training_loss: Any = None,
    loss_reduction: Any = reductions.SUM_OVER_BATCH_SIZE,
) -> Any:
    """The operation that makes one training step.

    Args:
        head_name: name of the head.
        optimizer: of `tf.compat.v1.train` or of `tf.keras.optimizers`.
        trainable_variables: list of the variables to train; needed for an optimizer of Keras.
        train_op_fn: in place of `optimizer`: function of the loss that returns the operation.
        update_ops: list of operations to run with each step.
        regularized_training_loss: Tensor, which an optimizer may want for each example.
        loss_reduction: how the loss became what it is: replicas divide the gradients of a mean by their number.

    Raises:
        ValueError: neither or both of `optimizer` and `train_op_fn`, or no variables for Keras.
    """
    validate_update_ops(update_ops)
    with tf.name_scope(head_name or "head"):
        return optimizers.train_op(
            regularized_training_loss,
            optimizer,
            trainable_variables,
            train_op_fn,
            update_ops,
            loss_reduction,
        )


def create_estimator_spec_summary(
    regularized_training_loss: Any,
    regularization_losses: Sequence[Any] | None = None,
    summary_key_fn: Callable[[str], str] | None = None,
) -> None:
    """Summarizes the loss, and the regularization losses where there are any.

    Args:
        regularized_training_loss: scalar Tensor.
        regularization_losses: list of scalar Tensors.
        summary_key_fn: function from the name of a metric to its full name.
    """
    key = summary_key_fn or str
    summaries.summarize_scalar(key(MetricKeys.LOSS), regularized_training_loss)
    if regularization_losses is not None:
        total = tf.add_n(list(regularization_losses))
        summaries.summarize_scalar(key(MetricKeys.LOSS_REGULARIZATION), total)


def binary_or_multi_class_head(
    n_classes: int, weight_column: Any, label_vocabulary: Sequence[str] | None, loss_reduction: str
) -> Any:
    """The head of a classifier: a BinaryClassHead for two classes, a MultiClassHead for more.

    Raises:
        ValueError: there are less than 2 classes, or an argument does not fit.
    """
    return heads_of_classes.of_classifier(n_classes, weight_column, label_vocabulary, loss_reduction)


def summary_key(head_name: str | None, val: str) -> str:
    """The full name of a metric of the head of that name."""
    return f"{val}/{head_name}" if head_name else val


def append_update_ops(train_op: Any) -> Any:
    """An operation that also runs what is in the graph's collection UPDATE_OPS."""
    update_ops = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)
    return tf.group(train_op, *update_ops) if update_ops else train_op
