"""An Estimator for today's TensorFlow.

`Estimator`, `EstimatorSpec`, `ModeKeys` and `RunConfig` are here by the names that tf.estimator gave them, beside the
session hooks; `estimator_runtime.export` holds what an exported model needs.

The names are imported when they are first used: `import estimator_runtime` does not import TensorFlow, which takes
seconds, so the job runner answers and obeys signals before that.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = {
    "dispatch": ("train_and_evaluate",),
    "errors": (
        "DistributionNotSupportedError",
        "EstimatorError",
        "EstimatorNotTrainedError",
        "MetricsError",
    ),
    "estimator": ("Estimator",),
    "exporters": (
        "BestExporter",
        "Exporter",
        "FinalExporter",
        "LatestExporter",
    ),
    "hooks": (
        "CheckpointSaverHook",
        "CheckpointSaverListener",
        "FeedFnHook",
        "FinalOpsHook",
        "GlobalStepWaiterHook",
        "LoggingTensorHook",
        "NanLossDuringTrainingError",
        "NanTensorHook",
        "ProfilerHook",
        "SecondOrStepTimer",
        "SessionRunArgs",
        "SessionRunContext",
        "SessionRunHook",
        "SessionRunValues",
        "StepCounterHook",
        "StopAtStepHook",
        "SummarySaverHook",
    ),
    "model_fn": (
        "EstimatorSpec",
        "ModeKeys",
    ),
    "run_config": ("RunConfig",),
    "specs": (
        "EvalSpec",
        "TrainSpec",
    ),
    "warm_start": (
        "VocabInfo",
        "WarmStartSettings",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
_SUBMODULES = ("experimental", "export")


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
