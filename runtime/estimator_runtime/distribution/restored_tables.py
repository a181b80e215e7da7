"""What a checkpoint has beside variables, lookup tables that change above all: after a restore all tasks have the chief's.

The chief alone reads the checkpoint. How many entries a table has, and whether they are numbers, is known only then; so its
content goes as bytes: first how many there are, then they themselves, both by sums to which the others add zeros.
"""

import itertools
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_runtime.distribution.each_replica import in_each

_Message: Any = tf.compat.v1.AttrValue
_SUM = tf.distribute.ReduceOp.SUM
_OF_ONE_PROCESS = (tf.variant, tf.resource)
"""Types of which a task's content is its own: that of an iterator is the place in its part of the input."""


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
        self._size = tf.compat.v1.placeholder(tf.int32, [], name="size_of_tables")
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
        content = _packed(session.run(self._parts), self._dtypes) if is_chief else b""
        size = int(session.run(self._size_of_all, {self._size: len(content)}))
        words = np.zeros(-(-size // 4), np.int32)
        words.view(np.uint8)[: len(content)] = np.frombuffer(content, np.uint8)
        words = session.run(self._words_of_all, {self._words: words})
        if not is_chief:
            values = _unpacked(words.tobytes()[:size])
            session.run(self._taken, dict(zip(self._given, values, strict=True)))

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
    """Bytes of any values, in a message of TensorFlow's that may hold several."""
    tensors = [tf.make_tensor_proto(value, dtype) for value, dtype in zip(values, dtypes, strict=True)]
    packed: bytes = _Message(list=_Message.ListValue(tensor=tensors)).SerializeToString()
    return packed


def _unpacked(content: bytes) -> list[Any]:
    return [tf.make_ndarray(tensor) for tensor in _Message.FromString(content).list.tensor]
