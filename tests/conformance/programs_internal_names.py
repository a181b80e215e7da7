"""Names inside tf.estimator that libraries import: that they are there, and how they are called."""

import importlib
import inspect

from catalogue import program
from computations import outcome

ROOT = "tensorflow_estimator.python.estimator"
FORWARDING = "tensorflow.python.estimator"
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
# By the module below tf.estimator's directory.
NAMES = {
    "canned.baseline": ("_baseline_logit_fn_builder", "_baseline_model_fn", "_baseline_model_fn_v2"),
    "canned.dnn": (
        "_add_hidden_layer_summary",
        "_dnn_model_fn",
        "dnn_model_fn_v2",
        "dnn_logit_fn_builder",
        "dnn_logit_fn_builder_v2",
    ),
    "canned.dnn_linear_combined": ("_dnn_linear_combined_model_fn", "_dnn_linear_combined_model_fn_v2"),
    "canned.head": (
        *(f"_{name}" for name in (*_HEAD_PARTS, *_SERVING_KEYS)),
        "LossSpec",
        "_Head",
        "_BinaryLogisticHeadWithSigmoidCrossEntropyLoss",
        "_MultiClassHeadWithSoftmaxCrossEntropyLoss",
        "_RegressionHeadWithMeanSquaredErrorLoss",
        "_binary_logistic_head_with_sigmoid_cross_entropy_loss",
        "_binary_logistic_or_multi_class_head",
        "_multi_class_head_with_softmax_cross_entropy_loss",
        "_regression_head",
        "_accuracy_at_threshold",
        "_accuracy_baseline",
        "_auc",
        "_indicator_labels_mean",
        "_precision_at_threshold",
        "_predictions_mean",
        "_recall_at_threshold",
        "_append_update_ops",
        "_assert_range",
        "_summary_key",
    ),
    "canned.linear": (
        "_compute_fraction_of_zero",
        "_linear_model_fn",
        "_linear_model_fn_v2",
        "linear_logit_fn_builder",
        "linear_logit_fn_builder_v2",
        "_validate_linear_sdca_optimizer_for_linear_classifier",
        "_validate_linear_sdca_optimizer_for_linear_regressor",
    ),
    "canned.metric_keys": ("MetricKeys",),
    "canned.optimizers": ("get_optimizer_instance", "get_optimizer_instance_v2"),
    "canned.parsing_utils": (
        "classifier_parse_example_spec",
        "classifier_parse_example_spec_v2",
        "regressor_parse_example_spec",
        "regressor_parse_example_spec_v2",
    ),
    "canned.prediction_keys": ("PredictionKeys",),
    "early_stopping": (
        "read_eval_metrics",
        "_CheckForStoppingHook",
        "_EVENT_FILE_GLOB_PATTERN",
        "_StopOnPredicateHook",
        "_get_or_create_stop_var",
        "_stop_if_no_metric_improvement_hook",
        "_stop_if_threshold_crossed_hook",
        "_summaries",
    ),
    "estimator": (
        "Estimator",
        "EstimatorV2",
        "maybe_overwrite_model_dir_and_session_config",
        "_VALID_MODEL_FN_ARGS",
        "_assert_members_are_not_overridden",
        "_canned_estimator_api_gauge",
        "_check_checkpoint_available",
        "_check_hooks_type",
        "_check_listeners_type",
        "_dict_to_str",
        "_estimator_api_gauge",
        "_extract_metric_update_ops",
        "_get_default_warm_start_settings",
        "_get_replica_device_setter",
        "_load_global_step_from_checkpoint_dir",
        "_verify_and_create_loss_metric",
        "_verify_model_fn_args",
        "_write_checkpoint_path_to_summary",
        "_write_dict_to_summary",
    ),
    "estimator_lib": ("Estimator", "RunConfig"),
    "export.export": (
        "SupervisedInputReceiver",
        "UnsupervisedInputReceiver",
        "build_all_signature_defs",
        "build_raw_supervised_input_receiver_fn",
        "build_supervised_input_receiver_fn_from_input_fn",
        "get_temp_export_dir",
        "get_timestamped_export_dir",
        "wrap_and_check_input_tensors",
    ),
    "export.export_lib": ("SupervisedInputReceiver", "UnsupervisedInputReceiver"),
    "export.export_output": ("TrainOutput", "EvalOutput", "_SupervisedOutput"),
    "exporter": ("_SavedModelExporter", "_loss_smaller", "_verify_compare_fn_args"),
    "gc": (
        "Path",
        "_get_paths",
        "_largest_export_versions",
        "_mod_export_version",
        "_negation",
        "_one_of_every_n_export_versions",
        "_union",
    ),
    "model_fn": (
        "AVERAGE_LOSS_METRIC_KEY",
        "LOSS_METRIC_KEY",
        "EstimatorSpec",
        "ModeKeys",
        "_TPUEstimatorSpec",
        "_check_is_tensor",
        "_check_is_tensor_or_operation",
        "call_logit_fn",
        "verify_model_fn_args",
    ),
    "run_config": (
        "RunConfig",
        "TaskType",
        "get_default_session_config",
        "_GRPC_SCHEME",
        "_LOCAL_MASTER",
        "_TF_CONFIG_ENV",
        "_USE_DEFAULT",
    ),
    "training": (
        "TrainSpec",
        "_ContinuousEvalListener",
        "_EvalResult",
        "_EvalStatus",
        "_TF_CONFIG_ENV",
        "_TrainingExecutor",
        "_assert_eval_spec",
        "_is_google_env",
    ),
    "util": (
        "fn_args",
        "parse_input_fn_result",
        "parse_iterator_result",
        "MultiHostDatasetInitializerHook",
        "_DatasetInitializerHook",
    ),
}
NOT_FORWARDED = ("head.base_head", "early_stopping")
MORE = {
    "head.base_head": (
        *_HEAD_PARTS,
        *_SERVING_KEYS,
        "Head",
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
    "head.head_utils": ("binary_or_multi_class_head",),
    "tpu._tpu_estimator_embedding": ("EmbeddingConfigSpec",),
    "tpu.tpu_estimator": ("BatchConfig", "inference_on_tpu", "model_fn_inference_on_tpu"),
    "tpu.util": (
        "IterationsPerLoopCounter",
        "MultiHostDatasetInitializerHook",
        "check_positive_integer",
        "parse_iterations_per_loop",
    ),
}


def deep(module, name=None, root=ROOT):
    found = importlib.import_module(f"{root}.{module}")
    return found if name is None else getattr(found, name)


def described(value):
    """What kind of thing a name stands for; of a function its arguments, of a constant its value."""
    if inspect.isclass(value):
        return "class"
    if not callable(value):
        return value if isinstance(value, str) else "object"
    parameters = inspect.signature(value).parameters.values()
    return {
        p.name: "needed" if p.default is p.empty else "default" if callable(p.default) else repr(p.default)
        for p in parameters
    }


@program(
    "constructor",
)
def internal_names(directory):
    return {
        module: {name: outcome(lambda m=module, n=name: described(deep(m, n))) for name in names}
        for module, names in {**NAMES, **MORE}.items()
    }


@program("constructor")
def names_that_tensorflow_handed_on(directory):
    def same(module, name):
        return deep(module, name, FORWARDING) is deep(module, name)

    return {
        module: {name: outcome(lambda m=module, n=name: same(m, n)) for name in names}
        for module, names in NAMES.items()
        if module not in NOT_FORWARDED
    }


@program("constructor")
def ways_to_the_modules_that_tensorflow_handed_on(directory):
    statements = {
        "from the package": "from tensorflow.python.estimator import run_config as found",
        "from a module": "from tensorflow.python.estimator.run_config import RunConfig, TaskType; found = TaskType",
        "by its name": "import tensorflow.python.estimator.run_config as found",
        "all of a module": "from tensorflow.python.estimator.canned.head import *; found = _Head",
        "a package": "from tensorflow.python.estimator import canned as found",
        "another module": "from tensorflow.python.estimator import early_stopping as found",
        "no module": "import tensorflow.python.estimator.none as found",
        "of tensorflow itself": "from tensorflow.python.feature_column import feature_column_v2 as found",
        "of tpus": "from tensorflow.python.tpu import tpu_config, tpu_estimator; found = tpu_config.TPUConfig",
        "of tpus, by its name": "import tensorflow.python.tpu.tpu_estimator; found = tensorflow.python.tpu.tpu_estimator.TPUEstimator",
        "of tpus, a name": "from tensorflow.python.tpu.tpu_estimator import TPUEstimatorSpec as found",
        "of strategies": "from tensorflow.python.distribute import estimator_training; found = estimator_training.should_run_distribute_coordinator",
        "of the names": "from tensorflow_estimator.python.estimator.estimator_export import estimator_export as found",
        "of tpus, no name": "from tensorflow.python.tpu.tpu_config import Nothing as found",
        "no name": "from tensorflow.python.estimator.run_config import Nothing as found",
    }

    def runs(statement):
        space = {}
        exec(statement, space)
        return "found" in space

    return {name: outcome(lambda s=statement: runs(s)) for name, statement in statements.items()}


@program("ModeKeys")
def keys_of_metrics_and_predictions(directory):
    def constants(kind):
        return {name: getattr(kind, name) for name in dir(kind) if name.isupper()}

    return {
        "metrics": constants(deep("canned.metric_keys", "MetricKeys")),
        "predictions": constants(deep("canned.prediction_keys", "PredictionKeys")),
        "modes": constants(deep("model_fn", "ModeKeys")),
    }
