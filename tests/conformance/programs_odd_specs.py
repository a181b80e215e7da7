"""Odd EstimatorSpecs: what each side makes of predictions, metrics, losses and steps of many kinds."""

import collections
import itertools
import os

import models
import numpy as np
import tensorflow as tf
from catalogue import program
from models import v1
from programs_odd_arguments import of_each, state
from programs_odd_inputs import Pair

PREDICTIONS = {
    "array": lambda y: {"y": np.ones([4, 1], np.float32)},
    "list": lambda y: [y],
    "tuple": lambda y: (y,),
    "nested": lambda y: {"y": {"z": y}},
    "int key": lambda y: {1: y},
    "tuple key": lambda y: {("a", "b"): y},
    "none key": lambda y: {None: y},
    "ordered": lambda y: collections.OrderedDict(b=y, a=2 * y),
    "default dict": lambda y: collections.defaultdict(list, y=y),
    "scalar": lambda y: {"y": tf.reduce_sum(y)},
    "scalar alone": tf.reduce_sum,
    "other lengths": lambda y: {"y": y, "z": tf.concat([y, y], 0)},
    "words": lambda y: {"y": tf.strings.as_string(y)},
    "bool": lambda y: y > 0,
    "half": lambda y: tf.cast(y, tf.bfloat16),
    "none in it": lambda y: {"y": None},
    "number": lambda y: {"y": 1.0},
    "namedtuple": lambda y: Pair(y, y),
    "sparse": lambda y: {"y": tf.sparse.from_dense(y)},
    "tensor of no shape": lambda y: {"y": v1.placeholder_with_default(y, None)},
}


@program("predict", "predict batches", "EstimatorSpec")
def kinds_of_predictions(directory):
    def run(where, make, **given):
        made = models.estimator(where, models.linear_in("infer", predictions=make))
        made.train(models.batches, steps=1)
        # What does not depend on the input never ends.
        found = list(itertools.islice(made.predict(models.features_only, **given), 12))
        return len(found), found[0]

    return {
        "examples": of_each(os.path.join(directory, "e"), PREDICTIONS, run),
        "batches": of_each(
            os.path.join(directory, "b"),
            PREDICTIONS,
            lambda d, make: run(d, make, yield_single_examples=False),
        ),
    }


METRICS = {
    "operations": lambda y: {"m": (tf.no_op(), tf.no_op())},
    "value and operation": lambda y: {"m": (tf.reduce_sum(y), tf.no_op())},
    "value twice": lambda y: {"m": (tf.reduce_sum(y),) * 2},
    "list": lambda y: {"m": [tf.reduce_sum(y), tf.no_op()]},
    "three": lambda y: {"m": (tf.reduce_sum(y), tf.no_op(), tf.no_op())},
    "one tensor": lambda y: {"m": tf.reduce_sum(y)},
    "vector": lambda y: {"m": (tf.reshape(y, [-1]), tf.no_op())},
    "matrix": lambda y: {"m": (y, tf.no_op())},
    "word": lambda y: {"m": (tf.constant("a"), tf.no_op())},
    "bool": lambda y: {"m": (tf.constant(True), tf.no_op())},
    "int": lambda y: {"m": (tf.constant(3), tf.no_op())},
    "nan": lambda y: {"m": (tf.constant(np.nan), tf.no_op())},
    "nested update": lambda y: {"m": (tf.reduce_sum(y), {"a": tf.no_op()})},
    "dict value": lambda y: {"m": ({"a": tf.reduce_sum(y)}, tf.no_op())},
    "list of updates": lambda y: {"m": (tf.reduce_sum(y), [tf.no_op(), tf.no_op()])},
    "int key": lambda y: {1: v1.metrics.mean(y)},
    "none key": lambda y: {None: v1.metrics.mean(y)},
    "slash": lambda y: {"a/b": v1.metrics.mean(y)},
    "empty key": lambda y: {"": v1.metrics.mean(y)},
    "space": lambda y: {"a b": v1.metrics.mean(y)},
    "loss": lambda y: {"loss": v1.metrics.mean(y)},
    "global_step": lambda y: {"global_step": v1.metrics.mean(y)},
    "none": lambda y: {"m": None},
    "function": lambda y: {"m": lambda: v1.metrics.mean(y)},
    "empty": lambda y: {},
    "list of pairs": lambda y: [("m", v1.metrics.mean(y))],
    "variable": lambda y: {"m": (models.variable("more", [], 2.0, trainable=False), tf.no_op())},
    "number": lambda y: {"m": (1.0, tf.no_op())},
}


@program("evaluate", "evaluate summaries", "EstimatorSpec")
def kinds_of_metrics(directory):
    def run(where, make):
        made = models.estimator(where, models.linear_in("eval", eval_metric_ops=make))
        return made.evaluate(models.once)

    return of_each(directory, METRICS, run)


LOSSES = {
    "vector of one": lambda loss: tf.reshape(loss, [1]),
    "matrix of one": lambda loss: tf.reshape(loss, [1, 1]),
    "vector of two": lambda loss: tf.stack([loss, loss]),
    "int": lambda loss: tf.cast(loss, tf.int32),
    "float64": lambda loss: tf.cast(loss, tf.float64),
    "half": lambda loss: tf.cast(loss, tf.bfloat16),
    "no shape": lambda loss: v1.placeholder_with_default(loss, None),
    "number": lambda loss: 1.0,
    "numpy": lambda loss: np.float32(1.0),
    "variable": lambda loss: models.variable("l", [], 2.0, trainable=False),
    "word": lambda loss: tf.constant("a"),
    "list": lambda loss: [loss],
    "bool": lambda loss: loss > 0,
    "infinite": lambda loss: loss + np.inf,
    "complex": lambda loss: tf.cast(loss, tf.complex64),
}
STEPS = {
    "tensor": lambda step: tf.constant(1.0),
    "with a value": lambda step: v1.assign_add(step, 1),
    "read": lambda step: step.assign_add(1, read_value=True) if hasattr(step, "assign_add") else step,
    "list": lambda step: [v1.assign_add(step, 1)],
    "no step": lambda step: tf.no_op(),
    "step of ten": lambda step: v1.assign_add(step, 10),
    "backwards": lambda step: v1.assign_sub(step, 1),
    "number": lambda step: 1,
    "function": lambda step: lambda: v1.assign_add(step, 1),
    "variable": lambda step: step,
    "word": lambda step: "train",
}


@program("train steps", "evaluate", "EstimatorSpec")
def kinds_of_losses_and_steps(directory):
    def with_loss(make):
        def model_fn(features, labels, mode):
            y = models.line(features["x"])
            if mode == "infer":
                return models.regression(mode, y, labels)
            loss = tf.reduce_mean(tf.square(y - labels))
            step = v1.train.GradientDescentOptimizer(0.1).minimize(loss, v1.train.get_global_step())
            return tf.estimator.EstimatorSpec(mode, loss=make(loss), train_op=step)

        return model_fn

    def with_step(make):
        return models.linear_in("train", train_op=lambda y: make(v1.train.get_global_step()))

    def trained(where, model_fn):
        made = models.estimator(where, model_fn)
        # Some of these never count, and the input ends them.
        made.train(lambda: models.batches().take(4), steps=3)
        return state(made)

    def evaluated(where, model_fn):
        return models.estimator(where, model_fn).evaluate(models.batches, steps=2)

    return {
        "loss in training": of_each(
            os.path.join(directory, "t"), LOSSES, lambda d, make: trained(d, with_loss(make))
        ),
        "loss in evaluation": of_each(
            os.path.join(directory, "e"), LOSSES, lambda d, make: evaluated(d, with_loss(make))
        ),
        "step": of_each(os.path.join(directory, "s"), STEPS, lambda d, make: trained(d, with_step(make))),
    }
