"""`tf.compat.v1.layers` and `tf.compat.v1.nn.rnn_cell` beside Keras 3: tf_keras's, TensorFlow's own, or a plain word."""

import importlib.util
from types import ModuleType, SimpleNamespace

import pytest
import tensorflow as tf

from estimator_runtime.compat import keras_layers
from estimator_runtime.errors import LegacyKerasError

v1 = tf.compat.v1

pytestmark = pytest.mark.filterwarnings(
    "ignore:`tf.layers", "ignore:`tf.nn.rnn_cell", "ignore:`layer.apply`", "ignore:`layer.add_variable`"
)


class Refusing(ModuleType):
    """TensorFlow's answer beside Keras 3."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"`{name}` is not available with Keras 3.")


@pytest.fixture(params=[True, False], ids=["with tf_keras", "without"])
def holder(request, monkeypatch):
    """A module `tf.compat.v1`, where tf_keras is installed and where it is not."""
    find = importlib.util.find_spec
    if not request.param:
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name == "tf_keras" else find(name)
        )
    keras_layers._layers.cache_clear()
    holder = SimpleNamespace(layers=Refusing("layers"), nn=SimpleNamespace(rnn_cell=Refusing("rnn_cell")))
    keras_layers.give([holder])
    with tf.Graph().as_default():
        yield holder
    keras_layers._layers.cache_clear()


def test_layers_have_the_variables_and_losses_of_old(holder):
    x = v1.placeholder(tf.float32, [None, 6, 6, 1])
    net = holder.layers.conv2d(
        x, 2, 3, activation="relu", kernel_initializer=tf.keras.initializers.HeNormal()
    )
    net = holder.layers.flatten(holder.layers.max_pooling2d(net, 2, 2))
    with v1.variable_scope("tower"):
        net = holder.layers.dense(net, 3, kernel_regularizer=tf.keras.regularizers.L2(0.5))
        net = holder.layers.dropout(net, 0.5, training=True)
        holder.layers.dense(net, 3, use_bias=False)
    assert [one.op.name for one in v1.global_variables()] == [
        "conv2d/kernel", "conv2d/bias", "tower/dense/kernel", "tower/dense/bias", "tower/dense_1/kernel",
    ]  # fmt: skip
    assert len(v1.losses.get_regularization_losses()) == 1


def test_cells_are_tensorflows(holder):
    cells = holder.nn.rnn_cell
    cell = cells.MultiRNNCell([cells.BasicLSTMCell(2), cells.GRUCell(3)])
    output, _ = v1.nn.dynamic_rnn(cell, v1.placeholder(tf.float32, [2, 4, 1]), dtype=tf.float32)
    assert output.shape == (2, 4, 3)
    assert [one.op.name.rpartition("/")[0] for one in v1.trainable_variables()][::2] == [
        "rnn/multi_rnn_cell/cell_0/basic_lstm_cell",
        "rnn/multi_rnn_cell/cell_1/gru_cell/gates",
        "rnn/multi_rnn_cell/cell_1/gru_cell/candidate",
    ]


def test_what_neither_has_names_what_to_install(holder):
    if "tf_keras" in keras_layers._layers().__name__:
        with pytest.raises(AttributeError, match="no_such_layer"):
            holder.layers.no_such_layer
        assert holder.layers.BatchNormalization
    else:
        with pytest.raises(
            LegacyKerasError, match=r"batch_normalization needs Keras 2: pip install.*tf-keras"
        ):
            holder.layers.batch_normalization


def test_other_refusals_are_left_alone():
    holder = SimpleNamespace(layers=tf.raw_ops, nn=SimpleNamespace(rnn_cell=tf.raw_ops))
    keras_layers.give([holder])
    assert holder.layers.MatMul is tf.raw_ops.MatMul, "what Keras 2 gives is taken"
    with pytest.raises(AttributeError, match="no_such_op") as raised:
        holder.layers.no_such_op
    assert not isinstance(raised.value, LegacyKerasError)
    given = holder.layers
    keras_layers.give([holder])
    assert holder.layers is given, "once"
