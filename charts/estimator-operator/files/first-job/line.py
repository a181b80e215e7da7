"""Fits a line: the smallest Estimator there is."""

import tensorflow as tf

v1 = tf.compat.v1


def model_fn(features, labels, mode):
    """One weight and a bias."""
    weight = v1.get_variable("weight", [], initializer=v1.zeros_initializer())
    bias = v1.get_variable("bias", [], initializer=v1.zeros_initializer())
    outputs = features["x"] * weight + bias
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"y": outputs})
    loss = tf.reduce_mean(tf.square(outputs - labels))
    if mode == tf.estimator.ModeKeys.EVAL:
        return tf.estimator.EstimatorSpec(mode, loss=loss)
    train_op = v1.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=v1.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def input_fn():
    """Y = 2 x + 1, without end."""
    x = tf.data.Dataset.range(16).repeat().map(lambda i: tf.cast(i, tf.float32) / 16.0)
    return x.map(lambda x: ({"x": x}, 2 * x + 1)).batch(8)
