"""numpy_input_fn and pandas_input_fn: what comes out of their queues, and in which order."""

import contextlib

import linear_model
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from linear_model import v1

import estimator_runtime.inputs.model_input
from estimator_runtime import faces
from estimator_runtime.errors import NoRowsError, ValueKindError
from estimator_runtime.inputs import numpy_input

numpy_input_fn = faces.INPUTS.resolve("numpy_input_fn")
pandas_input_fn = faces.INPUTS.resolve("pandas_input_fn")

FIVE = np.arange(5)
COLUMNS = {"b": FIVE * 2.0, "a": np.array(["p", "q", "r", "s", "t"])}
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}, index=[10, 11, 12])
SERIES = pd.Series([0.1, 0.2, 0.3], index=FRAME.index)


def batches(input_fn, limit=50):
    """What an input function's Tensors are in each step, as lists, until the end or for `limit` steps."""
    read = []
    with tf.Graph().as_default():
        tensors = input_fn()
        with v1.train.MonitoredSession() as session:
            while not session.should_stop() and len(read) < limit:
                read.append(tf.nest.map_structure(np.ndarray.tolist, session.run(tensors)))
    return read


def test_rows_come_in_order_and_the_last_batch_is_smaller():
    assert batches(numpy_input_fn(FIVE, batch_size=2, shuffle=False)) == [[0, 1], [2, 3], [4]]


def test_batches_run_on_over_the_end_of_an_epoch():
    twice = numpy_input_fn(FIVE, batch_size=2, num_epochs=2, shuffle=False)
    assert batches(twice) == [[0, 1], [2, 3], [4, 0], [1, 2], [3, 4]]
    for_ever = numpy_input_fn(FIVE, batch_size=2, num_epochs=None, shuffle=False)
    assert batches(for_ever, 4) == [[0, 1], [2, 3], [4, 0], [1, 2]]


@pytest.mark.parametrize("capacity", [1, 2, 3])
def test_a_queue_smaller_than_a_batch_is_enough_for_what_is_left(capacity):
    read = batches(numpy_input_fn(FIVE, batch_size=1, shuffle=False, queue_capacity=capacity))
    assert read == [[0], [1], [2], [3], [4]]


@pytest.mark.parametrize("capacity", [3, 1000])
def test_shuffled_rows_are_all_there(capacity):
    read = batches(numpy_input_fn(FIVE, batch_size=2, num_epochs=2, shuffle=True, queue_capacity=capacity))
    assert sorted(sum(read, [])) == sorted([*range(5), *range(5)])


def test_rows_are_shuffled():
    many = np.arange(1000)
    read = sum(batches(numpy_input_fn(many, batch_size=100, shuffle=True)), [])
    assert read != sorted(read) == many.tolist()


def test_each_thread_goes_through_all_rows(tf_log):
    read = batches(numpy_input_fn(FIVE, batch_size=2, shuffle=False, num_threads=2))
    assert sorted(sum(read, [])) == sorted([*range(5), *range(5)])
    assert len([line for line in tf_log if "Use one thread" in line]) == 2


def test_labels_may_be_a_series_whatever_its_index():
    labels = pd.Series(FIVE * 10, index=[4, 3, 2, 1, 0])
    ((features, read),) = batches(numpy_input_fn(FIVE, labels, shuffle=False))
    assert features == FIVE.tolist()
    assert read == (FIVE * 10).tolist()


def test_structures():
    assert batches(numpy_input_fn(COLUMNS, FIVE, batch_size=3, shuffle=False)) == [
        ({"a": [b"p", b"q", b"r"], "b": [0.0, 2.0, 4.0]}, [0, 1, 2]),
        ({"a": [b"s", b"t"], "b": [6.0, 8.0]}, [3, 4]),
    ]
    matrix = np.arange(6).reshape(3, 2)
    assert batches(numpy_input_fn(matrix, {"l": np.arange(3)}, batch_size=3, shuffle=False)) == [
        ([[0, 1], [2, 3], [4, 5]], {"l": [0, 1, 2]})
    ]


@pytest.mark.parametrize(
    ("epochs", "shuffle", "batch", "queue"),
    [(1, False, None, "fifo_queue"), (None, False, 4, "fifo_queue"), (1, True, None, "random_shuffle_queue")],
)
def test_the_graph(epochs, shuffle, batch, queue):
    with tf.Graph().as_default() as graph:
        features, labels = numpy_input_fn(
            COLUMNS, np.ones([5, 2], np.float32), 4, epochs, shuffle=shuffle, num_threads=3, queue_capacity=40
        )()
        assert features["a"].shape.as_list() == features["b"].shape.as_list() == [batch]
        assert (labels.shape.as_list(), labels.dtype) == ([batch, 2], tf.float32)
        (runner,) = graph.get_collection(v1.GraphKeys.QUEUE_RUNNERS)
        assert (runner.queue.name, len(runner.enqueue_ops)) == (f"enqueue_input/{queue}", 3)
        (summary,) = graph.get_collection(v1.GraphKeys.SUMMARIES)
        tag = v1.Session().run(summary.op.inputs[0]).decode()
    rest = "fraction_over_10_of_30_full" if shuffle else "fraction_over_0_of_40_full"
    assert tag == f"enqueue_input/queue/enqueue_input/{queue}{rest}"


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"x": FIVE}, ValueError, "shuffle must be provided and explicitly set as boolean .* got None"),
        ({"x": FIVE, "shuffle": 1}, ValueError, "explicitly set as boolean .* got 1"),
        ({"x": [1, 2], "shuffle": False}, TypeError, "x must be a dict or array; got list"),
        ({"x": FIVE, "y": [1] * 5, "shuffle": False}, ValueKindError, "y must be a dict or array; got list"),
        ({"x": {}, "shuffle": False}, ValueError, "x cannot be an empty dict"),
        ({"x": FIVE, "y": {}, "shuffle": False}, ValueError, "y cannot be empty dict, use None instead."),
        ({"x": FIVE[:0], "shuffle": False}, NoRowsError, "x cannot be an empty array"),
        (
            {"x": COLUMNS, "y": np.arange(3), "shuffle": False},
            ValueError,
            r"Length of tensors in x and y is mismatched.*\nShapes in x: {'a': \(5,\), 'b': \(5,\)}\nShapes in y: \(3,\)",
        ),
        (
            {"x": {"a": FIVE, "b": FIVE[:3]}, "shuffle": False},
            ValueError,
            r"Shapes in x: {.a.: .*\nShapes in y: None",
        ),
        (
            {"x": {"a": FIVE}, "y": {"a": FIVE}, "shuffle": False},
            ValueError,
            "1 duplicate keys are found in both x and y: {'a'}",
        ),
        (
            {"x": {"a": FIVE, "none": np.zeros([5, 0])}, "shuffle": False},
            ValueError,
            r"x\['none'\] cannot be an empty array: its shape is \(5, 0\)",
        ),
        (
            {"x": FIVE, "y": np.zeros([5, 0]), "shuffle": False},
            ValueError,
            r"y cannot be an empty array: its shape is \(5, 0\)",
        ),
        ({"x": FIVE, "batch_size": 0, "shuffle": False}, IndexError, "batch_size must be positive; got 0"),
        (
            {"x": FIVE, "batch_size": None, "shuffle": False},
            ValueError,
            "batch_size must be positive; got None",
        ),
        (
            {"x": FIVE, "num_threads": "2", "shuffle": False},
            TypeError,
            "num_threads must be positive; got '2'",
        ),
        (
            {"x": FIVE, "queue_capacity": 0, "shuffle": False},
            ZeroDivisionError,
            "queue_capacity must be positive",
        ),
        ({"x": FIVE, "queue_capacity": None, "shuffle": False}, TypeError, "queue_capacity must be positive"),
    ],
)
def test_refused_arrays(arguments, error, text):
    with tf.Graph().as_default(), pytest.raises(error, match=text):
        numpy_input_fn(**arguments)()


def test_an_estimator_on_arrays(tmp_path):
    train = numpy_input_fn({"x": linear_model.X}, linear_model.Y, 4, num_epochs=3, shuffle=True)
    estimator = linear_model.estimator(tmp_path).train(train)
    assert linear_model.global_step(estimator) == 6
    ordered = numpy_input_fn({"x": linear_model.X}, linear_model.Y, 3, shuffle=False)
    assert estimator.evaluate(ordered) == estimator.evaluate(ordered)
    w = estimator.get_variable_value("w").item()
    assert [p["y"].item() for p in estimator.predict(ordered)] == pytest.approx(
        (linear_model.X * w).ravel().tolist()
    )


# DataFrames


def test_a_frame():
    assert batches(pandas_input_fn(FRAME, SERIES, batch_size=2, shuffle=False)) == [
        ({"a": [1, 2], "b": [b"x", b"y"]}, [0.1, 0.2]),
        ({"a": [3], "b": [b"z"]}, [0.3]),
    ]


def test_a_frame_without_labels_and_with_several():
    assert batches(pandas_input_fn(FRAME[["a"]], shuffle=False)) == [{"a": [1, 2, 3]}]
    labels = pd.DataFrame({"a": [4, 5, 6], "m": [7, 8, 9]}, index=FRAME.index)
    assert batches(pandas_input_fn(FRAME[["a"]], labels, shuffle=False)) == [
        ({"a": [1, 2, 3]}, {"a": [4, 5, 6], "m": [7, 8, 9]})
    ]


def test_a_frame_that_is_changed_later():
    frame = FRAME.copy()
    input_fn = pandas_input_fn(frame, shuffle=False)
    frame["a"] = [7, 8, 9]
    frame.loc[10, "b"] = "w"
    assert batches(input_fn) == [{"a": [1, 2, 3], "b": [b"x", b"y", b"z"]}]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"x": FRAME}, ValueError, "shuffle must be provided and explicitly set as boolean .* got None"),
        ({"x": {"a": FIVE}, "shuffle": False}, TypeError, "x must be a pandas DataFrame; got dict"),
        (
            {"x": FRAME, "y": pd.Series([1, 2, 3]), "shuffle": False},
            ValueError,
            "Index for x and y are mismatched.",
        ),
        (
            {"x": FRAME, "y": SERIES, "target_column": "a", "shuffle": False},
            ValueError,
            "Cannot use name a for target column: DataFrame already has a column with that name",
        ),
        (
            {"x": FRAME, "target_column": 3, "shuffle": False},
            TypeError,
            "target_column must be a string type",
        ),
    ],
)
def test_refused_frames(arguments, error, text):
    with pytest.raises(error, match=text):
        pandas_input_fn(**arguments)


def first_rows(fn, batches=1):
    """The rows of the first batches of one call of an input function."""
    with tf.Graph().as_default():
        batch = fn()
        with tf.compat.v1.train.MonitoredSession() as session:
            return np.concatenate([session.run(batch) for _ in range(batches)]).ravel()


def test_shuffled_calls_begin_anywhere_in_the_data():
    """Twenty short runs over many rows see far more of them than one run does."""
    rows = np.arange(100_000)
    fn = numpy_input_fn(rows, batch_size=10, num_epochs=None, shuffle=True, queue_capacity=100)
    seen = np.unique(np.concatenate([first_rows(fn) for _ in range(20)]))
    assert len(seen) > 150
    assert seen.max() - seen.min() > 20_000


def test_shuffled_threads_of_one_call_begin_at_different_rows(monkeypatch):
    starts = iter([10, 20, 30, 40])
    monkeypatch.setattr(numpy_input.secrets, "randbelow", lambda length: next(starts))
    fn = numpy_input_fn(
        np.arange(50), batch_size=5, num_epochs=1, shuffle=True, queue_capacity=20, num_threads=4
    )
    with tf.Graph().as_default():
        batch = fn()
        seen = []
        with tf.compat.v1.train.MonitoredSession() as session:
            while not session.should_stop():
                seen.extend(session.run(batch))
    assert sorted(seen) == sorted([*range(50)] * 4)
    assert next(starts, None) is None, "one for each thread"


@pytest.mark.parametrize("start", [0, 1, 7])
def test_an_epoch_from_any_start_has_every_row_once(start):
    source = numpy_input._RowSource([np.arange(8)], 3, 2, start)
    rows = []
    with contextlib.suppress(StopIteration):
        while True:
            rows.extend(source.next_rows()[0].tolist())
    assert rows == [(start + index) % 8 for index in range(16)]


def test_rows_that_are_not_shuffled_begin_at_the_first_one():
    fn = numpy_input_fn(np.arange(1000), batch_size=5, num_epochs=None, shuffle=False)
    assert first_rows(fn).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_text_that_is_missing_is_said_with_column_and_row(missing):
    frame = pd.DataFrame({"n": [1.0, None, 2.0], "b": ["x", missing, "z"]}, index=["r1", "r2", "r3"])
    text = "column 'b' holds texts, and a missing value in row 'r2', the first of 1"
    with pytest.raises(TypeError, match=text):
        pandas_input_fn(frame.astype({"b": object}), shuffle=False)
    with pytest.raises(TypeError, match=text):
        pandas_input_fn(frame[["n"]], frame["b"].astype(object), shuffle=False)


def test_a_frame_without_rows_or_columns_is_refused():
    with pytest.raises(ValueError, match="x has no rows"):
        pandas_input_fn(FRAME[:0], shuffle=False)
    with pytest.raises(TypeError, match="x has no columns"):
        pandas_input_fn(FRAME[[]], shuffle=False)
    with pytest.raises(AttributeError, match="x must be a pandas DataFrame"):
        pandas_input_fn(FIVE, shuffle=False)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_queue_of_a_negative_capacity_has_no_limit(shuffle):
    rows = [
        row for batch in batches(numpy_input_fn(FIVE, queue_capacity=-1, shuffle=shuffle)) for row in batch
    ]
    assert sorted(rows) == sorted(FIVE)


def test_missing_numbers_are_nan_as_they_were():
    frame = pd.DataFrame({"n": [1.0, None]})
    ((first, second),) = [batch["n"] for batch in batches(pandas_input_fn(frame, shuffle=False))]
    assert first == 1.0
    assert np.isnan(second)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_frame_s_queue_without_a_capacity_holds_its_rows(shuffle):
    fn = pandas_input_fn(FRAME, SERIES, shuffle=shuffle, queue_capacity=None)
    rows = [row for batch, _ in batches(fn) for row in batch["a"]]
    assert sorted(rows) == [1, 2, 3]


def test_arrays_without_a_row_are_said_to_be_empty_whatever_the_labels():
    with pytest.raises(ValueError, match="x cannot be an empty array"):
        numpy_input_fn({"a": np.zeros([0]), "b": np.zeros([3])}, np.ones([1]), shuffle=True)()


def test_the_inputs_module_has_both_functions_of_its_public_name():
    assert estimator_runtime.inputs.numpy_input_fn is numpy_input_fn
    assert estimator_runtime.inputs.pandas_input_fn is pandas_input_fn
    with pytest.raises(AttributeError, match="has no attribute 'other'"):
        estimator_runtime.inputs.other  # noqa: B018


@pytest.mark.parametrize("dtype", [">i4", ">f4", ">i8", "<f8"])
@pytest.mark.parametrize("in_frame", [False, True])
def test_arrays_of_another_byte_order_are_the_same_numbers(dtype, in_frame):
    array = np.array([1, 2, 3], dtype)
    if in_frame:
        read = batches(pandas_input_fn(pd.DataFrame({"x": array}), shuffle=False))
    else:
        read = batches(numpy_input_fn({"x": array}, shuffle=False))
    assert read == [{"x": [1, 2, 3]}]
