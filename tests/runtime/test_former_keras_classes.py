"""Classes of tf.keras that Keras 3 does not have: a base of recurrent cells, and a metric."""

import keras
import linear_model
import numpy as np
import pytest
import tensorflow as tf

from estimator_runtime.keras.former.metrics import MeanRelativeError
from estimator_runtime.keras.former.rnn_cells import AbstractRNNCell


class Sums(AbstractRNNCell):
    """Of all inputs so far, and their number."""

    state_size = (1, 1)
    output_size = 1

    def call(self, inputs, states):
        total, count = states
        total = total + tf.reduce_sum(inputs, 1, keepdims=True)
        return total, [total, count + 1]


class Weighted(AbstractRNNCell):
    @property
    def state_size(self):
        return 2

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 2), initializer="ones")

    def call(self, inputs, states):
        made = tf.matmul(inputs, self.kernel) + states[0]
        return made, [made]


def test_cells_of_a_programs_own():
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    layer = keras.layers.RNN(Sums(), return_state=True)
    made, total, count = layer(x)
    np.testing.assert_array_equal(made, [[15], [51]])
    np.testing.assert_array_equal(total, made)
    np.testing.assert_array_equal(count, [[3], [3]])
    np.testing.assert_array_equal(keras.layers.RNN(Weighted())(x), [[15, 15], [51, 51]])


def test_initial_states_of_a_batch():
    (first, _) = Sums().get_initial_state(tf.ones([3, 2], tf.float64))
    assert (first.shape, first.dtype) == ((3, 1), tf.float64)
    assert Weighted().get_initial_state(batch_size=4).shape == (4, 2)


def test_a_cell_without_its_own_parts_says_so():
    for ask in (lambda: AbstractRNNCell().state_size, lambda: AbstractRNNCell().output_size):
        with pytest.raises(NotImplementedError):
            ask()
    with pytest.raises(NotImplementedError):
        AbstractRNNCell().call(None, None)


def test_a_metric_of_errors_beside_a_normalizer(tmp_path):
    def model_fn(features, labels, mode):
        made = linear_model.model_fn(features, labels, mode)
        metric = MeanRelativeError(normalizer=[[0.0], [1.0], [2.0], [4.0]])
        metric.update_state(labels, labels + 2.0)
        return made._replace(eval_metric_ops={"relative": metric})

    estimator = linear_model.estimator(tmp_path, model_fn).train(linear_model.train_input, steps=1)
    assert estimator.evaluate(linear_model.eval_input)["relative"] == pytest.approx((0 + 2 + 1 + 0.5) / 4)


def test_values_and_configuration_of_the_metric():
    metric = MeanRelativeError([1.0, 3.0, 2.0, 3.0])
    metric.update_state([1, 3, 2, 3], [[2], [4], [6], [8]], sample_weight=[1, 1, 0, 1])
    assert metric.result().numpy() == pytest.approx((1 + 1 / 3 + 5 / 3) / 3)
    again = MeanRelativeError.from_config(metric.get_config())
    assert (again.name, again.normalizer) == (metric.name, [1.0, 3.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="incompatible"):
        metric.update_state([1.0, 2.0], [1.0, 2.0, 3.0])
