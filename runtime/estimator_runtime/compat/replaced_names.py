"""What takes the place of modules and names inside tf.estimator that have no meaning here."""

from collections.abc import Mapping

_BOOSTED_TREES = (
    "TensorFlow has no kernels for boosted trees any more; tensorflow-decision-forests has models of their kind "
    "(tfdf.keras.GradientBoostedTreesModel)"
)
_TIME_SERIES = "no part of it is here; an Estimator with a model_fn of its own takes its place"
_FEEDING = (
    "tf.compat.v1.estimator.inputs.numpy_input_fn and pandas_input_fn are here, and tf.data.Dataset.from_tensor_slices takes "
    "the place of what feeds them"
)
_TPU_LOOPS = (
    "there is no TPU to be fed here; TPUEstimator(use_tpu=False) has an Estimator's own loops, and SessionRunHooks see and "
    "change what they do"
)
_SDCA = "tf.estimator.experimental.LinearSDCA is here, the optimizer of LinearClassifier and LinearRegressor, and makes its steps"
_SESSIONS = (
    "the loops of an Estimator are estimator_runtime's own; SessionRunHooks see and change what they do"
)

REPLACED_IN_FACES: Mapping[str, str] = {
    **dict.fromkeys(
        ("BoostedTreesClassifier", "BoostedTreesEstimator", "BoostedTreesRegressor"), _BOOSTED_TREES
    ),
    "experimental.boosted_trees_classifier_train_in_memory": _BOOSTED_TREES,
    "experimental.boosted_trees_regressor_train_in_memory": _BOOSTED_TREES,
}
"""Path of a name below `tf.estimator` -> why it is missing, or what takes its place."""

REPLACED_MODULES: Mapping[str, str] = {
    "canned.boosted_trees": _BOOSTED_TREES,
    "canned.boosted_trees_utils": _BOOSTED_TREES,
    "canned.linear_optimizer": _SDCA,
    "canned.saved_model_estimator": (
        "tf.saved_model.load reads a SavedModel, and Estimator's warm_start_from takes the path of one"
    ),
    "canned.timeseries": _TIME_SERIES,
    "export.function": (
        "Estimator.export_saved_model writes a model function's graphs, and tf.compat.v1.wrap_function calls one in a graph "
        "of its own"
    ),
    "hooks.fake_summary_writer": (
        "it was for tf.estimator's own tests; tf.compat.v1.train.summary_iterator reads what hooks have written"
    ),
    "inputs.queues": _FEEDING,
    "tools": (
        "tf.train.load_checkpoint reads a checkpoint and tf.compat.v1.train.Saver writes one; WarmStartSettings' "
        "var_name_to_prev_var_name reads one by other names"
    ),
    "tpu.error_handling": _TPU_LOOPS,
    "tpu.iteration_count_estimator": _TPU_LOOPS,
    "tpu.tpu_context": _TPU_LOOPS,
}
"""Path of a module, or of a package with all that is in it, below tf.estimator's directory -> what takes its place."""

REPLACED_NAMES: Mapping[str, str] = {
    **{f"estimator_lib.{path}": reason for path, reason in REPLACED_IN_FACES.items()},
    "canned.dnn._DNNModel": "dnn_logit_fn_builder of the same module makes its logits",
    "canned.dnn._DNNModelV2": "dnn_logit_fn_builder_v2 of the same module makes its logits",
    "canned.linear.LinearModel": "tf.compat.v1.feature_column.linear_model, or linear_logit_fn_builder of the same module",
    "canned.linear._sdca_model_fn": "_linear_model_fn_v2 of the same module with a LinearSDCA as its optimizer is the same",
    "canned.rnn.RNNModel": "RNNEstimator of the same module makes its layers; tf.keras.layers has them for a model_fn",
    "early_stopping._MultiWorkerEarlyStoppingHook": "make_early_stopping_hook makes the hook for each task",
    "estimator._combine_distributed_scaffold": _SESSIONS,
    "estimator.create_per_replica_ready_for_local_init_op": _SESSIONS,
    "tpu.tpu_estimator.export_estimator_savedmodel": (
        "it exported an Estimator for TPUs; Estimator.export_saved_model exports one for CPUs and GPUs"
    ),
    **{
        f"tpu.tpu_estimator.{name}": _TPU_LOOPS
        for name in (
            "ExamplesPerSecondHook",
            "InstallSignalHandlerHook",
            "PeriodicLogger",
            "TPUInfeedOutfeedSessionHook",
            "TPUInfeedOutfeedSessionHookForPrediction",
            "TensorPacker",
            "call_computation",
        )
    },
    "training._NewCheckpointListenerForEvaluate": (
        "train_and_evaluate evaluates after a checkpoint by itself, and _TrainingExecutor takes a _ContinuousEvalListener"
    ),
    "training._StopAtSecsHook": "make_early_stopping_hook with a function of the time takes its place",
    "util.DistributedIteratorInitializerHook": _SESSIONS,
}
"""Path of a name -> what takes its place."""
