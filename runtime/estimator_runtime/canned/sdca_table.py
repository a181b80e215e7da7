"""The table of the examples' dual variables, in as many shards as are asked for; it is saved with the model."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

STATE = 4
"""How many numbers the kernel keeps for each example: dual variable, primal loss, dual loss, weight."""


class SdcaTable:
    """Rows of four float32 by keys of two int64, as `tf.raw_ops.SdcaFprint` makes them of ids.

    Args:
        shards: number of tables; those of a cluster are spread over the parameter servers.
    """

    def __init__(self, shards: int) -> None:
        # No fingerprint is 0 or 1. The names are those of tf.estimator's checkpoints.
        self._tables = [
            tf.lookup.experimental.DenseHashTable(
                tf.int64,
                tf.float32,
                default_value=[0.0] * STATE,
                empty_key=[0, 0],
                deleted_key=[1, 1],
                name=f"ShardedMutableHashTable-{number}-of-{shards}",
            )
            for number in range(1, shards + 1)
        ]

    def lookup(self, keys: Any) -> Any:
        """Float32 Tensor [keys, 4] of the rows, zeros for new keys.

        Args:
            keys: int64 Tensor [keys, 2].
        """
        if len(self._tables) == 1:
            return self._tables[0].lookup(keys)
        partitioned = self._partitioned(keys)
        found = [table.lookup(part) for table, part in zip(self._tables, partitioned(keys), strict=True)]
        places = partitioned(tf.range(tf.shape(keys)[0]))
        return tf.dynamic_stitch(places, found)

    def insert(self, keys: Any, rows: Any) -> Any:
        """The operation that puts `rows`, float32 [keys, 4], in the place of those of `keys`, int64 [keys, 2]."""
        if len(self._tables) == 1:
            return self._tables[0].insert(keys, rows)
        partitioned = self._partitioned(keys)
        parts = zip(self._tables, partitioned(keys), partitioned(rows), strict=True)
        return tf.group(*(table.insert(some, of_them) for table, some, of_them in parts))

    def size(self) -> Any:
        """Int64 Tensor [], the number of examples seen."""
        return tf.add_n([table.size() for table in self._tables])

    def sums(self) -> Any:
        """Float64 Tensor [4], the sums of all rows."""
        rows = [table.export()[1] for table in self._tables]
        return tf.add_n([tf.reduce_sum(tf.cast(some, tf.float64), axis=0) for some in rows])

    def _partitioned(self, keys: Any) -> Callable[[Any], Any]:
        """Function that deals out rows, one for each key, to the tables."""
        count = len(self._tables)
        shards = tf.cast(tf.abs(keys[:, 0]) % count, tf.int32)
        return lambda rows: tf.dynamic_partition(rows, shards, count)
