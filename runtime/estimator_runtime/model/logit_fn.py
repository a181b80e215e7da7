"""Calling a logit function: the part of a model between features and logits, as canned Estimators share it."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime import arguments


def call_logit_fn(logit_fn: Callable[..., Any], features: Any, mode: str, params: Any, config: Any) -> Any:
    """Calls `logit_fn` with `features` and with whichever of mode, params and config it declares.

    Args:
        logit_fn: function that builds logits in the default graph.
        features: Tensor or dict of Tensors.
        mode: a `ModeKeys` value.
        params: hyperparameters.
        config: a `RunConfig`.

    Returns:
        The logits: a Tensor, or a dict from string to Tensor.

    Raises:
        ValueError: the function returns something else.
    """
    declared = arguments.declared(logit_fn)
    offered = {"mode": mode, "params": params, "config": config}
    logits = logit_fn(
        features=features, **{name: value for name, value in offered.items() if name in declared}
    )
    # Not `tf.is_tensor`: heads take neither a SparseTensor nor a RaggedTensor, and a variable is no value of a step.
    if isinstance(logits, tf.Tensor):
        return logits
    if isinstance(logits, dict) and all(
        isinstance(name, str) and isinstance(value, tf.Tensor) for name, value in logits.items()
    ):
        return logits
    raise ValueError(
        f"logit_fn should return a Tensor or a dictionary mapping strings to Tensors.  logit_fn returned: {logits}"
    )
