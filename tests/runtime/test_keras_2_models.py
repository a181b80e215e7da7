"""`model_to_estimator` of Keras 2 models; tests/conformance holds them against tf.estimator."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import estimator_runtime as er
from estimator_runtime import model_to_estimator

X = np.sin(np.arange(64, dtype=np.float32)).reshape(16, 4)
Y = X[:, :1] * 2 + 0.5
LEGACY = tf_keras.optimizers.legacy


def model(optimizer=None, **compiled):
    tf_keras.backend.clear_session()
    x = tf_keras.Input((4,), name="x")
    net = tf_keras.layers.Dense(
        3, activation="tanh", kernel_initializer=tf_keras.initializers.GlorotUniform(1)
    )(x)
    net = tf_keras.layers.BatchNormalization(momentum=0.8)(net)
    made = tf_keras.Model(x, tf_keras.layers.Dense(1, name="y", kernel_initializer="ones")(net))
    made.compile(optimizer or LEGACY.SGD(0.1), **{"loss": "mse", "metrics": ["mae"], **compiled})
    return made


def batches():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(4)


def predicted(made):
    return np.stack([one["y"] for one in made.predict(batches)])


def test_it_begins_with_all_weights_of_the_model(tmp_path):
    given = model()
    given.set_weights([0.3 * value + 0.1 for value in given.get_weights()])
    before = given.predict(X, verbose=0)
    made = model_to_estimator(given, model_dir=tmp_path)
    np.testing.assert_allclose(predicted(made), before, rtol=1e-5, atol=1e-6)
    made.train(batches)
    assert not np.allclose(predicted(made), before)


def test_its_variables_have_the_names_of_tf_estimators_checkpoints(tmp_path):
    made = model_to_estimator(model(LEGACY.Adam(0.1)), model_dir=tmp_path).train(batches)
    layers = [
        "batch_normalization/beta",
        "batch_normalization/gamma",
        "dense/bias",
        "dense/kernel",
        "y/bias",
        "y/kernel",
    ]
    assert made.get_variable_names() == sorted(
        [
            *layers,
            *(f"training/Adam/{name}/{slot}" for name in layers for slot in "mv"),
            *(f"training/Adam/{name}" for name in ("beta_1", "beta_2", "decay", "learning_rate")),
            "batch_normalization/moving_mean",
            "batch_normalization/moving_variance",
            "global_step",
        ]
    )
    assert made.get_variable_value("global_step") == 4


def test_the_first_weights_are_saved_with_what_a_training_saves(tmp_path):
    made = model_to_estimator(model(LEGACY.Adam(0.1)), model_dir=tmp_path)
    first = {name for name, _ in tf.train.list_variables(str(tmp_path / "keras"))}
    assert first == set(made.train(batches).get_variable_names())


def test_what_is_changed_before_the_first_training_is_what_it_begins_with(tmp_path):
    model_to_estimator(model(), model_dir=tmp_path)
    given = model()
    given.set_weights([value + 1 for value in given.get_weights()])
    before = given.predict(X, verbose=0)  # afterwards Keras 2 does not call it any more
    made = model_to_estimator(given, model_dir=tmp_path)
    np.testing.assert_allclose(predicted(made), before, rtol=1e-5, atol=1e-6)
    made.train(batches)
    again = model_to_estimator(model(), model_dir=tmp_path)
    np.testing.assert_array_equal(predicted(again), predicted(made))


def test_newer_optimizers_are_replaced_and_those_newer_still_refused_by_name(tmp_path, tf_log):
    new = model_to_estimator(model(tf_keras.optimizers.SGD(0.1, momentum=0.9)), model_dir=tmp_path / "new")
    old = model_to_estimator(model(LEGACY.SGD(0.1, momentum=0.9)), model_dir=tmp_path / "old")
    np.testing.assert_allclose(predicted(new.train(batches)), predicted(old.train(batches)), rtol=1e-6)
    model_to_estimator(model(tf_keras.optimizers.Adam(0.1, weight_decay=0.1)), model_dir=tmp_path / "decay")
    assert any("does not know weight_decay" in line for line in tf_log)
    for kind in (ValueError, AttributeError):
        with pytest.raises(kind, match=r"AdamW of Keras 2 does not run in a graph.*optimizers.legacy"):
            model_to_estimator(model(tf_keras.optimizers.AdamW(0.1)), model_dir=tmp_path / "w")


class Untold(tf_keras.Model):
    """A model of an own class whose config is empty."""

    def __init__(self):
        super().__init__()
        self.out = tf_keras.layers.Dense(1, name="out")

    def call(self, x):
        return self.out(x)


def test_a_model_of_an_own_class_that_was_built_begins_anew_and_says_so(tmp_path, tf_log):
    tf_keras.backend.clear_session()
    given = Untold()
    given(X)
    before = given.get_weights()
    given.compile(LEGACY.SGD(0.1), "mse")
    made = model_to_estimator(given, model_dir=tmp_path)
    assert any("its weights are not taken over" in line for line in tf_log)
    made.train(lambda: tf.data.Dataset.from_tensor_slices((X, Y)).batch(4))
    assert not np.allclose(made.get_variable_value("untold/out/kernel"), before[0])


def test_a_batch_without_labels_is_refused(tmp_path):
    made = model_to_estimator(model(), model_dir=tmp_path)
    with pytest.raises(ValueError, match="needs labels, and there are none"):
        made.train(lambda: tf.data.Dataset.from_tensor_slices({"x": X}).batch(4))


PROGRAM = """
import sys
from estimator_runtime import compat
compat.install()
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(1,), name="line")])
model.compile("sgd", "mse")
estimator = tf.keras.estimator.model_to_estimator(model, model_dir=sys.argv[1])

def input_fn():
    return tf.data.Dataset.from_tensors(([[1.0], [2.0]], [[2.0], [4.0]])).repeat(3)

estimator.train(input_fn)
assert estimator.latest_checkpoint().endswith("model.ckpt-3")
assert isinstance(estimator, tf.estimator.Estimator)
assert "tf_keras" in type(model).__module__, type(model)
"""


def test_tf_keras_own_function_finds_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
    )
    assert done.returncode == 0, done.stderr


def test_steps_are_those_of_the_batches(tmp_path):
    spec = er.EvalSpec(batches, steps=None, throttle_secs=0)
    metrics, _ = er.train_and_evaluate(
        model_to_estimator(model(), model_dir=tmp_path), er.TrainSpec(batches, max_steps=3), spec
    )
    assert metrics["global_step"] == 3


def test_sample_weights_count_in_weighted_metrics_alone(tmp_path):
    weights = np.linspace(0, 2, 16, dtype=np.float32)
    given = model(metrics=["mae"], weighted_metrics=[tf_keras.metrics.MeanSquaredError(name="weighted")])
    y = given.predict(X, verbose=0)
    made = model_to_estimator(given, model_dir=tmp_path)
    features = {"features": {"x": X}, "sample_weights": weights}
    result = made.evaluate(lambda: tf.data.Dataset.from_tensor_slices((features, Y)).batch(16))
    squares = np.square(y - Y)[:, 0]
    assert result["weighted"] == pytest.approx(np.average(squares, weights=weights), rel=1e-4)
    assert result["loss"] == pytest.approx(np.mean(squares * weights), rel=1e-4)
    assert result["mae"] == pytest.approx(np.abs(y - Y).mean(), rel=1e-4)
