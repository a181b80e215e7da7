"""What people give in place of a checkpoint's path, an input function or a model function."""

import functools
import os

import models
import tensorflow as tf
from catalogue import misuse
from models import v1

PATH = "one line that says what a checkpoint's path is, with an example from the directory"
UNDERSTOOD = (
    "tf.estimator refuses it, as no sstable or for a variable that is missing; taken, for one checkpoint is plainly meant and "
    "what was an error is the answer"
)
INSIDE = "names input_fn and says to make it inside"
FUNCTION = "says what an input function is"
TRACED = "is refused by name when the Estimator is made"


def trained(directory, model_fn=models.linear):
    return models.estimator(directory, model_fn).train(models.batches, steps=5)


def newest(estimator):
    return estimator.latest_checkpoint()


USES = {
    "evaluate": lambda estimator, path, _: estimator.evaluate(models.once, checkpoint_path=path),
    "predict": lambda estimator, path, _: next(estimator.predict(models.once, checkpoint_path=path)),
    "export_saved_model": lambda estimator, path, directory: estimator.export_saved_model(
        os.path.join(directory, "export"), models.raw_receiver, checkpoint_path=path
    ),
    "warm start": lambda estimator, path, directory: models.estimator(
        directory, warm_start_from=path, name="warm"
    ).train(models.batches, steps=1),
    "WarmStartSettings": lambda estimator, path, directory: models.estimator(
        directory, warm_start_from=tf.estimator.WarmStartSettings(path), name="warm"
    ).train(models.batches, steps=1),
}


def _empty(estimator):
    path = f"{estimator.model_dir}-empty"
    os.makedirs(path)
    return path


UNDERSTOOD_PATHS = {
    "the index file": lambda e: f"{newest(e)}.index",
    "the data file": lambda e: f"{newest(e)}.data-00000-of-00001",
    "the meta file": lambda e: f"{newest(e)}.meta",
    "the file checkpoint": lambda e: os.path.join(e.model_dir, "checkpoint"),
    "a slash at the end": lambda e: f"{newest(e)}/",
}
REFUSED_PATHS = {
    "a step that is not there": lambda e: os.path.join(e.model_dir, "model.ckpt-7"),
    "the name alone": lambda e: "model.ckpt-5",
    "a home directory": lambda e: "~/model.ckpt-5",
    "a directory that is not there": lambda e: "/nowhere",
    "a directory without one": _empty,
}


def with_checkpoint(do, path):
    """A use of what `path` makes of a trained Estimator."""

    def run(directory):
        estimator = trained(directory)
        do(estimator, path(estimator), directory)

    return run


for use, do in USES.items():
    for what, path in UNDERSTOOD_PATHS.items():
        misuse(f"{use}: {what} for a checkpoint", with_checkpoint(do, path), outcome=UNDERSTOOD)
    for what, path in REFUSED_PATHS.items():
        misuse(f"{use}: {what} for a checkpoint", with_checkpoint(do, path), wording=PATH)
for use in ("evaluate", "predict", "export_saved_model"):
    misuse(
        f"{use}: the directory for a checkpoint",
        with_checkpoint(USES[use], lambda estimator: estimator.model_dir),
        outcome=UNDERSTOOD,
    )

# Inputs

DATASET = models.once()
EAGER = {"x": tf.constant(models.X)}, tf.constant(models.Y)


def in_another_graph():
    with tf.Graph().as_default():
        return {"x": tf.constant(models.X)}, tf.constant(models.Y)


CALLS = {
    "train": lambda d, input_fn: models.estimator(d).train(input_fn, steps=1),
    "evaluate": lambda d, input_fn: trained(d).evaluate(input_fn, steps=1),
    "predict": lambda d, input_fn: next(trained(d).predict(input_fn)),
}
MADE_OUTSIDE = {
    "a dataset": lambda: DATASET,
    "a dataset of another": lambda: DATASET.map(lambda features, labels: (features, labels)),
    "eager tensors": lambda: EAGER,
    "tensors of another graph": in_another_graph,
}
NO_FUNCTIONS = {
    "a dataset": DATASET,
    "a dict of arrays": {"x": models.X},
    "an array": models.X,
    "a pair": ({"x": models.X}, models.Y),
    "a generator": (x for x in [1]),
    "a text": "input_fn",
}
for call, do in CALLS.items():
    for what, input_fn in MADE_OUTSIDE.items():
        misuse(
            f"{call}: {what} made outside of input_fn",
            lambda d, do=do, input_fn=input_fn: do(d, input_fn),
            wording=INSIDE,
        )
    for what, given in NO_FUNCTIONS.items():
        misuse(
            f"{call}: {what} for input_fn",
            lambda d, do=do, given=given: do(d, given),
            wording=FUNCTION,
        )
for spec in ("TrainSpec", "EvalSpec"):
    for what, given in NO_FUNCTIONS.items():
        misuse(
            f"{spec}: {what} for input_fn",
            lambda d, spec=spec, given=given: getattr(tf.estimator, spec)(given),
            wording=FUNCTION,
        )

# Model functions


class Holder:
    @tf.function
    def model_fn(self, features, labels, mode):
        return models.linear(features, labels, mode)


for what, model_fn in {
    "a tf.function": tf.function(models.linear),
    "a method that is a tf.function": Holder().model_fn,
    "a partial of a tf.function": functools.partial(tf.function(models.linear)),
}.items():
    misuse(
        f"Estimator: {what} for model_fn",
        lambda d, model_fn=model_fn: models.estimator(d, model_fn).train(models.batches, steps=1),
        wording=TRACED,
    )

# Checkpoints of another model


def of_width(width):
    def model_fn(features, labels, mode):
        w = models.variable("w", [1, width], 0.1)
        return models.regression(mode, tf.matmul(features["x"], w), labels)

    return model_fn


def other_shape(directory):
    trained(directory, of_width(1))
    models.estimator(directory, of_width(2)).train(models.batches, steps=1)


misuse(
    "train: the checkpoint has another shape",
    other_shape,
    outcome="tf.estimator trains on with the values of the other shape, and says nothing; refused before the first step",
)


# Variables of one mode


def with_extra(only):
    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        if mode == only:
            y += models.variable("extra", [1], 5.0)
        return models.regression(mode, y, labels)

    return model_fn


def supervised_receiver():
    x = v1.placeholder(tf.float32, [None, 1], name="features")
    y = v1.placeholder(tf.float32, [None, 1], name="labels")
    return tf.estimator.experimental.build_raw_supervised_input_receiver_fn({"x": x}, y)()


for mode in ("train", "eval", "infer"):

    def lacking(directory, mode=mode):
        trained(directory)
        models.estimator(directory, with_extra(mode)).experimental_export_all_saved_models(
            os.path.join(directory, "export"),
            {"train": supervised_receiver, "eval": supervised_receiver, "infer": models.raw_receiver},
        )

    misuse(
        f"experimental_export_all_saved_models: the checkpoint lacks a variable of {mode}",
        lacking,
        wording="names the variable, the mode and the checkpoint",
    )


def with_table(*modes):
    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        if mode in modes:
            table = tf.lookup.experimental.DenseHashTable(tf.int64, tf.float32, 1.0, -1, -2, name="table")
            y *= table.lookup(tf.constant([7], tf.int64))
        return models.regression(mode, y, labels)

    return model_fn


for modes in (("train", "eval"), ("train",)):

    def evaluated_in_memory(directory, modes=modes):
        estimator = models.estimator(directory, with_table(*modes))
        hook = tf.estimator.experimental.InMemoryEvaluatorHook(estimator, models.once)
        estimator.train(models.batches, hooks=[hook], steps=1)

    misuse(
        f"InMemoryEvaluatorHook: a table in {' and '.join(modes)} that checkpoints hold",
        evaluated_in_memory,
        wording="names the table and says what to do",
    )
