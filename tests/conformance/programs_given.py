"""What people give and what 2.15 takes: functions of every kind, inputs of every kind, savers of their own."""

import functools
import os
import pathlib

import models
import numpy as np
import tensorflow as tf
from catalogue import V1, program
from models import v1


class Calls:
    def __call__(self, features, labels, mode):
        return models.linear(features, labels, mode)

    def method(self, features, labels, mode):
        return models.linear(features, labels, mode)

    @classmethod
    def of_class(cls, features, labels, mode):
        return models.linear(features, labels, mode)


def scaled(features, labels, mode, scale):
    return models.linear({"x": scale * features["x"]}, labels, mode)


@program("model_fn arguments", "constructor")
def kinds_of_model_functions(directory):
    kinds = {
        "object": Calls(),
        "method": Calls().method,
        "class_method": Calls.of_class,
        "partial": functools.partial(scaled, scale=2.0),
        "partial_of_object": functools.partial(Calls()),
        "lambda": lambda features, labels, mode: scaled(features, labels, mode, 3.0),
    }
    made = {}
    for name, model_fn in kinds.items():
        estimator = models.estimator(directory, model_fn, name=name).train(models.batches, steps=2)
        made[name] = models.variables(estimator)
    return made


@tf.function
def traced_input():
    return {"x": tf.constant(models.X)}, tf.constant(models.Y)


@tf.function
def traced_dataset():
    return tf.data.Dataset.from_tensor_slices(({"x": models.X}, models.Y)).batch(4).repeat()


@program("input_fn tensors", "input_fn dataset")
def kinds_of_inputs(directory):
    import pandas as pd

    def of_column(features, labels, mode):
        x = np.reshape(features["x"], [-1, 1])
        return models.linear({"x": x}, labels, mode)

    kinds = {
        "arrays": (models.linear, lambda: ({"x": models.X}, models.Y)),
        "lists": (models.linear, lambda: ({"x": models.X.tolist()}, models.Y.tolist())),
        "a_list_of_two": (models.linear, lambda: [{"x": models.X}, models.Y]),
        "frame": (of_column, lambda: (pd.DataFrame({"x": models.X[:, 0]}), models.Y)),
        "ragged": (
            models.linear,
            lambda: ({"x": tf.constant(models.X), "r": tf.ragged.constant([[1.0]])}, models.Y),
        ),
        "tf_function": (models.linear, traced_input),
        "tf_function_of_dataset": (models.linear, traced_dataset),
    }
    made = {}
    for name, (model_fn, input_fn) in kinds.items():
        estimator = models.estimator(directory, model_fn, name=name).train(input_fn, steps=2)
        first = next(estimator.predict(input_fn))
        made[name] = [models.variables(estimator), estimator.evaluate(input_fn, steps=1), first]
    return made


@program("input_fn tensors")
def features_that_are_none(directory):
    def model_fn(features, labels, mode):
        return models.regression(mode, models.line(tf.constant(models.X)), tf.constant(models.Y))

    estimator = models.estimator(directory, model_fn).train(lambda: None, steps=2)
    return estimator.evaluate(lambda: None, steps=1)


@program("all-modes export", "scaffold", "evaluate", "predict", repeated={V1: {}})
def saver_of_averages_in_every_mode(directory):
    def model_fn(features, labels, mode):
        weight = models.variable("w", [1, 1], 0.1)
        average = tf.train.ExponentialMovingAverage(0.5)
        y = tf.matmul(features["x"], weight)
        if mode == "train":
            spec = models.regression(mode, y, labels)
            with tf.control_dependencies([spec.train_op]):
                return spec._replace(train_op=average.apply([weight]))
        saver = v1.train.Saver(average.variables_to_restore([weight]))
        return models.regression(mode, y, labels, scaffold=v1.train.Scaffold(saver=saver))

    def supervised_receiver():
        x = v1.placeholder(tf.float32, [None, 1], name="features")
        y = v1.placeholder(tf.float32, [None, 1], name="labels")
        return tf.estimator.experimental.build_raw_supervised_input_receiver_fn({"x": x}, y)()

    estimator = models.estimator(directory, model_fn).train(models.batches, steps=3)
    path = estimator.experimental_export_all_saved_models(
        os.path.join(directory, "export"), {"eval": supervised_receiver, "infer": models.raw_receiver}
    )
    return {
        "variables": models.variables(estimator),
        "evaluated": estimator.evaluate(models.once),
        "predicted": list(estimator.predict(models.features_only)),
        "served": models.served(path),
    }


@program(
    "input_fn dataset",
    "train hooks",
    differs={"events/model/kinds/session_log *": "the event files name the model's checkpoints alone"},
)
def place_in_the_data(directory):
    """Runs of a few rows each, one after another."""

    def rows():
        return (
            tf.data.Dataset.range(20)
            .map(lambda n: ({"x": tf.cast([n], tf.float32) / 20}, tf.ones([1])))
            .batch(2)
        )

    steps_made = []
    for steps in (3, 2, 100, 2):
        estimator = models.estimator(directory)
        hook = tf.data.experimental.CheckpointInputPipelineHook(estimator)
        estimator.train(rows, hooks=[hook], steps=steps)
        steps_made.append(estimator.get_variable_value("global_step"))
    listed = tf.train.latest_checkpoint(estimator.model_dir, "checkpoint_input")
    # Taken away, for what looks at every checkpoint in the directory cannot read the state of an iterator.
    for path in pathlib.Path(estimator.model_dir).glob("input.ckpt*"):
        path.unlink()
    os.remove(os.path.join(estimator.model_dir, "checkpoint_input"))
    return {"steps": steps_made, "variables": models.variables(estimator), "last": listed}


@program(
    "Linear",
    "signatures",
    "raw receiver",
    differs={
        "*/serving_default*": "predict is the default where the classes or the regression take examples alone",
        "*/collections/model_variables": "TensorFlow's public feature columns also call their variables model variables",
    },
)
def canned_export_of_raw_tensors(directory):
    column = tf.feature_column.numeric_column("x")

    def labels_of(values):
        return lambda: tf.data.Dataset.from_tensor_slices(({"x": models.X}, values)).batch(4).repeat()

    made = {}
    for name, labels in {
        "LinearClassifier": (models.Y > 2).astype(np.int64),
        "LinearRegressor": models.Y,
    }.items():
        estimator = getattr(v1.estimator, name)([column], model_dir=os.path.join(directory, name))
        estimator.train(labels_of(labels), steps=2)
        path = estimator.export_saved_model(os.path.join(directory, f"{name}_export"), models.raw_receiver)
        made[name] = models.served(path)
    return made
