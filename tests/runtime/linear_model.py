"""A model small enough to train in milliseconds: y = w * x, with data that says y = 2 * x."""

import numpy as np
import tensorflow as tf

from estimator_runtime import Estimator, EstimatorSpec, ModeKeys, RunConfig, export

v1 = tf.compat.v1
X = np.arange(8, dtype=np.float32).reshape(8, 1) / 4
Y = 2 * X


def linear(x):
    return tf.matmul(x, v1.get_variable("w", [1, 1], initializer=v1.zeros_initializer()))


def spec(mode, y, labels, /, **fields):
    """The EstimatorSpec of a regression that predicts `y`; `fields` replace what it would hold."""
    if mode == ModeKeys.PREDICT:
        return EstimatorSpec(mode, **{"predictions": {"y": y, "twice": 2 * y}, **fields})
    loss = tf.reduce_mean(tf.square(y - labels))
    made = {"loss": loss, "predictions": {"y": y}}
    if mode == ModeKeys.TRAIN:
        optimizer = v1.train.GradientDescentOptimizer(0.1)
        made["train_op"] = optimizer.minimize(loss, v1.train.get_global_step())
    else:
        made["eval_metric_ops"] = {"mae": v1.metrics.mean_absolute_error(labels, y)}
    return EstimatorSpec(mode, **{**made, **fields})


def model_fn(features, labels, mode):
    return spec(mode, linear(features["x"]), labels)


def model_with(**fields):
    """A model function whose EstimatorSpec has the given fields; a callable field is called in the graph."""

    def changed(features, labels, mode):
        made = {k: v(features) if callable(v) else v for k, v in fields.items()}
        return spec(mode, linear(features["x"]), labels, **made)

    return changed


def train_input():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(4).repeat()


def eval_input():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(4)


def until_out_of_range():
    """Three batches of a queue, which then raises OutOfRangeError."""
    x = v1.train.batch([v1.train.input_producer(X, num_epochs=3, shuffle=False).dequeue()], 8)
    return {"x": x}, 2 * x


def until_stop_iteration():
    """Three batches of a Python source, which then raises StopIteration."""
    batches = iter([X, X, X])
    x = v1.py_func(lambda: next(batches), [], tf.float32)
    x.set_shape([8, 1])
    return {"x": x}, 2 * x


ENDING = [until_out_of_range, until_stop_iteration]


def config(**kwargs):
    return RunConfig(
        **{"save_checkpoints_steps": 5, "tf_random_seed": 1, "keep_checkpoint_max": 20, **kwargs}
    )


def estimator(model_dir, model=model_fn, *, params=None, **run_config):
    return Estimator(model, str(model_dir), config(**run_config), params)


def raw_receiver():
    x = v1.placeholder(tf.float32, [None, 1], name="x")
    return export.ServingInputReceiver({"x": x}, {"x": x})


def global_step(estimator):
    return int(estimator.get_variable_value("global_step"))


class Recorder(v1.train.SessionRunHook):
    """Counts the session's runs and keeps the order of the recorders' calls."""

    def __init__(self, name="recorder", calls=None):
        self.name = name
        self.calls = [] if calls is None else calls
        self.runs = 0

    def begin(self):
        self.calls.append(("begin", self.name))

    def after_run(self, run_context, run_values):
        self.runs += 1

    def end(self, session):
        self.calls.append(("end", self.name))
