"""Names that libraries imported from inside tensorflow_estimator: they are there, and they are the public ones."""

import importlib

import tensorflow as tf
from catalogue import program
from computations import outcome

v1 = tf.compat.v1
ROOT = "tensorflow_estimator.python.estimator"

NAMES = {
    "estimator": ("Estimator", "EstimatorV2", "WarmStartSettings", "VocabInfo"),
    "estimator_lib": (
        "Estimator",
        "RunConfig",
        "EstimatorSpec",
        "train_and_evaluate",
        "KMeansClustering",
        "RNNClassifier",
        "RNNEstimator",
        "TPUEstimator",
        "call_logit_fn",
        "dnn_logit_fn_builder",
        "linear_logit_fn_builder",
        "make_early_stopping_hook",
        "model_to_estimator",
        "read_eval_metrics",
        "stop_if_no_decrease_hook",
    ),
    "run_config": ("RunConfig", "TaskType"),
    "model_fn": ("EstimatorSpec", "ModeKeys", "call_logit_fn"),
    "mode_keys": ("ModeKeys",),
    "training": ("TrainSpec", "EvalSpec", "train_and_evaluate"),
    "exporter": ("Exporter", "LatestExporter", "FinalExporter", "BestExporter"),
    "early_stopping": ("make_early_stopping_hook", "stop_if_higher_hook", "stop_if_no_decrease_hook"),
    "extenders": ("add_metrics",),
    "export.export": (
        "ServingInputReceiver",
        "TensorServingInputReceiver",
        "build_parsing_serving_input_receiver_fn",
        "build_raw_serving_input_receiver_fn",
        "build_raw_supervised_input_receiver_fn",
    ),
    "export.export_lib": ("PredictOutput", "ServingInputReceiver"),
    "export.export_output": ("PredictOutput", "ClassificationOutput", "RegressionOutput", "EvalOutput"),
    "hooks.hooks": ("InMemoryEvaluatorHook", "make_stop_at_checkpoint_step_hook"),
    "hooks.basic_session_run_hooks": ("CheckpointSaverHook", "LoggingTensorHook", "StopAtStepHook"),
    "hooks.session_run_hook": ("SessionRunHook", "SessionRunArgs"),
    "inputs.inputs": ("numpy_input_fn", "pandas_input_fn"),
    "inputs.numpy_io": ("numpy_input_fn",),
    "inputs.pandas_io": ("pandas_input_fn",),
    "canned.metric_keys": ("MetricKeys",),
    "canned.prediction_keys": ("PredictionKeys",),
}


@program("constructor", "hook aliases")
def names_inside_tensorflow_estimator(directory):
    def found(module, name):
        return callable(getattr(importlib.import_module(f"{ROOT}.{module}"), name))

    return {
        module: {name: outcome(lambda m=module, n=name: found(m, n)) for name in names}
        for module, names in NAMES.items()
    }


@program("constructor", "EstimatorSpec")
def one_class_for_each_name(directory):
    """A deep name is the public one, so that isinstance holds between libraries and programs."""

    def of(module, name):
        return getattr(importlib.import_module(f"{ROOT}.{module}"), name)

    return {
        "EstimatorSpec": of("model_fn", "EstimatorSpec") is tf.estimator.EstimatorSpec,
        "ModeKeys": of("mode_keys", "ModeKeys") is tf.estimator.ModeKeys,
        "RunConfig": of("run_config", "RunConfig") is tf.estimator.RunConfig,
        "TrainSpec": of("training", "TrainSpec") is tf.estimator.TrainSpec,
        "ServingInputReceiver": of("export.export", "ServingInputReceiver")
        is tf.estimator.export.ServingInputReceiver,
        "PredictOutput": of("export.export_output", "PredictOutput") is tf.estimator.export.PredictOutput,
        "LatestExporter": of("exporter", "LatestExporter") is tf.estimator.LatestExporter,
        "Estimator": issubclass(tf.estimator.Estimator, of("estimator", "Estimator")),
        "WarmStartSettings": of("estimator", "WarmStartSettings") is tf.estimator.WarmStartSettings,
    }


@program("TF_CONFIG chief")
def names_of_tasks(directory):
    kinds = importlib.import_module(f"{ROOT}.run_config").TaskType
    return {name: getattr(kinds, name) for name in dir(kinds) if name.isupper()}


@program("constructor", "hook aliases")
def ways_to_the_faces(directory):
    """Every way by which a program came to tf.estimator."""
    statements = {
        "attribute": "import tensorflow as tf; found = tf.estimator",
        "from": "from tensorflow import estimator as found",
        "v1": "import tensorflow.compat.v1 as tf; found = tf.estimator",
        "from v1": "from tensorflow.compat.v1 import estimator as found",
        "v2": "import tensorflow.compat.v2 as tf; found = tf.estimator",
        "package": "import tensorflow_estimator; found = tensorflow_estimator.estimator",
        "from the package": "from tensorflow_estimator import estimator as found",
        "of the package's python": "from tensorflow_estimator.python.estimator import estimator_lib as found",
        "version 1's api": "from tensorflow_estimator._api.v1 import estimator as found",
        "version 2's api": "from tensorflow_estimator._api.v2 import estimator as found",
        "an api's submodule": "from tensorflow_estimator._api.v1.estimator import export as found",
    }

    def names(statement):
        space = {}
        exec(statement, space)
        return [hasattr(space["found"], name) for name in ("Estimator", "inputs", "ServingInputReceiver")]

    return {name: outcome(lambda s=statement: names(s)) for name, statement in statements.items()}


@program("constructor")
def names_of_the_faces(directory):
    """What each module of tf.estimator has is here, or is told to be left out."""
    left_out = {"tpu", "BoostedTreesClassifier", "BoostedTreesEstimator", "BoostedTreesRegressor"}
    return {
        "estimator": [
            name for name in sorted(dir(tf.estimator)) if name[0].isupper() and name not in left_out
        ],
        "export": [name for name in sorted(dir(tf.estimator.export)) if name[0] != "_"],
        "inputs": [name for name in sorted(dir(v1.estimator.inputs)) if name[0] != "_"],
    }
