"""Two things wrong at once: which of them a program is told of, is the order of the checks."""

import models
import tensorflow as tf
from catalogue import misuse
from misuses_specs import spec
from models import v1

# EstimatorSpec

misuse("order: TRAIN without loss and train_op", spec("train", loss=None, train_op=None))
misuse("order: a wrong train_op, and no loss", spec("train", loss=None, train_op="train"))
misuse(
    "order: a loss of two, and predictions that are none",
    spec("eval", loss=lambda y: tf.constant([1.0, 2.0]), predictions="y"),
)
misuse("order: predictions that are none, and metrics", spec("eval", predictions="y", eval_metric_ops=[1]))
misuse(
    "order: metrics that are none, and hooks", spec("eval", eval_metric_ops=[1], evaluation_hooks=["hook"])
)
misuse(
    "order: export_outputs that are none, and hooks",
    spec("infer", export_outputs=["a"], prediction_hooks=["hook"]),
)
misuse("order: hooks that are none, and a scaffold", spec("infer", prediction_hooks=["hook"], scaffold="s"))
misuse(
    "order: two kinds of hooks that are none",
    spec("train", training_hooks=["hook"], training_chief_hooks=["chief hook"]),
)
misuse(
    "order: PREDICT without predictions, with outputs", spec("infer", predictions=None, export_outputs=[1])
)

# The Estimator


def overriding(directory):
    class Overriding(tf.estimator.Estimator):
        def evaluate(self, *arguments):
            return {}

    Overriding(None, directory, "config")


def no_features(labels, mode):
    pass


def two_directories(directory):
    tf.estimator.Estimator(None, directory + "/a", models.config(model_dir=directory + "/b"))


misuse("order: no model_fn, and no RunConfig", lambda d: tf.estimator.Estimator(None, d, "config"))
misuse("order: no model_fn, and two directories", two_directories, wording="ends with a full stop")
misuse("order: an overriding subclass, and no RunConfig", overriding)
misuse(
    "order: a wrong model_fn, and a wrong warm start",
    lambda d: tf.estimator.Estimator(no_features, d, models.config(), None, 3),
)
misuse(
    "order: params that are not taken, and a wrong warm start",
    lambda d: tf.estimator.Estimator(models.linear, d, models.config(), {"a": 1}, 3),
)

# train, evaluate, predict, exports


def train(**arguments):
    return lambda d: models.estimator(d).train(**{"input_fn": models.batches, **arguments})


def evaluate(**arguments):
    return lambda d: (
        models.estimator(d).train(models.batches, steps=1).evaluate(**{"input_fn": models.once, **arguments})
    )


misuse("order: steps and max_steps, both 0", train(steps=0, max_steps=0))
misuse("order: steps 0, and a hook that is none", train(steps=0, hooks=["hook"]))
misuse(
    "order: a hook that is none, and a listener",
    train(steps=1, hooks=["hook"], saving_listeners=["listener"]),
)
misuse(
    "order: a hook that is none, and an input_fn that fails",
    train(input_fn=lambda: 1 / 0, hooks=["hook"], steps=1),
)
misuse(
    "order: a listener that is none, and an input_fn that fails",
    train(input_fn=lambda: 1 / 0, saving_listeners=["listener"], steps=1),
)
misuse("order: an evaluation's steps 0, and a hook", evaluate(steps=0, hooks=["hook"]))
misuse(
    "order: an evaluation's hook, and an input_fn that fails",
    evaluate(input_fn=lambda: 1 / 0, hooks=["hook"]),
)
misuse(
    "order: no receiver function, and untrained",
    lambda d: models.estimator(d).export_saved_model(d + "/export", None),
)
misuse(
    "order: a receiver function that fails, and untrained",
    lambda d: models.estimator(d).export_saved_model(d + "/export", lambda: 1 / 0),
)

# Specs, exporters and hooks

misuse(
    "order: a TrainSpec's steps and input_fn",
    lambda d: tf.estimator.TrainSpec("input", 0),
    wording="goes on to say what an input_fn is",
)
misuse("order: a TrainSpec's hook and steps", lambda d: tf.estimator.TrainSpec(models.once, 0, ["hook"]))
misuse(
    "order: a TrainSpec's hook and listener",
    lambda d: tf.estimator.TrainSpec(models.once, 1, ["hook"], ["listener"]),
)
misuse("order: an EvalSpec's name and steps", lambda d: tf.estimator.EvalSpec(models.once, 0, 3))
misuse("order: an EvalSpec's hook and name", lambda d: tf.estimator.EvalSpec(models.once, 1, 3, ["hook"]))
misuse(
    "order: an EvalSpec's exporters and delay",
    lambda d: tf.estimator.EvalSpec(models.once, exporters=["a"], start_delay_secs=-1),
)
misuse(
    "order: an EvalSpec's delay and throttle",
    lambda d: tf.estimator.EvalSpec(models.once, start_delay_secs=-1, throttle_secs=-1),
)
misuse(
    "order: a BestExporter's comparison and number",
    lambda d: tf.estimator.BestExporter("a", None, compare_fn=None, exports_to_keep=0),
)
misuse(
    "order: an early stopping hook's estimator and intervals",
    lambda d: tf.estimator.experimental.make_early_stopping_hook("estimator", None, 1, 1),
)
misuse(
    "order: an early stopping hook's intervals and condition",
    lambda d: tf.estimator.experimental.make_early_stopping_hook(models.estimator(d), None, 1, 1),
)
misuse(
    "order: RunConfig's intervals and seed",
    lambda d: tf.estimator.RunConfig(save_checkpoints_steps=1, save_checkpoints_secs=1, tf_random_seed=0.5),
)
misuse(
    "order: RunConfig's steps and directory",
    lambda d: tf.estimator.RunConfig(model_dir="", save_summary_steps=-1),
)
misuse(
    "order: RunConfig's seed and session_config",
    lambda d: tf.estimator.RunConfig(session_config=1, tf_random_seed=0.5),
)


def in_document(document, **fields):
    def run(directory):
        with models.tf_config(document):
            tf.estimator.RunConfig(**fields)

    return run


misuse("order: TF_CONFIG without task, and two chiefs", in_document({"cluster": {"chief": ["a:1", "b:1"]}}))
misuse("order: TF_CONFIG without chief and task", in_document({"cluster": {"worker": ["a:1"]}}))
misuse(
    "order: TF_CONFIG's cluster, and RunConfig's values",
    in_document({"cluster": {"worker": ["a:1"]}}, save_summary_steps=-1),
)


def receiver(*arguments):
    def run(directory):
        with tf.Graph().as_default():
            x = v1.placeholder(tf.float32, [None, 1], name="x")
            tf.estimator.export.ServingInputReceiver(*(a(x) if callable(a) else a for a in arguments))

    return run


misuse("order: a receiver's features and receivers, both missing", receiver(None, None))
misuse("order: a receiver's feature key and receivers", receiver(lambda x: {1.5: x}, None))
misuse("order: a receiver's receivers and alternatives", receiver(lambda x: x, None, [1]))
misuse(
    "order: outputs without scores, classes wrong",
    lambda d: tf.estimator.export.ClassificationOutput(scores="a", classes="b"),
)
