"""What the Estimator refuses: arguments, hooks, model functions, inputs, checkpoints."""

import os

import models
import tensorflow as tf
from catalogue import misuse
from models import v1

MORE = "goes on to say what was given, or may be"
STOP = "ends with a full stop"
TASK = "names the task in place of the configuration's address"


def trained(directory, model_fn=models.linear):
    return models.estimator(directory, model_fn).train(models.batches, steps=1)


def training(**arguments):
    """A training with these arguments."""
    given = {"input_fn": models.batches, **arguments}
    return lambda directory: models.estimator(directory).train(**given)


def evaluating(**arguments):
    return lambda directory: trained(directory).evaluate(models.once, **arguments)


def predicting(model_fn=models.linear, **arguments):
    return lambda directory: list(trained(directory, model_fn).predict(models.features_only, **arguments))


def with_model(model_fn, **arguments):
    return lambda directory: models.estimator(directory, model_fn, **arguments)


# Constructor


def overriding(directory):
    class Mine(tf.estimator.Estimator):
        def train(self, *args, **kwargs):
            return self

    Mine(models.linear, directory)


def unknown_argument(features, labels, mode, colour):
    pass


def no_features(labels, mode):
    pass


def takes_params(features, labels, mode, params):
    return models.linear(features, labels, mode)


misuse("Estimator: no model_fn", lambda d: tf.estimator.Estimator(None, d))
misuse("Estimator: config is no RunConfig", lambda d: tf.estimator.Estimator(models.linear, d, "config"))
misuse("Estimator: config is a dict", lambda d: tf.estimator.Estimator(models.linear, d, {"a": 1}))
misuse(
    "Estimator: two model_dirs",
    lambda d: tf.estimator.Estimator(models.linear, d, models.config(model_dir=os.path.join(d, "other"))),
    wording=STOP,
)
misuse("Estimator: a subclass overrides train", overriding)
misuse("Estimator: model_fn without features", with_model(no_features))
misuse("Estimator: model_fn with an unknown argument", with_model(unknown_argument), wording=MORE)
misuse("Estimator: params that model_fn does not take", with_model(models.linear, params={"rate": 1}))
misuse("Estimator: warm start from a number", with_model(models.linear, warm_start_from=3), wording=MORE)
misuse("WarmStartSettings: no checkpoint", lambda d: tf.estimator.WarmStartSettings(""))

# train

misuse("train: steps and max_steps", training(steps=1, max_steps=1))
misuse("train: steps 0", training(steps=0))
misuse("train: steps -1", training(steps=-1))
misuse("train: max_steps 0", training(max_steps=0))
misuse("train: max_steps -3", training(max_steps=-3))
misuse("train: a hook that is none", training(hooks=["hook"], steps=1))
misuse("train: a hook alone", training(hooks=v1.train.StopAtStepHook(1), steps=1))
misuse("train: a listener that is none", training(saving_listeners=["listener"], steps=1))
misuse("train: a listener alone", training(saving_listeners=models.Listener("l", []), steps=1))


def listeners_without_saver(directory):
    estimator = models.estimator(directory, save_checkpoints_steps=None, save_checkpoints_secs=None)
    estimator.train(models.batches, steps=1, saving_listeners=[models.Listener("l", [])])


def as_task(kind):
    def train(directory):
        cluster = {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}
        with models.tf_config({"cluster": cluster, "task": {"type": kind, "index": 0}}):
            models.estimator(directory).train(models.batches, steps=1)

    return train


misuse("train: listeners and no saver", listeners_without_saver)
misuse("train: by an evaluator", as_task("evaluator"), wording=TASK)
misuse("train: by a ps", as_task("ps"), wording=TASK)
misuse(
    "train: NaN loss",
    lambda d: models.estimator(
        d, models.linear_in("train", loss=lambda y: tf.reduce_mean(y) * float("nan"))
    ).train(models.batches, steps=1),
)

# Input functions

misuse("input_fn: three values", training(input_fn=lambda: (1, 2, 3), steps=1))
misuse("input_fn: one value in a list", training(input_fn=lambda: [tf.constant(1)], steps=1))
misuse(
    "input_fn: three values in a dataset",
    training(input_fn=lambda: tf.data.Dataset.from_tensors((1, 2, 3)), steps=1),
)
misuse(
    "input_fn: labels for a model without",
    lambda d: models.estimator(
        d, lambda features, mode: tf.estimator.EstimatorSpec(mode, predictions=features["x"])
    ).train(models.batches, steps=1),
)
misuse("input_fn: raises", training(input_fn=lambda: 1 / 0, steps=1))
misuse("input_fn: an argument that nobody passes", training(input_fn=lambda other: models.batches(), steps=1))

# evaluate and predict

misuse("evaluate: steps 0", evaluating(steps=0))
misuse("evaluate: steps -1", evaluating(steps=-1))
misuse("evaluate: a hook that is none", evaluating(hooks=[1]))
for reserved in ("loss", "global_step"):
    misuse(
        f"evaluate: a metric called {reserved}",
        lambda d, reserved=reserved: trained(
            d, models.linear_in("eval", eval_metric_ops=lambda y: {reserved: v1.metrics.mean(y)})
        ).evaluate(models.once),
    )
misuse("evaluate: untrained", lambda d: models.estimator(d).evaluate(models.once))
misuse("predict: untrained", lambda d: list(models.estimator(d).predict(models.features_only)))
misuse(
    "evaluate: a checkpoint that is not there",
    evaluating(checkpoint_path="/nowhere/model.ckpt-1"),
    wording="goes on to say what a checkpoint's path is",
)
misuse("predict: no such key", predicting(predict_keys=["z"]))
misuse(
    "predict: keys of a tensor", predicting(models.linear_with(predictions=lambda y: y), predict_keys=["y"])
)
misuse("predict: a hook that is none", predicting(hooks=[1]))
misuse(
    "predict: unequal lengths",
    predicting(models.linear_in("infer", predictions=lambda y: {"y": y, "one": tf.constant([1.0])})),
)
misuse(
    "predict: a scalar among the predictions",
    predicting(models.linear_in("infer", predictions=lambda y: {"mean": tf.reduce_mean(y)})),
    wording="names the prediction and says what to do",
)
misuse("get_variable_names: untrained", lambda d: models.estimator(d).get_variable_names())
misuse("get_variable_value: untrained", lambda d: models.estimator(d).get_variable_value("w"))
misuse("get_variable_value: no such variable", lambda d: trained(d).get_variable_value("z"))


def another_model(directory):
    trained(directory)

    def model_fn(features, labels, mode):
        return models.regression(mode, models.line(features["x"]) + models.variable("new"), labels)

    list(models.estimator(directory, model_fn).predict(models.features_only))


misuse(
    "predict: the checkpoint lacks a variable",
    another_model,
    wording="TensorFlow's own text, of another version",
)
