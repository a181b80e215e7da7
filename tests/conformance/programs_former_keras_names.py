"""Names of `tf.keras` that Keras 3 does not have, in model functions: losses, layers of sequence columns, and others."""

import os

import models
import numpy as np
import tensorflow as tf
from catalogue import EVERYWHERE, KERAS_2, program
from computations import outcome
from models import v1

layers, fc = tf.keras.layers, tf.feature_column
LOSSES = (
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
)
OLD = ("cosine", "cosine_proximity")
FLOATS = np.arange(12, dtype=np.float32).reshape(4, 3) / 12
OTHERS = FLOATS[::-1] ** 2 + 0.1
GIVEN = {
    "floats": (FLOATS, OTHERS),
    "whole numbers": (np.array([[0, 2, 1]]), OTHERS[:1]),
    "booleans": (FLOATS > 0.5, OTHERS),
    "doubles": (FLOATS.astype(np.float64), OTHERS),
    "labels without the last axis": (FLOATS[:, 0], OTHERS[:, :1]),
    "predictions without the last axis": (FLOATS[:, :1], OTHERS[:, 0]),
    "one label for all": (FLOATS[:, :1], OTHERS),
    "zeros": (np.zeros([2, 3], np.float32), np.zeros([2, 3], np.float32)),
    "below zero": (-FLOATS, -OTHERS),
    "far apart": (1000 * FLOATS, -1000 * OTHERS),
    "one example": (FLOATS[1], OTHERS[1]),
    "lists": (FLOATS.tolist(), OTHERS.tolist()),
}


def functions():
    yield from ((name, getattr(tf.keras.losses, name)) for name in LOSSES)
    yield from ((name, getattr(v1.keras.losses, name)) for name in OLD)


@program("Keras metrics", repeated=EVERYWHERE)
def former_losses_of_keras(directory):
    def value(function, true, made):
        with tf.Graph().as_default(), v1.Session() as session:
            tensor = function(true, made)
            return {"value": session.run(tensor), "shape": tensor.shape.as_list(), "dtype": tensor.dtype.name}

    def of_unknown_shape(function):
        with tf.Graph().as_default(), v1.Session() as session:
            true, made = v1.placeholder(tf.float32), v1.placeholder(tf.float32)
            return session.run(function(true, made), {true: FLOATS, made: OTHERS})

    found = {}
    for name, function in functions():
        of_metrics = getattr(v1.keras.metrics, name)
        found[name] = (
            {"of metrics": of_metrics is function}
            | {
                kind: outcome(lambda pair=pair, function=function: value(function, *pair))
                for kind, pair in GIVEN.items()
            }
            | {"of unknown shape": outcome(lambda function=function: of_unknown_shape(function))}
        )
    return found


@program("Keras metrics", "checkpoint names", repeated=EVERYWHERE)
def models_with_former_losses_of_keras(directory):
    def seen(name):
        loss_of = getattr(tf.keras.losses, name)

        def model_fn(features, labels, mode):
            y = layers.Dense(1, kernel_initializer=tf.keras.initializers.Constant(0.3))(features["x"])
            if mode == "infer":
                return tf.estimator.EstimatorSpec(mode, predictions={"y": y})
            loss = tf.reduce_mean(loss_of(labels[:, 0], y))
            step = v1.train.GradientDescentOptimizer(0.01).minimize(loss, v1.train.get_global_step())
            return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=step)

        estimator = tf.estimator.Estimator(model_fn, os.path.join(directory, name), models.config())
        estimator.train(models.batches, steps=3)
        return {"variables": models.variables(estimator), "metrics": estimator.evaluate(models.once)}

    return {name: seen(name) for name in LOSSES}


WORDS = [["a", "b", "z"], ["c"], ["b", "c", "a"], []]
X = [[1.0, 2.0, 3.0], [4.0], [0.0, 0.0, 1.0], []]


def columns():
    words = fc.sequence_categorical_column_with_vocabulary_list("word", ["a", "b", "c"])
    numbers = fc.sequence_categorical_column_with_identity("number", 5, default_value=0)
    constant = v1.constant_initializer
    return [
        fc.sequence_numeric_column("x", normalizer_fn=lambda x: x / 2),
        fc.embedding_column(words, 2, initializer=constant(0.2)),
        fc.indicator_column(numbers),
    ]


def shared():
    categorical = [
        fc.sequence_categorical_column_with_vocabulary_list(name, ["a", "b"]) for name in ("word", "other")
    ]
    return fc.shared_embeddings(categorical, 2, initializer=v1.constant_initializer(0.2))


def sequences():
    numbers = [[round(x) for x in row] for row in X]
    given = {"x": X, "word": WORDS, "other": WORDS, "number": numbers}
    kinds = {"x": tf.float32, "number": tf.int64}
    features = {
        name: tf.ragged.constant(rows, kinds.get(name, tf.string), ragged_rank=1).to_sparse()
        for name, rows in given.items()
    }
    return tf.data.Dataset.from_tensors((features, np.ones([4, 1], np.float32))).repeat()


def in_steps(given, **arguments):
    def logits(features):
        made, steps = tf.keras.experimental.SequenceFeatures(given(), **arguments)(features)
        mask = tf.cast(tf.sequence_mask(steps, tf.shape(made)[1]), tf.float32)
        y = layers.Dense(1, kernel_initializer=tf.keras.initializers.Constant(0.3))(made)
        return tf.reduce_sum(y * mask[:, :, None], 1), made, steps

    return logits


SEQUENCES = {
    "several": in_steps(columns),
    "named": in_steps(columns, name="mine"),
    "not trainable": in_steps(columns, trainable=False),
    "one column": in_steps(lambda: columns()[0]),
    "a generator": in_steps(lambda: (column for column in columns())),
    "shared": in_steps(shared),
}


@program("Keras layers", "feature columns", "checkpoint names", repeated={KERAS_2: {}})
def sequence_features_of_keras(directory):
    def seen(name, logits):
        def model_fn(features, labels, mode):
            y, made, steps = logits(features)
            if mode == "infer":
                return tf.estimator.EstimatorSpec(mode, predictions={"y": y, "made": made, "steps": steps})
            return models.regression(mode, y, labels, optimizer=v1.train.AdagradOptimizer(0.1))

        estimator = tf.estimator.Estimator(model_fn, os.path.join(directory, name), models.config())
        estimator.train(sequences, steps=3)
        return {
            "variables": models.variables(estimator),
            "metrics": estimator.evaluate(sequences, steps=1),
            "predictions": list(estimator.predict(lambda: sequences().map(lambda x, _: x).take(1))),
        }

    return {name: seen(name, logits) for name, logits in SEQUENCES.items()}


@program("Keras layers", "feature columns", repeated={KERAS_2: {}})
def sequence_features_refused(directory):
    make = tf.keras.experimental.SequenceFeatures

    def uneven():
        with tf.Graph().as_default(), v1.Session() as session:
            features = {
                "x": tf.sparse.from_dense([[1.0, 2.0]]),
                "z": tf.sparse.from_dense([[1.0]]),
            }
            given = [fc.sequence_numeric_column("x"), fc.sequence_numeric_column("z")]
            return session.run(make(given)(features))

    cases = {
        "none": lambda: make([]),
        "a dict": lambda: make({"x": columns()[0]}),
        "dense": lambda: make([fc.numeric_column("x")]),
        "categorical": lambda: make([fc.sequence_categorical_column_with_identity("word", 3)]),
        "the same twice": lambda: make([columns()[0], columns()[0]]),
        "no dict": lambda: make(columns())(tf.constant([[1.0]])),
        "uneven": uneven,
    }
    return {name: outcome(case) for name, case in cases.items()}


def own_cell():
    class Sums(layers.AbstractRNNCell):
        """A cell of the program's own."""

        @property
        def state_size(self):
            return 2

        @property
        def output_size(self):
            return 2

        def build(self, input_shape):
            self.kernel = self.add_weight(
                name="kernel", shape=(input_shape[-1], 2), initializer=tf.keras.initializers.Constant(0.2)
            )
            self.built = True

        def call(self, inputs, states):
            made = tf.matmul(inputs, self.kernel) + states[0]
            return made, [made]

    return Sums()


@program("Keras layers", "Keras metrics", "checkpoint names", repeated={KERAS_2: {}})
def former_classes_of_keras(directory):
    def model_fn(features, labels, mode):
        y = layers.Dense(1, kernel_initializer=tf.keras.initializers.Constant(0.3))(
            layers.RNN(own_cell())(features)
        )
        if mode != "eval":
            return models.regression(mode, y, labels)
        relative = {
            "of the labels": tf.keras.metrics.MeanRelativeError(labels),
            "nought": tf.keras.metrics.MeanRelativeError([[0.0], [1.0], [2.0], [4.0]]),
            "without the last axis": tf.keras.metrics.MeanRelativeError([1.0, 2.0, 4.0, 4.0]),
        }
        for metric in relative.values():
            metric.update_state(labels[:, 0], y)
        return tf.estimator.EstimatorSpec(mode, loss=tf.reduce_mean(y), eval_metric_ops=relative)

    def input_fn():
        series = np.arange(24, dtype=np.float32).reshape(4, 3, 2) / 24
        return tf.data.Dataset.from_tensors((series, np.float32([[1.0], [2.0], [3.0], [4.0]]))).repeat(3)

    estimator = models.estimator(directory, model_fn)
    estimator.train(input_fn)
    return {"variables": models.variables(estimator), "metrics": estimator.evaluate(input_fn)}
