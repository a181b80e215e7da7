"""The migration guide's table of signatures is what exports have."""

import re
from pathlib import Path

import pytest
import tensorflow as tf

import estimator_runtime as er

GUIDE = Path(__file__).parents[2] / "docs/migration.md"
ROWS = {
    (model, re.split(r"[ (,]", receiver)[0]): set(re.findall(r"`(\w+)`", signatures))
    for model, receiver, signatures in re.findall(
        r"^\| (canned \w+|a `model_fn`)[^|]* \| ([^|]+) \| ([^|]+) \|$", GUIDE.read_text(), re.MULTILINE
    )
}
X = tf.feature_column.numeric_column("x")


def raw():
    return er.export.build_raw_serving_input_receiver_fn({"x": tf.zeros([1, 1])})


def parsing():
    return er.export.build_parsing_serving_input_receiver_fn({"x": tf.io.FixedLenFeature([1], tf.float32)})


def one_string():
    def receive():
        text = tf.compat.v1.placeholder(tf.string, [None])
        return er.export.ServingInputReceiver({"x": tf.strings.to_number(tf.reshape(text, [-1, 1]))}, text)

    return receive


def model_fn(features, labels, mode):
    y = tf.keras.layers.Dense(1)(features["x"])
    if mode == er.ModeKeys.PREDICT:
        return er.EstimatorSpec(mode, predictions={"y": y})
    loss = tf.reduce_mean(tf.square(y - labels))
    step = tf.compat.v1.train.get_global_step()
    return er.EstimatorSpec(
        mode, loss=loss, train_op=tf.compat.v1.train.AdamOptimizer(0.1).minimize(loss, step)
    )


MODELS = {
    "canned classifier": lambda folder: er.LinearClassifier([X], model_dir=folder),
    "canned regressor": lambda folder: er.LinearRegressor([X], model_dir=folder),
    "a `model_fn`": lambda folder: er.Estimator(model_fn, folder),
}


@pytest.mark.parametrize("model", MODELS)
def test_signatures_of_a_model_by_receiver(model, tmp_path):
    estimator = MODELS[model](str(tmp_path / "model"))
    labels = [[0], [0], [1]] if "classifier" in model else [[0.0], [0.0], [1.0]]
    estimator.train(
        lambda: tf.data.Dataset.from_tensors(({"x": [[1.0], [2.0], [3.0]]}, labels)).repeat(), steps=1
    )
    for kind, receiver in (("raw", raw), ("strings", parsing), ("strings", one_string)):
        path = estimator.export_saved_model(str(tmp_path / receiver.__name__), receiver())
        found = set(tf.saved_model.load(path).signatures)
        assert found == ROWS.get((model, kind)) or found == ROWS.get((model, "any")), (model, kind, found)
