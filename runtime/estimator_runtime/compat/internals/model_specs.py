"""What tf.estimator's `model_fn` had beside EstimatorSpec."""

from typing import Any

import tensorflow as tf

from estimator_runtime.model import export_outputs

LOSS_METRIC_KEY = "loss"
AVERAGE_LOSS_METRIC_KEY = "average_loss"


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
