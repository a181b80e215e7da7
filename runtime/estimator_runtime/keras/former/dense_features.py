"""`tf.keras.layers.DenseFeatures`, which Keras 3 does not have: a layer that makes a Tensor of feature columns."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime.keras.former.feature_columns import COLUMNS, FeaturesLayer, checked


class DenseFeatures(FeaturesLayer):
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
        columns = checked(feature_columns, COLUMNS.DenseColumn)
        super().__init__(columns, trainable=trainable, name=name, **kwargs)

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
        transformed, made = self.transformed(features), {}
        for column in self._state.columns:
            with tf.name_scope(column.name):
                dense = column.get_dense_tensor(transformed, self._state)
                made[column] = tf.reshape(dense, [-1, column.variable_shape.num_elements()])
        if cols_to_output_tensors is not None:
            cols_to_output_tensors.update(made)
        return tf.concat(list(made.values()), axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """(the batch's size, the sum of the columns' sizes)."""
        del input_shape
        return (None, self._state.size)
