"""Rows of pandas_input_fn: what it takes, and the batches that come out."""

import numpy as np
from catalogue import program
from programs_rows import batches, te


def frame(**columns):
    import pandas as pd

    return pd.DataFrame(columns)


def pandas_batches(x, y=None, most=20, **given):
    return batches(
        lambda: te().pandas_input_fn(
            x() if callable(x) else x,
            y() if callable(y) else y,
            **{"batch_size": 2, "shuffle": False, **given},
        ),
        most=most,
    )


@program(
    "pandas_input_fn",
    differs={
        f"result/{name}*": "columns of pandas' own dtypes are taken by their values; tf.estimator's queue has no dtype for them"
        for name in ("categories", "nullable", "strings")
    },
)
def dtypes_of_frames(directory):
    import pandas as pd

    columns = {
        "ints": [1, 2, 3],
        "floats": [0.5, np.nan, 2.0],
        "bools": [True, False, True],
        "words": ["a", "b", ""],
        "categories": pd.Categorical(["a", "b", "a"]),
        "float32": np.float32([1, 2, 3]),
        "int8": np.int8([1, 2, 3]),
        "dates": pd.to_datetime(["2020-01-01"] * 3),
        "nullable": pd.array([1, 2, 3], "Int64"),
        "strings": pd.array(["a", "b", "c"], "string"),
        "lists": [[1, 2], [3, 4], [5, 6]],
        "bytes": [b"a", b"b", b"c"],
    }
    return {name: pandas_batches(lambda column=column: frame(x=column)) for name, column in columns.items()}


@program("pandas_input_fn")
def labels_of_frames(directory):
    import pandas as pd

    x = {"b": [1.0, 2.0, 3.0], "a": [1, 2, 3]}

    def of():
        return frame(**x)

    cases = {
        "series": (lambda: pd.Series([1, 2, 3]), {}),
        "named series": (lambda: pd.Series([1, 2, 3], name="a"), {}),
        "frame": (lambda: frame(z=[1, 2, 3], y=[4.0, 5.0, 6.0]), {}),
        "frame with a name of x": (lambda: frame(a=[1, 2, 3]), {}),
        "frame of one": (lambda: frame(y=[1, 2, 3]), {}),
        "target column": (lambda: pd.Series([1, 2, 3]), {"target_column": "label"}),
        "target column of x": (lambda: pd.Series([1, 2, 3]), {"target_column": "a"}),
        "target column, no labels": (None, {"target_column": "a"}),
        "target column of a frame": (lambda: frame(y=[1, 2, 3]), {"target_column": "a"}),
        "target column a number": (lambda: pd.Series([1, 2, 3]), {"target_column": 3}),
        "other index": (lambda: pd.Series([1, 2, 3], index=[1, 2, 3]), {}),
        "index in another order": (lambda: pd.Series([1, 2, 3], index=[2, 1, 0]), {}),
        "shorter": (lambda: pd.Series([1, 2]), {}),
        "array": (lambda: np.array([1, 2, 3]), {}),
        "list": (lambda: [1, 2, 3], {}),
    }
    return {name: pandas_batches(of, y, **given) for name, (y, given) in cases.items()}


@program(
    "pandas_input_fn",
    differs={
        "result/same column twice*": "two columns of one name are one feature of two values a row; tf.estimator fails in "
        "the queue's thread"
    },
)
def kinds_of_frames(directory):
    import pandas as pd

    kinds = {
        "order of columns": lambda: frame(b=[1], a=[2]),
        "number as column": lambda: pd.DataFrame({1: [1, 2], 0: [3, 4]}),
        "one row": lambda: frame(a=[1]),
        "no rows": lambda: frame(a=[]),
        "no columns": lambda: pd.DataFrame(index=range(3)),
        "series": lambda: pd.Series([1, 2]),
        "dict": lambda: {"a": np.array([1, 2])},
        "array": lambda: np.array([[1, 2]]),
        "index of words": lambda: pd.DataFrame({"a": [1, 2, 3]}, index=["x", "y", "z"]),
        "a slice": lambda: frame(a=range(6), b=range(6)).iloc[::2],
        "same column twice": lambda: pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
        "a column called index": lambda: frame(index=[1, 2]),
    }
    return {name: pandas_batches(make) for name, make in kinds.items()}


@program("pandas_input_fn")
def queues_of_frames(directory):
    def x():
        return frame(a=range(5))

    cases = {
        "epochs": {"num_epochs": 2},
        "for ever": {"num_epochs": None},
        "large batch": {"batch_size": 50},
        "capacity": {"queue_capacity": 2},
        "no capacity": {"queue_capacity": None},
        "shuffle none": {"shuffle": None},
        "shuffle number": {"shuffle": 0},
        "no epochs": {"num_epochs": 0},
    }
    made = {name: pandas_batches(x, most=6, **given) for name, given in cases.items()}
    shuffled = pandas_batches(x, shuffle=True, batch_size=5, queue_capacity=None)
    made["shuffled without capacity"] = (
        shuffled if isinstance(shuffled, str) else sorted(shuffled["batches"][0][0].tolist())
    )
    return made


@program("pandas_input_fn")
def frames_that_change_afterwards(directory):
    x = frame(a=[1, 2])
    made = te().pandas_input_fn(x, batch_size=2, shuffle=False)
    x["b"] = [3, 4]
    x["a"] = [5, 6]
    return batches(lambda: made)
