"""`tf.keras.experimental.SequenceFeatures`, which Keras 3 does not have: a layer that makes sequences of feature columns."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime.keras.former.feature_columns import COLUMNS, FeaturesLayer, checked


class SequenceFeatures(FeaturesLayer):
    """Concatenates, step by step, what sequence columns make of a dict of features.

    Args:
        feature_columns: sequence columns (`sequence_numeric_column`; `embedding_column`, `indicator_column` and shared
            embeddings of a `sequence_categorical_column_with_...`), a list of them or one.
        trainable: whether the tables of embeddings are trained.
        name: of the layer.
        kwargs: of every layer.

    Raises:
        ValueError: there is no column, two of one name, or one that makes no sequence.
    """

    def __init__(
        self, feature_columns: Any, trainable: bool = True, name: str | None = None, **kwargs: Any
    ) -> None:
        columns = checked(feature_columns, COLUMNS.SequenceDenseColumn)
        super().__init__(columns, trainable=trainable, name=name, **kwargs)

    def call(self, features: Mapping[str, Any], training: bool | None = None) -> tuple[Any, Any]:
        """Returns a float Tensor of shape [batch, steps, sum of the columns' sizes] and an int64 Tensor [batch] of the steps.

        Steps after an example's last are padding: zeros, or a numeric column's default. When the graph runs, columns that do
        not have the same number of steps in each example are an InvalidArgumentError.

        Args:
            features: dict of SparseTensors and RaggedTensors by name.
            training: unused: columns do the same in all modes.

        Raises:
            ValueError: the features are no dict.
        """
        del training
        transformed, made, lengths = self.transformed(features), [], []
        for column in self._state.columns:
            with tf.name_scope(column.name):
                dense, length = column.get_sequence_dense_tensor(transformed, self._state)
                shape = tf.shape(dense)
                made.append(tf.reshape(dense, [shape[0], shape[1], column.variable_shape.num_elements()]))
            lengths.append(length)
        checks = [tf.debugging.assert_equal(lengths[0], length) for length in lengths[1:]]
        with tf.control_dependencies(checks):
            return tf.concat(made, axis=-1), tf.identity(lengths[0])

    def compute_output_shape(
        self, input_shape: Any
    ) -> tuple[tuple[int | None, None, int], tuple[int | None]]:
        """((the batch's size, the steps, the sum of the columns' sizes), (the batch's size,))."""
        del input_shape
        return (None, None, self._state.size), (None,)
