"""Feature columns as layers of a graph: the dense input of a network, and a linear model."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf


def checked_features(features: Any) -> dict[Any, Any]:
    """The features, a dict, copied: columns add to it.

    Raises:
        ValueError: they are no dict.
    """
    if not isinstance(features, Mapping):
        raise ValueError(f"features should be a dictionary of `Tensor`s. Given type: {type(features)}")  # noqa: TRY004 - tf.estimator's type
    return dict(features)


def checked_columns(columns: Any) -> tuple[Any, ...]:
    """The columns of any iterable as a tuple; a single one may stand for itself.

    Raises:
        ValueError: there are none, or they are no list.
    """
    made = listed(columns)
    if not made:
        raise ValueError(f"feature_columns must not be empty. Given: {columns}")
    return made


def listed(columns: Any) -> tuple[Any, ...]:
    """As `checked_columns`, of which there may be none."""
    if columns is None or isinstance(columns, str | Mapping):
        raise ValueError(f"feature_columns must be a list of feature columns. Given: {columns}")
    return (columns,) if _is_column(columns) or not isinstance(columns, Iterable) else tuple(columns)


def _is_column(given: Any) -> bool:
    return hasattr(given, "parse_example_spec") or hasattr(given, "_parse_example_spec")


def dense_input(features: dict[Any, Any], columns: Sequence[Any]) -> Any:
    """Float Tensor [batch, sum of the columns' sizes], of the columns in the order of their names."""
    return tf.compat.v1.feature_column.input_layer(features, list(columns))


def linear_logits(
    features: dict[Any, Any], columns: Sequence[Any], units: int, sparse_combiner: str
) -> tuple[Any, Any, list[Any]]:
    """(logits [batch, units], bias, weights of all columns) of a linear model."""
    variables: dict[Any, Any] = {}
    with warnings.catch_warnings():
        # TensorFlow's own function calls a deprecated one of its own.
        warnings.filterwarnings("ignore", message=r"`layer\.add_variable` is deprecated")
        logits = tf.compat.v1.feature_column.linear_model(
            features, list(columns), units=units, sparse_combiner=sparse_combiner, cols_to_vars=variables
        )
    bias = variables.pop("bias")
    weights: list[Any] = []
    for made in variables.values():
        weights.extend(made if isinstance(made, list | tuple) else [made])
    return logits, bias, weights
