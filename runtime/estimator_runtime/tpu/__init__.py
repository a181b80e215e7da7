"""TPUEstimator and what belongs to it, on CPUs and GPUs: `tf.compat.v1.estimator.tpu` with `use_tpu=False`.

A program for TPUs runs here as it ran without a TPU with tf.estimator 2.15: its model function is given the batch size of
each mode in `params`, and returns a TPUEstimatorSpec. No part of it computes on a TPU.
"""

import importlib
from typing import Any

from estimator_runtime import faces


def __getattr__(name: str) -> Any:
    """The names of `tf.compat.v1.estimator.tpu`."""
    if name in faces.TPU.homes:
        return faces.TPU.resolve(name)
    if name in faces.TPU.submodules:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
