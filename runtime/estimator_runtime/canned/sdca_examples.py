"""The features of a batch as the kernel of SDCA takes them: a Tensor for each dense column, ids and values for the others."""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True, slots=True)
class SparseFeature:
    """The values of a categorical column, each id once in an example.

    Attributes:
        examples: int64 Tensor [values], the place of each value's example in the batch.
        ids: int64 Tensor [values].
        values: float32 Tensor [values].
    """

    examples: Any
    ids: Any
    values: Any


def is_categorical(column: Any) -> bool:
    """Whether a column has ids; a bucketized one has, though it is dense as well."""
    return hasattr(column, "get_sparse_tensors") and hasattr(column, "num_buckets")


def is_dense(column: Any) -> bool:
    """Whether a column has numbers."""
    return hasattr(column, "get_dense_tensor")


def of_categorical(column: Any, transformed: Any, state_manager: Any) -> SparseFeature:
    """The ids of a categorical column without those that stand for unknown values, and with repetitions added up.

    Args:
        column: a categorical column.
        transformed: what columns ask for their inputs.
        state_manager: what columns ask for their variables.
    """
    pair = column.get_sparse_tensors(transformed, state_manager)
    indices = pair.id_tensor.indices
    weights = tf.ones([tf.shape(indices)[0]]) if pair.weight_tensor is None else pair.weight_tensor.values
    ids = tf.cast(tf.reshape(pair.id_tensor.values, [-1]), tf.int64)
    known = ids >= 0
    ids, examples, weights = (
        tf.boolean_mask(part, known) for part in (ids, tf.reshape(indices[:, 0], [-1]), weights)
    )
    # One number for each pair of example and id.
    width = tf.reduce_max(ids) + 1
    pairs, place = tf.unique(width * examples + ids)
    count = tf.size(pairs)
    first = tf.math.unsorted_segment_min(examples, place, count)
    return SparseFeature(first, pairs - width * first, tf.math.unsorted_segment_sum(weights, place, count))


def of_dense(column: Any, transformed: Any, state_manager: Any) -> Any:
    """Float32 Tensor [batch, dimension] of a dense column.

    Raises:
        ValueError: the column's values are no vectors.
    """
    rank = column.variable_shape.ndims
    if rank != 1:
        raise ValueError(f"Column {type(column).__name__} has rank {rank}, larger than 1.")
    return column.get_dense_tensor(transformed, state_manager)
