"""Constraints of Keras 3 layers hold after each step, whoever takes it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimator_runtime as er

v1 = tf.compat.v1
X = np.linspace(-1, 1, 32, dtype=np.float32).reshape(8, 4)
BOUND = 0.05


def bounded(weights):
    return tf.clip_by_value(weights, -BOUND, BOUND)


class Around(keras.layers.Layer):
    """A layer whose inner one is built symbolically, so that its variables are made later."""

    def __init__(self):
        super().__init__()
        self.inner = keras.layers.Dense(2, kernel_constraint=bounded, name="inner")

    def call(self, x):
        return self.inner(x)


class Own(keras.layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 2), name="kernel", constraint=bounded)

    def call(self, x):
        return tf.matmul(x, self.kernel)


LAYERS = {
    "of Keras": lambda: keras.layers.Dense(2, kernel_constraint=bounded),
    "own": Own,
    "inner": Around,
}


def first_optimizer(loss, variables):
    del variables
    return v1.train.AdamOptimizer(0.5).minimize(loss, v1.train.get_global_step())


def replaced_optimizer(loss, variables):
    optimizer = keras.optimizers.Adam(0.5)
    optimizer.iterations = v1.train.get_global_step()
    return optimizer.minimize(loss, variables)


def keras_own_step(loss, variables):
    optimizer = keras.optimizers.Adam(0.5)
    optimizer.apply_gradients(
        zip(tf.gradients(loss, [one.value for one in variables]), variables, strict=True)
    )
    return v1.train.get_global_step().assign_add(1)


@pytest.mark.parametrize("step", [first_optimizer, replaced_optimizer, keras_own_step])
@pytest.mark.parametrize("layer", LAYERS)
def test_weights_of_a_model_function_keep_to_their_constraint(layer, step, tmp_path):
    def model_fn(features, labels, mode):
        made = LAYERS[layer]()
        loss = tf.reduce_mean(tf.square(made(features) - 100.0))
        return er.EstimatorSpec(mode, loss=loss, train_op=step(loss, made.trainable_variables))

    made = er.Estimator(model_fn, str(tmp_path))
    made.train(lambda: tf.data.Dataset.from_tensors(X).repeat(3))
    (kernel,) = (name for name in made.get_variable_names() if name.endswith("kernel"))
    assert abs(made.get_variable_value(kernel)).max() == pytest.approx(BOUND)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_weights_of_a_model_keep_to_their_constraint(optimizer, tmp_path):
    """By an optimizer that is replaced in the graph, and by one that takes Keras's own step."""

    def model():
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        made = keras.Sequential(
            [keras.Input((4,), name="x"), keras.layers.Dense(2, kernel_constraint=bounded)]
        )
        made.compile(optimizer, "mse")
        return made

    labels = np.full((8, 2), 100, np.float32)
    made = er.model_to_estimator(model(), model_dir=str(tmp_path))
    made.train(lambda: tf.data.Dataset.from_tensors(({"x": X}, labels)).repeat(3))
    expected = model()
    expected.fit(X, labels, batch_size=8, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_allclose(
        made.get_variable_value(_kernel(made)), expected.layers[0].kernel.numpy(), rtol=1e-4, atol=1e-6
    )


def _kernel(made):
    (name,) = (one for one in made.get_variable_names() if one.endswith("dense/kernel"))
    return name
