"""Where every public name lives: in this package, and in the two faces that tf.estimator showed.

`tf.estimator` (the v2 face) and `tf.compat.v1.estimator` (the v1 face) share most names; the v1 face alone has
`inputs`, and the canned Estimators stand under the same names in both and are different classes. The faces' Estimators are
this package's by tf.estimator's rules (`compat.estimators`); everything else is one object everywhere. A name that is in no
table here does not exist.

The tables are data: nothing is imported before a name is asked for.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PACKAGE = __name__.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Face:
    """The names of one public module.

    Attributes:
        homes: dict from public name to "module:attribute", the module relative to estimator_runtime.
        submodules: dict from name to the Face of the module below.
    """

    homes: Mapping[str, str]
    submodules: Mapping[str, "Face"] = field(default_factory=dict)

    def names(self) -> list[str]:
        """All public names, sorted; those of submodules by their own name only."""
        return sorted({*self.homes, *self.submodules})

    def resolve(self, name: str) -> Any:
        """The object that `name` stands for; its home is imported.

        Raises:
            KeyError: the face has no such name, or it is a submodule's.
        """
        module, _, attribute = self.homes[name].partition(":")
        return getattr(importlib.import_module(f"{_PACKAGE}.{module}"), attribute)


def at(module: str, *names: str, **renamed: str) -> dict[str, str]:
    """Homes of `names` that `module` has under the same names, and of those that it has under another.

    Args:
        module: relative to estimator_runtime.
        names: public names that are also the module's.
        renamed: public name = the module's name.
    """
    return {
        name: f"{module}:{own}" for name, own in {**dict(zip(names, names, strict=True)), **renamed}.items()
    }


HOOKS = at(
    "loop.hooks",
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
)
_SHARED = {
    **HOOKS,
    **at("added_metrics", "add_metrics"),
    **at("training.dispatch", "train_and_evaluate"),
    **at("estimator", "Estimator"),
    **at("export.exporters", "BestExporter", "Exporter", "FinalExporter", "LatestExporter"),
    **at("model.model_fn", "EstimatorSpec", "ModeKeys"),
    **at("config.run_config", "RunConfig"),
    **at("training.specs", "EvalSpec", "TrainSpec"),
    **at("model.warm_start", "VocabInfo", "WarmStartSettings"),
}
EXPORT = Face(
    {
        **at(
            "model.export_outputs",
            "ClassificationOutput",
            "ExportOutput",
            "PredictOutput",
            "RegressionOutput",
        ),
        **at("export.supervised", "EvalOutput"),
        **at(
            "export.receivers",
            "ServingInputReceiver",
            "TensorServingInputReceiver",
            "build_parsing_serving_input_receiver_fn",
            "build_raw_serving_input_receiver_fn",
        ),
    }
)
_EXPERIMENTAL = {
    **at("canned.linear_sdca", "LinearSDCA"),
    **at(
        "training.early_stopping",
        "make_early_stopping_hook",
        "stop_if_higher_hook",
        "stop_if_lower_hook",
        "stop_if_no_decrease_hook",
        "stop_if_no_increase_hook",
    ),
    **at("export.supervised", "build_raw_supervised_input_receiver_fn"),
    **at("training.in_memory_evaluation", "InMemoryEvaluatorHook"),
    **at("model.logit_fn", "call_logit_fn"),
    **at("training.stop_at_checkpoint", "make_stop_at_checkpoint_step_hook"),
}
INPUTS = Face({**at("inputs.numpy_input", "numpy_input_fn"), **at("inputs.pandas_input", "pandas_input_fn")})

_HEADS = {
    **at("canned.heads.head", "Head"),
    **at("canned.heads.binary_class_head", "BinaryClassHead"),
    **at("canned.heads.multi_class_head", "MultiClassHead"),
    **at("canned.heads.multi_head", "MultiHead"),
    **at("canned.heads.multi_label_head", "MultiLabelHead"),
    **at("canned.heads.regression_head", "LogisticRegressionHead", "PoissonRegressionHead", "RegressionHead"),
}
_CANNED = {
    "baseline": ("BaselineClassifier", "BaselineEstimator", "BaselineRegressor"),
    "dnn": ("DNNClassifier", "DNNEstimator", "DNNRegressor"),
    "dnn_linear_combined": (
        "DNNLinearCombinedClassifier",
        "DNNLinearCombinedEstimator",
        "DNNLinearCombinedRegressor",
    ),
    "linear": ("LinearClassifier", "LinearEstimator", "LinearRegressor"),
}


def _canned(suffix: str) -> dict[str, str]:
    """Homes of the canned Estimators in the form whose classes' names end with `suffix`."""
    return {name: f"canned.{module}:{name}{suffix}" for module, names in _CANNED.items() for name in names}


_WITH_HEADS = {
    **_SHARED,
    **_HEADS,
    **at("canned.parse_example_specs", "classifier_parse_example_spec", "regressor_parse_example_spec"),
}
_LOGIT_FNS = at("canned.logit_fn_builders", "dnn_logit_fn_builder", "linear_logit_fn_builder")

TPU = Face(
    {
        **at("tpu.tpu_config", "InputPipelineConfig", "TPUConfig"),
        **at("tpu.run_config", "RunConfig"),
        **at("tpu.tpu_estimator", "TPUEstimator"),
        **at("tpu.tpu_estimator_spec", "TPUEstimatorSpec"),
    },
    {"experimental": Face(at("tpu.embedding", "EmbeddingConfigSpec"))},
)

_RNN = ("RNNClassifier", "RNNEstimator")  # of tf.estimator alone

# `estimator_runtime`'s own names, and the canned Estimators in their first form, which it does not show.
OWN = Face(
    {**_WITH_HEADS, **_canned("")},
    {"experimental": Face({**_EXPERIMENTAL, **at("canned.rnn.rnn", *_RNN)}), "export": EXPORT},
)
# Of `estimator_runtime.experimental` as well; tf.estimator had it in the v1 face alone.
KMEANS = Face(at("clustering.k_means", KMeans="KMeansClustering"))
OWN_V1 = Face(_canned("V1"))


def _estimators(suffix: str) -> dict[str, str]:
    """Homes of all Estimators as a face has them, whose classes' names end with `suffix`."""
    names = ("Estimator", *(name for names in _CANNED.values() for name in names))
    return at("compat.estimators", **{name: f"{name}{suffix}" for name in names})


# A TPUEstimator was one of tf.compat.v1.estimator's Estimators, and programs ask for that.
V1_TPU = Face({**TPU.homes, **at("compat.estimators", "TPUEstimator")}, TPU.submodules)

V2 = Face(
    {**OWN.homes, **_estimators("V2")},
    {**OWN.submodules, "experimental": Face({**_EXPERIMENTAL, **at("compat.estimators", *_RNN)})},
)
V1 = Face(
    {**_WITH_HEADS, **_estimators("")},
    {
        "experimental": Face(
            {**_EXPERIMENTAL, **_LOGIT_FNS, **at("compat.estimators", KMeans="KMeansClustering")}
        ),
        "export": EXPORT,
        "inputs": INPUTS,
        "tpu": V1_TPU,
    },
)
