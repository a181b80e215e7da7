"""An input function over a pandas DataFrame, fed through a queue like that over arrays.

DataFrames are known by what they can do, and pandas is never imported: it need not be installed.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from estimator_runtime.errors import NoRowsError, ValueKindError
from estimator_runtime.inputs.numpy_input import check_queue, dequeued_batch


def pandas_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool | None = None,
    queue_capacity: int | None = 1000,
    num_threads: int = 1,
    target_column: str = "target",
) -> Callable[[], Any]:
    """An input function over a pandas DataFrame.

    Args:
        x: DataFrame of features.
        y: Series of labels (or a DataFrame of several) with the index of `x`; None for none.
        batch_size: rows per batch; the last batch has what is left.
        num_epochs: how often each thread goes through the rows; None for ever.
        shuffle: True or False; there is no default.
        queue_capacity: rows that the queue holds; None for those of `x`, four times over when they are shuffled.
        num_threads: threads that fill the queue, each with all rows.
        target_column: name that `x` must not have for a column when there are labels.

    Returns:
        A function without arguments that returns a dict from column name to Tensor of shape [rows of the batch], and
        with it the labels: a Tensor, or a dict of them for a DataFrame.

    Raises:
        ValueError: `x` has no rows or no columns, `shuffle` is no bool, a size is not positive, the indices of `x` and `y` differ, or `x` has a column `target_column`.
        TypeError: `x` is no DataFrame, `target_column` is no string, or a column of texts has a missing value.
    """
    if queue_capacity is None and hasattr(x, "index"):
        queue_capacity = max(1, len(x.index)) * (4 if shuffle else 1)
    rows = 1000 if queue_capacity is None else queue_capacity
    check_queue(shuffle, batch_size=batch_size, queue_capacity=rows, num_threads=num_threads)
    if not all(hasattr(x, name) for name in ("columns", "index", "iloc")):
        raise ValueKindError(f"x must be a pandas DataFrame; got {type(x).__name__}")
    if not isinstance(target_column, str):
        raise TypeError(f"target_column must be a string type; got {type(target_column).__name__}")
    if not len(x.index):
        raise NoRowsError(f"x has no rows; its columns are {list(x.columns)}")
    if not len(x.columns):
        raise ValueKindError(f"x has no columns; its index is {x.index}")
    features = {name: _values(x[name], name) for name in x.columns}
    if y is None:
        labels: dict[Any, Any] = {}
    else:
        if target_column in x:
            raise ValueError(
                f"Cannot use name {target_column} for target column: DataFrame already has a column with that name: "
                f"{x.columns}"
            )
        if not np.array_equal(x.index, y.index):
            raise ValueError(
                f"Index for x and y are mismatched.\nIndex for x: {x.index}\nIndex for y: {y.index}\n"
            )
        names = y.columns if hasattr(y, "columns") else None
        if names is None:
            labels = {None: _values(y, getattr(y, "name", None))}
        else:
            labels = {name: _values(y[name], name) for name in names}

    def input_fn() -> Any:
        tensors = dequeued_batch(
            [*features.values(), *labels.values()],
            batch_size=batch_size,
            num_epochs=num_epochs,
            shuffle=bool(shuffle),
            queue_capacity=rows,
            num_threads=num_threads,
        )
        made = dict(zip(features, tensors, strict=False))
        if y is None:
            return made
        made_labels = dict(zip(labels, tensors[len(features) :], strict=True))
        return made, made_labels.get(None, made_labels)

    return input_fn


def _values(column: Any, name: Any) -> Any:
    """The values of a Series, an array of shape [rows]."""
    values = np.array(column)
    # TensorFlow has no missing string: it would say so in a thread of the queue, at some step, without the column.
    if values.dtype == object and any(isinstance(value, str | bytes) for value in values):
        missing = np.flatnonzero(np.array(column.isna()))
        if missing.size:
            raise TypeError(
                f"column {name!r} holds texts, and a missing value in row {column.index[missing[0]]!r}, the first of "
                f"{missing.size}: fill them, as with x[{name!r}].fillna(''), or drop those rows"
            )
    return values
