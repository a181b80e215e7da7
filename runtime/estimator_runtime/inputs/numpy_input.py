"""Input functions over arrays in memory, fed through a queue: what tf.compat.v1.estimator has under `inputs`.

A queue, not a dataset, is what programs rely on: its runner's threads belong to the session's coordinator, rows keep
their order unless they are shuffled, batches run on over the end of an epoch, and only the last batch is smaller.
"""

import itertools
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_runtime.errors import NoRowsError, QueueSizeError, ValueKindError

_QUEUE_SCOPE = "enqueue_input"


def numpy_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool | None = None,
    queue_capacity: int = 1000,
    num_threads: int = 1,
) -> Callable[[], Any]:
    """An input function over numpy arrays.

    Args:
        x: array, or dict of arrays, of features; the first dimension is the row.
        y: array (or what is like one, as a Series), or dict of arrays, of labels; None for none.
        batch_size: rows per batch; the last batch has what is left.
        num_epochs: how often each thread goes through the rows; None for ever.
        shuffle: True or False; there is no default. When True, each thread begins at a random row in each call.
        queue_capacity: rows that the queue holds. A shuffled batch is drawn from those.
        num_threads: threads that fill the queue, each with all rows. With more than one, the order is open.

    Returns:
        A function without arguments that returns features (or features and labels) as Tensors of shape
        [rows of the batch, ...], in the structure of `x` and `y`.

    Raises:
        ValueError: `shuffle` is no bool, or batch_size, queue_capacity or num_threads is not positive; when the
            function is called: a dict or array is empty, the lengths differ, or `x` and `y` have a key in common.
        TypeError: (when the function is called) `x` or `y` is neither an array nor a dict of arrays.
    """
    check_queue(shuffle, batch_size=batch_size, queue_capacity=queue_capacity, num_threads=num_threads)

    def input_fn() -> Any:
        features, labels = _checked_columns(x, y)
        columns = [*features.values(), *labels.values()]
        tensors = dequeued_batch(
            columns,
            batch_size=batch_size,
            num_epochs=num_epochs,
            shuffle=bool(shuffle),
            queue_capacity=queue_capacity,
            num_threads=num_threads,
        )
        made_features = _restored(x, features, tensors[: len(features)])
        if y is None:
            return made_features
        return made_features, _restored(y, labels, tensors[len(features) :])

    return input_fn


def check_queue(shuffle: Any, **sizes: int) -> None:
    """Refuses a `shuffle` that was left open and sizes that are not positive.

    Raises:
        ValueError: there is one of these.
    """
    if not isinstance(shuffle, bool):
        raise ValueError(  # noqa: TRY004 - tf.estimator's type
            "shuffle must be provided and explicitly set as boolean "
            f"(it is recommended to set it as True for training); got {shuffle}"
        )
    for name, size in sizes.items():
        if not isinstance(size, int | float | np.number) or (size <= 0 and name != "queue_capacity"):
            raise QueueSizeError(f"{name} must be positive; got {size!r}")
    if sizes.get("queue_capacity") == 0:
        raise QueueSizeError(
            "queue_capacity must be positive, or negative for a queue without a limit; got 0"
        )


def dequeued_batch(
    columns: Sequence[Any],
    *,
    batch_size: int,
    num_epochs: int | None,
    shuffle: bool,
    queue_capacity: int,
    num_threads: int,
) -> list[Any]:
    """Batches of rows of some arrays, out of a queue whose runner is in the default graph's collection.

    Args:
        columns: arrays of one length.
        batch_size: see `numpy_input_fn`.
        num_epochs: see `numpy_input_fn`.
        shuffle: see `numpy_input_fn`.
        queue_capacity: see `numpy_input_fn`.
        num_threads: see `numpy_input_fn`.

    Returns:
        One Tensor of shape [rows of the batch, ...] per column.
    """
    if num_threads > 1 and num_epochs is not None:
        tf.compat.v1.logging.warning(
            "Each of the %d threads goes through the rows %d times. Use one thread to limit the epochs of all.",
            num_threads,
            num_epochs,
        )
    if num_threads > 1 and not shuffle:
        tf.compat.v1.logging.warning(
            "%d threads that do not shuffle all read the rows in order, and the batches mix them. Use one thread to keep the "
            "order.",
            num_threads,
        )
    dtypes = [tf.as_dtype(column.dtype) for column in columns]
    shapes = [column.shape[1:] for column in columns]
    with tf.name_scope(_QUEUE_SCOPE):
        min_after_dequeue = max(0, queue_capacity // 4) if shuffle else 0
        queue = (
            tf.queue.RandomShuffleQueue(queue_capacity, min_after_dequeue, dtypes, shapes)
            if shuffle
            else tf.queue.FIFOQueue(queue_capacity, dtypes, shapes)
        )
        enqueues = []
        for _ in range(num_threads):
            # Any row may be the first: calls, threads, workers and restarts that all began at row 0 would train on the
            # same first rows alone. As in tf.estimator no seed decides, or every call would begin at the same one.
            start = secrets.randbelow(len(columns[0])) if shuffle and len(columns[0]) else 0
            source = _RowSource(columns, max(1, min(batch_size, queue_capacity // 2)), num_epochs, start)
            rows = tf.compat.v1.py_func(source.next_rows, [], dtypes, stateful=True)
            for tensor, shape in zip(rows, shapes, strict=True):
                tensor.set_shape([None, *shape])
            enqueues.append(queue.enqueue_many(rows))
        tf.compat.v1.train.add_queue_runner(tf.compat.v1.train.QueueRunner(queue, enqueues))
        _add_fullness_summary(queue, min_after_dequeue, queue_capacity)
    batch = queue.dequeue_many(batch_size) if num_epochs is None else queue.dequeue_up_to(batch_size)
    return list(batch) if isinstance(batch, list | tuple) else [batch]


class _RowSource:
    """Rows of arrays, a few at a time, over and over.

    Args:
        columns: arrays of one length.
        size: rows at a time.
        num_epochs: times that the rows are gone through; None for ever.
        start: the first row; after the last one it goes on at row 0, and an epoch ends before `start`.
    """

    def __init__(self, columns: Sequence[Any], size: int, num_epochs: int | None, start: int) -> None:
        self._columns = columns
        self._size = size
        length = len(columns[0])
        rounds: Iterator[Any] = (
            itertools.repeat(None) if num_epochs is None else itertools.repeat(None, num_epochs)
        )
        self._indices = ((start + index) % length for _ in rounds for index in range(length))
        # Two sessions of one graph, as after a lost one, may ask at once.
        self._lock = threading.Lock()

    def next_rows(self) -> list[Any]:
        """The next rows of every column.

        Raises:
            StopIteration: there are none, which the queue runner takes for the end.
        """
        with self._lock:
            indices = list(itertools.islice(self._indices, self._size))
        if not indices:
            raise StopIteration
        # TensorFlow takes the bytes as they lie: arrays of another byte order, as FITS and HDF files have, would be other
        # numbers.
        rows = [column[indices] for column in self._columns]
        return [part.astype(part.dtype.newbyteorder("="), copy=False) for part in rows]


def _add_fullness_summary(queue: Any, minimum: int, capacity: int) -> None:
    above = capacity - minimum
    name = f"fraction_over_{minimum}_of_{above}_full"
    full = tf.cast(tf.maximum(0, queue.size() - minimum), tf.float32) * (1.0 / above)
    tf.compat.v1.summary.scalar(f"queue/{queue.name}{name}", full)


def _checked_columns(x: Any, y: Any) -> tuple[dict[Any, Any], dict[Any, Any]]:
    features = _columns(x, "x", "x cannot be an empty dict")
    labels = {} if y is None else _columns(y, "y", "y cannot be empty dict, use None instead.")
    if any(column.shape[:1] == (0,) for column in features.values()):
        raise NoRowsError("x cannot be an empty array")
    for what, columns in (("x", features), ("y", labels)):
        for name, column in columns.items():
            if not column.size and column.shape[:1] != (0,):
                # TensorFlow's queue would end the process.
                named = what if name is None else f"{what}[{name!r}]"
                raise ValueError(
                    f"{named} cannot be an empty array: its shape is {column.shape}, leave it out"
                )
    common = set(features) & set(labels) - {None}
    if common:
        raise ValueError(f"{len(common)} duplicate keys are found in both x and y: {common}")
    lengths = {column.shape[0] for column in [*features.values(), *labels.values()]}
    if len(lengths) != 1:
        raise ValueError(
            "Length of tensors in x and y is mismatched. All elements in x and y must have the same length.\n"
            f"Shapes in x: {_shapes(features)}\nShapes in y: {_shapes(labels) if labels else None}\n"
        )
    return features, labels


def _columns(values: Any, what: str, if_empty: str) -> dict[Any, Any]:
    if isinstance(values, Mapping):
        if not values:
            raise ValueError(if_empty)
        return {name: np.asarray(values[name]) for name in sorted(values)}
    if what == "y":
        if not hasattr(values, "shape"):
            raise ValueKindError(f"y must be a dict or array; got {type(values).__name__}")
        values = np.asarray(values)
    if not isinstance(values, np.ndarray):
        raise TypeError(f"{what} must be a dict or array; got {type(values).__name__}")
    return {None: values}


def _shapes(columns: Mapping[Any, Any]) -> Any:
    if None in columns:
        return columns[None].shape
    return {name: column.shape for name, column in columns.items()}


def _restored(original: Any, columns: Mapping[Any, Any], tensors: Sequence[Any]) -> Any:
    if not isinstance(original, Mapping):
        return tensors[0]
    return dict(zip(columns, tensors, strict=True))
