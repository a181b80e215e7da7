"""Seeds of Keras 3's Dropout and cells, and checkpoints that have none, as those of Keras 2."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_runtime as er

v1 = tf.compat.v1
X = np.arange(8, dtype=np.float32).reshape(2, 4)
SEED = "seed_generator/seed_generator_state"


def input_fn():
    return tf.data.Dataset.from_tensors(({"x": X}, X[:, :1])).repeat()


def features_only():
    return tf.data.Dataset.from_tensors({"x": X})


def model_fn(features, labels, mode, params):
    """Two layers; with `params["drops"]` with what has a seed between them, which Keras 2 did not save."""
    ones = tf.keras.initializers.Ones()
    net = tf.keras.layers.Dense(3, kernel_initializer=ones)(features["x"])
    if params["drops"]:
        net = tf.keras.layers.Dropout(0.5)(net, training=mode == er.ModeKeys.TRAIN)
        net = tf.keras.layers.LSTM(2)(tf.expand_dims(net, 1)) if params.get("cell") else net
    y = tf.keras.layers.Dense(1, kernel_initializer=ones)(net)
    if mode == er.ModeKeys.PREDICT:
        return er.EstimatorSpec(mode, predictions={"y": y})
    loss = tf.reduce_mean((y - labels) ** 2)
    if params.get("more"):
        loss += v1.get_variable("more", [])
    step = v1.train.GradientDescentOptimizer(0.001).minimize(loss, v1.train.get_global_step())
    return er.EstimatorSpec(mode, loss=loss, train_op=step)


def estimator(directory, **params):
    config = er.RunConfig(save_checkpoints_steps=100, tf_random_seed=1)
    return er.Estimator(model_fn, str(directory), config, params)


@pytest.fixture
def former(tmp_path):
    """A directory whose checkpoint has no seeds."""
    estimator(tmp_path, drops=False).train(input_fn, steps=2)
    return tmp_path


def test_a_training_goes_on_from_a_checkpoint_without_seeds(former, caplog):
    made = estimator(former, drops=True)
    with caplog.at_level("INFO", logger="tensorflow"):
        made.train(input_fn, steps=3)
    assert f"{former}/model.ckpt-2 is a checkpoint of Keras 2: seeds begin anew." in caplog.messages
    assert made.get_variable_value("global_step") == 5
    assert made.get_variable_value(SEED)[1] == 3


def test_it_goes_on_with_its_own_seeds_then(former, caplog):
    made = estimator(former, drops=True)
    made.train(input_fn, steps=3)
    with caplog.at_level("INFO", logger="tensorflow"):
        made.train(input_fn, steps=2)
    assert not [line for line in caplog.messages if "Keras 2" in line]
    assert made.get_variable_value(SEED)[1] == 5


def receiver():
    return er.export.build_raw_serving_input_receiver_fn({"x": v1.placeholder(tf.float32, [None, 4])})()


def test_evaluation_prediction_and_export_ask_no_checkpoint_for_seeds(former):
    made, plain = estimator(former, drops=True), estimator(former, drops=False)
    assert made.evaluate(input_fn, steps=1) == plain.evaluate(input_fn, steps=1)
    (expected, *_), (found, *_) = list(plain.predict(features_only)), list(made.predict(features_only))
    assert found["y"] == expected["y"]
    served = tf.saved_model.load(made.export_saved_model(str(former / "export"), receiver))
    answer = served.signatures["serving_default"](tf.constant(X))
    np.testing.assert_allclose(answer["y"][0], expected["y"], rtol=1e-5)


def test_all_modes_are_exported_of_such_a_checkpoint(former):
    supervised = er.experimental.build_raw_supervised_input_receiver_fn(
        {"x": tf.constant(X)}, tf.constant(X[:, :1])
    )
    receivers = {er.ModeKeys.TRAIN: supervised, er.ModeKeys.EVAL: supervised, er.ModeKeys.PREDICT: receiver}
    path = estimator(former, drops=True).experimental_export_all_saved_models(
        str(former / "export"), receivers
    )
    with tf.Graph().as_default(), v1.Session() as session:
        graph = v1.saved_model.load(session, ["train"], path)
        inputs = graph.signature_def["train"].inputs
        # What draws masks can be run at once.
        (step,) = v1.get_collection("saved_model_train_op")
        session.run(step, {one.name: X if key == "x" else X[:, :1] for key, one in inputs.items()})


def test_a_seed_of_a_cell_that_draws_nothing_keeps_nobody_from_restoring(tmp_path):
    made = estimator(tmp_path, drops=True, cell=True)
    made.train(input_fn, steps=2)
    names = made.get_variable_names()
    assert [name for name in names if name.endswith("seed_generator_state")]
    made.train(input_fn, steps=1)
    assert made.get_variable_value("global_step") == 3


def test_a_variable_that_is_missing_is_missed_all_the_same(former):
    with pytest.raises(tf.errors.NotFoundError, match="more"):
        estimator(former, drops=True, more=True).train(input_fn, steps=1)
