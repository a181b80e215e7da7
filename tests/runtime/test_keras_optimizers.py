"""Optimizers of Keras in canned Estimators: what stands for them takes the same steps."""

import canned_data
import numpy as np
import pytest
import tensorflow as tf
from canned_data import columns, config, input_of, v1

import estimator_runtime as er
from estimator_runtime.canned import keras_optimizers, optimizers

STEPS = 6
FIRST = np.array([0.5, -1.0, 2.0], np.float32)
KERAS = tf.keras.optimizers
RATE = KERAS.schedules.ExponentialDecay(0.2, 2, 0.5)
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
    "clipvalue": lambda: KERAS.SGD(0.1, clipvalue=0.3),
    "clipnorm": lambda: KERAS.SGD(0.1, clipnorm=0.5),
    "global_clipnorm": lambda: KERAS.SGD(0.1, global_clipnorm=0.5),
}


def constant(_step):
    return 0.1


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


@pytest.mark.parametrize("name", ["SGD", "Adam", "schedule"])
def test_the_same_steps_when_it_is_made_in_the_graph(name):
    np.testing.assert_allclose(steps_here(OF_KERAS[name]), steps_of_keras(OF_KERAS[name]()), rtol=2e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (KERAS.Lion, "Lion of Keras has no counterpart"),
        (lambda: KERAS.Adam(amsgrad=True), "was given amsgrad"),
        (lambda: KERAS.SGD(weight_decay=0.1, use_ema=True), "was given use_ema, weight_decay"),
        (lambda: KERAS.Adagrad(epsilon=0.1), "has no epsilon"),
        (lambda: KERAS.SGD(constant), "learning rate .* has to be a number or a schedule"),
    ],
    ids=["kind", "amsgrad", "several", "epsilon", "function"],
)
def test_what_has_no_counterpart_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        keras_optimizers.translated(make())


def test_names_have_the_defaults_of_keras():
    names = {"RMSProp": "RMSprop", **{name: name for name in ("Adagrad", "Adam", "Ftrl", "SGD")}}
    for name, of_keras in names.items():
        here = steps_here(lambda name=name: optimizers.of_v2(name))
        np.testing.assert_allclose(here, steps_of_keras(getattr(KERAS, of_keras)()), rtol=2e-5)


def test_an_estimator_is_trained_with_one(tmp_path):
    for name, optimizer in {"object": KERAS.Adam(0.1), "function": lambda: KERAS.Adam(0.1)}.items():
        made = er.DNNRegressor(
            [8], columns()["dense"], str(tmp_path / name), optimizer=optimizer, config=config()
        )
        for _ in range(2):  # each call has a graph of its own
            made.train(input_of("numbers"), steps=60)
        loss = made.evaluate(input_of("numbers", epochs=1))["average_loss"]
        assert loss < canned_data.LABELS["numbers"].var() / 20
