"""Sequences for the RNN Estimators: whether the numbers of a sequence, of one to six steps, add up to more than 0."""

import numpy as np
import tensorflow as tf

from estimator_runtime import RunConfig

v1 = tf.compat.v1
fc = tf.feature_column
_RANDOM = np.random.RandomState(1)
LENGTHS = _RANDOM.randint(1, 7, 32)
X = [_RANDOM.uniform(-1, 1, length).astype(np.float32) for length in LENGTHS]
SUMS = np.array([[x.sum()] for x in X], np.float32)
LABELS = {
    "numbers": SUMS,
    "binary": (SUMS > 0).astype(np.int64),
    "words": np.where(SUMS > 0, "yes", "no"),
    "classes": np.digitize(SUMS, [-0.5, 0.5]).astype(np.int64),
}
CONTEXT = np.sign(SUMS)
"""A feature of the whole sequence."""


def ragged(rows=X):
    return tf.ragged.constant([list(row) for row in rows], inner_shape=())


def each_step(make):
    """Labels of each step: what `make` says of the sum up to it, 0 for padding: [32, 6]."""
    made = np.zeros([len(X), 6], np.int64)
    for row, x in enumerate(X):
        made[row, : len(x)] = make(np.cumsum(x))
    return made


def input_of(labels, *, epochs=None, batch=8):
    """An input function with the features x and word (sequences) and c, as wide as the longest of a batch, and labels."""
    wanted = LABELS[labels] if isinstance(labels, str) else labels

    def input_fn():
        sequences = ragged()
        words = tf.where(sequences > 0, "up", "down")
        features = {"x": sequences, "word": words, "c": CONTEXT}
        batches = tf.data.Dataset.from_tensor_slices((features, wanted)).repeat(epochs).batch(batch)
        return batches.map(as_wide_as_the_longest)

    return input_fn


def as_wide_as_the_longest(features, labels):
    sparse = {name: features[name].to_sparse() for name in ("x", "word")}
    if labels.shape.rank == 2 and labels.shape[1] == 6:
        labels = labels[:, : tf.cast(sparse["x"].dense_shape[1], tf.int32)]
    return {**features, **sparse}, labels


def numbers(**given):
    return fc.sequence_numeric_column("x", **given)


def words():
    return fc.sequence_categorical_column_with_vocabulary_list("word", ["up", "down"])


def config(**fields):
    return RunConfig(**{"tf_random_seed": 1, "save_checkpoints_steps": 50, **fields})
