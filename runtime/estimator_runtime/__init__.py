"""An Estimator for today's TensorFlow.

`Estimator`, `EstimatorSpec`, `ModeKeys` and `RunConfig` are here by the names that tf.estimator gave them, beside the
session hooks; `estimator_runtime.export` holds what an exported model needs.
"""

from estimator_runtime import experimental, export
from estimator_runtime.dispatch import train_and_evaluate
from estimator_runtime.errors import (
    DistributionNotSupportedError,
    EstimatorError,
    EstimatorNotTrainedError,
    MetricsError,
)
from estimator_runtime.estimator import Estimator
from estimator_runtime.exporters import BestExporter, Exporter, FinalExporter, LatestExporter
from estimator_runtime.hooks import (
    CheckpointSaverHook,
    CheckpointSaverListener,
    FeedFnHook,
    FinalOpsHook,
    GlobalStepWaiterHook,
    LoggingTensorHook,
    NanLossDuringTrainingError,
    NanTensorHook,
    ProfilerHook,
    SecondOrStepTimer,
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
    StepCounterHook,
    StopAtStepHook,
    SummarySaverHook,
)
from estimator_runtime.model_fn import EstimatorSpec, ModeKeys
from estimator_runtime.run_config import RunConfig
from estimator_runtime.specs import EvalSpec, TrainSpec
from estimator_runtime.warm_start import VocabInfo, WarmStartSettings

__all__ = [
    "BestExporter",
    "CheckpointSaverHook",
    "CheckpointSaverListener",
    "DistributionNotSupportedError",
    "Estimator",
    "EstimatorError",
    "EstimatorNotTrainedError",
    "EstimatorSpec",
    "EvalSpec",
    "Exporter",
    "FeedFnHook",
    "FinalExporter",
    "FinalOpsHook",
    "GlobalStepWaiterHook",
    "LatestExporter",
    "LoggingTensorHook",
    "MetricsError",
    "ModeKeys",
    "NanLossDuringTrainingError",
    "NanTensorHook",
    "ProfilerHook",
    "RunConfig",
    "SecondOrStepTimer",
    "SessionRunArgs",
    "SessionRunContext",
    "SessionRunHook",
    "SessionRunValues",
    "StepCounterHook",
    "StopAtStepHook",
    "SummarySaverHook",
    "TrainSpec",
    "VocabInfo",
    "WarmStartSettings",
    "experimental",
    "export",
    "train_and_evaluate",
]
