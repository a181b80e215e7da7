"""A model function of tf_slim's layers, regularizers and train op, as programs that left tf.contrib have them.

Its batch_norm, optimize_loss and clipping are left out: they name TensorFlow's `ops.Tensor` and `ops.IndexedSlices`, gone in 2.15 too.
"""

import numpy as np
import tensorflow as tf
import tf_slim as slim

X = np.linspace(-1, 1, 32, dtype="float32").reshape(-1, 1)


def points():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, 2 * X)).batch(16)


def model_fn(features, labels, mode):
    training = mode == tf.estimator.ModeKeys.TRAIN
    with slim.arg_scope([slim.fully_connected], weights_regularizer=slim.l2_regularizer(1e-3)):
        net = slim.fully_connected(features["x"], 8, normalizer_fn=slim.layer_norm, scope="hidden")
        net = slim.dropout(net, 0.9, is_training=training)
        outputs = slim.fully_connected(net, 1, activation_fn=None, scope="outputs")
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"y": outputs})
    tf.compat.v1.losses.mean_squared_error(labels, outputs)
    loss = tf.compat.v1.losses.get_total_loss()
    metrics = {"error": tf.compat.v1.metrics.mean_absolute_error(labels, outputs)}
    optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.1)
    train_op = slim.learning.create_train_op(loss, optimizer)
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op, eval_metric_ops=metrics)


def test_model_of_slim_layers(tmp_path):
    estimator = tf.estimator.Estimator(model_fn, model_dir=str(tmp_path))
    estimator.train(lambda: points().repeat(), steps=4)
    result = estimator.evaluate(points)
    assert result["global_step"] == 4
    assert np.isfinite(result["loss"])
    assert np.isfinite(result["error"])
    assert len(list(estimator.predict(points))) == len(X)
    assert "hidden/weights" in estimator.get_variable_names()
