"""Labels, logits and example weights, brought to the shapes that losses and metrics need, and checked.

Shapes are [D0, ..., DN, last dimension]; D0 is the batch. What is unknown when the graph is made is checked when it
runs.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import ValueKindError

_NO_LABELS = (
    "You must provide a labels Tensor. Given: None. Suggested troubleshooting steps: Check that your data contains "
    "your label feature. Check that your input_fn properly parses and returns labels."
)


def checked_logits(logits: Any, dimension: int) -> Any:
    """Logits whose last dimension is `dimension`, as float32.

    Those of another precision, and numbers that are whole, are cast, as tf.estimator does: losses, metrics and
    signatures are of float32 whatever the layers before them compute in.

    Raises:
        ValueError: they have another dimension or are no numbers.
    """
    if logits is None:
        raise ValueError("logits must not be None.")
    logits = tf.convert_to_tensor(logits)
    if not (logits.dtype.is_floating or logits.dtype.is_integer or logits.dtype.is_bool):
        raise ValueError(f"logits must be numbers, given: {logits}")
    logits = tf.cast(logits, tf.float32)
    rank, last = logits.shape.rank, last_dimension(logits.shape)
    if rank is not None and (rank < 2 or last not in (None, dimension)):
        raise ValueError(f"logits shape must be [D0, D1, ... DN, {dimension}], got {logits.shape}.")
    if rank is not None and last is not None:
        return logits
    shape = tf.shape(logits)
    checks = [
        tf.compat.v1.assert_rank_at_least(logits, 2, message="logits must be of rank 2 at least"),
        tf.compat.v1.assert_equal(
            shape[-1], dimension, message=f"logits shape must be [D0, D1, ... DN, {dimension}]"
        ),
    ]
    with tf.control_dependencies(checks):
        logits = tf.identity(logits)
    if rank is not None:
        logits.set_shape([*logits.shape.as_list()[:-1], dimension])
    return logits


def last_dimension(shape: Any) -> int | None:
    """The last dimension as a number, None when it is unknown, also where TensorFlow's version 1 behaviour has objects for dimensions."""
    size: int | None = shape.as_list()[-1] if shape.rank else None
    return size


def checked_labels(labels: Any, logits: Any, dimension: int) -> Any:
    """Dense labels of the logits' shape but for the last dimension, which is `dimension`.

    Labels without that last dimension get it when it is 1.

    Raises:
        ValueError: there are no labels, or their shape does not fit.
    """
    if labels is None:
        raise ValueError(_NO_LABELS)
    labels = tf.convert_to_tensor(_dense(labels, dimension))
    if (
        dimension == 1
        and None not in (labels.shape.rank, logits.shape.rank)
        and labels.shape.rank == logits.shape.rank - 1
    ):
        labels = tf.expand_dims(labels, -1)
    expected = f"[D0, D1, ... DN, {dimension}]"
    if labels.shape.rank is not None:
        if labels.shape.rank < 2:
            raise ValueError(
                f"labels shape must be {expected}, given: {labels.shape}. A single label of each example needs a "
                "last dimension of 1: tf.expand_dims(labels, -1)."
            )
        if last_dimension(labels.shape) not in (None, dimension):
            raise ValueError(
                f"Mismatched label shape. Expected labels dimension={dimension}. Received {last_dimension(labels.shape)}. "
                "Suggested Fix: check your n_classes argument to the estimator and/or the shape of your label."
            )
    if not labels.shape[:-1].is_compatible_with(logits.shape[:-1]):
        raise ValueError(
            f"labels shape must be {expected} as logits' is, given labels {labels.shape}, logits {logits.shape}."
        )
    wanted = tf.concat([tf.shape(logits)[:-1], [dimension]], axis=0)
    check = tf.compat.v1.assert_equal(
        tf.shape(labels), wanted, message=f"labels shape must be {expected}, as logits' is"
    )
    with tf.control_dependencies([check]):
        return tf.identity(labels)


def _dense(labels: Any, dimension: int) -> Any:
    """Labels as a dense Tensor; a SparseTensor must have a value for every example.

    Raises:
        ValueError: sparse labels of more than one dimension.
    """
    if not isinstance(labels, tf.SparseTensor):
        return labels
    if dimension != 1:
        raise ValueError(
            f"SparseTensor labels are not supported. labels must be a Tensor of shape [D0, D1, ..., DN, {dimension}]"
        )
    values = tf.reshape(labels.values, [-1, 1])
    check = tf.compat.v1.assert_equal(
        tf.shape(values, out_type=tf.int64)[0],
        labels.dense_shape[0],
        message="sparse labels must have one value for every example",
    )
    with tf.control_dependencies([check]):
        return tf.identity(values)


def weights_of(features: Any, weight_column: Any, logits: Any) -> Any:
    """Example weights, of shape [D0, ..., DN, 1] (or of the logits' shape); 1.0 when there is no weight column.

    Raises:
        ValueError: the features do not have the column, or its shape does not fit.
    """
    if weight_column is None:
        return 1.0
    # Other columns have a key as well.
    if not isinstance(weight_column, str) and not hasattr(weight_column, "normalizer_fn"):
        raise TypeError(
            f"Weight column must be either a string or NumericColumn. Given type: {type(weight_column)}."
        )
    if not isinstance(features, Mapping):
        raise ValueKindError(
            f"weight_column {weight_column!r} needs features to be a dict, given: {features}"
        )
    name = weight_column if isinstance(weight_column, str) else weight_column.key
    if name not in features:
        raise ValueError(
            f"Feature {name} is not in features dictionary. It is the weight column; the features are: "
            f"{sorted(map(str, features))}"
        )
    if isinstance(features[name], tf.SparseTensor):
        raise ValueError(f"SparseTensor is not supported for weights. key: {name}")  # noqa: TRY004 - tf.estimator's type
    weights = tf.convert_to_tensor(features[name])
    normalizer = None if isinstance(weight_column, str) else weight_column.normalizer_fn
    if normalizer is not None:
        weights = normalizer(weights)
    if not (weights.dtype.is_floating or weights.dtype.is_integer or weights.dtype.is_bool):
        raise ValueError(f"Weight column should be castable to float. Given dtype: {weights.dtype}")
    weights = tf.cast(weights, tf.float32)
    ranks = weights.shape.rank, logits.shape.rank
    if None not in ranks and ranks[0] == ranks[1] - 1:
        weights = tf.expand_dims(weights, -1)
    if not weights.shape[:-1].is_compatible_with(logits.shape[:-1]) or last_dimension(weights.shape) not in (
        None,
        1,
        last_dimension(logits.shape),
    ):
        raise ValueError(
            f"weights shape must be [D0, D1, ... DN], [D0, D1, ... DN, 1] or the logits', {logits.shape}; given "
            f"{weights.shape} in feature {name!r}."
        )
    return weights


def in_range(labels: Any, classes: int) -> Any:
    """`labels`, with a check that they are in [0, `classes` - 1] whenever the graph runs."""
    checks = [
        tf.compat.v1.assert_less_equal(
            labels,
            tf.cast(classes - 1, labels.dtype),
            message=f"Labels must be <= {classes - 1}",
        ),
        tf.compat.v1.assert_non_negative(labels, message="Labels must be >= 0"),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(labels)
