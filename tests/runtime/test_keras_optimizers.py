"""Optimizers of Keras in canned Estimators: what stands for them takes the same steps."""

import canned_data
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from canned_data import columns, config, input_of, v1

import estimator_runtime as er
from estimator_runtime.canned.heads import optimizers
from estimator_runtime.keras import keras_optimizers

STEPS = 6
FIRST = np.array([0.5, -1.0, 2.0], np.float32)
KERAS = tf.keras.optimizers
RATE = KERAS.schedules.ExponentialDecay(0.2, 2, 0.5)


class Halved(KERAS.schedules.LearningRateSchedule):
    """A schedule of a program's own."""

    def __call__(self, step):
        return 0.1 / (1.0 + tf.cast(step, tf.float32))


class OwnAdam(KERAS.Adam):
    """An optimizer of a program's own."""


def constant():
    return 0.1


OF_KERAS = {
    "SGD": lambda: KERAS.SGD(0.1),
    "momentum": lambda: KERAS.SGD(0.1, momentum=0.9),
    "Nesterov": lambda: KERAS.SGD(0.1, momentum=0.9, nesterov=True),
    "Adam": lambda: KERAS.Adam(0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-3),
    "Adagrad": lambda: KERAS.Adagrad(0.1, initial_accumulator_value=0.2),
    "Adadelta": lambda: KERAS.Adadelta(0.5, rho=0.9, epsilon=1e-4),
    "Ftrl": lambda: KERAS.Ftrl(
        0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.02, beta=0.1
    ),
    "RMSprop": lambda: KERAS.RMSprop(0.01, rho=0.8, epsilon=1e-3),
    "RMSprop with momentum": lambda: KERAS.RMSprop(0.01, momentum=0.5),
    "RMSprop, centered": lambda: KERAS.RMSprop(0.01, centered=True, epsilon=1e-3),
    "schedule": lambda: KERAS.SGD(RATE),
    "own schedule": lambda: KERAS.SGD(Halved()),
    "function": lambda: KERAS.SGD(constant),
    "clipvalue": lambda: KERAS.SGD(0.1, clipvalue=0.3),
    "clipnorm": lambda: KERAS.SGD(0.1, clipnorm=0.5),
    "global_clipnorm": lambda: KERAS.SGD(0.1, global_clipnorm=0.5),
}


def gradient(values):
    return 2 * values * np.array([1.0, 0.1, 3.0], np.float32)


def steps_of_keras(optimizer):
    variable = tf.Variable(FIRST)
    for _ in range(STEPS):
        optimizer.apply([tf.constant(gradient(variable.numpy()))], [variable])
    return variable.numpy()


def steps_here(optimizer):
    with tf.Graph().as_default():
        step = v1.train.create_global_step()
        variable = v1.get_variable("w", initializer=FIRST)
        loss = tf.reduce_sum(tf.square(variable) * np.array([1.0, 0.1, 3.0], np.float32))
        made = optimizer() if callable(optimizer) and not hasattr(optimizer, "get_config") else optimizer
        train = optimizers.minimize(made, loss, [variable])
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            for _ in range(STEPS):
                session.run(train)
            assert session.run(step) == STEPS
            assert not [v.name for v in v1.global_variables() if "learning_rate" in v.name]
            return session.run(variable)


@pytest.mark.parametrize("name", OF_KERAS)
def test_the_same_steps(name):
    np.testing.assert_allclose(steps_here(OF_KERAS[name]()), steps_of_keras(OF_KERAS[name]()), rtol=2e-5)


@pytest.mark.parametrize("name", ["SGD", "Adam", "schedule", "own schedule", "function"])
def test_the_same_steps_when_it_is_made_in_the_graph(name):
    np.testing.assert_allclose(steps_here(OF_KERAS[name]), steps_of_keras(OF_KERAS[name]()), rtol=2e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (KERAS.Lion, "Lion of Keras has no counterpart"),
        (lambda: KERAS.Adam(amsgrad=True), "was given amsgrad"),
        (lambda: KERAS.SGD(weight_decay=0.1, use_ema=True), "was given use_ema, weight_decay"),
        (lambda: KERAS.Adagrad(epsilon=0.1), "has no epsilon"),
        (lambda: OwnAdam(0.1), "OwnAdam of Keras has no counterpart"),
    ],
    ids=["kind", "amsgrad", "several", "epsilon", "subclass"],
)
def test_what_has_no_counterpart_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        keras_optimizers.translated(make())


def test_names_have_the_defaults_of_keras():
    for name in ("Adagrad", "Adam", "Ftrl", "SGD"):
        here = steps_here(lambda name=name: optimizers.of_v2(name))
        np.testing.assert_allclose(here, steps_of_keras(getattr(KERAS, name)()), rtol=2e-5)


@pytest.mark.parametrize("resources", [True, False])
@pytest.mark.parametrize("rows", [None, [2, 0, 2]])
def test_the_name_rms_prop_is_that_of_keras_2(rows, resources):
    """Gradients as small as its epsilon show where that is added; rows that come twice, and those that do not come."""
    gradient = np.array([[1e-3, -1e-6], [1e-7, 2.0], [1e-5, 0.0]], np.float32)
    with tf.Graph().as_default(), v1.Session() as session:
        variable = v1.get_variable("v", initializer=np.ones([3, 2], np.float32), use_resource=resources)
        given = tf.constant(gradient) if rows is None else tf.IndexedSlices(gradient, tf.constant(rows))
        step = optimizers.of_v2("RMSProp").apply_gradients([(given, variable)])
        session.run(v1.global_variables_initializer())
        expected, mean = np.ones([3, 2]), np.zeros([3, 2])
        whole = gradient if rows is None else np.zeros([3, 2])
        if rows is not None:
            np.add.at(whole, rows, gradient)
        for _ in range(3):
            session.run(step)
            mean = 0.9 * mean + 0.1 * whole**2
            expected = expected - 0.001 * whole / (np.sqrt(mean) + 1e-7)
            np.testing.assert_allclose(session.run(variable), expected, rtol=1e-6)


def test_an_estimator_is_trained_with_one(tmp_path):
    for name, optimizer in {"object": KERAS.Adam(0.1), "function": lambda: KERAS.Adam(0.1)}.items():
        made = er.DNNRegressor(
            [8], columns()["dense"], str(tmp_path / name), optimizer=optimizer, config=config()
        )
        for _ in range(2):  # each call has a graph of its own
            made.train(input_of("numbers"), steps=60)
        loss = made.evaluate(input_of("numbers", epochs=1))["average_loss"]
        assert loss < canned_data.LABELS["numbers"].var() / 20


LEGACY = tf_keras.optimizers.legacy


def test_optimizers_of_keras_2_run_as_they_are(tmp_path):
    for name, optimizer in {
        "object": LEGACY.SGD(0.1),
        "function": lambda: LEGACY.SGD(0.1),
        "translated": tf_keras.optimizers.SGD(0.1),
    }.items():
        made = er.LinearRegressor(
            columns()["wide"], str(tmp_path / name), optimizer=optimizer, config=config()
        )
        for steps in (2, 5):
            made.train(input_of("numbers"), max_steps=steps)
        assert made.get_variable_value("global_step") == 5
        expected = made.get_variable_value("linear/linear_model/x/weights")
        np.testing.assert_allclose(
            expected,
            tf.train.load_variable(str(tmp_path / "object"), "linear/linear_model/x/weights"),
            rtol=1e-5,
        )


def test_a_class_stands_for_its_optimizer(tmp_path):
    for name, kind in {"2": LEGACY.Adam, "3": KERAS.Adam}.items():
        made = er.BaselineRegressor(str(tmp_path / name), optimizer=kind, config=config())
        assert made.train(input_of("numbers"), steps=2).get_variable_value("global_step") == 2


def test_both_halves_are_trained_with_optimizers_of_keras_2(tmp_path):
    made = er.DNNLinearCombinedRegressor(
        str(tmp_path),
        linear_feature_columns=columns()["wide"],
        linear_optimizer=LEGACY.SGD(0.1),
        dnn_feature_columns=columns()["dense"],
        dnn_optimizer=LEGACY.Adam(0.1),
        dnn_hidden_units=[4],
        config=config(),
    )
    for steps in (2, 4):
        made.train(input_of("numbers"), max_steps=steps)
    assert made.get_variable_value("global_step") == 4


def test_clipping_keeps_gradients_of_embeddings_sparse():
    with tf.Graph().as_default():
        table = v1.get_variable("table", [1000, 2])
        loss = tf.reduce_sum(tf.gather(table, [3, 3, 5]) ** 2)
        for limit in ("clipvalue", "clipnorm", "global_clipnorm"):
            made = keras_optimizers.translated(KERAS.SGD(0.1, **{limit: 0.01}))
            ((gradient_, _),) = made.compute_gradients(loss, [table])
            assert isinstance(gradient_, tf.IndexedSlices)


class FallingOfKeras2(tf_keras.optimizers.schedules.LearningRateSchedule):
    """A schedule without a config."""

    def __call__(self, step):
        return 0.1 / (1.0 + tf.cast(step, tf.float32))


class Scaled(LEGACY.SGD):
    """An optimizer whose config does not say all that it is made with."""

    def __init__(self, scale, learning_rate=0.01, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.scale = scale

    def _decayed_lr(self, var_dtype):
        return super()._decayed_lr(var_dtype) * self.scale


class ScaledByDefault(Scaled):
    def __init__(self, scale=2.0, **kwargs):
        super().__init__(scale, **kwargs)


class FallingWithConfig(FallingOfKeras2):
    """One that Keras does not know by its name."""

    def get_config(self):
        return {}


class ExponentialDecay(FallingWithConfig):
    """One that Keras knows another one by the name of."""

    def get_config(self):
        return {"initial_learning_rate": 0.0, "decay_steps": 1, "decay_rate": 0.5}


def falling(rate):
    step = v1.train.get_global_step()
    return rate / (1.0 + tf.cast(step, tf.float32))


WITHOUT_CONFIG = {
    "a schedule": lambda: LEGACY.SGD(FallingOfKeras2()),
    "a schedule with a config": lambda: LEGACY.SGD(FallingWithConfig()),
    "a name of Keras": lambda: LEGACY.SGD(ExponentialDecay()),
    "a function": lambda: LEGACY.SGD(lambda: falling(0.1)),
    "an argument": lambda: Scaled(4.0, 0.025),
    "an argument with a default": lambda: ScaledByDefault(4.0, learning_rate=0.025),
}


@pytest.mark.parametrize("name", WITHOUT_CONFIG)
def test_an_optimizer_of_keras_2_that_its_config_does_not_make_again_is_taken_as_it_is(name, tmp_path):
    given = {
        "own": WITHOUT_CONFIG[name](),
        "like": lambda: LEGACY.SGD(0.1 if "argument" in name else falling(0.1)),
    }
    weights = []
    for directory, optimizer in given.items():
        made = er.LinearRegressor(
            columns()["wide"], str(tmp_path / directory), optimizer=optimizer, config=config()
        )
        for steps in (2, 5):  # each call has a graph of its own
            made.train(input_of("numbers"), max_steps=steps)
        assert made.get_variable_value("global_step") == 5
        weights.append(made.get_variable_value("linear/linear_model/x/weights"))
    np.testing.assert_allclose(*weights, rtol=1e-5)
