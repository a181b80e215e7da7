"""What tf.estimator's `model_fn` had beside EstimatorSpec."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime.model import bound_model, export_outputs

LOSS_METRIC_KEY = "loss"
AVERAGE_LOSS_METRIC_KEY = "average_loss"


def verify_model_fn_args(model_fn: Callable[..., Any], params: Any) -> None:
    """Holds the arguments of a model function against those that an Estimator passes.

    Raises:
        ValueError: see `Estimator`.
    """
    bound_model.check_arguments(model_fn, params)


def check_is_tensor(x: Any, tensor_name: str) -> Any:
    """`x`, a Tensor.

    Raises:
        TypeError: it is none.
    """
    if not export_outputs.is_one_tensor(x):
        raise TypeError(f"{tensor_name} must be Tensor, given: {x}")
    return x


def check_is_tensor_or_operation(x: Any, name: str) -> None:
    """Refuses what is neither an Operation nor a Tensor.

    Raises:
        TypeError: it is neither.
    """
    if not (isinstance(x, tf.Operation) or export_outputs.is_one_tensor(x)):
        raise TypeError(f"{name} must be Operation or Tensor, given: {x}")
