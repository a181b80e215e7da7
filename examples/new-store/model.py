"""Forecasts the next day's sales of a shop from the last fourteen days."""

import tensorflow as tf
from sales import WINDOW

v1 = tf.compat.v1


def model_fn(features, labels, mode, params):
    """{"history": [batch, 14], "weekday": [batch]} to the sales of the next day, [batch, 1]."""
    with v1.variable_scope("weekday"):
        embedding = v1.get_variable("embedding", [7, 4], initializer=v1.random_normal_initializer(stddev=0.3))
    net = tf.concat([features["history"], tf.nn.embedding_lookup(embedding, features["weekday"])], axis=1)
    for layer, units in enumerate((32, 16)):
        with v1.variable_scope(f"hidden_{layer}"):
            kernel = v1.get_variable(
                "kernel", [net.shape[1], units], initializer=v1.variance_scaling_initializer(2.0)
            )
            bias = v1.get_variable("bias", [units], initializer=v1.zeros_initializer())
            net = tf.nn.relu(tf.matmul(net, kernel) + bias)
    with v1.variable_scope("head"):
        kernel = v1.get_variable("kernel", [net.shape[1], 1], initializer=v1.glorot_uniform_initializer())
        bias = v1.get_variable("bias", [1], initializer=v1.ones_initializer())
        sales = tf.matmul(net, kernel) + bias

    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"sales": sales})

    loss = v1.losses.mean_squared_error(labels, sales)
    if mode == tf.estimator.ModeKeys.EVAL:
        error = v1.metrics.mean_absolute_error(labels, sales)
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops={"mean_absolute_error": error})

    optimizer = v1.train.AdamOptimizer(params["learning_rate"])
    train_op = optimizer.minimize(loss, global_step=v1.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def serving_input_receiver_fn():
    """Requests carry the last fourteen days and the weekday to forecast."""
    history = v1.placeholder(tf.float32, [None, WINDOW], name="history")
    weekday = v1.placeholder(tf.int32, [None], name="weekday")
    receiver = {"history": history, "weekday": weekday}
    return tf.estimator.export.ServingInputReceiver(receiver, receiver)
