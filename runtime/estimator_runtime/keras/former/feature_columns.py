"""Feature columns in a layer of Keras 3: which it takes, and what they keep variables and lookup tables in.

What transforms features is the columns' own code in TensorFlow. Their variables are the layer's, by the names that they had in
Keras 2 (`dense_features/word_embedding/embedding_weights`).
"""

import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import keras  # type: ignore[import-untyped]
import tensorflow as tf

from estimator_runtime.errors import ValueKindError

COLUMNS = tf.__internal__.feature_column


def checked(given: Any, kind: Any) -> tuple[Any, ...]:
    """Columns by name, in which order they are concatenated.

    Args:
        given: an iterable of columns, or one.
        kind: the class of TensorFlow's that all must have.

    Raises:
        ValueError: there is no column, two have one name, or one is of another kind.
    """
    if isinstance(given, Mapping):
        raise ValueKindError("Expected feature_columns to be iterable, found dict.")
    columns = (given,) if isinstance(given, COLUMNS.FeatureColumn) else tuple(given)
    if not columns:
        raise ValueKindError("feature_columns must not be empty.")
    by_name: dict[str, Any] = {}
    for column in columns:
        if not isinstance(column, kind):
            raise ValueKindError(
                f"Items of feature_columns must be a {kind.__name__}. You can wrap a categorical column with an "
                f"embedding_column or indicator_column. Given: {column}"
            )
        if column.name in by_name:
            raise ValueKindError(
                f"Duplicate feature column name found for columns: {by_name[column.name]} and {column}. This usually "
                "means that these columns refer to same base feature. Either one must be discarded or a duplicated but "
                "renamed item should be inserted in features dict."
            )
        by_name[column.name] = column
    return tuple(by_name[name] for name in sorted(by_name))


class FeaturesLayer(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A layer of feature columns.

    Args:
        columns: what `checked` returned.
        trainable: whether the tables of embeddings are trained.
        name: of the layer.
        kwargs: of every layer.
    """

    def __init__(
        self, columns: Sequence[Any], trainable: bool = True, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        # Features of all dtypes come in, and in containers that Keras does not know.
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        self._state = ColumnState(columns, is_trainable=trainable)

    def build(self, input_shape: Any = None) -> None:
        """Makes the variables of the columns."""
        del input_shape
        # A layer has the variables of lists that it holds.
        self.tables = self._state.make_variables()

    def transformed(self, features: Any) -> Any:
        """The features as the columns take them.

        Raises:
            ValueError: the features are no dict.
        """
        if not isinstance(features, Mapping):
            raise ValueKindError(f"We expected a dictionary here. Instead we got: {features}")
        return COLUMNS.FeatureTransformationCache(dict(features))


class ColumnState:
    """What columns keep variables and lookup tables in; some of the methods are those that TensorFlow's columns call.

    A layer looks for layers and variables in what it holds, in tuples as well, which columns are: not in this.
    """

    def __init__(self, columns: Sequence[Any], *, is_trainable: bool) -> None:
        self.columns = columns
        self._is_trainable = is_trainable
        self._variables: dict[tuple[Hashable, str], Any] = {}
        # A lookup table belongs to one graph, or to the eager runtime, which may build a model before.
        self._resources: weakref.WeakKeyDictionary[Any, dict[tuple[Hashable, str], Any]]
        self._resources = weakref.WeakKeyDictionary()
        self._eager_resources: dict[tuple[Hashable, str], Any] = {}

    @property
    def size(self) -> int:
        """The sum of the columns' sizes."""
        return sum(column.variable_shape.num_elements() for column in self.columns)

    def make_variables(self) -> list[Any]:
        """The variables of all columns, made in the name scope of the layer."""
        for column in self.columns:
            if hasattr(column, "create_state"):
                with keras.name_scope(column.name):
                    column.create_state(self)
        return list(self._variables.values())

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
