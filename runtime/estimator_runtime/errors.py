"""The exceptions that the runtime raises on its own account.

Every one of them is also the built-in exception that Estimator programs already catch, so a handler written for
tf.estimator keeps working:

    EstimatorError
    ├── EstimatorNotTrainedError       (ValueError)             no checkpoint where one is needed
    ├── CheckpointMismatchError        (ValueError)             the checkpoint is that of another model
    ├── CheckpointDamagedError         (ValueError)             no checkpoint of the directory can be restored
    ├── StorageFullError               (OSError)                there is no room for a checkpoint or an export
    ├── MetricsError                   (TypeError, ValueError)  eval_metric_ops of a wrong kind
    ├── MetricNotFoundError            (KeyError)               early stopping looks at what no evaluation has
    ├── LegacyKerasError               (AttributeError)         a model function calls what only Keras 2 has
    └── DistributionNotSupportedError  (ValueError)             a strategy that does not run here was asked for

Plain misuse of an argument (both steps and max_steps, a hook that is no hook, ...) raises the plain built-in.
"""


class EstimatorError(Exception):
    """Root of the runtime's own exceptions."""


class EstimatorNotTrainedError(EstimatorError, ValueError):
    """A checkpoint is needed and neither the model directory nor the caller has one."""


class CheckpointMismatchError(EstimatorError, ValueError):
    """The model directory's checkpoint holds a variable of this model's in another shape."""


class CheckpointDamagedError(EstimatorError, ValueError):
    """The model directory's checkpoint cannot be read, and there is no earlier one."""


class StorageFullError(EstimatorError, OSError):
    """The file system is full, or a limit on files is reached, in the midst of a checkpoint or an export."""


class MetricsError(EstimatorError, TypeError, ValueError):
    """`eval_metric_ops` is not a dict, or one of its values is no metric the evaluation loop can run."""


class MetricNotFoundError(EstimatorError, KeyError):
    """Early stopping looks at a metric that none of the evaluations has."""

    __str__ = Exception.__str__  # KeyError's shows a sentence in quotation marks


class DistributionNotSupportedError(EstimatorError, ValueError):
    """The configuration asks for a tf.distribute strategy that is not of this host, or for one on several hosts."""


class LegacyKerasError(EstimatorError, AttributeError):
    """A model function calls `tf.compat.v1.layers`, and TensorFlow runs with Keras 3."""
