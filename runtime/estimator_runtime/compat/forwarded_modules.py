"""Modules of TensorFlow's own that handed on modules of tensorflow_estimator, until they were removed."""

from collections.abc import Mapping

from estimator_runtime.compat.deep_modules import DEEP_MODULES
from estimator_runtime.faces import Face, at

# Those of 2.15. Under one name here: a module that is not in the table is left out.
_FORWARDED = {
    **{
        path: path
        for path in (
            "canned.baseline",
            "canned.dnn",
            "canned.dnn_linear_combined",
            "canned.head",
            "canned.linear",
            "canned.metric_keys",
            "canned.optimizers",
            "canned.parsing_utils",
            "canned.prediction_keys",
            "estimator",
            "estimator_lib",
            "export.export",
            "export.export_lib",
            "export.export_output",
            "exporter",
            "gc",
            "inputs.inputs",
            "inputs.numpy_io",
            "inputs.pandas_io",
            "model_fn",
            "run_config",
            "training",
            "util",
        )
    },
    "keras": "keras_lib",
}
FORWARDED: Mapping[str, str] = {path: home for path, home in _FORWARDED.items() if home in DEEP_MODULES}
"""Path below `tensorflow.python.estimator` -> path of the module in DEEP_MODULES whose names it has."""
FORWARDED_TPU: Mapping[str, str] = {"tpu_config": "tpu.tpu_config", "tpu_estimator": "tpu.tpu_estimator"}
"""The same below `tensorflow.python.tpu`, which TensorFlow still has, without these modules."""
DISTRIBUTE_MODULES: Mapping[str, Face] = {
    "estimator_training": Face(at("compat.internals.training_executor", "should_run_distribute_coordinator"))
}
"""Module below `tensorflow.python.distribute`, which TensorFlow still has, that Estimators were trained by -> its names."""
