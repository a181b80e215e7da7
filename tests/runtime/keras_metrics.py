"""Models with metrics of Keras 3, and metrics that a program wrote itself."""

import linear_model
import tensorflow as tf
from linear_model import X, eval_input

from estimator_runtime import ModeKeys

metrics = tf.keras.metrics
BOTH = (ModeKeys.TRAIN, ModeKeys.EVAL)


def updated(metric, *arguments, **named):
    metric.update_state(*arguments, **named)
    return metric


def model(make, modes=(ModeKeys.EVAL,), **in_training):
    """A model function with the metrics that `make(labels, y)` returns; `in_training` are further fields, called."""

    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        fields = {"eval_metric_ops": make(labels, y)} if mode in modes else {}
        if mode == ModeKeys.TRAIN:
            fields |= {name: field() for name, field in in_training.items()}
        return linear_model.spec(mode, y, labels, **fields)

    return model_fn


def evaluated(trained, make, **kwargs):
    return linear_model.estimator(trained.model_dir, model(make)).evaluate(eval_input, **kwargs)


def predicted(estimator):
    return estimator.get_variable_value("w").item() * X


class Order(metrics.Metric):
    """Two variables, each of which is read after the other one was assigned."""

    def __init__(self):
        super().__init__(name="order")
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        self.half = self.add_weight(shape=(), initializer="zeros", name="half")

    def update_state(self, values):
        self.total.assign_add(tf.reduce_sum(values))
        self.half.assign(self.total / 2)
        self.total.assign_add(self.half)

    def result(self):
        return tf.stack([self.total + 0.0, self.half + 0.0])


class Sum(metrics.Metric):
    """The sum; `result` is the variable itself, as Keras' own documentation has it."""

    def __init__(self, name="sum_of_all"):
        super().__init__(name=name)
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")

    def update_state(self, values):
        self.total.assign_add(tf.reduce_sum(values))

    def result(self):
        return self.total


class InBranch(Sum):
    def update_state(self, values):
        def add():
            self.total.assign_add(tf.reduce_sum(values))
            return tf.constant(0)

        tf.cond(tf.reduce_sum(values) > 10.0, add, lambda: tf.constant(0))


class InFunction(Sum):
    update_state = tf.function(Sum.update_state)


class InBranchOfFunction(InBranch):
    update_state = tf.function(InBranch.update_state)


class ByName(Sum):
    def result(self):
        return {"sum": self.total, "twice": self.total * 2}


class Batches(metrics.Metric):
    """How many batches there were, of which it needs nothing."""

    def __init__(self):
        super().__init__(name="batches")
        self.batches = self.add_weight(shape=(), initializer="zeros")

    def update_state(self, values):
        self.batches.assign_add(1.0)

    def result(self):
        return self.batches
