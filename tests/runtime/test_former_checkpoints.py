"""Checkpoints with the slots of Keras 2's optimizers, as tf.estimator 2.x wrote them: a training goes on from them."""

import numpy as np
import pytest
import replicated
import tensorflow as tf
import tf_keras
from canned_data import WORDS, X, columns, config, input_of, v1

import estimator_runtime as er

FORMER = tf_keras.optimizers.legacy
KERAS = tf.keras.optimizers
PAIRS = {
    "Adadelta": (
        lambda: FORMER.Adadelta(0.5, epsilon=1e-4),
        lambda: KERAS.Adadelta(0.5, epsilon=1e-4),
    ),
    "Adagrad": (lambda: FORMER.Adagrad(0.1), lambda: KERAS.Adagrad(0.1)),
    "Adam": (lambda: FORMER.Adam(0.1, beta_1=0.8), lambda: KERAS.Adam(0.1, beta_1=0.8)),
    "Ftrl": (lambda: FORMER.Ftrl(0.1), lambda: KERAS.Ftrl(0.1)),
    "momentum": (lambda: FORMER.SGD(0.1, 0.9), lambda: KERAS.SGD(0.1, 0.9)),
    "RMSprop": (FORMER.RMSprop, lambda: "RMSProp"),
    "RMSprop, centered": (
        lambda: FORMER.RMSprop(0.01, momentum=0.5, centered=True),
        lambda: KERAS.RMSprop(0.01, momentum=0.5, centered=True),
    ),
    "SGD": (lambda: FORMER.SGD(0.1), lambda: KERAS.SGD(0.1)),
}


def regressor(model_dir, optimizer, **fields):
    return er.DNNRegressor(
        [3], columns()["dense"], str(model_dir), optimizer=optimizer, config=config(**fields)
    )


def weights(estimator):
    names = [name for name in estimator.get_variable_names() if name.startswith("dnn/")]
    return {
        name: estimator.get_variable_value(name)
        for name in names
        if name.endswith(("kernel", "bias", "embedding_weights"))
    }


def same(found, expected):
    assert len(expected) == 5
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=2e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", PAIRS)
def test_a_training_goes_on_from_the_slots_of_keras_2(tmp_path, name):
    former, present = PAIRS[name]
    regressor(tmp_path / "model", former()).train(input_of("numbers"), max_steps=4)
    at_once = regressor(tmp_path / "at once", former()).train(input_of("numbers"), max_steps=8)
    went_on = regressor(tmp_path / "model", present()).train(input_of("numbers"), max_steps=8)
    same(weights(went_on), weights(at_once))
    assert not [key for key in went_on.get_variable_names() if key.startswith("training/")]


def test_it_goes_on_from_its_own_checkpoints_then(tmp_path):
    former, present = PAIRS["Adam"]
    regressor(tmp_path / "model", former()).train(input_of("numbers"), max_steps=4)
    for steps in (6, 8):
        went_on = regressor(tmp_path / "model", present()).train(input_of("numbers"), max_steps=steps)
    at_once = regressor(tmp_path / "at once", former()).train(input_of("numbers"), max_steps=8)
    same(weights(went_on), weights(at_once))


def went_on_by_replicas(directory, name):
    former, present = PAIRS[name]
    strategy = tf.distribute.MirroredStrategy(replicated.DEVICES)

    def input_of_pairs():
        return tf.data.Dataset.from_tensor_slices(({"x": X, "word": WORDS}, 2 * X)).batch(8).repeat()

    def trained(model, optimizer, steps):
        estimator = regressor(directory / model, optimizer, train_distribute=strategy)
        return weights(estimator.train(input_of_pairs, max_steps=steps))

    regressor(directory / "model", former(), train_distribute=strategy).train(input_of_pairs, max_steps=4)
    return trained("model", present(), 8), trained("at once", former(), 8)


@pytest.mark.parametrize("name", ["Adam", "momentum"])
def test_it_goes_on_with_two_devices(tmp_path, name):
    with replicated.executor() as executor:
        same(*executor.submit(went_on_by_replicas, tmp_path, name).result())


def test_it_says_so(tmp_path, caplog):
    former, present = PAIRS["Adagrad"]
    regressor(tmp_path, former()).train(input_of("numbers"), max_steps=2)
    with caplog.at_level("INFO", logger="tensorflow"):
        regressor(tmp_path, present()).train(input_of("numbers"), max_steps=3)
    (line,) = [one.getMessage() for one in caplog.records if "Keras 2" in one.getMessage()]
    assert line.startswith(
        f"{tmp_path}/model.ckpt-2 is a checkpoint of Keras 2: training goes on with the slots"
    )


def combined(model_dir, wide, deep, parts=("linear", "dnn")):
    given = {
        "linear": {"linear_feature_columns": columns()["wide"], "linear_optimizer": wide},
        "dnn": {
            "dnn_feature_columns": columns()["dense"],
            "dnn_optimizer": deep,
            "dnn_hidden_units": [3],
        },
    }
    arguments = {name: value for part in parts for name, value in given[part].items()}
    return er.DNNLinearCombinedRegressor(str(model_dir), config=config(), **arguments)


def test_wide_and_deep_models_go_on(tmp_path):
    combined(tmp_path / "model", FORMER.Ftrl(0.1), FORMER.Adam(0.1)).train(input_of("numbers"), max_steps=4)
    at_once = combined(tmp_path / "at once", FORMER.Ftrl(0.1), FORMER.Adam(0.1))
    at_once.train(input_of("numbers"), max_steps=8)
    went_on = combined(tmp_path / "model", KERAS.Ftrl(0.1), KERAS.Adam(0.1))
    went_on.train(input_of("numbers"), max_steps=8)
    same(weights(went_on), weights(at_once))
    name = "linear/linear_model/x/weights"
    np.testing.assert_allclose(went_on.get_variable_value(name), at_once.get_variable_value(name), rtol=2e-4)


@pytest.mark.parametrize(
    ("parts", "counting"), [(("linear", "dnn"), ["Ftrl"]), (("dnn",), []), (("linear",), [])]
)
def test_the_first_part_s_optimizer_counts_the_model_s_steps(tmp_path, parts, counting):
    """In tf.estimator the optimizer of the network, or the only one, has the global step for its own."""
    estimator = combined(tmp_path, FORMER.Ftrl(0.1), FORMER.Adam(0.1), parts)
    estimator.train(input_of("numbers"), max_steps=4)
    assert estimator.get_variable_value("global_step") == 4
    counters = {name for name in estimator.get_variable_names() if name.endswith("/iter")}
    assert counters == {f"training/{name}/iter" for name in counting}
    assert [estimator.get_variable_value(name) for name in counters] == [4] * len(counting)


def test_a_model_function_s_own_optimizer_goes_on(tmp_path):
    def of(kind):
        def model_fn(features, labels, mode):
            with v1.variable_scope("scope"):
                weight = v1.get_variable("w", [1, 1], initializer=v1.zeros_initializer())
                loss = tf.reduce_mean((features["x"] @ weight - labels) ** 2)
                optimizer = kind(0.1)
                optimizer.iterations = v1.train.get_or_create_global_step()
                (step,) = optimizer.get_updates(loss, [weight])
            return er.EstimatorSpec(mode, loss=loss, train_op=step)

        return model_fn

    def trained(name, kind, steps):
        estimator = er.Estimator(of(kind), str(tmp_path / name), config())
        return estimator.train(input_of("numbers"), max_steps=steps).get_variable_value("scope/w")

    trained("model", FORMER.Adam, 4)
    assert "scope/Adam/scope/w/m" in dict(tf.train.list_variables(str(tmp_path / "model")))
    np.testing.assert_allclose(trained("model", KERAS.Adam, 8), trained("at once", FORMER.Adam, 8), rtol=1e-5)


def test_slots_that_do_not_fit_are_not_taken(tmp_path):
    former, present = PAIRS["Adagrad"]
    regressor(tmp_path, former()).train(input_of("numbers"), max_steps=2)
    with pytest.raises(tf.errors.NotFoundError, match="Adam"):
        regressor(tmp_path, KERAS.Adam(0.1)).train(input_of("numbers"), max_steps=3)
    assert tf.train.load_variable(str(tmp_path), "global_step") == 2
