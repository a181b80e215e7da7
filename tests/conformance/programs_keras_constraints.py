"""Constraints of weights: of Keras layers in a model function, by optimizers of TensorFlow 1."""

import os

import models
import numpy as np
import tensorflow as tf
from catalogue import EVERYWHERE, program
from models import v1

keras, layers = tf.keras, tf.keras.layers
X = np.sin(np.arange(32, dtype=np.float32)).reshape(8, 4)
CLASS = (np.arange(8) % 3).astype(np.int64)


def ramp(shape, dtype=None, **given):
    size = int(np.prod(shape))
    return tf.constant(np.cos(np.arange(size)).reshape(shape), dtype or tf.float32)


def bounded(weights):
    return tf.clip_by_value(weights, -0.3, 0.3)


class Own(layers.Layer):
    """A layer of a program's own, whose inner one makes its weights when it is called."""

    def __init__(self, **given):
        super().__init__(**given)
        self.inner = layers.Dense(
            3, kernel_initializer=ramp, kernel_constraint=keras.constraints.MaxNorm(0.5)
        )

    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=[3], initializer="ones", constraint="unit_norm")
        super().build(shape)

    def call(self, x):
        return self.inner(x) * self.scale


def in_a_row():
    first = layers.Dense(4, kernel_initializer=ramp, kernel_constraint=bounded, bias_constraint="non_neg")
    return keras.Sequential([first, layers.Dense(3, kernel_initializer=ramp, kernel_constraint="unit_norm")])


MODELS = {"in a row": in_a_row, "own": Own}
OPTIMIZERS = {
    "descent": lambda: v1.train.GradientDescentOptimizer(0.1),
    "Adam": lambda: v1.train.AdamOptimizer(0.1),
}


@program("Keras layers", "variables", "train steps", repeated=EVERYWHERE)
def constraints_of_keras_layers(directory):
    seen = {}
    for name, make in MODELS.items():
        for kind, optimizer in OPTIMIZERS.items():

            def model_fn(features, labels, mode, *, make=make, optimizer=optimizer):
                y = make()(features["x"])
                if mode == "infer":
                    return tf.estimator.EstimatorSpec(mode, predictions={"y": y})
                loss = v1.losses.sparse_softmax_cross_entropy(labels, y)
                step = optimizer().minimize(loss, v1.train.get_global_step())
                return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=step)

            made = tf.estimator.Estimator(
                model_fn, os.path.join(directory, f"{name} {kind}"), models.config()
            )
            made.train(
                lambda: tf.data.Dataset.from_tensor_slices(({"x": X}, CLASS)).batch(4).repeat(), steps=3
            )
            seen[f"{name} {kind}"] = models.variables(made)
    return seen
