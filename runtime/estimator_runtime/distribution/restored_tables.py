"""What a checkpoint has beside variables, lookup tables that change above all: after a restore all tasks have the chief's.

The chief alone reads the checkpoint. How many entries a table has, and whether they are numbers, is known only then; so its
content goes as bytes, by sums to which the others add zeros. No message of TensorFlow's may have 2 GiB, and a table may: so
the bytes go in pieces, and first how many full ones there are and how many bytes more.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_runtime.distribution.each_replica import in_each

_SUM = tf.distribute.ReduceOp.SUM
_OF_ONE_PROCESS = (tf.variant, tf.resource)
"""Types of which a task's content is its own: that of an iterator is the place in its part of the input."""
_PIECE_BYTES = 1 << 28
"""Whole words."""
_WORD_BYTES = 4


class RestoredTables:
    """Those of the default graph, which is not finalized yet.

    Args:
        strategy: the strategy by which the graph was built.
    """

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy
        saved = [one for one in saved_beside_variables() if _is_for_all(one)]
        self._parts = [spec.tensor for one in saved for spec in one.specs]
        if not saved:
            return
        self._dtypes = [part.dtype.base_dtype for part in self._parts]
        self._size = tf.compat.v1.placeholder(tf.int32, [2], name="size_of_tables")
        self._words = tf.compat.v1.placeholder(tf.int32, [None], name="words_of_tables")
        self._size_of_all, self._words_of_all = self._summed(self._size), self._summed(self._words)
        self._given = [tf.compat.v1.placeholder(dtype) for dtype in self._dtypes]
        given = iter(self._given)
        self._taken = tf.group(
            [one.restore(list(itertools.islice(given, len(one.specs))), None) for one in saved]
        )

    def share(self, session: Any, *, is_chief: bool) -> None:
        """Gives all tasks what the chief has restored; all have to call it.

        Args:
            session: of this task.
            is_chief: whether this task has restored it.
        """
        if not self._parts:
            return
        own = _packed(session.run(self._parts), self._dtypes) if is_chief else b""
        content = self._shared(session, own)
        if not is_chief:
            values = _unpacked(content, self._dtypes)
            session.run(self._taken, dict(zip(self._given, values, strict=True)))

    def _shared(self, session: Any, own: bytes) -> bytearray:
        """The chief's bytes, on all tasks."""
        full, rest = session.run(self._size_of_all, {self._size: divmod(len(own), _PIECE_BYTES)}).tolist()
        size = full * _PIECE_BYTES + rest
        # Every piece is as long as the first: TensorFlow refuses a sum whose length is another than before.
        length = min(size, _PIECE_BYTES)
        content = bytearray()
        for start in range(0, size, _PIECE_BYTES):
            piece = own[start : start + length]
            words = np.zeros(-(-length // _WORD_BYTES), np.int32)
            words.view(np.uint8)[: len(piece)] = np.frombuffer(piece, np.uint8)
            words = session.run(self._words_of_all, {self._words: words})
            content += words.view(np.uint8)[: size - start].data
        return content

    def _summed(self, own: Any) -> Any:
        def add(number: int) -> Any:
            return tf.distribute.get_replica_context().all_reduce(
                _SUM, own if number == 0 else tf.zeros_like(own)
            )

        return in_each(self._strategy, add)[0]


def saved_beside_variables() -> list[Any]:
    """What a saver of everything in the default graph saves beside variables."""
    return list(tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.SAVEABLE_OBJECTS))


def _is_for_all(saved: Any) -> bool:
    return all(spec.dtype.base_dtype not in _OF_ONE_PROCESS for spec in saved.specs)


def _packed(values: list[Any], dtypes: list[Any]) -> bytes:
    """Bytes of any values: of each its shape, how long its strings are, if it has such, and what is in it."""
    parts: list[bytes] = []
    for value, dtype in zip(values, dtypes, strict=True):
        array = np.asarray(value, dtype.as_numpy_dtype)
        parts += [_lengths([array.ndim]), _lengths(array.shape)]
        if dtype == tf.string:
            texts = array.ravel().tolist()
            parts += [_lengths([len(text) for text in texts]), *texts]
        else:
            parts.append(array.tobytes())
    return b"".join(parts)


def _lengths(numbers: Sequence[int]) -> bytes:
    return np.array(numbers, np.int64).tobytes()


def _unpacked(content: bytes | bytearray, dtypes: list[Any]) -> list[Any]:
    """The values of these types that `_packed` has made bytes of."""
    place, view = 0, memoryview(content)

    def taken(dtype: Any, count: int) -> Any:
        nonlocal place
        array = np.frombuffer(view, dtype, count, place)
        place += array.nbytes
        return array

    def texts(count: int) -> Any:
        nonlocal place
        array = np.empty(count, object)
        for number, length in enumerate(taken(np.int64, count).tolist()):
            array[number] = bytes(view[place : place + length])
            place += length
        return array

    values = []
    for dtype in dtypes:
        shape = taken(np.int64, int(taken(np.int64, 1)[0])).tolist()
        count = math.prod(shape)
        array = texts(count) if dtype == tf.string else taken(dtype.as_numpy_dtype, count)
        values.append(array.reshape(shape))
    return values
