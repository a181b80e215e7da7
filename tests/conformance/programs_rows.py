"""Rows of numpy_input_fn: what it takes, and the batches that come out."""

import collections

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


@program("numpy_input_fn")
def shapes_of_arrays(directory):
    whole = np.arange(24.0).reshape(4, 3, 2)
    arrays = {
        "rank 3": whole,
        "every other": whole[::2],
        "backwards": whole[::-1, 0, 0],
        "transposed": np.arange(8).reshape(2, 4).T,
        "one row": whole[:1],
        "one row of rank 1": np.array([7]),
        "scalar": np.array(3.0),
        "masked": np.ma.array([1, 2, 3, 4], mask=[0, 1, 0, 0]),
        "matrix": np.asmatrix([[1, 2], [3, 4], [5, 6]]),
        "structured": np.array([(1, 2.0)] * 4, [("a", "i4"), ("b", "f4")]),
    }
    return {
        name: {"array": numpy_batches(array), "dict": numpy_batches({"x": array})}
        for name, array in arrays.items()
    }


@program(
    "numpy_input_fn",
    differs={"result/list in a dict*": "what NumPy makes an array of is one inside a dict"},
)
def kinds_of_features_and_labels(directory):
    a, b = np.arange(4), np.arange(4) * 10.0
    ordered = collections.OrderedDict
    cases = {
        "dict": ({"b": b, "a": a}, None),
        "ordered dict": (ordered([("b", b), ("a", a)]), None),
        "default dict": (collections.defaultdict(list, {"a": a}), None),
        "array and dict": (a, {"z": b, "y": a}),
        "dict and array": ({"a": a}, b),
        "same key": ({"a": a}, {"a": b}),
        "label in two dimensions": ({"a": a}, b.reshape(4, 1)),
        "number as key": ({1: a, 0: b}, None),
        "keys of two kinds": ({1: a, "b": b}, None),
        "list": ([1, 2, 3, 4], None),
        "tuple": ((a, b), None),
        "list of labels": ({"a": a}, [1, 2, 3, 4]),
        "list in a dict": ({"a": [1, 2, 3, 4]}, None),
        "a tensor": ({"a": np.arange(4)}, "labels"),
        "none": (None, None),
        "empty dict": ({}, None),
        "empty labels": ({"a": a}, {}),
        "no rows": ({"a": a[:0]}, None),
        "an array without rows": (a[:0], None),
        "lengths differ": ({"a": a, "b": b[:3]}, None),
        "label lengths differ": ({"a": a}, b[:3]),
    }
    return {name: numpy_batches(x, y) for name, (x, y) in cases.items()}


@program("numpy_input_fn")
def epochs_of_arrays(directory):
    x = {"x": np.arange(5)}
    cases = {
        "one": {},
        "two": {"num_epochs": 2},
        "none": {"num_epochs": None},
        "zero": {"num_epochs": 0},
        "negative": {"num_epochs": -1},
        "large batch": {"batch_size": 100},
        "large batch for ever": {"batch_size": 12, "num_epochs": None},
        "batch as large as the rows": {"batch_size": 5, "num_epochs": 2},
        "batch of one": {"batch_size": 1},
        "over the end": {"batch_size": 3, "num_epochs": 3},
    }
    return {name: numpy_batches(x, most=6, **given) for name, given in cases.items()}


@program("numpy_input_fn")
def queues_of_arrays(directory):
    x = {"x": np.arange(6)}
    cases = {
        "small": {"queue_capacity": 2},
        "smaller than a batch": {"queue_capacity": 1, "batch_size": 2},
        "text": {"queue_capacity": "10"},
        "float": {"queue_capacity": 10.0},
        "threads as text": {"num_threads": "1"},
        "batch as float": {"batch_size": 2.0},
        "batch of numpy": {"batch_size": np.int64(2)},
        "shuffle as number": {"shuffle": 1},
        "shuffle as numpy": {"shuffle": np.bool_(False)},
    }
    return {
        name: numpy_batches(x, **given) for name, given in cases.items() if name != "smaller than a batch"
    }


@program("numpy_input_fn")
def shuffled_arrays(directory):
    """A shuffled epoch is a permutation; of several threads each brings all rows."""
    x = np.arange(50)

    def rows(**given):
        found = numpy_batches({"x": x}, x * 2, most=100, **{"batch_size": 8, "shuffle": True, **given})
        features = np.concatenate([batch[0] for batch in found["batches"]])
        labels = np.concatenate([batch[1] for batch in found["batches"]])
        counts = np.bincount(features, minlength=50)
        return {
            "batches": [len(batch[0]) for batch in found["batches"]],
            "each row": sorted(set(counts.tolist())),
            "together": bool((labels == 2 * features).all()),
            "in order": bool((np.diff(features) > 0).all()),
            "ended": found["ended"],
        }

    return {
        "one epoch": rows(),
        "two epochs": rows(num_epochs=2),
        "three threads": rows(num_threads=3),
        "small queue": rows(queue_capacity=10),
    }


@program("numpy_input_fn", "summaries")
def operations_of_an_input_function(directory):
    """The names and the collections that programs look into."""
    with tf.Graph().as_default() as graph:
        te().numpy_input_fn({"x": np.arange(4)}, np.arange(4), shuffle=True, queue_capacity=40)()
        runners = v1.get_collection(v1.GraphKeys.QUEUE_RUNNERS)
        return {
            "runners": len(runners),
            "threads": [len(runner.enqueue_ops) for runner in runners],
            "summaries": [tensor.op.name for tensor in v1.get_collection(v1.GraphKeys.SUMMARIES)],
            "queues": [op.type for op in graph.get_operations() if op.type.endswith("QueueV2")],
            "capacity": [
                [op.get_attr("capacity"), op.get_attr("min_after_dequeue")]
                for op in graph.get_operations()
                if op.type == "RandomShuffleQueueV2"
            ],
            "dequeues": [op.type for op in graph.get_operations() if "Dequeue" in op.type],
        }


@program("numpy_input_fn")
def arrays_that_change_afterwards(directory):
    """The arrays are read when the session runs; the function can be called again."""
    x = np.arange(4)
    made = te().numpy_input_fn({"x": x}, batch_size=4, shuffle=False)
    before = batches(lambda: made)
    x += 10
    return {"before": before, "after": batches(lambda: made)}
