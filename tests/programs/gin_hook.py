"""Gin's hook, which writes the operative configuration when a session of an Estimator begins."""

import gin.tf
import numpy as np
import tensorflow as tf

X = np.linspace(-1, 1, 32, dtype="float32").reshape(-1, 1)


def points():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, 2 * X)).batch(16)


@gin.configurable
def layer_size(size=1):
    return size


def model_fn(features, labels, mode):
    outputs = tf.reduce_mean(
        features["x"] * tf.compat.v1.get_variable("w", [1, layer_size()]), axis=1, keepdims=True
    )
    loss = tf.reduce_mean((outputs - labels) ** 2)
    optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.1)
    train_op = optimizer.minimize(loss, global_step=tf.compat.v1.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def test_operative_configuration_of_each_training(tmp_path):
    gin.parse_config("layer_size.size = 3")
    estimator = tf.estimator.Estimator(model_fn, model_dir=str(tmp_path))
    for _ in range(2):
        hook = gin.tf.GinConfigSaverHook(str(tmp_path), summarize_config=True)
        estimator.train(lambda: points().repeat(), steps=2, hooks=[hook])
    written = sorted(path.name for path in tmp_path.glob("*.gin"))
    assert written == ["operative_config-0.gin", "operative_config-2.gin"]
    assert "layer_size.size = 3" in (tmp_path / written[1]).read_text()
    tags = {
        value.tag
        for path in tmp_path.glob("*tfevents*")
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    assert "gin/operative_config" in tags
    assert estimator.get_variable_value("w").shape == (1, 3)
