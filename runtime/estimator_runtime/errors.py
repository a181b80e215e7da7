"""The exceptions that the runtime raises on its own account.

Every one of them is also the exception, built-in or TensorFlow's, that Estimator programs already catch, so a handler
written for tf.estimator keeps working:

    EstimatorError
    ├── EstimatorNotTrainedError       (ValueError)             no checkpoint where one is needed
    ├── CheckpointMismatchError        (InvalidArgumentError, ValueError)
    │                                                           the checkpoint is that of another model
    ├── CheckpointPathError            (NotFoundError, ValueError)
    │                                                           what is given as a checkpoint is none
    ├── CheckpointDamagedError         (DataLossError, ValueError)
    │                                                           no checkpoint of the directory can be restored
    ├── StorageFullError               (ResourceExhaustedError, OSError)
    │                                                           there is no room for a checkpoint or an export
    ├── InputGraphError                (ValueError, RuntimeError)
    │                                                           input_fn returned what was made outside of it
    ├── MetricsError                   (TypeError, ValueError)  eval_metric_ops of a wrong kind
    ├── MetricNotFoundError            (KeyError)               early stopping looks at what no evaluation has
    ├── LegacyKerasError               (AttributeError)         a model function calls what only Keras 2 has
    └── DistributionNotSupportedError  (ValueError)             a strategy that does not run here was asked for

Plain misuse of an argument (both steps and max_steps, a hook that is no hook, ...) raises the plain built-in.
"""

from typing import Any

import tensorflow as tf

_InvalidArgumentError: Any = tf.errors.InvalidArgumentError
_NotFoundError: Any = tf.errors.NotFoundError
_DataLossError: Any = tf.errors.DataLossError
_ResourceExhaustedError: Any = tf.errors.ResourceExhaustedError


class EstimatorError(Exception):
    """Root of the runtime's own exceptions."""


class EstimatorNotTrainedError(EstimatorError, ValueError):
    """A checkpoint is needed and neither the model directory nor the caller has one."""


class CheckpointMismatchError(EstimatorError, _InvalidArgumentError, ValueError):  # type: ignore[misc]  # TensorFlow is untyped
    """The model directory's checkpoint holds a variable of this model's in another shape."""

    def __init__(self, message: str) -> None:
        super().__init__(None, None, message)


class CheckpointPathError(EstimatorError, _NotFoundError, ValueError):  # type: ignore[misc]  # TensorFlow is untyped
    """What is given as a checkpoint's path is none, and nothing that stands for one; or it is that of another kind."""

    def __init__(self, message: str) -> None:
        super().__init__(None, None, message)


class CheckpointDamagedError(EstimatorError, _DataLossError, ValueError):  # type: ignore[misc]  # TensorFlow is untyped
    """The model directory's checkpoint cannot be read, and there is no earlier one."""

    def __init__(self, message: str) -> None:
        super().__init__(None, None, message)


class StorageFullError(EstimatorError, _ResourceExhaustedError, OSError):  # type: ignore[misc]  # TensorFlow is untyped
    """The file system is full, or a limit on files is reached, in the midst of a checkpoint or an export."""

    def __init__(self, message: str) -> None:
        super().__init__(None, None, message)


class InputGraphError(EstimatorError, ValueError, RuntimeError):
    """What input_fn returned, or used, was made outside of it: eagerly or in another graph."""


class MetricsError(EstimatorError, TypeError, ValueError):
    """`eval_metric_ops` is not a dict, or one of its values is no metric the evaluation loop can run."""


class MetricNotFoundError(EstimatorError, KeyError):
    """Early stopping looks at a metric that none of the evaluations has."""

    __str__ = Exception.__str__  # KeyError's shows a sentence in quotation marks


class DistributionNotSupportedError(EstimatorError, ValueError):
    """The configuration asks for a tf.distribute strategy that is not of this host, or for one on several hosts."""


class LegacyKerasError(EstimatorError, AttributeError):
    """A model function calls `tf.compat.v1.layers`, and TensorFlow runs with Keras 3."""
