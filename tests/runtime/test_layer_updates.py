"""What layers of Keras 2 told of updates and losses, asked of layers of Keras 3."""

import keras
import pytest
import tensorflow as tf

import estimator_runtime as er

v1 = tf.compat.v1
NAMES = ("get_losses_for", "get_updates_for", "updates")


class Activity(keras.layers.Layer):
    def call(self, x):
        self.add_loss(0.5 * tf.reduce_sum(x))
        return x


class Own(keras.layers.Layer):
    """A program's own layer, with updates of its own."""

    updates = "its own"


def input_fn():
    return tf.data.Dataset.from_tensors(({"x": [[1.0], [2.0]]}, [[1.0], [2.0]]))


def seen_in_model_fn(directory, see):
    found = []

    def model_fn(features, labels, mode):
        del labels
        weight = v1.get_variable("w", [])
        found.append(see(features["x"]))
        step = v1.assign_add(v1.train.get_or_create_global_step(), 1)
        return er.EstimatorSpec(mode, loss=tf.reduce_sum(weight), train_op=step)

    er.Estimator(model_fn, str(directory)).train(input_fn, max_steps=1)
    return found[0]


def regularized(units=1):
    ones = keras.initializers.Ones()
    return keras.layers.Dense(units, kernel_initializer=ones, kernel_regularizer=keras.regularizers.L2(0.25))


def test_losses_of_weights_and_of_calls_are_told_apart(tmp_path):
    def see(x):
        model = keras.Sequential([regularized(2), Activity(), regularized()])
        model(x)
        both = model.get_losses_for(None), model.get_losses_for(x)
        names = [[loss.op.name for loss in losses] for losses in both]
        return [len(one) for one in both], len(model.losses), names, len(model.layers[1].get_losses_for(None))

    lengths, total, names, of_activity = seen_in_model_fn(tmp_path, see)
    assert lengths == [2, 1]
    assert total == 3
    assert of_activity == 0
    assert "activity" in names[1][0]
    assert not any("activity" in name for name in names[0])


def test_there_are_no_updates_to_run(tmp_path):
    def see(x):
        model = keras.Sequential([keras.layers.BatchNormalization()])
        model(x, training=True)
        return model.updates, model.get_updates_for(None), model.get_updates_for(x)

    assert seen_in_model_fn(tmp_path, see) == ([], [], [])


def test_a_layer_s_own_names_go_first(tmp_path):
    def see(x):
        del x
        layer = keras.layers.Dense(1)
        object.__setattr__(layer, "get_updates_for", "set")
        return Own().updates, layer.get_updates_for

    assert seen_in_model_fn(tmp_path, see) == ("its own", "set")


@pytest.mark.parametrize("name", NAMES)
def test_elsewhere_layers_are_what_keras_made_them(tmp_path, name):
    seen_in_model_fn(tmp_path, keras.layers.Dense(1))
    layer = keras.layers.Dense(1)
    assert not hasattr(layer, name)
    with pytest.raises(AttributeError, match=f"'Dense' object has no attribute '{name}'"):
        getattr(layer, name)
    with pytest.raises(AttributeError, match=f"type object 'Dense' has no attribute '{name}'"):
        getattr(keras.layers.Dense, name)
    with tf.Graph().as_default():
        assert not hasattr(layer, name)
