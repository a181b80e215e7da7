"""Names of variables that Keras layers have in a checkpoint: by kind of model, and where it is made."""

import contextlib
import os

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
