"""The exceptions that the runtime raises on its own account.

Every one of them is also the exception, built-in or TensorFlow's, that Estimator programs already catch, so a handler
written for tf.estimator keeps working:

    EstimatorError
    ├── EstimatorNotTrainedError       (ValueError)             no checkpoint where one is needed
    ├── CheckpointMismatchError        (InvalidArgumentError, ValueError)
    │                                                           the checkpoint is that of another model
    ├── CheckpointPathError            (NotFoundError, ValueError)
    │   │                                                       what is given as a checkpoint is none
    │   └── EmptyDirectoryError        (DataLossError, TypeError)
    │                                                           it is a directory without one
    ├── CheckpointDamagedError         (DataLossError, ValueError)
    │                                                           no checkpoint of the directory can be restored
    ├── StorageFullError               (ResourceExhaustedError, OSError)
    │                                                           there is no room for a checkpoint or an export
    ├── ModelDirUnavailableError       (OSError)                the object store of the model directory is away or refuses
    │   ├── StoreSettingsError                                  what the environment says of the store cannot be
    │   ├── AnotherWriterError                                  another process writes the model directory there now
    │   └── ObjectDamagedError                                  what arrives from it is not what was put there
    ├── InputGraphError                (ValueError, RuntimeError, AttributeError)
    │                                                           input_fn returned what was made outside of it
    ├── MetricsError                   (TypeError, ValueError, AttributeError)
    │                                                           eval_metric_ops of a wrong kind
    ├── ValueKindError                 (ValueError, TypeError, AttributeError)
    │                                                           no tensor, no array or no dict where one is needed
    ├── ClusterKindError               (ValueError, TypeError, AttributeError)
    │                                                           TF_CONFIG is no object, or its cluster is none
    ├── NumberOfClassesError           (ValueError, TypeError, InvalidArgumentError)
    │                                                           a number of classes or clusters that is no whole number
    ├── LabelKindError                 (ValueError, TypeError, UnimplementedError)
    │                                                           words for labels where numbers are due, or the reverse
    ├── NoRowsError                    (ValueError, ZeroDivisionError)
    │                                                           an input function over arrays without a row
    ├── QueueSizeError                 (ValueError, TypeError, IndexError, ZeroDivisionError)
    │                                                           a queue or batch of no size
    ├── ScalarPredictionError          (ValueError, IndexError) predictions that cannot be told by example
    ├── MetricNotFoundError            (KeyError)               early stopping looks at what no evaluation has
    ├── LegacyKerasError               (AttributeError)         a model function calls what only Keras 2 has
    ├── PeerLostError                  (RuntimeError)           another task of a synchronous training is gone
    ├── TPUNotSupportedError           (ValueError, RuntimeError)
    │                                                           a TPU is asked for
    └── DistributionNotSupportedError  (ValueError, AttributeError)
                                                            a strategy that does not run here was asked for

Plain misuse of an argument (both steps and max_steps, a hook that is no hook, ...) raises the plain built-in.
"""

from typing import Any

import tensorflow as tf

_InvalidArgumentError: Any = tf.errors.InvalidArgumentError
_NotFoundError: Any = tf.errors.NotFoundError
_DataLossError: Any = tf.errors.DataLossError
_ResourceExhaustedError: Any = tf.errors.ResourceExhaustedError
_UnimplementedError: Any = tf.errors.UnimplementedError


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


class EmptyDirectoryError(CheckpointPathError, _DataLossError, TypeError):  # type: ignore[misc]  # TensorFlow is untyped
    """What is given as a checkpoint's path is a directory, and there is none in it."""

    def __init__(self, message: str) -> None:
        # The two kinds of TensorFlow's each have a code, which they hand to the next.
        tf.errors.OpError.__init__(self, None, None, message, tf.errors.NOT_FOUND)


class CheckpointDamagedError(EstimatorError, _DataLossError, ValueError):  # type: ignore[misc]  # TensorFlow is untyped
    """The model directory's checkpoint cannot be read, and there is no earlier one."""

    def __init__(self, message: str) -> None:
        super().__init__(None, None, message)


class StorageFullError(EstimatorError, _ResourceExhaustedError, OSError):  # type: ignore[misc]  # TensorFlow is untyped
    """The file system is full, or a limit on files is reached, in the midst of a checkpoint or an export."""

    def __init__(self, message: str) -> None:
        super().__init__(None, None, message)


class ModelDirUnavailableError(EstimatorError, OSError):
    """The object store that holds the model directory cannot be reached, or does not do what it is asked for.

    Attributes:
        may_be_settings: whether that looks like a mistake in what the environment says of the store, which only a person
            can mend: a bucket that is not there, credentials that nobody knows.
    """

    def __init__(self, message: str, *, may_be_settings: bool = False) -> None:
        super().__init__(message)
        self.may_be_settings = may_be_settings


class StoreSettingsError(ModelDirUnavailableError):
    """What the environment says of an object store cannot be: no request of this process will ever succeed."""


class AnotherWriterError(ModelDirUnavailableError):
    """Another process writes the model directory in the object store now, so this one has to end."""


class ObjectDamagedError(ModelDirUnavailableError):
    """What arrived from an object store is not what was put there."""


class InputGraphError(EstimatorError, ValueError, RuntimeError, AttributeError):
    """What input_fn returned, or used, was made outside of it: eagerly or in another graph."""


class MetricsError(EstimatorError, TypeError, ValueError, AttributeError):
    """`eval_metric_ops` is not a dict, or one of its values is no metric the evaluation loop can run."""


class ValueKindError(EstimatorError, ValueError, TypeError, AttributeError):
    """What is given is no tensor, array or dict, of which tf.estimator would ask an attribute."""


class ClusterKindError(EstimatorError, ValueError, TypeError, AttributeError):
    """TF_CONFIG is no JSON object, or its cluster is none."""


class NumberOfClassesError(EstimatorError, ValueError, TypeError, _InvalidArgumentError):  # type: ignore[misc]  # TensorFlow is untyped
    """A number of classes, or of clusters, is no whole number; or there are to be no clusters."""

    def __init__(self, message: str) -> None:
        _InvalidArgumentError.__init__(self, None, None, message)


class LabelKindError(EstimatorError, ValueError, TypeError, _UnimplementedError):  # type: ignore[misc]  # TensorFlow is untyped
    """Labels are words and the head has no vocabulary, or are numbers and it has one."""

    def __init__(self, message: str) -> None:
        _UnimplementedError.__init__(self, None, None, message)


class NoRowsError(EstimatorError, ValueError, ZeroDivisionError):
    """The arrays or the DataFrame of an input function have no rows."""


class QueueSizeError(EstimatorError, ValueError, TypeError, IndexError, ZeroDivisionError):
    """A queue is to hold, or a batch is to have, no row."""


class ScalarPredictionError(EstimatorError, ValueError, IndexError):
    """One of the predictions is a scalar, so they cannot be given out example by example."""


class MetricNotFoundError(EstimatorError, KeyError):
    """Early stopping looks at a metric that none of the evaluations has."""

    __str__ = Exception.__str__  # KeyError's shows a sentence in quotation marks


class DistributionNotSupportedError(EstimatorError, ValueError, AttributeError):
    """The configuration asks for a tf.distribute strategy that is not of this host, or for one on several hosts."""


class PeerLostError(EstimatorError, RuntimeError):
    """Another task of a training whose tasks make every step together is gone, or does not answer any more."""


class TPUNotSupportedError(EstimatorError, ValueError, RuntimeError):
    """A TPUEstimator is to compute on a TPU, or to export a model for one."""


class MissingNameError(EstimatorError, KeyError):
    """A dict by name lacks one of the names of a Keras model."""

    __str__ = Exception.__str__  # KeyError's shows a sentence in quotation marks


class LegacyKerasError(EstimatorError, AttributeError):
    """A model function calls what only Keras 2 has (`tf.compat.v1.layers`), and TensorFlow runs with Keras 3."""
