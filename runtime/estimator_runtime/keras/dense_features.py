"""`tf.keras.layers.DenseFeatures`, which Keras 3 does not have: a layer that makes a Tensor of feature columns.

What transforms features is the columns' own code in TensorFlow. Their variables are the layer's, by the names that they had in
Keras 2 (`dense_features/word_embedding/embedding_weights`).
"""

import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import keras  # type: ignore[import-untyped]
import tensorflow as tf

from estimator_runtime.errors import ValueKindError

_COLUMNS = tf.__internal__.feature_column


class DenseFeatures(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Concatenates what dense feature columns make of a dict of features.

    Args:
        feature_columns: dense columns (numeric, bucketized, indicator, embedding, shared embeddings), a list of them or one.
        trainable: whether the tables of embeddings are trained.
        name: of the layer.
        partitioner: unused: a variable of Keras 3 is whole.
        kwargs: of every layer.

    Raises:
        ValueError: there is no column, two of one name, or one that is not dense.
    """

    def __init__(
        self,
        feature_columns: Any,
        trainable: bool = True,
        name: str | None = None,
        partitioner: Any = None,
        **kwargs: Any,
    ) -> None:
        del partitioner
        columns = _checked(feature_columns)
        super().__init__(name=name, trainable=trainable, **kwargs)
        # Features of all dtypes come in, and in containers that Keras does not know.
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        self._state = _State(columns, is_trainable=trainable)

    def build(self, input_shape: Any = None) -> None:
        """Makes the variables of the columns."""
        del input_shape
        # A layer has the variables of lists that it holds.
        self.tables = self._state.make_variables()

    def call(
        self,
        features: Mapping[str, Any],
        cols_to_output_tensors: dict[Any, Any] | None = None,
        training: bool | None = None,
    ) -> Any:
        """Returns a float Tensor of shape [batch, sum of the columns' sizes].

        Args:
            features: dict of Tensors, SparseTensors and RaggedTensors by name.
            cols_to_output_tensors: is given the Tensor of each column.
            training: unused: columns do the same in all modes.

        Raises:
            ValueError: the features are no dict.
        """
        del training
        if not isinstance(features, Mapping):
            raise ValueKindError(f"We expected a dictionary here. Instead we got: {features}")
        made = self._state.tensors(features)
        if cols_to_output_tensors is not None:
            cols_to_output_tensors.update(made)
        return tf.concat(list(made.values()), axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """(the batch's size, the sum of the columns' sizes)."""
        del input_shape
        return (None, self._state.size)


def _checked(given: Any) -> tuple[Any, ...]:
    """Columns by name, in which order they are concatenated."""
    if isinstance(given, Mapping):
        raise ValueKindError("Expected feature_columns to be iterable, found dict.")
    columns = (given,) if isinstance(given, _COLUMNS.FeatureColumn) else tuple(given)
    if not columns:
        raise ValueKindError("feature_columns must not be empty.")
    by_name: dict[str, Any] = {}
    for column in columns:
        if not isinstance(column, _COLUMNS.DenseColumn):
            raise ValueKindError(
                "Items of feature_columns must be a DenseColumn. You can wrap a categorical column with an embedding_column "
                f"or indicator_column. Given: {column}"
            )
        if column.name in by_name:
            raise ValueKindError(
                f"Duplicate feature column name found for columns: {by_name[column.name]} and {column}. This usually "
                "means that these columns refer to same base feature. Either one must be discarded or a duplicated but "
                "renamed item should be inserted in features dict."
            )
        by_name[column.name] = column
    return tuple(by_name[name] for name in sorted(by_name))


class _State:
    """What columns keep variables and lookup tables in; some of the methods are those that TensorFlow's columns call.

    A layer looks for layers and variables in what it holds, in tuples as well, which columns are: not in this.
    """

    def __init__(self, columns: Sequence[Any], *, is_trainable: bool) -> None:
        self._columns = columns
        self._is_trainable = is_trainable
        self._variables: dict[tuple[Hashable, str], Any] = {}
        # A lookup table belongs to one graph, or to the eager runtime, which may build a model before.
        self._resources: weakref.WeakKeyDictionary[Any, dict[tuple[Hashable, str], Any]]
        self._resources = weakref.WeakKeyDictionary()
        self._eager_resources: dict[tuple[Hashable, str], Any] = {}

    @property
    def size(self) -> int:
        """The sum of the columns' sizes."""
        return sum(column.variable_shape.num_elements() for column in self._columns)

    def make_variables(self) -> list[Any]:
        """The variables of all columns, made in the name scope of the layer."""
        for column in self._columns:
            if hasattr(column, "create_state"):
                with keras.name_scope(column.name):
                    column.create_state(self)
        return list(self._variables.values())

    def tensors(self, features: Mapping[str, Any]) -> dict[Any, Any]:
        """The Tensor of each column, of shape [batch, size]."""
        transformed = _COLUMNS.FeatureTransformationCache(dict(features))
        made = {}
        for column in self._columns:
            with tf.name_scope(column.name):
                dense = column.get_dense_tensor(transformed, self)
                made[column] = tf.reshape(dense, [-1, column.variable_shape.num_elements()])
        return made

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
        del use_resource
        made = keras.Variable(
            initializer or "glorot_uniform",
            shape=tuple(shape),
            dtype=tf.as_dtype(dtype or tf.float32).name,
            trainable=trainable and self._is_trainable,
            name=name,
        )
        self._variables[feature_column, name] = made
        return made

    def get_variable(self, feature_column: Any, name: str) -> Any:
        """The `tf.Variable` that was made for a column, or what stands for it."""
        return self._variables[feature_column, name].value

    def _here(self) -> dict[tuple[Hashable, str], Any]:
        with tf.init_scope():
            if tf.executing_eagerly():
                return self._eager_resources
            return self._resources.setdefault(tf.compat.v1.get_default_graph(), {})

    def add_resource(self, feature_column: Any, name: str, resource: Any) -> None:
        """Keeps a lookup table of a column."""
        self._here()[feature_column, name] = resource

    def has_resource(self, feature_column: Any, name: str) -> bool:
        """Whether there is such a table."""
        return (feature_column, name) in self._here()

    def get_resource(self, feature_column: Any, name: str) -> Any:
        """The table that was kept."""
        return self._here()[feature_column, name]
