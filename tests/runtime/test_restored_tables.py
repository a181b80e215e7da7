"""What a checkpoint has beside variables, as bytes that go from task to task in pieces."""

import numpy as np
import tensorflow as tf

from estimator_runtime.distribution import restored_tables
from estimator_runtime.distribution.restored_tables import RestoredTables

v1 = tf.compat.v1
VALUES = [
    (tf.string, [[b"one", b""], [b"two\0and more\0", b"\xff"]]),
    (tf.string, b"one"),
    (tf.string, np.zeros((0, 3), object)),
    (tf.float32, [[1.5, -0.0, np.inf]]),
    (tf.bfloat16, [1.5, 2.0, -3.0]),
    (tf.bool, [True, False, True]),
    (tf.int64, -(2**40)),
    (tf.complex64, [1 + 2j]),
    (tf.float64, [1e300]),
    (tf.uint8, np.zeros((2, 0, 3))),
]


def test_values_of_any_type_and_shape_come_back_from_their_bytes():
    dtypes = [dtype for dtype, _ in VALUES]
    values = [np.asarray(value, dtype.as_numpy_dtype) for dtype, value in VALUES]
    # A session gives numbers and strings without a shape as they are.
    given = [value[()] for value in values]
    found = restored_tables._unpacked(restored_tables._packed(given, dtypes), dtypes)
    for value, back in zip(values, found, strict=True):
        assert (back.dtype, back.shape) == (value.dtype, value.shape)
        np.testing.assert_array_equal(back, value)


def test_the_bytes_of_a_table_may_be_more_than_a_message_holds(monkeypatch):
    """With a limit that a test can pass: content of many pieces, and of pieces that are all full."""
    with tf.Graph().as_default():
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, default_value=-1)
        fill = table.insert(["a", "bc", "def"], tf.constant([1, 2, 3], tf.int64))
        tables = RestoredTables(tf.distribute.get_strategy())
        with v1.Session() as session:
            session.run(fill)
            content = restored_tables._packed(session.run(tables._parts), tables._dtypes)
            for piece in (4, 8, 4 * len(content), 4 * (len(content) // 4), 1 << 28):
                monkeypatch.setattr(restored_tables, "_PIECE_BYTES", piece)
                for own in (content, content[: len(content) // 8 * 8], b""):
                    assert tables._shared(session, own) == own
            tables.share(session, is_chief=True)
