"""Sequence columns and context columns as the input of a recurrent layer.

A sequence column makes a Tensor [batch, steps, its shape] and the number of steps of each example, of a SparseTensor or a
RaggedTensor; context columns are dense ones, whose values every step is given. Variables have the names that the layers of
Keras 2 gave them, `sequence_features/<column>/embedding_weights` and `dense_features/...`; the table of `shared_embeddings` is made by the
columns themselves, in the variable scope of the caller.
"""

import itertools
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned import feature_layers

_UNFIT = re.compile(r"[^A-Za-z0-9_.\-/]")


def checked_sequence_columns(columns: Any) -> tuple[Any, ...]:
    """The columns of any iterable, sorted by name, as `sequence_input` takes them.

    Raises:
        ValueError: there are none, one makes no sequence, or two have one name.
    """
    return _checked(columns, "get_sequence_dense_tensor", "SequenceDenseColumn")


def checked_context_columns(columns: Any) -> tuple[Any, ...]:
    """The columns of any iterable, sorted by name, as `context_input` takes them.

    Raises:
        ValueError: there are none, one is not dense, or two have one name.
    """
    return _checked(columns, "get_dense_tensor", "DenseColumn")


def _checked(columns: Any, method: str, kind: str) -> tuple[Any, ...]:
    made = feature_layers.checked_columns(columns)
    for column in made:
        if not hasattr(column, method):
            raise ValueError(
                f"Items of feature_columns must be a {kind}. You can wrap a categorical column with an embedding_column or "
                f"indicator_column. Given: {column}"
            )
    ordered = sorted(made, key=lambda column: str(column.name))
    for first, second in itertools.pairwise(ordered):
        if first.name == second.name:
            raise ValueError(
                f"Duplicate feature column name found for columns: {first} and {second}. This usually means that these "
                "columns refer to same base feature. Either one must be discarded or a duplicated but renamed item must be "
                "inserted in features dict."
            )
    return tuple(ordered)


def sequence_input(features: Mapping[Any, Any], columns: Sequence[Any]) -> tuple[Any, Any]:
    """The sequence columns side by side.

    Args:
        features: dict of Tensors, of SparseTensors and RaggedTensors for these columns.
        columns: what `checked_sequence_columns` returned.

    Returns:
        (float Tensor [batch, steps, sum of the columns' sizes], int64 Tensor [batch] of the numbers of steps). Steps after
        an example's last are padding: zeros, or a numeric column's default. When the graph runs, columns that do not have
        the same number of steps in each example are an InvalidArgumentError.
    """
    transformed, tables = feature_layers.Transformed(features), _Tables("sequence_features")
    made, lengths = [], []
    for column in columns:
        tables.make_those_of(column)
        with tf.name_scope(_name_of(column)):
            dense, length = column.get_sequence_dense_tensor(transformed, tables)
            shape = tf.shape(dense)
            made.append(tf.reshape(dense, [shape[0], shape[1], column.variable_shape.num_elements()]))
            lengths.append(length)
    checks = [
        tf.compat.v1.assert_equal(
            lengths[0],
            length,
            message=f"The sequence columns {columns[0].name} and {column.name} differ in their numbers of steps",
        )
        for column, length in zip(columns[1:], lengths[1:], strict=True)
    ]
    with tf.control_dependencies(checks):
        return tf.concat(made, axis=-1), tf.identity(lengths[0])


def context_input(features: Mapping[Any, Any], columns: Sequence[Any]) -> Any:
    """Float Tensor [batch, sum of the columns' sizes]; see `sequence_input` for the arguments."""
    transformed, tables = feature_layers.Transformed(features), _Tables("dense_features")
    made = []
    for column in columns:
        tables.make_those_of(column)
        with tf.name_scope(_name_of(column)):
            dense = column.get_dense_tensor(transformed, tables)
            made.append(tf.reshape(dense, [-1, column.variable_shape.num_elements()]))
    return tf.concat(made, axis=-1)


def at_every_step(context: Any, sequence: Any) -> Any:
    """`sequence` [batch, steps, n] with the values of `context` [batch, m] in each step: [batch, steps, n + m]."""
    repeated = tf.tile(tf.expand_dims(context, 1), [1, tf.shape(sequence)[1], 1])
    return tf.concat([sequence, repeated], axis=-1)


def _name_of(column: Any) -> str:
    """The name of a column as a scope may have it."""
    return _UNFIT.sub("_", column.name)


class _Tables:
    """What columns keep variables and lookup tables in; the methods are those that TensorFlow's columns call."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._variables: dict[tuple[Hashable, str], Any] = {}
        self._resources: dict[tuple[Hashable, str], Any] = {}

    def make_those_of(self, column: Any) -> None:
        """Makes the variables of a column that has any."""
        if hasattr(column, "create_state"):
            column.create_state(self)

    def create_variable(
        self,
        feature_column: Any,
        name: str,
        shape: Sequence[int],
        dtype: Any = None,
        trainable: bool = True,
        use_resource: bool = True,
        initializer: Callable[..., Any] | None = None,
    ) -> Any:
        """A new variable of a column."""
        with tf.compat.v1.variable_scope(f"{self._scope}/{_name_of(feature_column)}"):
            made = tf.compat.v1.get_variable(
                name,
                shape,
                dtype or tf.float32,
                initializer,
                trainable=trainable,
                use_resource=use_resource,
            )
        self._variables[feature_column, name] = made
        return made

    def get_variable(self, feature_column: Any, name: str) -> Any:
        """The variable that was made for a column."""
        return self._variables[feature_column, name]

    def add_resource(self, feature_column: Any, name: str, resource: Any) -> None:
        """Keeps a lookup table of a column."""
        self._resources[feature_column, name] = resource

    def has_resource(self, feature_column: Any, name: str) -> bool:
        """Whether there is such a table."""
        return (feature_column, name) in self._resources

    def get_resource(self, feature_column: Any, name: str) -> Any:
        """The table that was kept."""
        return self._resources[feature_column, name]
