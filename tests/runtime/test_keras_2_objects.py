"""`model_to_estimator(checkpoint_format="checkpoint")` of Keras 2 models: checkpoints of the model's objects."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from test_keras_2_models import LEGACY, Untold, batches, model, predicted

import estimator_runtime as er
from estimator_runtime import model_to_estimator

VALUE = ".ATTRIBUTES/VARIABLE_VALUE"


def converted(given, directory, **settings):
    config = er.RunConfig(save_checkpoints_steps=2, tf_random_seed=1, **settings)
    return model_to_estimator(given, model_dir=directory, config=config, checkpoint_format="checkpoint")


def test_checkpoints_hold_the_objects_that_keras_names(tmp_path):
    made = converted(model(LEGACY.Adam(0.1)), tmp_path).train(batches)
    names = set(made.get_variable_names())
    layers = {
        *(f"layer_with_weights-{number}/{name}" for number in (0, 2) for name in ("bias", "kernel")),
        *(f"layer_with_weights-1/{name}" for name in ("beta", "gamma")),
    }
    assert names == {
        "_CHECKPOINTABLE_OBJECT_GRAPH",
        *(f"{name}/{VALUE}" for name in layers),
        *(f"{name}/.OPTIMIZER_SLOT/optimizer/{slot}/{VALUE}" for name in layers for slot in "mv"),
        *(f"layer_with_weights-1/moving_{kind}/{VALUE}" for kind in ("mean", "variance")),
        *(f"optimizer/{name}/{VALUE}" for name in ("beta_1", "beta_2", "decay", "learning_rate")),
        f"estimator_global_step/{VALUE}",
    }
    assert made.get_variable_value(f"estimator_global_step/{VALUE}") == 4


def test_a_training_goes_on_from_them_and_ends_where_it_was_told_to(tmp_path):
    apart = converted(model(LEGACY.Adam(0.1)), tmp_path / "apart")
    for _ in range(2):
        apart.train(lambda: batches().repeat(), max_steps=4)
    apart = converted(model(LEGACY.Adam(0.1)), tmp_path / "apart")
    apart.train(lambda: batches().repeat(), max_steps=8)
    at_once = converted(model(LEGACY.Adam(0.1)), tmp_path / "once")
    at_once.train(lambda: batches().repeat(), max_steps=8)
    assert apart.evaluate(batches)["global_step"] == 8
    np.testing.assert_array_equal(predicted(apart), predicted(at_once))
    by_name = model_to_estimator(model(LEGACY.Adam(0.1)), model_dir=tmp_path / "names")
    by_name.train(lambda: batches().repeat(), max_steps=8)
    np.testing.assert_allclose(predicted(at_once), predicted(by_name), rtol=1e-5)


def test_keras_reads_them(tmp_path):
    made = converted(model(), tmp_path / "model").train(batches)
    path = made.latest_checkpoint()
    again = model()
    again.load_weights(path).assert_existing_objects_matched().expect_partial()
    answers = again.predict(np.concatenate([np.asarray(x["x"]) for x, _ in batches()]), verbose=0)
    np.testing.assert_allclose(predicted(made), answers, rtol=1e-5)


def test_keras_reads_the_first_weights_as_well(tmp_path):
    given = model(LEGACY.Adam(0.1))
    given.set_weights([0.3 * value + 0.1 for value in given.get_weights()])
    before = given.get_weights()
    made = converted(given, tmp_path)
    directory = tmp_path / "keras"
    path = tf.train.latest_checkpoint(directory)
    assert sorted(one.name for one in directory.iterdir()) == [
        "checkpoint",
        "keras_model.ckpt.data-00000-of-00001",
        "keras_model.ckpt.index",
    ]
    again = model(LEGACY.Adam(0.1))
    again.load_weights(path).assert_existing_objects_matched()
    for value, expected in zip(again.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, expected)
    first = {name for name, _ in tf.train.list_variables(path)}
    assert first == set(made.train(batches).get_variable_names())


def test_an_estimator_warm_starts_from_them(tmp_path):
    made = converted(model(), tmp_path / "model").train(batches)

    def model_fn(features, labels, mode):
        with tf.compat.v1.variable_scope("y"):
            kernel = tf.compat.v1.get_variable("kernel", [3, 1])
        return er.EstimatorSpec(mode, predictions={"y": tf.ones([1, 3]) @ kernel})

    warm = er.Estimator(model_fn, tmp_path / "warm", warm_start_from=made.model_dir)
    value = made.get_variable_value(f"layer_with_weights-2/kernel/{VALUE}")
    np.testing.assert_allclose(next(warm.predict(batches))["y"], [value.sum()], rtol=1e-6)


def test_an_export_serves_what_is_in_them(tmp_path):
    made = converted(model(), tmp_path / "model").train(batches)

    def receiver():
        x = tf.compat.v1.placeholder(tf.float32, [None, 4])
        return er.export.ServingInputReceiver({"x": x}, {"x": x})

    path = made.export_saved_model(str(tmp_path / "export"), receiver)
    served = tf.saved_model.load(str(path)).signatures["serving_default"]
    rows = np.concatenate([np.asarray(x["x"]) for x, _ in batches()])
    np.testing.assert_allclose(served(x=tf.constant(rows))["y"], predicted(made), rtol=1e-5)


def test_a_model_of_an_own_class_is_refused(tmp_path):
    tf_keras.backend.clear_session()
    given = Untold()
    given.compile(LEGACY.SGD(0.1), "mse")
    with pytest.raises(
        ValueError, match="not supported with subclassed models, as Untold is: give"
    ) as raised:
        converted(given, tmp_path / "model")
    assert 'checkpoint_format="saver"' in str(raised.value)
    assert not pathlib.Path(tmp_path / "model" / "keras").exists()
