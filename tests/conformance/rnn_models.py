"""Sequences for the RNN Estimators: four examples of one to three steps, parsed from tf.Examples as programs do."""

import os

import models
import numpy as np
import tensorflow as tf
from models import v1
from programs_canned import FixedValues

fc = tf.feature_column

X = [[0.5, 1.0, -1.0], [2.0], [0.25, 0.75], [1.5, -0.5, 0.0]]
WORDS = [["a", "b", "a"], ["b"], ["c", "z"], ["b", "c", "b"]]
C = [0.5, 1.0, -1.0, 2.0]
KINDS = ["p", "q", "p", "other"]
WEIGHTS = [1.0, 2.0, 0.5, 1.0]
LABELS = {
    "binary": np.array([[0], [1], [1], [0]], np.int64),
    "classes": np.array([[0], [1], [2], [1]], np.int64),
    "words": np.array([["n"], ["y"], ["y"], ["n"]]),
    "numbers": np.array([[0.5], [1.0], [-1.0], [0.25]], np.float32),
    "a class a step": np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0], [0, 0, 1]], np.int64),
    "a number a step": np.arange(12, dtype=np.float32).reshape(4, 3, 1) / 4,
}


def serialized():
    """The examples as strings."""

    def floats(values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    def words(values):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[word.encode() for word in values]))

    return [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    "x": floats(X[row]),
                    "word": words(WORDS[row]),
                    "twin": words(reversed(WORDS[row])),
                    "c": floats([C[row]]),
                    "kind": words([KINDS[row]]),
                    "weight": floats([WEIGHTS[row]]),
                }
            )
        ).SerializeToString()
        for row in range(len(X))
    ]


SPEC = {
    **{name: tf.io.VarLenFeature(tf.string) for name in ("word", "twin")},
    "x": tf.io.VarLenFeature(tf.float32),
    "c": tf.io.FixedLenFeature([1], tf.float32),
    "kind": tf.io.FixedLenFeature([1], tf.string),
    "weight": tf.io.FixedLenFeature([1], tf.float32),
}


def input_of(labels, *, batch=2, more=None):
    """An input function over the examples once; `more` is a function of the parsed features."""
    labels = LABELS[labels] if isinstance(labels, str) else labels

    def input_fn():
        def parsed(examples, wanted):
            features = tf.io.parse_example(examples, SPEC)
            if more is not None:
                features = more(features)
            if wanted.shape.rank == 3 or (labels.ndim == 2 and labels.shape[1] == 3):
                # Labels of a step that no example of the batch has.
                wanted = wanted[:, : tf.cast(features["x"].dense_shape[1], tf.int32)]
            return features, wanted

        return tf.data.Dataset.from_tensor_slices((serialized(), labels)).batch(batch).map(parsed)

    return input_fn


def numbers(**given):
    return fc.sequence_numeric_column("x", **given)


def words(key="word"):
    return fc.sequence_categorical_column_with_vocabulary_list(key, ["a", "b", "c"])


def kinds():
    return fc.categorical_column_with_vocabulary_list("kind", ["p", "q"])


def columns():
    """The sequence columns and the context columns of most programs."""
    return {
        "sequence_feature_columns": [numbers(), fc.embedding_column(words(), 2)],
        "context_feature_columns": [fc.numeric_column("c"), fc.embedding_column(kinds(), 2)],
    }


def trained(make, labels, directory, *, steps=6, more=None):
    """An Estimator of `make` after some steps from fixed values."""
    config = models.config(save_summary_steps=1, log_step_count_steps=1)
    estimator = make(model_dir=os.path.join(directory, "model"), config=config)
    input_fn = input_of(labels, more=more)
    return estimator.train(lambda: input_fn().repeat(), hooks=[FixedValues()], steps=steps)


def worked(make, labels, directory, *, steps=6, more=None):
    """Trains, evaluates, predicts, exports and serves an Estimator in `directory`."""
    estimator = trained(make, labels, directory, steps=steps, more=more)
    input_fn = input_of(labels, more=more)
    receiver = tf.estimator.export.build_parsing_serving_input_receiver_fn(SPEC)
    path = estimator.export_saved_model(os.path.join(directory, "export"), receiver)
    return {
        "variables": models.variables(estimator),
        "metrics": estimator.evaluate(input_fn),
        "predictions": list(estimator.predict(input_fn)),
        "batches": list(estimator.predict(input_fn, yield_single_examples=False)),
        "served": served(path),
    }


def served(path):
    """What each signature answers to all examples at once."""
    with tf.Graph().as_default(), v1.Session() as session:
        meta_graph = v1.saved_model.load(session, ["serve"], tf.compat.as_str_any(path))
        return {
            name: session.run(
                {key: info.name for key, info in signature.outputs.items()},
                {info.name: serialized() for info in signature.inputs.values()},
            )
            for name, signature in meta_graph.signature_def.items()
        }
