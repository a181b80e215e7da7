"""What `tf.io.parse_example` needs to read the features and labels of a canned Estimator."""

from collections.abc import Hashable, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import ValueKindError


def classifier_parse_example_spec(
    feature_columns: Sequence[Any],
    label_key: str,
    label_dtype: Any = tf.int64,
    label_default: Any = None,
    weight_column: Any = None,
) -> dict[str, Any]:
    """The parsing specification of a classifier's examples.

    Args:
        feature_columns: list of the classifier's feature columns.
        label_key: name of the label in an example.
        label_dtype: dtype of the label, tf.int64 or (for a classifier with a vocabulary) tf.string.
        label_default: label of an example without one; None when each must have one.
        weight_column: name of the feature with the examples' weights, or a numeric column.

    Returns:
        Dict from name to `tf.io.FixedLenFeature` or `tf.io.VarLenFeature`.

    Raises:
        ValueError: the label or the weight is among the features, the label is a list, or the weight column is
            neither a name nor a numeric column.
    """
    label = tf.io.FixedLenFeature((1,), label_dtype, label_default)
    return _with_label(feature_columns, label_key, label, weight_column)


def regressor_parse_example_spec(
    feature_columns: Sequence[Any],
    label_key: str,
    label_dtype: Any = tf.float32,
    label_default: Any = None,
    label_dimension: int = 1,
    weight_column: Any = None,
) -> dict[str, Any]:
    """The parsing specification of a regressor's examples.

    Args:
        feature_columns: list of the regressor's feature columns.
        label_key: name of the label in an example.
        label_dtype: dtype of the label.
        label_default: label of an example without one; None when each must have one.
        label_dimension: how many numbers a label has.
        weight_column: name of the feature with the examples' weights, or a numeric column.

    Returns:
        Dict from name to `tf.io.FixedLenFeature` or `tf.io.VarLenFeature`.

    Raises:
        ValueError: the label or the weight is among the features, the label is a list, or the weight column is
            neither a name nor a numeric column.
    """
    label = tf.io.FixedLenFeature((label_dimension,), label_dtype, label_default)
    return _with_label(feature_columns, label_key, label, weight_column)


def _with_label(
    feature_columns: Sequence[Any], label_key: str, label: Any, weight_column: Any
) -> dict[str, Any]:
    spec: dict[str, Any] = tf.feature_column.make_parse_example_spec(feature_columns)
    if not isinstance(label_key, Hashable):
        raise ValueKindError(f"label_key must be a string. Given: {label_key}")
    if label_key in spec:
        raise ValueError(
            f"label should not be used as feature. label_key: {label_key}, features: {sorted(spec)}"
        )
    spec[label_key] = label
    if weight_column is None:
        return spec
    column = (
        tf.feature_column.numeric_column(weight_column) if isinstance(weight_column, str) else weight_column
    )
    if not hasattr(column, "normalizer_fn"):
        raise ValueError(
            "weight_column should be an instance of tf.feature_column.numeric_column, or a name. Given: "
            f"{weight_column}"
        )
    if column.key in spec:
        raise ValueError(
            f"weight_column should not be used as feature. weight_column: {column.key}, features: {sorted(spec)}"
        )
    return {**spec, **column.parse_example_spec}
