"""What EstimatorSpec, TrainSpec, EvalSpec, exporters and train_and_evaluate refuse."""

import models
import tensorflow as tf
from catalogue import misuse
from models import v1

MORE = "goes on to say what was given"
GRAPH = "says what to do in place of listing possible causes"


def spec(mode, **fields):
    """An EstimatorSpec in a graph; a callable field is called there, with a variable's value."""

    def make(directory):
        with tf.Graph().as_default():
            y = models.line(v1.placeholder(tf.float32, [None, 1], name="x"))
            made = {
                "train": {"loss": tf.reduce_mean(y), "train_op": tf.no_op()},
                "eval": {"loss": tf.reduce_mean(y)},
                "infer": {"predictions": {"y": y}},
            }.get(mode, {})
            made.update({k: v(y) if callable(v) else v for k, v in fields.items()})
            tf.estimator.EstimatorSpec(mode, **made)

    return make


def elsewhere(y):
    with tf.Graph().as_default():
        return tf.constant(1.0, name="elsewhere")


misuse("EstimatorSpec: TRAIN without loss", spec("train", loss=None))
misuse("EstimatorSpec: TRAIN without train_op", spec("train", train_op=None))
misuse("EstimatorSpec: EVAL without loss", spec("eval", loss=None))
misuse("EstimatorSpec: PREDICT without predictions", spec("infer", predictions=None))
misuse("EstimatorSpec: loss is a number", spec("train", loss=1.0))
misuse("EstimatorSpec: loss is a vector", spec("train", loss=lambda y: tf.constant([1.0, 2.0])))
misuse("EstimatorSpec: loss of another graph", spec("eval", loss=elsewhere), wording=GRAPH)
misuse("EstimatorSpec: train_op is a string", spec("train", train_op="train"))
misuse("EstimatorSpec: train_op of another graph", spec("train", train_op=elsewhere), wording=GRAPH)
misuse("EstimatorSpec: predictions of another graph", spec("infer", predictions=elsewhere), wording=GRAPH)
misuse(
    "EstimatorSpec: one prediction of another graph",
    spec("infer", predictions=lambda y: {"z": elsewhere(y)}),
    wording=GRAPH,
)
misuse("EstimatorSpec: predictions are a number", spec("infer", predictions=1.0))
misuse("EstimatorSpec: one prediction is a string", spec("infer", predictions={"z": "z"}))
misuse("EstimatorSpec: eval_metric_ops is a list", spec("eval", eval_metric_ops=[1]))
misuse("EstimatorSpec: a metric is a tensor", spec("eval", eval_metric_ops=lambda y: {"m": y}))
misuse("EstimatorSpec: a metric of three", spec("eval", eval_metric_ops=lambda y: {"m": (y, y, y)}))
misuse(
    "EstimatorSpec: a metric's value is a number",
    spec("eval", eval_metric_ops=lambda y: {"m": (1.0, tf.no_op())}),
    wording="names the metric and what was given",
)
misuse(
    "EstimatorSpec: a metric's update is a number",
    spec("eval", eval_metric_ops=lambda y: {"m": (y, 1.0)}),
    wording="names the metric and what was given",
)
misuse(
    "EstimatorSpec: a metric of another graph",
    spec("eval", eval_metric_ops=lambda y: {"m": (elsewhere(y), tf.no_op())}),
    wording=GRAPH,
)
misuse("EstimatorSpec: export_outputs is a list", spec("infer", export_outputs=["a"]))
misuse("EstimatorSpec: an export output is a tensor", spec("infer", export_outputs=lambda y: {"a": y}))
misuse(
    "EstimatorSpec: two outputs and no default",
    spec(
        "infer", export_outputs=lambda y: dict.fromkeys(["a", "b"], tf.estimator.export.RegressionOutput(y))
    ),
    wording="a blank more, and the name of the default",
)
for field in ("training_hooks", "training_chief_hooks", "evaluation_hooks", "prediction_hooks"):
    misuse(f"EstimatorSpec: {field} with a string", spec("infer", **{field: ["hook"]}))
misuse("EstimatorSpec: scaffold is a string", spec("infer", scaffold="scaffold"))


def replaced_mode(directory):
    with tf.Graph().as_default():
        tf.estimator.EstimatorSpec("infer", predictions=tf.constant(1.0))._replace(mode="eval")


misuse("EstimatorSpec: _replace changes the mode", replaced_mode)
misuse(
    "model_fn: returns no spec",
    lambda d: models.estimator(d, lambda features, labels, mode: "spec").train(models.batches, steps=1),
    wording=MORE,
)
misuse(
    "model_fn: returns nothing",
    lambda d: models.estimator(d, lambda features, labels, mode: None).train(models.batches, steps=1),
    wording=MORE,
)


def train_spec(*arguments, **fields):
    return lambda directory: tf.estimator.TrainSpec(*arguments, **fields)


def eval_spec(*arguments, **fields):
    return lambda directory: tf.estimator.EvalSpec(*arguments, **fields)


def exporter(name):
    return tf.estimator.FinalExporter(name, models.raw_receiver)


misuse("TrainSpec: input_fn is a string", train_spec("input_fn"), wording="says what an input function is")
misuse("TrainSpec: max_steps 0", train_spec(models.once, 0))
misuse("TrainSpec: a hook that is none", train_spec(models.once, 1, ["hook"]))
misuse("TrainSpec: a listener that is none", train_spec(models.once, 1, None, ["listener"]))
misuse("EvalSpec: input_fn is None", eval_spec(None), wording="says what an input function is")
misuse("EvalSpec: steps 0", eval_spec(models.once, 0))
misuse("EvalSpec: name is a number", eval_spec(models.once, name=1))
misuse("EvalSpec: a hook that is none", eval_spec(models.once, hooks=["hook"]))
misuse("EvalSpec: negative start_delay_secs", eval_spec(models.once, start_delay_secs=-1))
misuse("EvalSpec: negative throttle_secs", eval_spec(models.once, throttle_secs=-1))
misuse("EvalSpec: an exporter that is none", eval_spec(models.once, exporters=["exporter"]))
misuse("EvalSpec: exporters are a number", eval_spec(models.once, exporters=3))
misuse(
    "EvalSpec: two exporters of one name",
    lambda d: tf.estimator.EvalSpec(models.once, exporters=[exporter("a"), exporter("a")]),
)
misuse(
    "EvalSpec: an exporter without name",
    lambda d: tf.estimator.EvalSpec(models.once, exporters=exporter("")),
    wording="says also that a name is a string",
)
misuse(
    "EvalSpec: an exporter called None",
    lambda d: tf.estimator.EvalSpec(models.once, exporters=[exporter(None)]),
    wording="says also that a name is a string",
)

misuse(
    "LatestExporter: keeps 0",
    lambda d: tf.estimator.LatestExporter("a", models.raw_receiver, exports_to_keep=0),
    wording=MORE,
)
misuse(
    "BestExporter: keeps -1",
    lambda d: tf.estimator.BestExporter("a", models.raw_receiver, exports_to_keep=-1),
)
misuse(
    "BestExporter: no compare_fn",
    lambda d: tf.estimator.BestExporter("a", models.raw_receiver, compare_fn=None),
)
misuse(
    "BestExporter: compare_fn of other arguments",
    lambda d: tf.estimator.BestExporter("a", models.raw_receiver, compare_fn=lambda best, current: True),
)


def compared(best, current):
    return True


def compared_with_more(best_eval_result, current_eval_result, more):
    return True


misuse(
    "BestExporter: compare_fn of one right argument",
    lambda d: tf.estimator.BestExporter("a", models.raw_receiver, compare_fn=compared),
)
misuse(
    "BestExporter: compare_fn of three arguments",
    lambda d: tf.estimator.BestExporter("a", models.raw_receiver, compare_fn=compared_with_more),
)


def best_of(*results):
    def export(directory):
        made = tf.estimator.BestExporter("a", models.raw_receiver)
        estimator = models.estimator(directory).train(models.batches, steps=1)
        for result in results:
            made.export(estimator, directory + "/a", estimator.latest_checkpoint(), result, False)

    return export


misuse("BestExporter: a result without loss", best_of({"loss": 1.0}, {"other": 2.0}))
misuse("BestExporter: an empty result", best_of({"loss": 1.0}, {}))


def loop(estimator=None, train=None, evaluation=None):
    def run(directory):
        tf.estimator.train_and_evaluate(
            estimator or models.estimator(directory),
            train or tf.estimator.TrainSpec(models.batches, 1),
            evaluation or tf.estimator.EvalSpec(models.once),
        )

    return run


misuse("train_and_evaluate: no estimator", loop(estimator="estimator"))
misuse("train_and_evaluate: no TrainSpec", loop(train="train"))
misuse("train_and_evaluate: no EvalSpec", loop(evaluation="eval"))
misuse("train_and_evaluate: neither spec", loop(train="train", evaluation="eval"))


def no_checkpoints(directory):
    estimator = models.estimator(directory, save_checkpoints_steps=None, save_checkpoints_secs=None)
    loop(estimator)(directory)


def second_evaluator(directory):
    document = {"cluster": {"chief": ["a:1"]}, "task": {"type": "evaluator", "index": 1}}
    with models.tf_config(document):
        loop()(directory)


def unknown_task(directory):
    document = {"cluster": {"chief": ["a:1"], "reader": ["b:1"]}, "task": {"type": "reader", "index": 0}}
    with models.tf_config(document):
        loop()(directory)


misuse("train_and_evaluate: no checkpoints", no_checkpoints)
misuse("train_and_evaluate: a second evaluator", second_evaluator)
misuse("train_and_evaluate: an unknown task", unknown_task)

misuse(
    "make_early_stopping_hook: no estimator",
    lambda d: tf.estimator.experimental.make_early_stopping_hook("estimator", lambda: True),
)
misuse(
    "make_early_stopping_hook: both intervals",
    lambda d: tf.estimator.experimental.make_early_stopping_hook(models.estimator(d), lambda: True, 1, 1),
)
misuse(
    "make_early_stopping_hook: the condition is a string",
    lambda d: tf.estimator.experimental.make_early_stopping_hook(models.estimator(d), "stop"),
)
