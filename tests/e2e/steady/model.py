"""A model that trains until the file `stop` appears in the model directory: tests decide when training ends."""

import os
import time

import tensorflow as tf

v1 = tf.compat.v1


def model_fn(features, labels, mode, params):
    """One weight and a bias."""
    weight = v1.get_variable("weight", [], initializer=v1.zeros_initializer())
    bias = v1.get_variable("bias", [], initializer=v1.zeros_initializer())
    outputs = features["x"] * weight + bias
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"y": outputs})
    loss = tf.reduce_mean(tf.square(outputs - labels))
    if mode == tf.estimator.ModeKeys.EVAL:
        return tf.estimator.EstimatorSpec(mode, loss=loss)
    if params.get("broken"):
        raise RuntimeError("the model is broken on purpose")
    train_op = v1.train.GradientDescentOptimizer(0.01).minimize(loss, global_step=v1.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def input_fn():
    """y = 2 x + 1, endless."""
    x = tf.data.Dataset.range(16).repeat().map(lambda i: tf.cast(i, tf.float32) / 16.0)
    return x.map(lambda x: ({"x": x}, 2 * x + 1)).batch(8)


def serving_input_receiver_fn():
    """Requests carry x [batch]."""
    x = v1.placeholder(tf.float32, [None], name="x")
    return tf.estimator.export.ServingInputReceiver({"x": x}, {"x": x})


class StopFile(tf.estimator.SessionRunHook):
    """Ends training when the file is there. The pause keeps one small machine from being busy with one weight."""

    def __init__(self):
        self._path = os.path.join(os.environ["ESTIMATOR_MODEL_DIR"], "stop")

    def after_run(self, run_context, run_values):
        """Looks after every step."""
        time.sleep(0.02)
        if os.path.exists(self._path):
            run_context.request_stop()
