"""Programs of Keras 2: with tf_keras they run as they stand, without it they are told the way out."""

import os
import subprocess
import sys

import linear_model
import pytest
import tensorflow as tf
from linear_model import v1

from estimator_runtime.errors import EstimatorError

PROGRAM = """
import sys
import tensorflow as tf
from estimator_runtime import Estimator, EstimatorSpec

v1 = tf.compat.v1

def model_fn(features, labels, mode):
    y = v1.layers.dense(v1.layers.dense(features["x"], 2), 1, name="out")
    if mode == "infer":
        return EstimatorSpec(mode, predictions=y)
    loss = tf.reduce_mean(tf.square(y - labels))
    train_op = v1.train.AdamOptimizer(0.1).minimize(loss, v1.train.get_global_step())
    metrics = None
    if mode == "eval":
        metrics = {"error": tf.keras.metrics.MeanAbsoluteError(), "mean": tf.keras.metrics.Mean()}
        metrics["error"].update_state(labels, y)
        metrics["mean"].update_state(labels)
    return EstimatorSpec(mode, predictions=y, loss=loss, train_op=train_op, eval_metric_ops=metrics)

def input_fn():
    return tf.data.Dataset.from_tensor_slices(({"x": [[1.0], [2.0]]}, [[1.0], [3.0]])).batch(1)

estimator = Estimator(model_fn, sys.argv[1]).train(input_fn)
for _ in range(2):
    results = estimator.evaluate(input_fn)
predicted = list(estimator.predict(input_fn))
assert results["mean"] == 2.0, results
assert abs(results["error"] - (abs(predicted[0][0] - 1) + abs(predicted[1][0] - 3)) / 2) < 1e-5, (results, predicted)
names = [name for name in estimator.get_variable_names() if "Adam" not in name and "power" not in name]
assert names == ["dense/bias", "dense/kernel", "global_step", "out/bias", "out/kernel"], names
"""


def test_layers_and_metrics_of_keras_2_with_tf_keras(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
    )
    assert done.returncode == 0, done.stderr


def test_layers_of_keras_2_without_it_name_the_ways_out(tmp_path):
    def model_fn(features, labels, mode):
        raise AttributeError("`dense` is not available with Keras 3.")  # v1.layers.dense, without compat

    estimator = linear_model.estimator(tmp_path, model_fn)
    with pytest.raises(
        AttributeError,
        match=r"`dense` is not available with Keras 3\..*tf\.keras\.layers.*compat\.install\(\).*TF_USE_LEGACY_KERAS=1",
    ) as raised:
        estimator.train(linear_model.train_input, steps=1)
    assert isinstance(raised.value, EstimatorError)


def test_other_missing_attributes_are_left_alone(tmp_path):
    def model_fn(features, labels, mode):
        return tf.no_such_name

    with pytest.raises(AttributeError, match="no_such_name") as raised:
        linear_model.estimator(tmp_path, model_fn).train(linear_model.train_input, steps=1)
    assert not isinstance(raised.value, EstimatorError)


def test_a_cell_of_keras_2_is_told_the_layers_that_take_its_place(tmp_path):
    def model(features, labels, mode):
        raise AttributeError(
            "`BasicLSTMCell` is not available with Keras 3."
        )  # v1.nn.rnn_cell, without compat

    with pytest.raises(EstimatorError, match=r"tf.keras.layers.LSTM in place of BasicLSTMCell"):
        linear_model.estimator(tmp_path, model).train(linear_model.train_input, steps=1)


def test_the_count_of_an_optimizer_around_another_one_names_the_ways_out(tmp_path):
    def model(features, labels, mode):
        spec = linear_model.model_fn(features, labels, mode)
        optimizer = tf.keras.optimizers.LossScaleOptimizer(tf.keras.optimizers.Adam(0.1))
        optimizer.iterations = v1.train.get_global_step()
        return spec

    with pytest.raises(
        AttributeError,
        match=r"LossScaleOptimizer of Keras 3 makes no step.*AdamOptimizer.*optimizers\.legacy",
    ) as raised:
        linear_model.estimator(tmp_path, model).train(linear_model.train_input, steps=1)
    assert isinstance(raised.value, EstimatorError)
