"""Modules inside tensorflow_estimator that libraries imported from, and the names in them.

tensorflow_estimator was never meant to be imported below its top, and libraries did it all the same: for `RunConfig`,
`ModeKeys`, heads, functions of its own. Their modules are here with the names that are public and with those internal ones
that public code was seen to use, as `compat.internals` has them; of every other one an error says what to do instead
(`replaced_names`). TensorFlow had packages that handed these modules on, `tensorflow.python.estimator`.
"""

from collections.abc import Mapping

from estimator_runtime.faces import EXPORT, HOOKS, INPUTS, V1, V1_TPU, V2, Face, at


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
# What estimator_lib had beside the names of tf.compat.v1.estimator: those that are elsewhere there.
_OF_THE_LIBRARY = {
    **_EARLY_STOPPING,
    **_of(
        V1.submodules["experimental"],
        "call_logit_fn",
        "dnn_logit_fn_builder",
        "linear_logit_fn_builder",
    ),
    **at("compat.estimators", "KMeansClustering"),
    **_of(_EXPERIMENTAL, "RNNClassifier", "RNNEstimator"),
    **_of(V1_TPU, "TPUEstimator"),
    **at("training.early_stopping", "read_eval_metrics"),
    **at("compat.keras_estimators", model_to_estimator="of_keras_lib"),
}
_OUTPUTS = {name: home for name, home in EXPORT.homes.items() if "Output" in name}
_INPUTS = Face(INPUTS.homes)
_MORE_RECEIVERS = {
    **at(
        "compat.internals.receivers",
        "UnsupervisedInputReceiver",
        "build_all_signature_defs",
        "build_supervised_input_receiver_fn_from_input_fn",
        "get_temp_export_dir",
        "get_timestamped_export_dir",
        "wrap_and_check_input_tensors",
    ),
    **at("export.supervised", "SupervisedInputReceiver", "build_raw_supervised_input_receiver_fn"),
}


def _internal(module: str, *names: str, **renamed: str) -> dict[str, str]:
    """Homes in a module of `compat.internals`; see `at`."""
    return at(f"compat.internals.{module}", *names, **renamed)


def _canned(*names: str, logit_fn: str | None = None, **model_fns: str) -> Face:
    """Canned Estimators by the names that they had there: those of tf.estimator ended with V2."""
    builders = _of(V1.submodules["experimental"], *([logit_fn] if logit_fn else []))
    internal = _internal("model_functions", **model_fns)
    return Face(
        {**_of(V1, *names), **{f"{name}V2": V2.homes[name] for name in names}, **builders, **internal}
    )


_HEAD_PARTS = (
    "check_logits_final_dim",
    "check_dense_labels_match_logits_and_reshape",
    "get_weights_and_check_match_logits",
    "validate_loss_fn_args",
    "validate_n_classes",
    "call_loss_fn",
    "all_class_ids",
    "all_classes",
    "classification_output",
    "create_eval_metrics_tuple",
)
_SERVING_KEYS = ("DEFAULT_SERVING_KEY", "CLASSIFY_SERVING_KEY", "REGRESS_SERVING_KEY", "PREDICT_SERVING_KEY")
_BASE_HEAD = {
    **_of(V1, "Head"),
    **_internal(
        "head_parts",
        *_HEAD_PARTS,
        *_SERVING_KEYS,
        "check_label_range",
        "check_prediction_keys",
        "create_estimator_spec_summary",
        "create_estimator_spec_train_op",
        "update_metric_with_broadcast_weights",
        "validate_loss_reduction",
        "validate_trainable_variables",
        "validate_update_ops",
        "validate_v2_optimizer",
    ),
}
_FORMER_HEADS = {
    **_internal(
        "head_parts",
        **{f"_{name}": name for name in (*_HEAD_PARTS, *_SERVING_KEYS)},
        _append_update_ops="append_update_ops",
        _assert_range="check_label_range",
        _summary_key="summary_key",
    ),
    **_internal(
        "head_metrics",
        **{
            f"_{name}": name
            for name in (
                "accuracy_at_threshold",
                "accuracy_baseline",
                "auc",
                "indicator_labels_mean",
                "precision_at_threshold",
                "predictions_mean",
                "recall_at_threshold",
            )
        },
    ),
    **_internal(
        "former_heads",
        "LossSpec",
        _BinaryLogisticHeadWithSigmoidCrossEntropyLoss="BinaryLogisticHeadWithSigmoidCrossEntropyLoss",
        _Head="FormerHead",
        _MultiClassHeadWithSoftmaxCrossEntropyLoss="MultiClassHeadWithSoftmaxCrossEntropyLoss",
        _RegressionHeadWithMeanSquaredErrorLoss="RegressionHeadWithMeanSquaredErrorLoss",
        _binary_logistic_head_with_sigmoid_cross_entropy_loss="binary_logistic_head",
        _binary_logistic_or_multi_class_head="binary_logistic_or_multi_class_head",
        _multi_class_head_with_softmax_cross_entropy_loss="multi_class_head",
        _regression_head="regression_head",
    ),
}
_ESTIMATOR = {
    **_of(V1, "Estimator", "VocabInfo", "WarmStartSettings"),
    "EstimatorV2": V2.homes["Estimator"],
    **at("loop.run_settings", maybe_overwrite_model_dir_and_session_config="completed"),
    **at("loop.hook_types", _check_hooks_type="checked_hooks"),
    **at("loop.sessions", _get_replica_device_setter="replica_device_fn"),
    **at("model.bound_model", _verify_model_fn_args="check_arguments"),
    **at("model.warm_start", _get_default_warm_start_settings="settings_of"),
    **_internal(
        "estimators",
        _VALID_MODEL_FN_ARGS="VALID_MODEL_FN_ARGS",
        _assert_members_are_not_overridden="assert_members_are_not_overridden",
        _canned_estimator_api_gauge="USAGE_GAUGE",
        _check_checkpoint_available="check_checkpoint_available",
        _check_listeners_type="check_listeners_type",
        _dict_to_str="dict_to_str",
        _estimator_api_gauge="USAGE_GAUGE",
        _extract_metric_update_ops="extract_metric_update_ops",
        _load_global_step_from_checkpoint_dir="load_global_step_from_checkpoint_dir",
        _verify_and_create_loss_metric="verify_and_create_loss_metric",
        _write_checkpoint_path_to_summary="write_checkpoint_path_to_summary",
        _write_dict_to_summary="write_dict_to_summary",
    ),
}
_TRAINING = {
    **_of(V1, "EvalSpec", "TrainSpec", "train_and_evaluate"),
    **at(
        "training.checkpoint_evaluator",
        _ContinuousEvalListener="ContinuousEvalListener",
        _EvalResult="Outcome",
        _EvalStatus="Status",
    ),
    **at("cluster.tf_config", _TF_CONFIG_ENV="ENVIRONMENT_VARIABLE", _is_google_env="is_google_environment"),
    **_internal(
        "training_executor", _TrainingExecutor="TrainingExecutor", _assert_eval_spec="assert_eval_spec"
    ),
}


DEEP_MODULES: Mapping[str, Face] = {
    "canned.baseline": _canned(
        "BaselineClassifier",
        "BaselineEstimator",
        "BaselineRegressor",
        _baseline_logit_fn_builder="baseline_logit_fn_builder",
        _baseline_model_fn="baseline_model_fn",
        _baseline_model_fn_v2="baseline_model_fn_v2",
    ),
    "canned.dnn": _canned(
        "DNNClassifier",
        "DNNEstimator",
        "DNNRegressor",
        logit_fn="dnn_logit_fn_builder",
        _add_hidden_layer_summary="add_hidden_layer_summary",
        _dnn_model_fn="dnn_model_fn",
        dnn_logit_fn_builder_v2="dnn_logit_fn_builder_v2",
        dnn_model_fn_v2="dnn_model_fn_v2",
    ),
    "canned.dnn_linear_combined": _canned(
        "DNNLinearCombinedClassifier",
        "DNNLinearCombinedEstimator",
        "DNNLinearCombinedRegressor",
        _dnn_linear_combined_model_fn="dnn_linear_combined_model_fn",
        _dnn_linear_combined_model_fn_v2="dnn_linear_combined_model_fn_v2",
    ),
    "canned.head": Face(_FORMER_HEADS),
    "canned.kmeans": Face(at("compat.estimators", "KMeansClustering")),
    "canned.linear": Face(
        {
            **_canned(
                "LinearClassifier",
                "LinearEstimator",
                "LinearRegressor",
                logit_fn="linear_logit_fn_builder",
                _compute_fraction_of_zero="compute_fraction_of_zero",
                _linear_model_fn="linear_model_fn",
                _linear_model_fn_v2="linear_model_fn_v2",
                _validate_linear_sdca_optimizer_for_linear_classifier="check_optimizer_of_linear_classifier",
                _validate_linear_sdca_optimizer_for_linear_regressor="check_optimizer_of_linear_regressor",
                linear_logit_fn_builder_v2="linear_logit_fn_builder_v2",
            ).homes,
            **_of(_EXPERIMENTAL, "LinearSDCA"),
        }
    ),
    "canned.metric_keys": Face(at("canned.heads.keys", "MetricKeys")),
    "canned.optimizers": Face(_internal("optimizers", "get_optimizer_instance", "get_optimizer_instance_v2")),
    "canned.parsing_utils": Face(
        {
            **_of(V1, "classifier_parse_example_spec", "regressor_parse_example_spec"),
            "classifier_parse_example_spec_v2": V2.homes["classifier_parse_example_spec"],
            "regressor_parse_example_spec_v2": V2.homes["regressor_parse_example_spec"],
        }
    ),
    "canned.prediction_keys": Face(at("canned.heads.keys", "PredictionKeys")),
    "canned.rnn": Face(
        {
            **_of(_EXPERIMENTAL, "RNNClassifier", "RNNEstimator"),
            **at("canned.rnn.recurrent_layers", "USE_DEFAULT"),
        }
    ),
    "early_stopping": Face(
        {
            **_EARLY_STOPPING,
            **at(
                "training.early_stopping",
                "read_eval_metrics",
                _CheckForStoppingHook="_StopOnSignal",
                _StopOnPredicateHook="_StopOnCondition",
                _get_or_create_stop_var="stop_variable",
            ),
            **_internal(
                "stopping",
                _EVENT_FILE_GLOB_PATTERN="EVENT_FILES",
                _stop_if_no_metric_improvement_hook="stop_if_no_metric_improvement_hook",
                _stop_if_threshold_crossed_hook="stop_if_threshold_crossed_hook",
                _summaries="summaries",
            ),
        }
    ),
    "estimator": Face(_ESTIMATOR),
    "estimator_export": Face(_internal("exported_names", "estimator_export")),
    "estimator_lib": Face({**V1.homes, **_OF_THE_LIBRARY}, V1.submodules),
    "export.export": Face({**_RECEIVERS, **_MORE_RECEIVERS}),
    "export.export_lib": Face({**EXPORT.homes, **_MORE_RECEIVERS, **at("export.supervised", "TrainOutput")}),
    "export.export_output": Face(
        {**_OUTPUTS, **at("export.supervised", "TrainOutput", _SupervisedOutput="SupervisedOutput")}
    ),
    "exporter": Face(
        {
            **_of(V1, "BestExporter", "Exporter", "FinalExporter", "LatestExporter"),
            **at(
                "export.exporters",
                "_SavedModelExporter",
                _loss_smaller="_smaller_loss",
                _verify_compare_fn_args="_check_compare_fn",
            ),
        }
    ),
    "extenders": Face(_of(V1, "add_metrics")),
    "gc": Face(
        _internal(
            "export_versions",
            "Path",
            _get_paths="get_paths",
            _largest_export_versions="largest_export_versions",
            _mod_export_version="mod_export_version",
            _negation="negation",
            _one_of_every_n_export_versions="one_of_every_n_export_versions",
            _union="union",
        )
    ),
    "head.base_head": Face(_BASE_HEAD),
    "head.binary_class_head": Face(_of(V1, "BinaryClassHead")),
    "head.head_utils": Face(_internal("head_parts", "binary_or_multi_class_head")),
    "head.multi_class_head": Face(_of(V1, "MultiClassHead")),
    "head.multi_head": Face(_of(V1, "MultiHead")),
    "head.multi_label_head": Face(_of(V1, "MultiLabelHead")),
    "head.regression_head": Face(
        _of(V1, "LogisticRegressionHead", "PoissonRegressionHead", "RegressionHead")
    ),
    "head.sequential_head": Face(
        at("canned.rnn.sequential_head", "SequentialHeadWrapper", _SequentialHead="SequentialHead")
    ),
    "hooks.basic_session_run_hooks": Face(HOOKS),
    "hooks.hooks": Face(
        {
            **_of(_EXPERIMENTAL, "InMemoryEvaluatorHook", "make_stop_at_checkpoint_step_hook"),
            **at("training.stop_at_checkpoint", _StopAtCheckpointStepHook="StopAtCheckpointStepHook"),
        }
    ),
    "hooks.session_run_hook": Face(
        {name: home for name, home in HOOKS.items() if name.startswith("SessionRun")}
    ),
    "inputs.inputs": _INPUTS,
    "inputs.numpy_io": Face(_of(_INPUTS, "numpy_input_fn")),
    "inputs.pandas_io": Face(_of(_INPUTS, "pandas_input_fn")),
    "keras_lib": Face(at("compat.keras_estimators", model_to_estimator="of_keras_lib")),
    "mode_keys": Face(_of(V1, "ModeKeys")),
    "model_fn": Face(
        {
            **_of(V1, "EstimatorSpec", "ModeKeys"),
            **_of(_EXPERIMENTAL, "call_logit_fn"),
            **at("model.deferred_spec", _TPUEstimatorSpec="DeferredSpec"),
            **at("model.bound_model", verify_model_fn_args="check_arguments"),
            **_internal(
                "model_specs",
                "AVERAGE_LOSS_METRIC_KEY",
                "LOSS_METRIC_KEY",
                _check_is_tensor="check_is_tensor",
                _check_is_tensor_or_operation="check_is_tensor_or_operation",
            ),
        }
    ),
    "run_config": Face(
        {
            **_of(V1, "RunConfig"),
            **at("config.run_config", "TaskType", _USE_DEFAULT="_UNSET"),
            **at(
                "cluster.tf_config",
                _GRPC_SCHEME="_GRPC_SCHEME",
                _LOCAL_MASTER="LOCAL_MASTER",
                _TF_CONFIG_ENV="ENVIRONMENT_VARIABLE",
            ),
            **at("loop.sessions", get_default_session_config="default_session_config"),
        }
    ),
    "tpu._tpu_estimator_embedding": Face(V1_TPU.submodules["experimental"].homes),
    "tpu.tpu_config": Face(_of(V1_TPU, "InputPipelineConfig", "RunConfig", "TPUConfig")),
    "tpu.tpu_estimator": Face(
        {
            **_of(V1_TPU, "TPUEstimator", "TPUEstimatorSpec"),
            **V1_TPU.submodules["experimental"].homes,
            **at("tpu.tpu_estimator", "ExportSavedModelApiVersion"),
            **_internal("tpu_serving", "BatchConfig", "inference_on_tpu", "model_fn_inference_on_tpu"),
        }
    ),
    "tpu.util": Face(
        {
            **_internal(
                "tpu_serving",
                "IterationsPerLoopCounter",
                "check_positive_integer",
                "parse_iterations_per_loop",
            ),
            **_internal("input_results", MultiHostDatasetInitializerHook="DatasetsInitializerHook"),
        }
    ),
    "training": Face(_TRAINING),
    "util": Face(
        _internal(
            "input_results",
            "fn_args",
            "parse_input_fn_result",
            "parse_iterator_result",
            MultiHostDatasetInitializerHook="DatasetsInitializerHook",
            _DatasetInitializerHook="DatasetInitializerHook",
        )
    ),
}
