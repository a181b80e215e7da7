"""Feature columns of every kind, in a linear model and in a network: variables and logits, or what is refused."""

import os

import numpy as np
import tensorflow as tf
from catalogue import program
from computations import initialize, outcome
from models import v1

fc = tf.feature_column


def built(kind, columns, features, **given):
    """Variables, by name and shape, and logits of two units of a model over the columns."""

    def run():
        experimental = v1.estimator.experimental
        with tf.Graph().as_default(), v1.Session() as session:
            if kind == "linear":
                logits = experimental.linear_logit_fn_builder(2, columns(), **given)(features())
            else:
                fn = experimental.dnn_logit_fn_builder(2, [2], columns(), None, None, None, False)
                logits = fn(features(), "eval")
            initialize(session)
            return {
                "variables": {
                    variable.op.name: [str(variable.shape), variable.trainable]
                    for variable in v1.global_variables()
                },
                "logits": session.run(logits),
            }

    return outcome(run)


def both(columns, features):
    """`built` in both kinds of models; arguments are functions, called in the graph."""
    return {kind: built(kind, columns, features) for kind in ("linear", "deep")}


def numbers():
    return {
        "x": tf.constant([[0.5], [2.0], [-1.0]]),
        "pair": tf.constant([[1.0, 2.0], [0.0, 1.0], [3.0, 0.5]]),
    }


def words():
    return {"word": tf.constant([["a"], ["z"], ["b"]]), "id": tf.constant([[1], [0], [2]], tf.int64)}


def several():
    """Two, one and no words in a row."""
    return {
        "word": tf.SparseTensor([[0, 0], [0, 1], [1, 0]], ["a", "b", "z"], [3, 2]),
        "weight": tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [0.5, 2.0, 1.0], [3, 2]),
        "id": tf.SparseTensor([[0, 0], [0, 1], [1, 0]], tf.constant([1, 2, 0], tf.int64), [3, 2]),
    }


def vocabulary(**given):
    return fc.categorical_column_with_vocabulary_list("word", ["a", "b", "c"], **given)


@program("feature columns")
def numeric_columns(directory):
    columns = {
        "plain": lambda: [fc.numeric_column("x")],
        "pair": lambda: [fc.numeric_column("pair", shape=2)],
        "normalized": lambda: [fc.numeric_column("x", normalizer_fn=lambda x: 2 * x)],
        "float64": lambda: [fc.numeric_column("x", dtype=tf.float64)],
        "int": lambda: [fc.numeric_column("x", dtype=tf.int32)],
        "wrong shape": lambda: [fc.numeric_column("pair", shape=3)],
        "missing": lambda: [fc.numeric_column("other")],
        "two": lambda: [fc.numeric_column("x"), fc.numeric_column("pair", shape=[2])],
        "in another order": lambda: [fc.numeric_column("pair", shape=[2]), fc.numeric_column("x")],
        "twice": lambda: [fc.numeric_column("x"), fc.numeric_column("x")],
    }
    return {name: both(make, numbers) for name, make in columns.items()}


@program("feature columns")
def features_of_numeric_columns(directory):
    features = {
        "rank 1": lambda: tf.constant([0.5, 2.0, -1.0]),
        "ints": lambda: tf.constant([[1], [2], [3]]),
        "float64": lambda: tf.constant([[0.5], [2.0], [-1.0]], tf.float64),
        "bool": lambda: tf.constant([[True], [False], [True]]),
        "words": lambda: tf.constant([["1"], ["2"], ["3"]]),
        "rank 3": lambda: tf.ones([3, 1, 1]),
        "array": lambda: np.ones([3, 1], np.float32),
        "list": lambda: [[1.0], [2.0], [3.0]],
        "sparse": lambda: tf.sparse.from_dense([[0.5], [2.0], [-1.0]]),
        "ragged": lambda: tf.ragged.constant([[0.5], [2.0], [-1.0]]),
        "unknown shape": lambda: v1.placeholder_with_default(np.ones([3, 1], np.float32), None),
        "unknown batch": lambda: v1.placeholder_with_default(np.ones([3, 1], np.float32), [None, 1]),
        "scalar": lambda: tf.constant(1.0),
    }
    return {
        name: both(lambda: [fc.numeric_column("x")], lambda make=make: {"x": make()})
        for name, make in features.items()
    }


@program("feature columns")
def kinds_of_features(directory):
    """What stands in the place of the dict of features."""
    kinds = {
        "a tensor": lambda: tf.ones([3, 1]),
        "an empty dict": dict,
        "a list": lambda: [tf.ones([3, 1])],
        "none": lambda: None,
        "more": lambda: {**numbers(), "other": tf.constant(["a", "b", "c"])},
        "batches that differ": lambda: {"x": tf.ones([3, 1]), "pair": tf.ones([2, 2])},
    }

    def columns():
        return [fc.numeric_column("x"), fc.numeric_column("pair", shape=2)]

    return {name: both(columns, make) for name, make in kinds.items()}


@program("feature columns")
def bucketized_columns(directory):
    x = fc.numeric_column("x")
    columns = {
        "plain": lambda: [fc.bucketized_column(x, [0.0, 1.0])],
        "one boundary": lambda: [fc.bucketized_column(x, [0.5])],
        "pair": lambda: [fc.bucketized_column(fc.numeric_column("pair", shape=2), [1.0])],
        "beside its source": lambda: [x, fc.bucketized_column(x, [0.0, 1.0])],
        "embedded": lambda: [fc.embedding_column(fc.bucketized_column(x, [0.0, 1.0]), 2)],
    }
    return {name: both(make, numbers) for name, make in columns.items()}


@program("feature columns")
def vocabulary_columns(directory):
    path = os.path.join(directory, "words.txt")
    with open(path, "w") as file:
        file.write("a\nb\nc\n")
    file_column = fc.categorical_column_with_vocabulary_file
    columns = {
        "list": lambda: [vocabulary()],
        "buckets for others": lambda: [vocabulary(num_oov_buckets=2)],
        "default": lambda: [vocabulary(default_value=0)],
        "file": lambda: [file_column("word", path)],
        "part of a file": lambda: [file_column("word", path, vocabulary_size=2, num_oov_buckets=1)],
        "numbers": lambda: [fc.categorical_column_with_vocabulary_list("id", [2, 0, 1])],
        "words of numbers": lambda: [fc.categorical_column_with_vocabulary_list("id", ["0", "1"])],
        "indicator": lambda: [fc.indicator_column(vocabulary())],
        "no file": lambda: [file_column("word", os.path.join(directory, "none.txt"), vocabulary_size=3)],
    }
    made = {
        name: {"one": both(make, words), "several": both(make, several)} for name, make in columns.items()
    }
    os.remove(path)
    return made


@program("feature columns")
def identity_and_hashed_columns(directory):
    columns = {
        "identity": lambda: [fc.categorical_column_with_identity("id", 3)],
        "identity too small": lambda: [fc.categorical_column_with_identity("id", 2)],
        "identity with default": lambda: [fc.categorical_column_with_identity("id", 2, default_value=0)],
        "hashed": lambda: [fc.categorical_column_with_hash_bucket("word", 5)],
        "hashed numbers": lambda: [fc.categorical_column_with_hash_bucket("id", 5, dtype=tf.int64)],
        "one bucket": lambda: [fc.categorical_column_with_hash_bucket("word", 1)],
        "indicator": lambda: [fc.indicator_column(fc.categorical_column_with_identity("id", 3))],
    }
    return {
        name: {"one": both(make, words), "several": both(make, several)} for name, make in columns.items()
    }


@program("feature columns")
def crossed_and_weighted_columns(directory):
    def features():
        return {**several(), **numbers()}

    buckets = fc.bucketized_column(fc.numeric_column("x"), [0.0, 1.0])
    columns = {
        "names": lambda: [fc.crossed_column(["word", "id"], 6)],
        "buckets": lambda: [fc.crossed_column(["word", buckets], 6)],
        "three": lambda: [fc.crossed_column(["word", buckets, vocabulary()], 7, hash_key=3)],
        "crossed indicator": lambda: [fc.indicator_column(fc.crossed_column(["word", buckets], 4))],
        "weighted": lambda: [fc.weighted_categorical_column(vocabulary(), "weight")],
        "weighted indicator": lambda: [
            fc.indicator_column(fc.weighted_categorical_column(vocabulary(), "weight"))
        ],
        "weighted embedding": lambda: [
            fc.embedding_column(fc.weighted_categorical_column(vocabulary(), "weight"), 2)
        ],
        "weights that are whole": lambda: [
            fc.weighted_categorical_column(vocabulary(), "id", dtype=tf.int64)
        ],
    }
    return {name: both(make, features) for name, make in columns.items()}


@program("feature columns")
def embedding_columns(directory):
    columns = {
        "mean": lambda: [fc.embedding_column(vocabulary(), 2)],
        "sum": lambda: [fc.embedding_column(vocabulary(), 2, combiner="sum")],
        "sqrtn": lambda: [fc.embedding_column(vocabulary(), 2, combiner="sqrtn")],
        "norm": lambda: [fc.embedding_column(vocabulary(), 2, max_norm=0.1)],
        "two": lambda: [
            fc.embedding_column(fc.categorical_column_with_identity("id", 3), 1),
            fc.embedding_column(vocabulary(), 2),
        ],
        "shared by v1": lambda: v1.feature_column.shared_embedding_columns(
            [vocabulary(), fc.categorical_column_with_hash_bucket("id", 3, tf.int64)], 2
        ),
        "unsafe": lambda: [fc.embedding_column(vocabulary(), 2, use_safe_embedding_lookup=False)],
    }
    return {
        name: {"one": both(make, words), "several": both(make, several)} for name, make in columns.items()
    }


@program("feature columns", "Linear")
def combiners_of_sparse_columns(directory):
    def columns():
        return [vocabulary(), fc.categorical_column_with_identity("id", 3)]

    return {
        str(name): built("linear", columns, several, sparse_combiner=name)
        for name in ("sum", "mean", "sqrtn", "max", None)
    }


@program(
    "feature columns",
    differs={
        "result/generator/*": "columns may come from any iterable",
        "result/none/*": "a ValueError that says what may be given",
    },
)
def lists_of_columns(directory):
    x, pair = fc.numeric_column("x"), fc.numeric_column("pair", shape=2)
    lists = {
        "tuple": lambda: (x, pair),
        "generator": lambda: (column for column in (x, pair)),
        "set": lambda: {x, pair},
        "one": lambda: x,
        "dict": lambda: {"x": x},
        "empty": list,
        "none": lambda: None,
        "names": lambda: ["x"],
        "categorical": lambda: [vocabulary()],
        "nested": lambda: [[x], [pair]],
    }
    return {name: both(make, numbers) for name, make in lists.items()}


@program("feature columns")
def sequence_columns(directory):
    def columns():
        word = fc.sequence_categorical_column_with_identity("id", 3)
        return [fc.embedding_column(word, 2)]

    def indicator():
        return [fc.indicator_column(fc.sequence_categorical_column_with_identity("id", 3))]

    return {
        "embedding": both(columns, several),
        "indicator": both(indicator, several),
        "numeric": both(lambda: [fc.sequence_numeric_column("x")], numbers),
    }


@program("feature columns")
def ragged_and_dense_words(directory):
    features = {
        "rank 1": lambda: {"word": tf.constant(["a", "z", "b"])},
        "rank 2": lambda: {"word": tf.constant([["a", "b"], ["z", ""], ["b", "b"]])},
        "ragged": lambda: {"word": tf.ragged.constant([["a", "b"], [], ["z"]])},
        "numbers": lambda: {"word": tf.constant([[1], [2], [3]])},
        "array": lambda: {"word": np.array([["a"], ["z"], ["b"]])},
        "unknown shape": lambda: {"word": v1.placeholder_with_default([["a"], ["z"], ["b"]], None)},
    }
    return {
        name: {
            "linear": built("linear", lambda: [vocabulary()], make),
            "deep": built("deep", lambda: [fc.indicator_column(vocabulary())], make),
        }
        for name, make in features.items()
    }
