"""Rows of numpy_input_fn and pandas_input_fn: what they take, and the batches that come out."""

import numpy as np
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1

PATIENCE = v1.RunOptions(timeout_in_ms=10_000)


def te():
    return v1.estimator.inputs


def batches(make, most=20):
    """Kinds, shapes and batches of an input function's tensors until their end, or the kind of error.

    The queue's runner tells the session of an error of its thread as of the end: what it raised is looked for there.
    """

    def run():
        with tf.Graph().as_default(), v1.Session() as session:
            made = make()()
            parts = made if isinstance(made, tuple) else (made,)
            # A dict's order is part of it, and nest would sort.
            flat = [
                (name, value)
                for part in parts
                for name, value in (part.items() if isinstance(part, dict) else [("", part)])
            ]
            session.run([v1.local_variables_initializer(), v1.global_variables_initializer()])
            coordinator = v1.train.Coordinator()
            threads = v1.train.start_queue_runners(session, coordinator)
            got = []
            try:
                while len(got) < most:
                    got.append(session.run([value for _, value in flat], options=PATIENCE))
                ended = False
            except tf.errors.OutOfRangeError:
                ended = True
            coordinator.request_stop()
            coordinator.join(threads, stop_grace_period_secs=5, ignore_live_threads=True)
            return {
                "kind": [type(part).__name__ if isinstance(part, dict) else "tensor" for part in parts],
                "tensors": [[str(name), value.dtype.name, str(value.shape)] for name, value in flat],
                "batches": got,
                "ended": ended,
            }

    return outcome(run)


def numpy_batches(x, y=None, most=20, **given):
    return batches(
        lambda: te().numpy_input_fn(x, y, **{"batch_size": 2, "shuffle": False, **given}), most=most
    )


@program("numpy_input_fn")
def dtypes_of_arrays(directory):
    dtypes = ("bool", "uint8", "int16", "int32", "int64", "float16", "float32", "float64")
    arrays = {name: np.array([0, 1, 1]).astype(name) for name in dtypes}
    arrays |= {
        "text": np.array(["a", "bc", ""]),
        "bytes": np.array([b"a", b"bc", b"\xff"]),
        "objects": np.array(["a", "b", "c"], object),
        "numbers as objects": np.array([1, 2, 3], object),
        "mixed objects": np.array(["a", 1, None], object),
        "dates": np.array(["2020-01-01"] * 3, "datetime64[D]"),
        "big endian": np.array([1, 2, 3], ">i4"),
    }
    return {name: numpy_batches({"x": array}) for name, array in arrays.items()}
