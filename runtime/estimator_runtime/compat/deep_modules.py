"""Modules inside tensorflow_estimator that libraries imported from, mapped to the public names behind them.

tensorflow_estimator was never meant to be imported below its top, and libraries did it all the same: for `RunConfig`,
`ModeKeys`, the heads. Their few modules are here with the names that are public; every other one raises an ImportError
that says what to import instead.
"""

from estimator_runtime.faces import EXPORT, HOOKS, INPUTS, V1, V2, Face, at

_ROOT = "tensorflow_estimator.python.estimator"


def _of(face: Face, *names: str) -> dict[str, str]:
    return {name: face.homes[name] for name in names}


_EXPERIMENTAL = V2.submodules["experimental"]
_EARLY_STOPPING = {
    name: home
    for name, home in _EXPERIMENTAL.homes.items()
    if name == "make_early_stopping_hook" or name.startswith("stop_if_")
}
_RECEIVERS = {
    **{name: home for name, home in EXPORT.homes.items() if "Output" not in name},
    **_of(_EXPERIMENTAL, "build_raw_supervised_input_receiver_fn"),
}
_OUTPUTS = {name: home for name, home in EXPORT.homes.items() if "Output" in name}
_INPUTS = Face(INPUTS.homes)


def _canned(*names: str, logit_fn: str | None = None) -> Face:
    """Canned Estimators by the names that they had there: those of tf.estimator ended with V2."""
    builders = _of(V1.submodules["experimental"], *([logit_fn] if logit_fn else []))
    return Face({**_of(V1, *names), **{f"{name}V2": V2.homes[name] for name in names}, **builders})


DEEP_MODULES: dict[str, Face] = {
    f"{_ROOT}.{path}": face
    for path, face in {
        "canned.baseline": _canned("BaselineClassifier", "BaselineEstimator", "BaselineRegressor"),
        "canned.dnn": _canned(
            "DNNClassifier", "DNNEstimator", "DNNRegressor", logit_fn="dnn_logit_fn_builder"
        ),
        "canned.dnn_linear_combined": _canned(
            "DNNLinearCombinedClassifier", "DNNLinearCombinedEstimator", "DNNLinearCombinedRegressor"
        ),
        "canned.linear": _canned(
            "LinearClassifier", "LinearEstimator", "LinearRegressor", logit_fn="linear_logit_fn_builder"
        ),
        "canned.metric_keys": Face(at("canned.heads.keys", "MetricKeys")),
        "canned.parsing_utils": Face(
            _of(V1, "classifier_parse_example_spec", "regressor_parse_example_spec")
        ),
        "canned.prediction_keys": Face(at("canned.heads.keys", "PredictionKeys")),
        "early_stopping": Face(_EARLY_STOPPING),
        "estimator": Face(
            {**_of(V1, "Estimator", "VocabInfo", "WarmStartSettings"), "EstimatorV2": V2.homes["Estimator"]}
        ),
        "estimator_lib": V1,
        "export.export": Face(_RECEIVERS),
        "export.export_lib": EXPORT,
        "export.export_output": Face(_OUTPUTS),
        "exporter": Face(_of(V1, "BestExporter", "Exporter", "FinalExporter", "LatestExporter")),
        "extenders": Face(_of(V1, "add_metrics")),
        "head.base_head": Face(_of(V1, "Head")),
        "head.binary_class_head": Face(_of(V1, "BinaryClassHead")),
        "head.multi_class_head": Face(_of(V1, "MultiClassHead")),
        "head.multi_head": Face(_of(V1, "MultiHead")),
        "head.multi_label_head": Face(_of(V1, "MultiLabelHead")),
        "head.regression_head": Face(
            _of(V1, "LogisticRegressionHead", "PoissonRegressionHead", "RegressionHead")
        ),
        "hooks.basic_session_run_hooks": Face(HOOKS),
        "hooks.hooks": Face(_of(_EXPERIMENTAL, "InMemoryEvaluatorHook", "make_stop_at_checkpoint_step_hook")),
        "hooks.session_run_hook": Face(
            {name: home for name, home in HOOKS.items() if name.startswith("SessionRun")}
        ),
        "inputs.inputs": _INPUTS,
        "inputs.numpy_io": Face(_of(_INPUTS, "numpy_input_fn")),
        "inputs.pandas_io": Face(_of(_INPUTS, "pandas_input_fn")),
        "keras_lib": Face(at("keras_models.conversion", model_to_estimator="of_keras_lib")),
        "mode_keys": Face(_of(V1, "ModeKeys")),
        "model_fn": Face({**_of(V1, "EstimatorSpec", "ModeKeys"), **_of(_EXPERIMENTAL, "call_logit_fn")}),
        "run_config": Face({**_of(V1, "RunConfig"), "TaskType": "config.run_config:TaskType"}),
        "training": Face(_of(V1, "EvalSpec", "TrainSpec", "train_and_evaluate")),
    }.items()
}
