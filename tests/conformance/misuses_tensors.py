"""What is refused in the place of a tensor, with the words for it."""

import models
import numpy as np
import tensorflow as tf
from attempts import STAND_INS
from catalogue import misuse
from misuses_specs import spec
from models import v1

MORE = "goes on to say what was given"
REFUSED = ("SparseTensor", "RaggedTensor", "number", "numpy array", "string", "list")

for name in REFUSED:
    make = STAND_INS[name]
    misuse(f"tensors: {name} as a loss", spec("eval", loss=lambda y, make=make: make()))
    misuse(f"tensors: {name} as predictions", spec("infer", predictions=lambda y, make=make: make()))
for name in ("SparseTensor", "number", "list", "dict in a dict"):
    make = STAND_INS[name]
    misuse(
        f"tensors: {name} as one prediction", spec("infer", predictions=lambda y, make=make: {"a": make()})
    )
    misuse(f"tensors: {name} as train_op", spec("train", train_op=lambda y, make=make: make()))


def exporting(mode):
    """Exports a model that asks for what the checkpoint has not."""

    def run(directory):
        models.estimator(directory).train(models.batches, steps=1)

        def model_fn(features, labels, mode):
            return models.regression(mode, models.line(features["x"]) + models.variable("more"), labels)

        models.estimator(directory, model_fn).export_saved_model(
            directory + "/export", models.raw_receiver, experimental_mode=mode
        )

    return run


misuse("tensors: an export of a variable that no checkpoint has", exporting("infer"), wording=MORE)


def predicting(make, **arguments):
    def run(directory):
        models.estimator(directory).train(models.batches, steps=1)
        model_fn = models.linear_in("infer", predictions=make, export_outputs={})
        list(models.estimator(directory, model_fn).predict(models.features_only, **arguments))

    return run


misuse("tensors: predictions of two lengths", predicting(lambda y: {"a": y, "b": y[:1]}))
misuse("tensors: no predictions in PREDICT", predicting(lambda y: None))
misuse(
    "tensors: keys that the predictions have not",
    predicting(lambda y: {"a": y, "b": y}, predict_keys=("c", "d")),
)


def with_input(input_fn):
    return lambda directory: models.estimator(directory).train(input_fn, steps=1)


misuse("tensors: four parts of an input", with_input(lambda: ({"x": tf.constant(models.X)}, 1, 2, 3)))
misuse("tensors: an empty list as an input", with_input(list))
misuse(
    "tensors: a dataset of three parts",
    with_input(lambda: models.batches().map(lambda x, y: (x, y, y))),
)


def twice(hook):
    def run(directory):
        def model_fn(features, labels, mode):
            offset = v1.placeholder_with_default(0.0, [], name="offset")
            return models.regression(mode, models.line(features["x"]) + offset, labels)

        models.estimator(directory, model_fn).train(models.batches, hooks=[hook(), hook()], steps=1)

    return run


class Feed(v1.train.SessionRunHook):
    def before_run(self, run_context):
        return v1.train.SessionRunArgs(None, feed_dict={"offset:0": 1.0})


misuse("tensors: two hooks that feed one", twice(Feed))


class Ask(v1.train.SessionRunHook):
    def before_run(self, run_context):
        return v1.train.SessionRunArgs("none:0")


misuse(
    "tensors: a hook that asks for what is none",
    lambda d: models.estimator(d).train(models.batches, hooks=[Ask()], steps=1),
)


def _another_shape(directory):
    source = models.estimator(directory, name="source").train(models.batches, steps=1).model_dir

    def wider(features, labels, mode):
        y = tf.reduce_sum(tf.matmul(features["x"], models.variable("w", [1, 2], 0.1)), 1, keepdims=True)
        return models.regression(mode, y, labels)

    models.estimator(directory, wider, warm_start_from=source).train(models.batches, steps=1)


misuse("tensors: a warm start of another shape", _another_shape)
misuse(
    "tensors: numpy features in a receiver",
    lambda d: tf.estimator.export.ServingInputReceiver(np.ones([1]), np.ones([1])),
    wording=MORE,
)
