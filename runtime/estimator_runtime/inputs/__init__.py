"""Input functions: those over arrays and DataFrames, and how what an input function returns is read."""

from typing import Any

from estimator_runtime import faces


def __getattr__(name: str) -> Any:
    """`inputs.numpy_input_fn` and `inputs.pandas_input_fn`, as programs know them from `tf.compat.v1.estimator.inputs`."""
    if name in faces.INPUTS.homes:
        return faces.INPUTS.resolve(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
