"""An Estimator for today's TensorFlow.

`Estimator`, `EstimatorSpec`, `ModeKeys` and `RunConfig` are here by the names that tf.estimator gave them, beside the
session hooks; `estimator_runtime.export` holds what an exported model needs.

The names are imported when they are first used: `import estimator_runtime` does not import TensorFlow, which takes
seconds, so the job runner answers and obeys signals before that.
"""

import importlib
from typing import TYPE_CHECKING, Any

from estimator_runtime import faces

if TYPE_CHECKING:
    from estimator_runtime import experimental, export
    from estimator_runtime.added_metrics import add_metrics
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
    "add_metrics",
    "experimental",
    "export",
    "train_and_evaluate",
]

# What tf.estimator had no name for; everything else is in the table of the v2 face.
_OWN = {
    "DistributionNotSupportedError": "errors",
    "EstimatorError": "errors",
    "EstimatorNotTrainedError": "errors",
    "MetricsError": "errors",
}


def __getattr__(name: str) -> Any:
    if name in faces.V2.submodules:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _OWN:
        value = getattr(importlib.import_module(f"{__name__}.{_OWN[name]}"), name)
    elif name in faces.V2.homes:
        value = faces.V2.resolve(name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
