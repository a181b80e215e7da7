"""An Estimator for today's TensorFlow.

`Estimator`, `EstimatorSpec`, `ModeKeys` and `RunConfig` are here by the names that tf.estimator gave them, beside the
session hooks, the canned Estimators and their heads; `estimator_runtime.export` holds what an exported model needs.

The names are imported when they are first used: `import estimator_runtime` does not import TensorFlow, which takes
seconds, so the job runner answers and obeys signals before that.
"""

import importlib
from typing import TYPE_CHECKING, Any

from estimator_runtime import faces

if TYPE_CHECKING:
    from estimator_runtime import experimental, export
    from estimator_runtime.added_metrics import add_metrics
    from estimator_runtime.canned.baseline import BaselineClassifier, BaselineEstimator, BaselineRegressor
    from estimator_runtime.canned.dnn import DNNClassifier, DNNEstimator, DNNRegressor
    from estimator_runtime.canned.dnn_linear_combined import (
        DNNLinearCombinedClassifier,
        DNNLinearCombinedEstimator,
        DNNLinearCombinedRegressor,
    )
    from estimator_runtime.canned.heads.binary_class_head import BinaryClassHead
    from estimator_runtime.canned.heads.head import Head
    from estimator_runtime.canned.heads.multi_class_head import MultiClassHead
    from estimator_runtime.canned.heads.multi_head import MultiHead
    from estimator_runtime.canned.heads.multi_label_head import MultiLabelHead
    from estimator_runtime.canned.heads.regression_head import (
        LogisticRegressionHead,
        PoissonRegressionHead,
        RegressionHead,
    )
    from estimator_runtime.canned.linear import LinearClassifier, LinearEstimator, LinearRegressor
    from estimator_runtime.canned.parse_example_specs import (
        classifier_parse_example_spec,
        regressor_parse_example_spec,
    )
    from estimator_runtime.config.run_config import RunConfig
    from estimator_runtime.errors import (
        DistributionNotSupportedError,
        EstimatorError,
        EstimatorNotTrainedError,
        MetricsError,
    )
    from estimator_runtime.estimator import Estimator
    from estimator_runtime.export.exporters import BestExporter, Exporter, FinalExporter, LatestExporter
    from estimator_runtime.inputs.pipeline_checkpoints import CheckpointInputPipelineHook
    from estimator_runtime.keras_models.conversion import model_to_estimator
    from estimator_runtime.loop.hooks import (
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
    from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys
    from estimator_runtime.model.warm_start import VocabInfo, WarmStartSettings
    from estimator_runtime.training.dispatch import train_and_evaluate
    from estimator_runtime.training.specs import EvalSpec, TrainSpec

__all__ = [
    "BaselineClassifier",
    "BaselineEstimator",
    "BaselineRegressor",
    "BestExporter",
    "BinaryClassHead",
    "CheckpointInputPipelineHook",
    "CheckpointSaverHook",
    "CheckpointSaverListener",
    "DNNClassifier",
    "DNNEstimator",
    "DNNLinearCombinedClassifier",
    "DNNLinearCombinedEstimator",
    "DNNLinearCombinedRegressor",
    "DNNRegressor",
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
    "Head",
    "LatestExporter",
    "LinearClassifier",
    "LinearEstimator",
    "LinearRegressor",
    "LoggingTensorHook",
    "LogisticRegressionHead",
    "MetricsError",
    "ModeKeys",
    "MultiClassHead",
    "MultiHead",
    "MultiLabelHead",
    "NanLossDuringTrainingError",
    "NanTensorHook",
    "PoissonRegressionHead",
    "ProfilerHook",
    "RegressionHead",
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
    "classifier_parse_example_spec",
    "experimental",
    "export",
    "model_to_estimator",
    "regressor_parse_example_spec",
    "train_and_evaluate",
]

# What tf.estimator had no name for; everything else is in the table of own names.
_OWN = {
    "CheckpointInputPipelineHook": "inputs.pipeline_checkpoints",
    "DistributionNotSupportedError": "errors",
    "EstimatorError": "errors",
    "EstimatorNotTrainedError": "errors",
    "MetricsError": "errors",
    "model_to_estimator": "keras_models.conversion",
}


def __getattr__(name: str) -> Any:
    if name in faces.OWN.submodules:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _OWN:
        value = getattr(importlib.import_module(f"{__name__}.{_OWN[name]}"), name)
    elif name in faces.OWN.homes:
        value = faces.OWN.resolve(name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
