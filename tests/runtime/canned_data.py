"""Columns, inputs and labels for canned Estimators: sixteen examples, milliseconds."""

import numpy as np
import tensorflow as tf

from estimator_runtime import RunConfig

v1 = tf.compat.v1
X = np.linspace(-1, 1, 16, dtype=np.float32).reshape(16, 1)
WORDS = np.array([["a"], ["b"], ["c"], ["z"]] * 4)
LABELS = {
    "numbers": 2 * X + 1,
    "binary": (X > 0).astype(np.int64),
    "classes": np.digitize(X, [-0.3, 0.3]).astype(np.int64),
    "words": np.where(X > 0, "yes", "no"),
}


def columns():
    """Lists of feature columns: dense ones, and some for a linear model."""
    fc = tf.feature_column
    words = fc.categorical_column_with_vocabulary_list("word", ["a", "b", "c"])
    x = fc.numeric_column("x")
    return {"dense": [x, fc.embedding_column(words, 2)], "wide": [x, words]}


def input_of(labels, *, epochs=None, batch=8, **more):
    """An input function with features x and word (and `more`) and these labels."""

    def input_fn():
        features = {"x": X, "word": WORDS, **more}
        wanted = LABELS[labels] if isinstance(labels, str) else labels
        return tf.data.Dataset.from_tensor_slices((features, wanted)).repeat(epochs).batch(batch)

    return input_fn


def config(**fields):
    """A RunConfig with a seed."""
    return RunConfig(**{"tf_random_seed": 1, "save_checkpoints_steps": 50, **fields})
