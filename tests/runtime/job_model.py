"""What the jobs of the tests refer to: the linear model as a user's module would have it."""

import os
import time
from pathlib import Path

import tensorflow as tf
from linear_model import X, model_fn, raw_receiver, spec, train_input

from estimator_runtime import EstimatorSpec, ModeKeys

__all__ = ["X", "model_fn", "raw_receiver", "train_input"]

NOT_CALLABLE = 7
v1 = tf.compat.v1


def eval_input(params):
    return tf.data.Dataset.from_tensor_slices(({"x": X}, params["slope"] * X)).batch(4)


def endless_eval_input():
    return train_input()


def stuck_eval_input():
    """The second batch never comes: the main thread waits for it inside TensorFlow."""

    def batches():
        yield {"x": X}, X
        time.sleep(3600)

    signature = ({"x": tf.TensorSpec(X.shape)}, tf.TensorSpec(X.shape))
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def finite_input():
    return tf.data.Dataset.from_tensor_slices({"x": X}).batch(2)


def endless_predict_input():
    return tf.data.Dataset.from_tensor_slices({"x": X}).batch(2).repeat()


def two_answers_model(features, labels, mode):
    made = model_fn(features, labels, mode)
    if mode != ModeKeys.PREDICT:
        return made
    y = made.predictions["y"]
    word = tf.fill([tf.shape(y)[0]], "w\u00f6rd")
    return EstimatorSpec(mode, predictions={"y": y, "word": word, "nothing": y * float("nan")})


def keras_step_model(features, labels, mode):
    made = model_fn(features, labels, mode)
    if mode != ModeKeys.TRAIN:
        return made
    optimizer = tf.keras.optimizers.Adam(0.1)
    optimizer.iterations = v1.train.get_global_step()
    return EstimatorSpec(
        mode, loss=made.loss, train_op=optimizer.minimize(made.loss, v1.trainable_variables())
    )


def bare_model(features, labels, mode):
    made = model_fn(features, labels, mode)
    if mode != ModeKeys.PREDICT:
        return made
    return EstimatorSpec(mode, predictions=made.predictions["y"])


def complex_model(features, labels, mode):
    made = model_fn(features, labels, mode)
    if mode != ModeKeys.PREDICT:
        return made
    return EstimatorSpec(mode, predictions={"y": tf.cast(made.predictions["y"], tf.complex64)})


def broken_receiver():
    raise RuntimeError("no receiver today")


def model_with_params(features, labels, mode, params):
    assert params == {"slope": 2}
    return model_fn(features, labels, mode)


def broken_model(features, labels, mode):
    raise RuntimeError("the model is broken on purpose\nand says so at length")


def wider_model(features, labels, mode):
    v1.get_variable("another", [3])
    return model_fn(features, labels, mode)


def other_shape_model(features, labels, mode):
    w = v1.get_variable("w", [2, 1])
    return spec(mode, features["x"] * tf.reduce_sum(w), labels)


def odd_model(features, surprise):
    raise AssertionError("never called")


class Pause(tf.compat.v1.train.SessionRunHook):
    """Keeps an endless training from being a busy one."""

    pauses = 0

    def after_run(self, run_context, run_values):
        Pause.pauses += 1
        time.sleep(0.01)


class Stall(tf.compat.v1.train.SessionRunHook):
    """A third step that never ends; the file `stalled` in the model directory says that it has begun."""

    def begin(self):
        self.steps = 0

    def after_run(self, run_context, run_values):
        self.steps += 1
        if self.steps == 3:
            Path(os.environ["ESTIMATOR_MODEL_DIR"], "stalled").touch()
        while self.steps == 3:
            time.sleep(0.01)


pause = Pause()


def make_pause():
    return Pause()


def no_hook():
    return 7


class Count(tf.compat.v1.train.SessionRunHook):
    """Writes down the last step that was made, in the file `made` beside the model."""

    def begin(self):
        self.step = v1.train.get_global_step()
        self.file = os.open(f"{os.environ['ESTIMATOR_MODEL_DIR']}.made", os.O_WRONLY | os.O_CREAT)

    def before_run(self, run_context):
        return v1.train.SessionRunArgs(self.step)

    def after_run(self, run_context, run_values):
        # One call of the kernel: whenever the process ends, the file holds a whole number.
        os.pwrite(self.file, b"%020d" % run_values.results, 0)
