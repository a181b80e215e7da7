"""Names of the variables of Keras 3 layers; tests/conformance holds them against tf.estimator."""

import tensorflow as tf

import estimator_runtime as er

layers = tf.keras.layers


class Scaled(layers.Layer):
    """A weight that is made with the layer, and two without a name that are made with its building."""

    def __init__(self):
        super().__init__()
        self.scale = self.add_weight(name="scale", shape=(1,), initializer="ones")

    def build(self, shape):
        self.shifts = [self.add_weight(shape=(shape[-1],), initializer="zeros") for _ in range(2)]

    def call(self, x):
        return x * self.scale + sum(self.shifts)


class Around(layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(2)

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x)


def names(directory, shape, *made):
    def model_fn(features, labels, mode):
        y = tf.keras.Sequential([make() for make in made])(features)
        step = tf.compat.v1.train.get_global_step().assign_add(1)
        return er.EstimatorSpec(mode, loss=tf.reduce_sum(y), train_op=step)

    estimator = er.Estimator(model_fn, directory)
    estimator.train(lambda: tf.data.Dataset.from_tensors(tf.ones((2, *shape))))
    return [name for name in estimator.get_variable_names() if name != "global_step"]


def test_what_a_layer_builds_in_its_own_building_has_its_name(tmp_path):
    found = names(tmp_path, (3, 2), lambda: layers.TimeDistributed(layers.Dense(2)), Around)
    assert found == [
        f"sequential/{layer}/{name}"
        for layer in ("around", "time_distributed")
        for name in ("bias", "kernel")
    ]


def test_cells_and_layers_of_both_directions_have_names_of_their_own(tmp_path):
    found = names(tmp_path, (3, 2), lambda: layers.Bidirectional(layers.SimpleRNN(2, use_bias=False)))
    assert [name for name in found if not name.startswith("seed_generator")] == [
        f"sequential/bidirectional/{direction}_simple_rnn/simple_rnn_cell/{name}"
        for direction in ("backward", "forward")
        for name in ("kernel", "recurrent_kernel")
    ]


def test_weights_have_the_names_of_keras_2(tmp_path):
    found = names(tmp_path, (4, 4, 2), lambda: layers.DepthwiseConv2D(2, use_bias=False), Scaled, Scaled)
    assert found == [
        "scale",
        "scale_1",
        "sequential/depthwise_conv2d/depthwise_kernel",
        *(
            f"sequential/{layer}/Variable{number}"
            for layer in ("scaled", "scaled_1")
            for number in ("", "_1")
        ),
    ]


def test_outside_of_an_estimator_keras_names_are_its_own(tmp_path):
    names(tmp_path, (2,), Scaled)
    layer = Scaled()
    layer(tf.ones((1, 2)))
    assert [variable.path.partition("/")[2] for variable in layer.weights][0] == "scale"
    depthwise = layers.DepthwiseConv2D(2, use_bias=False)
    depthwise.build((None, 4, 4, 2))
    assert depthwise.kernel.name == "kernel"
