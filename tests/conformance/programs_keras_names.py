"""Names of variables that Keras layers have in a checkpoint: by kind of model, and where it is made."""

import contextlib
import os
import shutil

import models
import tensorflow as tf
from catalogue import EVERYWHERE, program
from models import v1

layers = tf.keras.layers


def dense(units, **given):
    return layers.Dense(units, kernel_initializer=tf.keras.initializers.Constant(0.1), **given)


class Two(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = dense(2), dense(1)

    def call(self, x):
        return self.second(self.first(x))


class Pair(layers.Layer):
    def __init__(self):
        super().__init__()
        self.first, self.second = dense(2), dense(1)

    def call(self, x):
        return self.second(self.first(x))


class Deep(tf.keras.Model):
    """Layers of one's own, models built early and late, averages."""

    def __init__(self):
        super().__init__()
        self.pair, self.average = Pair(), layers.BatchNormalization()
        self.late, self.early = in_a_row(), in_a_row(input_shape=(1,))

    def call(self, x, training=None):
        return self.early(self.late(self.average(self.pair(x), training=training)))


class Building(tf.keras.Model):
    def build(self, shape):
        del shape
        self.weight = self.add_weight(name="weight", shape=(1, 1), initializer="ones")
        self.inner = dense(1)

    def call(self, x):
        return self.inner(x) * self.weight


def in_a_row(**first):
    return tf.keras.Sequential([dense(2, **first), dense(1)])


def one_by_one():
    model = tf.keras.Sequential()
    for layer in (dense(2, input_shape=(1,)), layers.BatchNormalization(), dense(1)):
        model.add(layer)
    return model


def built():
    model = in_a_row()
    model.build((None, 1))
    return model


def functional(*inner):
    x = tf.keras.Input((1,))
    y = dense(1)(dense(2)(x))
    for make in inner:
        y = make()(y)
    return tf.keras.Model(x, y)


def shared():
    x = tf.keras.Input((1,))
    layer = dense(1)
    return tf.keras.Model(x, dense(1)(layer(layer(x))))


MODELS = {
    "with an input": lambda: tf.keras.Sequential([tf.keras.Input((1,)), dense(2), dense(1)]),
    "with a shape": lambda: in_a_row(input_shape=(1,)),
    "late": in_a_row,
    "built": built,
    "one by one": one_by_one,
    "one layer": lambda: tf.keras.Sequential([dense(1)]),
    "functional": functional,
    "functional, around": lambda: functional(in_a_row, lambda: in_a_row(input_shape=(1,))),
    "shared": shared,
    "two": Two,
    "pair": Pair,
    "pair in a row": lambda: tf.keras.Sequential([Pair(), dense(1)]),
    "deep": Deep,
    "building": Building,
    "nested": lambda: tf.keras.Sequential([in_a_row(input_shape=(1,)), in_a_row()]),
}
SCOPES = {
    "alone": contextlib.nullcontext,
    "in a variable scope": lambda: v1.variable_scope("outer"),
    "in a name scope": lambda: v1.name_scope("outer"),
}


def names_of(directory, make, scope, *, twice=False):
    def model_fn(features, labels, mode):
        with scope():
            model = make()
            y = model(features["x"])
            if twice:
                y += make()(features["x"]) + model(features["x"])
        return models.regression(mode, y, labels)

    return sorted(models.estimator(directory, model_fn).train(models.batches, steps=1).get_variable_names())


@program("Keras layers", "checkpoint names", repeated=EVERYWHERE)
def names_of_keras_models(directory):
    return {
        f"{name}, {place}": names_of(os.path.join(directory, f"{name} {place}"), make, scope)
        for name, make in MODELS.items()
        for place, scope in SCOPES.items()
    }


@program("Keras layers", "checkpoint names", repeated=EVERYWHERE)
def names_of_two_keras_models(directory):
    return {
        name: names_of(os.path.join(directory, name), make, contextlib.nullcontext, twice=True)
        for name, make in MODELS.items()
    }


class Unnamed(layers.Layer):
    """Weights without a name."""

    def build(self, shape):
        self.scale, self.shift = (self.add_weight(shape=(shape[-1],), initializer="ones") for _ in range(2))

    def call(self, x):
        return x * self.scale + self.shift


class Made(layers.Layer):
    """A weight that is made before the layer is built, and a layer inside."""

    def __init__(self, **given):
        super().__init__(**given)
        self.scale = self.add_weight(name="scale", shape=(1,), initializer="ones")
        self.inner = dense(2)

    def call(self, x):
        return self.inner(x) * self.scale


class Around(layers.Layer):
    """Layers of which this one's building builds the weights."""

    def __init__(self):
        super().__init__()
        self.first, self.second = dense(2), dense(3)

    def build(self, shape):
        self.first.build(shape)
        self.second.build((*shape[:-1], 2))
        self.own = self.add_weight(name="own", shape=(1,), initializer="ones")

    def call(self, x):
        return self.second(self.first(x)) * self.own


class Step(layers.Layer):
    """A recurrent cell of a program's own."""

    def __init__(self):
        super().__init__()
        self.state_size = self.output_size = 2

    def build(self, shape):
        self.kernel = self.add_weight(name="kernel", shape=(shape[-1], 2), initializer="ones")

    def call(self, x, states):
        y = tf.matmul(x, self.kernel) + states[0]
        return y, [y]


def constant(**given):
    return {name: tf.keras.initializers.Constant(value) for name, value in given.items()}


def depthwise():
    return layers.DepthwiseConv2D(2, **constant(depthwise_initializer=0.1))


IMAGE, IMAGES, SERIES, SERIES_2 = (4, 4, 2), (3, 4, 4, 2), (3, 2), (2, 3, 2)
LAYERS = {
    "depthwise": (IMAGE, lambda: [depthwise()]),
    "depthwise 1": (SERIES, lambda: [layers.DepthwiseConv1D(2)]),
    "separable": (IMAGE, lambda: [layers.SeparableConv2D(3, 2)]),
    "distributed": (SERIES, lambda: [layers.TimeDistributed(dense(2)), layers.TimeDistributed(dense(2))]),
    "distributed twice": (SERIES_2, lambda: [layers.TimeDistributed(layers.TimeDistributed(dense(2)))]),
    "distributed row": (SERIES, lambda: [layers.TimeDistributed(in_a_row())]),
    "distributed depthwise": (IMAGES, lambda: [layers.TimeDistributed(depthwise())]),
    "normalized": (SERIES, lambda: [layers.SpectralNormalization(dense(2))]),
    "unnamed": (SERIES, lambda: [Unnamed(), Unnamed()]),
    "made": (SERIES, lambda: [Made(), Made()]),
    "around": (SERIES, lambda: [Around(), Around()]),
    "made, distributed": (SERIES, lambda: [layers.TimeDistributed(Around()), Unnamed()]),
    "built": (SERIES, lambda: [built_dense()]),
}
RECURRENT = {
    "distributed in both directions": (
        SERIES_2,
        lambda: [layers.TimeDistributed(layers.Bidirectional(layers.LSTM(2)))],
    ),
    "recurrent convolution": (IMAGES, lambda: [layers.ConvLSTM2D(2, 2)]),
    "recurrent convolution in both directions": (
        (3, 4, 2),
        lambda: [layers.Bidirectional(layers.ConvLSTM1D(2, 2))],
    ),
    "both directions": (
        SERIES,
        lambda: [layers.Bidirectional(layers.GRU(2), backward_layer=layers.LSTM(2, go_backwards=True))],
    ),
    "cells": (SERIES, lambda: [layers.RNN([layers.LSTMCell(2), layers.GRUCell(2)])]),
    "own cell": (SERIES, lambda: [layers.RNN(Step())]),
}


def built_dense():
    layer = dense(2)
    layer.build((None, 2))
    return layer


def estimator_of(directory, shape, make):
    def model_fn(features, labels, mode):
        model = tf.keras.Sequential([*make(), layers.Flatten(), dense(1)])
        # Without the factor the losses grow from step to step, and with them how machines round.
        return models.regression(mode, model(features["x"]) / 64, labels)

    def input_fn():
        batch = {"x": tf.ones((2, *shape))}, tf.ones((2, 1))
        return tf.data.Dataset.from_tensors(batch).repeat(3)

    return models.estimator(directory, model_fn), input_fn


def names_of_each(directory, kinds):
    """But for the seeds of Keras 3's recurrent layers."""
    found = {}
    for name, (shape, make) in kinds.items():
        made, input_fn = estimator_of(os.path.join(directory, name), shape, make)
        names = made.train(input_fn, steps=1).get_variable_names()
        found[name] = [variable for variable in names if not variable.startswith("seed_generator")]
        v1.summary.FileWriterCache.clear()
        shutil.rmtree(made.model_dir)
    return found


@program("Keras layers", "checkpoint names", repeated=EVERYWHERE)
def names_of_keras_layers(directory):
    return names_of_each(directory, LAYERS)


@program("Keras layers", "checkpoint names", repeated=EVERYWHERE)
def names_of_recurrent_keras_layers(directory):
    return names_of_each(directory, RECURRENT)


RENAMED = {
    "images": (IMAGE, lambda: [depthwise(), Unnamed()]),
    "series": (SERIES, lambda: [layers.TimeDistributed(dense(2)), Around(), Made()]),
}


@program("Keras layers", "variables")
def keras_layers_for_the_other(directory):
    for name, (shape, make) in RENAMED.items():
        made, input_fn = estimator_of(os.path.join(directory, name), shape, make)
        made.train(input_fn)


@program("Keras layers", "variables", meets=True)
def resuming_keras_layers(directory, own, other):
    """Trainings that go on from the checkpoints of the other environment."""
    found = {}
    for environment, results in (("own", own), ("other", other)):
        target = os.path.join(directory, environment)
        shutil.copytree(os.path.join(results, "keras_layers_for_the_other"), target)
        for name, (shape, make) in RENAMED.items():
            made, input_fn = estimator_of(os.path.join(target, name), shape, make)
            before = made.evaluate(input_fn)
            made.train(input_fn)
            found[f"{environment}, {name}"] = {"before": before, "variables": models.variables(made)}
    return found
