"""Layers of Keras 3 in programs that have left TensorFlow 2's shapes and control flow."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimator_runtime as er

v1 = tf.compat.v1
X = np.arange(24, dtype=np.float32).reshape(2, 4, 3) / 24
IMAGES = np.arange(48, dtype=np.float32).reshape(2, 3, 4, 2) / 48
seen: list[type] = []


@pytest.fixture
def ways_of_1(expected):
    del expected  # made before
    v1.disable_v2_tensorshape()
    v1.disable_control_flow_v2()
    yield
    assert not v1.control_flow_v2_enabled(), "a layer has left other ways behind"
    assert kind_of_size() is v1.Dimension
    v1.enable_v2_tensorshape()
    v1.enable_control_flow_v2()


def kind_of_size():
    return type(tf.TensorShape([1])[0])


def trained(directory, make, batch):
    def model_fn(features, mode):
        y = make()(features)
        loss = tf.reduce_mean(y**2)
        step = v1.train.GradientDescentOptimizer(0.1).minimize(loss, v1.train.get_global_step())
        return er.EstimatorSpec(mode, loss=loss, train_op=step, predictions=tf.reshape(y, [2, -1]))

    def input_fn():
        return tf.data.Dataset.from_tensors(batch)

    estimator = er.Estimator(model_fn, str(directory)).train(input_fn, max_steps=1)
    return np.stack(list(estimator.predict(input_fn)))


def settled(layer, *args, **kwargs):
    constant = keras.initializers.Constant(0.1)
    return layer(*args, kernel_initializer=constant, recurrent_initializer=constant, **kwargs)


LAYERS = {
    "lstm": (X, lambda: settled(keras.layers.LSTM, 3)),
    "gru": (X, lambda: settled(keras.layers.GRU, 3, return_sequences=True)),
    "cell": (X, lambda: keras.layers.RNN(settled(keras.layers.SimpleRNNCell, 2))),
    "convolution": (IMAGES, lambda: settled(keras.layers.ConvLSTM1D, 2, 2)),
    "model": (X, lambda: keras.Sequential([settled(keras.layers.GRU, 2), keras.layers.Reshape((1, 2))])),
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What the layers make with TensorFlow 2's ways."""
    return {
        name: trained(tmp_path_factory.mktemp("expected"), make, batch)
        for name, (batch, make) in LAYERS.items()
    }


@pytest.mark.usefixtures("ways_of_1")
@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_keras_do_what_they_do_otherwise(name, expected, tmp_path):
    batch, make = LAYERS[name]
    np.testing.assert_allclose(trained(tmp_path, make, batch), expected[name], rtol=1e-6)


class Cell(keras.layers.Layer):
    state_size = 2

    def call(self, inputs, states):
        seen.append(kind_of_size())
        return inputs[:, :2], [states[0]]


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner, self.out = keras.layers.RNN(Cell()), keras.layers.Dense(1)

    def call(self, inputs):
        seen.append(kind_of_size())
        return self.out(self.inner(inputs))


@pytest.mark.usefixtures("ways_of_1")
def test_layers_of_the_program_see_the_ways_that_it_has_chosen(tmp_path):
    seen.clear()
    trained(tmp_path, Own, X)
    assert set(seen) == {v1.Dimension}


@pytest.mark.usefixtures("ways_of_1")
def test_so_does_the_function_of_a_lambda(tmp_path):
    seen.clear()

    def function(x):
        seen.append(kind_of_size())
        return x * 2

    trained(tmp_path, lambda: keras.Sequential([keras.layers.Dense(1), keras.layers.Lambda(function)]), X)
    assert set(seen) == {v1.Dimension}


@pytest.mark.usefixtures("ways_of_1")
def test_the_ways_are_given_back_after_a_failure(tmp_path):
    with pytest.raises(ValueError, match="incompatible with the layer"):
        trained(tmp_path, lambda: keras.layers.LSTM(2), X[0])
