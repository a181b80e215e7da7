"""Feature columns as layers of a graph: the dense input of a network, and a linear model."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import ValueKindError


def checked_features(features: Any) -> dict[Any, Any]:
    """The features, a dict, copied: columns add to it.

    Raises:
        ValueError: they are no dict.
    """
    if not isinstance(features, Mapping):
        raise ValueKindError(f"features should be a dictionary of `Tensor`s. Given type: {type(features)}")
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
    if _is_column(columns):
        return (columns,)
    if not isinstance(columns, Iterable):
        raise ValueKindError(f"feature_columns must be a list of feature columns. Given: {columns}")
    return tuple(columns)


def _is_column(given: Any) -> bool:
    return hasattr(given, "parse_example_spec") or hasattr(given, "_parse_example_spec")


def dense_input(features: dict[Any, Any], columns: Sequence[Any]) -> Any:
    """Float Tensor [batch, sum of the columns' sizes], of the columns in the order of their names.

    `tf.compat.v1.feature_column.input_layer` refuses the columns of TensorFlow 2's `shared_embeddings` and names layers of
    Keras 2. What they need is little: their features, as the categorical columns transform them.
    """
    shared = [column for column in columns if _is_shared(column)]
    if not shared:
        return tf.compat.v1.feature_column.input_layer(features, list(columns))
    made: dict[Any, Any] = {}
    others = [column for column in columns if column not in shared]
    if others:
        tf.compat.v1.feature_column.input_layer(features, others, cols_to_output_tensors=made)
    made.update(_shared_tensors(features, shared))
    return tf.concat([made[column] for column in sorted(columns, key=lambda column: column.name)], axis=1)


def linear_logits(
    features: dict[Any, Any], columns: Sequence[Any], units: int, sparse_combiner: str
) -> tuple[Any, Any, dict[Any, Any]]:
    """(logits [batch, units], bias, dict from column to its variable or the list of its parts) of a linear model.

    Raises:
        ValueError: a column is one of TensorFlow 2's `shared_embeddings`.
    """
    shared = sorted(column.name for column in columns if _is_shared(column))
    if shared:
        raise ValueError(
            f"Columns of tf.feature_column.shared_embeddings are not supported in a linear model: {', '.join(shared)}. Make "
            "them by tf.compat.v1.feature_column.shared_embedding_columns."
        )
    variables: dict[Any, Any] = {}
    with warnings.catch_warnings():
        # TensorFlow's own function calls a deprecated one of its own.
        warnings.filterwarnings("ignore", message=r"`layer\.add_variable` is deprecated")
        logits = tf.compat.v1.feature_column.linear_model(
            features, list(columns), units=units, sparse_combiner=sparse_combiner, cols_to_vars=variables
        )
    return logits, variables.pop("bias"), variables


def weights_of(variables: Mapping[Any, Any]) -> list[Any]:
    """The variables of all columns, or their parts, in one list."""
    weights: list[Any] = []
    for made in variables.values():
        weights.extend(made if isinstance(made, list | tuple) else [made])
    return weights


def _is_shared(column: Any) -> bool:
    """Whether a column is one of `shared_embeddings`."""
    return hasattr(column, "shared_embedding_column_creator")


def _shared_tensors(features: Mapping[Any, Any], columns: Sequence[Any]) -> dict[Any, Any]:
    """Dict from each of the columns, all of `shared_embeddings`, to its float Tensor [batch, dimension]."""
    transformed = Transformed(features)
    return {
        column: tf.reshape(column.get_dense_tensor(transformed, None), [-1, *column.variable_shape])
        for column in columns
    }


class Transformed:
    """What columns ask for their inputs: features, and what other columns make of them, each made once."""

    def __init__(self, features: Mapping[Any, Any]) -> None:
        self._features = features
        self._made: dict[Any, Any] = {}

    def get(self, key: Any, state_manager: Any, training: bool | None = None) -> Any:
        """The feature of a name, of rank 2 at least, or what a column makes; arguments are TensorFlow's.

        Raises:
            ValueError: there is no such feature, or it is one number for the whole batch.
        """
        del training
        if key not in self._made:
            is_name = isinstance(key, str)
            self._made[key] = self._feature(key) if is_name else key.transform_feature(self, state_manager)
        return self._made[key]

    def _feature(self, name: str) -> Any:
        if name not in self._features:
            raise ValueError(f"Feature {name} is not in features dictionary.")
        given = self._features[name]
        if isinstance(given, tf.RaggedTensor):
            given = given.to_sparse()
        tensor = tf.compat.v1.convert_to_tensor_or_sparse_tensor(given)
        if tensor.shape.rank == 0:
            raise ValueError(f"Feature (key: {name}) cannot have rank 0. Given: {tensor}")
        if tensor.shape.rank != 1:
            return tensor
        expand = tf.sparse.expand_dims if isinstance(tensor, tf.SparseTensor) else tf.expand_dims
        return expand(tensor, -1)
