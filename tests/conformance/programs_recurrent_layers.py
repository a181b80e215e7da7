"""Recurrent layers of `tf.keras` in model functions: what they make, with TensorFlow 2's behavior and without it.

Those that convolve are rounded in another order here; `programs_keras_names` trains them.
"""

import os
import shutil

import models
import numpy as np
import tensorflow as tf
from catalogue import V1, program
from models import v1

layers = tf.keras.layers
SERIES = np.arange(24, dtype=np.float32).reshape(2, 4, 3) / 24


def settled(layer, *args, **kwargs):
    constant = tf.keras.initializers.Constant(0.1)
    return layer(*args, kernel_initializer=constant, recurrent_initializer=constant, **kwargs)


class Cell(layers.Layer):
    """A cell that asks for sizes."""

    state_size = output_size = 2

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(int(input_shape[-1]), 2), initializer=tf.keras.initializers.Constant(0.2)
        )

    def call(self, inputs, states):
        made = tf.matmul(inputs, self.kernel) + states[0] / int(inputs.shape[-1])
        return made, [made]


LAYERS = {
    "lstm": (SERIES, lambda: settled(layers.LSTM, 2)),
    "gru": (SERIES, lambda: settled(layers.GRU, 2, return_sequences=True)),
    "simple": (SERIES, lambda: settled(layers.SimpleRNN, 2, go_backwards=True)),
    "unrolled": (SERIES, lambda: settled(layers.GRU, 2, unroll=True)),
    "both directions": (SERIES, lambda: layers.Bidirectional(settled(layers.LSTM, 2))),
    "cells": (
        SERIES,
        lambda: layers.RNN([settled(layers.LSTMCell, 2), settled(layers.GRUCell, 2)]),
    ),
    "own cell": (SERIES, lambda: layers.RNN(Cell())),
    "masked": (
        SERIES,
        lambda: tf.keras.Sequential([layers.Masking(0.25), settled(layers.GRU, 2)]),
    ),
}


@program("Keras layers", repeated={V1: {}})
def recurrent_layers_of_keras(directory):
    def seen(name, batch, make):
        def model_fn(features, labels, mode):
            made = layers.Flatten()(make()(features))
            y = layers.Dense(1, kernel_initializer=tf.keras.initializers.Constant(0.3))(made)
            return models.regression(mode, y, labels, optimizer=v1.train.AdagradOptimizer(0.1))

        def input_fn():
            return tf.data.Dataset.from_tensors((batch, np.ones([2, 1], np.float32))).repeat(3)

        estimator = tf.estimator.Estimator(model_fn, os.path.join(directory, name), models.config())
        estimator.train(input_fn)
        found = {
            "metrics": estimator.evaluate(input_fn, steps=1),
            "predictions": list(estimator.predict(lambda: tf.data.Dataset.from_tensors(batch))),
        }
        v1.summary.FileWriterCache.clear()
        # Keras 3 saves the states of its seeds.
        shutil.rmtree(estimator.model_dir)
        return found

    return {name: seen(name, batch, make) for name, (batch, make) in LAYERS.items()}
