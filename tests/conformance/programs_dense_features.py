"""`tf.keras.layers.DenseFeatures` in model functions: tables of embeddings, where they are made, and what is trained."""

import os

import models
import numpy as np
import tensorflow as tf
from catalogue import KERAS_2, program
from computations import outcome
from models import v1

layers, fc = tf.keras.layers, tf.feature_column
FEATURES = {
    "x": np.arange(8, dtype=np.float32).reshape(4, 2) / 8,
    "word": np.array([["a"], ["b"], ["z"], ["c"]]),
    "z": np.array([[0.5], [2.0], [-1.0], [0.1]], np.float32),
    "several": np.array([["u", "v"], ["w", ""], ["u", "u"], ["", ""]]),
}
LABELS = np.ones([4, 1], np.float32)


def columns():
    words = fc.categorical_column_with_vocabulary_list("word", ["a", "b", "c"])
    several = fc.categorical_column_with_hash_bucket("several", 5)
    constant = v1.constant_initializer
    return [
        fc.numeric_column("x", shape=(2,)),
        fc.embedding_column(words, 2, initializer=constant(0.2)),
        fc.indicator_column(words),
        fc.bucketized_column(fc.numeric_column("z"), [0.0, 1.0]),
        fc.embedding_column(several, 3, "sum", constant(0.1), max_norm=0.3),
    ]


def shared():
    categorical = [
        fc.categorical_column_with_vocabulary_list(name, ["a", "u", "v"]) for name in ("word", "several")
    ]
    return fc.shared_embeddings(categorical, 2, initializer=v1.constant_initializer(0.2))


def dense(units=1):
    return layers.Dense(units, kernel_initializer=tf.keras.initializers.Constant(0.3))


class Own(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.features, self.out = layers.DenseFeatures(columns()), dense()

    def call(self, features):
        return self.out(self.features(features))


def in_a_row(features):
    return tf.keras.Sequential([layers.DenseFeatures(columns()), dense(2), dense()])(features)


def own(features):
    return Own()(features)


def twice(features):
    some = layers.DenseFeatures([fc.numeric_column("x", shape=(2,))])(features)
    return dense()(tf.concat([layers.DenseFeatures(columns())(features), some], 1))


MODELS = {
    "in a row": in_a_row,
    "named": lambda x: dense()(layers.DenseFeatures(columns(), name="mine")(x)),
    "twice": twice,
    "not trainable": lambda x: dense()(layers.DenseFeatures(columns(), trainable=False)(x)),
    "own": own,
    "one column": lambda x: dense()(layers.DenseFeatures(fc.numeric_column("z"))(x)),
    "shared": lambda x: dense()(layers.DenseFeatures(shared())(x)),
    "a generator": lambda x: dense()(layers.DenseFeatures(one for one in columns())(x)),
}


@program("Keras layers", "feature columns", "checkpoint names", repeated={KERAS_2: {}})
def dense_features_of_keras(directory):
    def seen(name, make):
        def model_fn(features, labels, mode):
            y = make(features)
            return models.regression(mode, y, labels, optimizer=v1.train.AdagradOptimizer(0.1))

        def train_input():
            return tf.data.Dataset.from_tensors((FEATURES, LABELS)).repeat()

        estimator = tf.estimator.Estimator(model_fn, os.path.join(directory, name), models.config())
        estimator.train(train_input, steps=3)
        return {
            "variables": models.variables(estimator),
            "metrics": estimator.evaluate(train_input, steps=1),
            "predictions": list(estimator.predict(lambda: tf.data.Dataset.from_tensors(FEATURES))),
        }

    return {name: seen(name, make) for name, make in MODELS.items()}


@program("Keras layers", "feature columns", repeated={KERAS_2: {}})
def dense_features_refused(directory):
    categorical = fc.categorical_column_with_identity("word", 3)
    cases = {
        "none": lambda: layers.DenseFeatures([]),
        "a dict": lambda: layers.DenseFeatures({"x": columns()[0]}),
        "categorical": lambda: layers.DenseFeatures([categorical]),
        "the same twice": lambda: layers.DenseFeatures([columns()[0], columns()[0]]),
    }
    return {name: outcome(make) for name, make in cases.items()}
