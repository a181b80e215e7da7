"""Keras 3 layers in model functions of several threads, and what a program has told Keras before."""

import threading

import keras
import linear_model
import numpy as np
import pytest
import tensorflow as tf

from estimator_runtime import Estimator
from estimator_runtime.keras import layer_names

THREADS = 4
ROUNDS = 4


def layers_model(features, labels, mode):
    hidden = tf.keras.layers.Dense(3, activation="relu")(features["x"])
    return linear_model.spec(mode, tf.keras.layers.Dense(1)(hidden), labels)


def in_threads(call, count=THREADS):
    """What `call` returns or raises in each of some threads that begin together."""
    barrier = threading.Barrier(count)
    outcomes = []

    def work():
        barrier.wait()
        for _ in range(ROUNDS):
            try:
                outcomes.append(call())
            except Exception as error:
                outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    estimator = Estimator(layers_model, str(tmp_path_factory.mktemp("layers")), linear_model.config())
    return estimator.train(linear_model.train_input, steps=5)


def predictions(estimator):
    return np.array([one["y"] for one in estimator.predict(linear_model.eval_input)]).tolist()


def test_threads_that_predict_find_the_variables_of_the_checkpoint(trained):
    expected = predictions(trained)
    outcomes = in_threads(lambda: predictions(trained))
    assert outcomes == [expected] * (THREADS * ROUNDS)


def test_an_evaluation_in_a_thread_beside_a_training(trained, tmp_path):
    other = Estimator(layers_model, str(tmp_path / "other"), linear_model.config())
    expected = trained.evaluate(linear_model.eval_input)["mae"]
    begun, ended = threading.Event(), threading.Event()
    results = []

    def evaluate():
        begun.wait()
        while not ended.is_set():
            results.append(trained.evaluate(linear_model.eval_input)["mae"])

    thread = threading.Thread(target=evaluate)
    thread.start()
    begun.set()
    try:
        for _ in range(ROUNDS):
            other.train(linear_model.train_input, steps=2)
    finally:
        ended.set()
        thread.join()
    assert linear_model.global_step(other) == 2 * ROUNDS
    assert results == [expected] * len(results)


class Tripling(keras.layers.Layer):
    def call(self, x):
        return 3 * x


def test_an_enclosing_custom_object_scope_holds_in_the_model_function(tmp_path):
    def model(features, labels, mode):
        layer = keras.layers.deserialize({"class_name": "Tripling", "config": {}})
        return linear_model.spec(mode, linear_model.linear(layer(features["x"])), labels)

    with keras.saving.custom_object_scope({"Tripling": Tripling}):
        Estimator(model, str(tmp_path), linear_model.config()).train(linear_model.train_input, steps=1)


def test_what_the_program_has_set_in_keras_is_still_set_afterwards(tmp_path):
    keras.utils.set_random_seed(7)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        Estimator(linear_model.model_fn, str(tmp_path), linear_model.config()).train(
            linear_model.train_input, steps=1
        )
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        assert keras.src.utils.rng_utils.get_random_seed() == 7
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_keras_that_numbers_its_layers_elsewhere_still_gives_each_graph_its_own_names(trained, monkeypatch):
    monkeypatch.setattr(layer_names, "_NAMING", "keras.nowhere")
    assert predictions(trained) == predictions(trained)
