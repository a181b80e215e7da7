"""What heads take for labels, logits, weights and regularization losses: kinds, dtypes, shapes, and what they refuse."""

import numpy as np
import tensorflow as tf
from catalogue import program
from computations import of_each, outcome, values
from models import v1

ONE = np.array([[0.3], [-1.2], [2.0]], np.float32)
THREE = np.array([[0.3, 1.0, -1.0], [0.0, 0.2, 0.1], [2.0, -2.0, 0.5]], np.float32)

IN_THE_GRAPH = "a shape or dtype that does not fit is found when the graph is made, with what it belongs to, not when it runs"
SPARSE = "sparse labels with one value for every example are what parsing a VarLenFeature gives"
OTHER_LABELS = "classes are numbers of any integer dtype, and a bool is 0 or 1, as for a binary head"


def te():
    return tf.estimator


def losses(make_head, logits, cases, **given):
    """The loss of each of the cases of labels, with a head of its own."""
    return of_each(lambda labels: make_head().loss(labels, tf.constant(logits), {}, **given), cases)


def sparse(values_, shape=(3, 1), dtype=None):
    def make():
        places = [[row, 0] for row in range(len(values_))]
        return tf.SparseTensor(places, tf.constant(values_, dtype), shape)

    return make


def unknown(value, shape=None):
    """A Tensor whose shape is known only when the graph runs."""
    return lambda: v1.placeholder_with_default(value, shape)


@program(
    "heads",
    differs={
        "result/sparse*": SPARSE,
    },
)
def labels_of_a_binary_head(directory):
    column = [[1], [0], [1]]
    cases = {
        dtype.name: lambda dtype=dtype: tf.cast(column, dtype)
        for dtype in (tf.bool, tf.uint8, tf.int32, tf.int64, tf.float16, tf.float32, tf.float64)
    }
    cases |= {
        "list": column,
        "array": np.array(column),
        "rank 1": lambda: tf.constant([1, 0, 1]),
        "rank 0": lambda: tf.constant(1),
        "two columns": lambda: tf.constant([[1, 0], [0, 1], [1, 1]]),
        "too few": lambda: tf.constant([[1], [0]]),
        "chances": lambda: tf.constant([[0.5], [0.1], [1.0]]),
        "above one": lambda: tf.constant([[2], [0], [1]]),
        "below zero": lambda: tf.constant([[-1], [0], [1]]),
        "words": lambda: tf.constant([["a"], ["b"], ["a"]]),
        "sparse": sparse([1, 0, 1]),
        "sparse with a gap": sparse([1, 0]),
        "unknown shape": unknown(np.array(column)),
        "unknown shape, rank 1": unknown(np.array([1, 0, 1])),
        "unknown batch": unknown(np.array(column), [None, 1]),
        "none": None,
    }
    return losses(lambda: te().BinaryClassHead(), ONE, cases)


@program(
    "heads",
    differs={
        "result/sparse*": SPARSE,
        "result/bool*": OTHER_LABELS,
        "result/uint8*": OTHER_LABELS,
    },
)
def labels_of_a_head_of_classes(directory):
    column = [[1], [0], [2]]
    cases = {
        dtype.name: lambda dtype=dtype: tf.cast(column, dtype)
        for dtype in (tf.bool, tf.uint8, tf.int32, tf.int64, tf.float32)
    }
    cases |= {
        "list": column,
        "rank 1": lambda: tf.constant([1, 0, 2]),
        "one hot": lambda: tf.one_hot([1, 0, 2], 3, dtype=tf.int32),
        "above": lambda: tf.constant([[3], [0], [1]]),
        "below": lambda: tf.constant([[-1], [0], [1]]),
        "words": lambda: tf.constant([["a"], ["b"], ["a"]]),
        "sparse": sparse([1, 0, 2]),
        "unknown shape": unknown(np.array(column)),
        "unknown batch": unknown(np.array(column), [None, 1]),
    }
    return losses(lambda: te().MultiClassHead(3), THREE, cases)


@program(
    "heads",
    differs={
        "result/classes/sparse*": SPARSE,
        "result/tuple/sparse*": SPARSE,
    },
)
def labels_that_are_words(directory):
    words = ["no", "yes", "maybe"]
    cases = {
        "words": lambda: tf.constant([["yes"], ["no"], ["maybe"]]),
        "bytes": lambda: tf.constant([[b"yes"], [b"no"], [b"maybe"]]),
        "list": [["yes"], ["no"], ["maybe"]],
        "rank 1": lambda: tf.constant(["yes", "no", "maybe"]),
        "unknown word": lambda: tf.constant([["other"], ["no"], ["maybe"]]),
        "numbers": lambda: tf.constant([[1], [0], [2]]),
        "sparse": sparse(["yes", "no", "maybe"]),
    }
    two = {name: case for name, case in cases.items() if name in ("unknown word", "numbers")}
    two["words"] = lambda: tf.constant([["yes"], ["no"], ["yes"]])
    return {
        "classes": losses(lambda: te().MultiClassHead(3, label_vocabulary=words), THREE, cases),
        "tuple": losses(lambda: te().MultiClassHead(3, label_vocabulary=tuple(words)), THREE, cases),
        "two": losses(lambda: te().BinaryClassHead(label_vocabulary=words[:2]), ONE, two),
    }


@program(
    "heads",
    differs={
        "result/numbers/bool*": OTHER_LABELS,
        "result/numbers/list*": "labels may be an array for every other head",
        "result/numbers/sparse floats*": OTHER_LABELS,
        "result/numbers/ragged": "a RaggedTensor is refused by its type, whatever the lengths of its rows",
    },
)
def labels_that_are_sets(directory):
    ones = [[1, 0, 0], [0, 1, 1], [0, 0, 0]]

    def ragged(values_):
        return lambda: tf.ragged.constant(values_)

    def places(values_):
        return lambda: tf.SparseTensor([[0, 0], [1, 0], [1, 1]], tf.constant(values_), [3, 2])

    numbers = {
        dtype.name: lambda dtype=dtype: tf.cast(ones, dtype)
        for dtype in (tf.bool, tf.uint8, tf.int32, tf.int64, tf.float32)
    }
    numbers |= {
        "list": ones,
        "two columns": lambda: tf.constant([[1, 0], [0, 1], [1, 1]]),
        "rank 1": lambda: tf.constant([1, 0, 1]),
        "twos": lambda: tf.constant([[2, 0, 0], [0, 1, 1], [0, 0, 0]]),
        "sparse": places([2, 0, 1]),
        "sparse int64": lambda: tf.cast(places([2, 0, 1])(), tf.int64),
        "sparse floats": places([2.0, 0.0, 1.0]),
        "sparse above": places([3, 0, 1]),
        "sparse twice": places([2, 0, 0]),
        "sparse words": places(["c", "a", "b"]),
        "ragged": ragged([[2], [0, 1], []]),
        "unknown shape": unknown(np.array(ones)),
        "none": None,
    }
    words = {
        "sparse": places(["c", "a", "b"]),
        "sparse unknown": places(["c", "a", "z"]),
        "sparse numbers": places([2, 0, 1]),
        "dense words": lambda: tf.constant([["a", "b", "c"]] * 3),
        "ones": lambda: tf.constant(ones),
    }
    return {
        "numbers": losses(lambda: te().MultiLabelHead(3), THREE, numbers),
        "words": losses(lambda: te().MultiLabelHead(3, label_vocabulary=["a", "b", "c"]), THREE, words),
    }


@program(
    "heads",
    differs={
        "result/one/sparse*": SPARSE,
    },
)
def labels_that_are_numbers(directory):
    column = [[1.0], [0.5], [-2.0]]
    cases = {
        dtype.name: lambda dtype=dtype: tf.cast(column, dtype)
        for dtype in (tf.int32, tf.int64, tf.float16, tf.float32, tf.float64)
    }
    cases |= {
        "list": column,
        "bool": lambda: tf.constant([[True], [False], [True]]),
        "rank 1": lambda: tf.constant([1.0, 0.5, -2.0]),
        "rank 3": lambda: tf.constant([[[1.0]], [[0.5]], [[-2.0]]]),
        "two columns": lambda: tf.ones([3, 2]),
        "words": lambda: tf.constant([["1"], ["2"], ["3"]]),
        "sparse": sparse([1.0, 0.5, -2.0]),
        "variable": lambda: v1.get_variable("labels", initializer=np.float32(column)),
        "ragged": lambda: tf.ragged.constant([[1.0], [0.5], [-2.0]]),
        "unknown shape": unknown(np.float32(column)),
        "none": None,
    }
    pair = {
        "pairs": lambda: tf.constant([[1.0, 2.0], [0.5, 0.0], [-2.0, 1.0]]),
        "column": lambda: tf.constant(column),
        "rank 1": lambda: tf.constant([1.0, 0.5, -2.0]),
        "sparse": lambda: tf.sparse.from_dense([[1.0, 2.0], [0.5, 1.0], [-2.0, 1.0]]),
    }
    return {
        "one": losses(lambda: te().RegressionHead(), ONE, cases),
        "two": losses(lambda: te().RegressionHead(2), THREE[:, :2], pair),
    }


@program("heads")
def labels_of_linked_heads(directory):
    cases = {
        "counts": lambda: tf.constant([[1.0], [0.0], [3.0]]),
        "numbers": lambda: tf.constant([[1], [0], [1]]),
        "chances": lambda: tf.constant([[0.5], [0.0], [1.0]]),
        "below zero": lambda: tf.constant([[-1.0], [0.0], [1.0]]),
        "above one": lambda: tf.constant([[2.0], [0.0], [1.0]]),
    }
    return {
        "poisson": losses(lambda: te().PoissonRegressionHead(), ONE, cases),
        "poisson in part": losses(lambda: te().PoissonRegressionHead(compute_full_loss=False), ONE, cases),
        "logistic": losses(lambda: te().LogisticRegressionHead(), ONE, cases),
    }


@program("heads")
def logits_of_heads(directory):
    cases = {
        "float16": lambda: tf.constant(ONE, tf.float16),
        "float64": lambda: tf.constant(ONE, tf.float64),
        "int32": lambda: tf.constant([[1], [0], [2]]),
        "rank 1": lambda: tf.constant(ONE[:, 0]),
        "rank 3": lambda: tf.constant(ONE[:, None]),
        "two columns": lambda: tf.constant(THREE[:, :2]),
        "list": ONE.tolist(),
        "array": ONE,
        "variable": lambda: v1.get_variable("logits", initializer=ONE),
        "sparse": lambda: tf.sparse.from_dense(ONE),
        "unknown shape": unknown(ONE),
        "unknown width": unknown(ONE, [3, None]),
        "unknown batch": unknown(ONE, [None, 1]),
        "wrong when run": unknown(THREE),
        "none": None,
    }
    heads = {
        "binary": lambda: te().BinaryClassHead(),
        "number": lambda: te().RegressionHead(),
        "counts": lambda: te().PoissonRegressionHead(),
    }
    return {
        name: {
            "predictions": of_each(lambda logits, make=make: make().predictions(logits), cases),
            "loss": of_each(
                lambda logits, make=make: make().loss(tf.constant([[1], [0], [1]]), logits, {}), cases
            ),
        }
        for name, make in heads.items()
    }


@program("heads")
def logits_of_more_dimensions(directory):
    logits = np.stack([THREE, THREE + 0.5])  # [2, 3, 3]
    classes = [[[1], [0], [2]], [[0], [0], [1]]]
    weights = {"w": [[1.0, 2.0, 0.5], [0.0, 1.0, 1.0]]}

    def all_of(head, labels):
        made = {"loss": head.loss(tf.constant(labels), tf.constant(logits), {"w": tf.constant(weights["w"])})}
        return made | head.predictions(tf.constant(logits))

    made = {
        "classes": lambda: all_of(te().MultiClassHead(3, weight_column="w"), classes),
        "labels": lambda: all_of(te().MultiLabelHead(3, weight_column="w"), np.int64(logits > 0)),
        "numbers": lambda: all_of(te().RegressionHead(3, weight_column="w"), logits + 1),
        "ranks differ": lambda: all_of(te().RegressionHead(3), logits[0]),
    }
    return {name: values(make) for name, make in made.items()}


@program(
    "heads",
    differs={
        "result/name/words": IN_THE_GRAPH,
        "result/name/two columns": IN_THE_GRAPH,
    },
)
def weights_of_examples(directory):
    fc = tf.feature_column
    column = [[1.0], [2.0], [0.0]]
    cases = {
        dtype.name: lambda dtype=dtype: {"w": tf.cast(column, dtype)}
        for dtype in (tf.bool, tf.int32, tf.float64, tf.float32)
    }
    cases |= {
        "rank 1": lambda: {"w": tf.constant([1.0, 2.0, 0.0])},
        "rank 0": lambda: {"w": tf.constant(2.0)},
        "array": {"w": np.float32(column)},
        "list": {"w": column},
        "words": lambda: {"w": tf.constant([["1"], ["2"], ["0"]])},
        "below zero": lambda: {"w": tf.constant([[-1.0], [2.0], [0.0]])},
        "all zero": lambda: {"w": tf.zeros([3, 1])},
        "too few": lambda: {"w": tf.ones([2, 1])},
        "two columns": lambda: {"w": tf.ones([3, 2])},
        "sparse": lambda: {"w": tf.sparse.from_dense(np.float32(column))},
        "unknown shape": lambda: {"w": v1.placeholder_with_default(np.float32(column), None)},
        "other features": lambda: {"x": tf.ones([3, 1])},
        "no features": {},
        "none": None,
        "a tensor": lambda: tf.ones([3, 1]),
    }
    labels = np.array([[1], [0], [1]])

    def loss(column):
        return lambda features: (
            te().BinaryClassHead(column).loss(tf.constant(labels), tf.constant(ONE), features)
        )

    columns = {
        "numeric": fc.numeric_column("w"),
        "normalized": fc.numeric_column("w", normalizer_fn=lambda w: w / 2),
        "wide": fc.numeric_column("w", shape=2),
        "categorical": fc.categorical_column_with_identity("w", 3),
    }
    named = {"features": lambda: {"w": tf.constant(column)}, "missing": lambda: {"x": tf.constant(column)}}
    return {
        "name": of_each(loss("w"), cases),
        **{name: outcome(lambda one=one: of_each(loss(one), named)) for name, one in columns.items()},
        "number": outcome(lambda: of_each(loss(3), named)),
    }


@program(
    "heads",
    differs={
        "result/*/each": IN_THE_GRAPH,
        "result/*/wrong": IN_THE_GRAPH,
    },
)
def weights_of_wide_heads(directory):
    shapes = {"one": [3, 1], "each": [3, 3], "rank 1": [3], "wrong": [3, 2]}

    def loss(head, labels):
        def of(features):
            return head().loss(tf.constant(labels), tf.constant(THREE), features)

        return of_each(
            of,
            {
                name: lambda shape=shape: {"w": tf.reshape(tf.range(1.0, 1.0 + np.prod(shape)), shape)}
                for name, shape in shapes.items()
            },
        )

    return {
        "numbers": loss(lambda: te().RegressionHead(3, weight_column="w"), THREE + 1),
        "labels": loss(lambda: te().MultiLabelHead(3, weight_column="w"), np.int64(THREE > 0)),
        "classes": loss(lambda: te().MultiClassHead(3, weight_column="w"), [[1], [0], [2]]),
    }


@program(
    "heads",
    differs={
        "result/*/empty*": "an empty list adds nothing, as None does",
    },
)
def regularization_losses_of_heads(directory):
    cases = {
        "two": lambda: [tf.constant(1.0), tf.constant(0.5)],
        "tuple": lambda: (tf.constant(1.0),),
        "numbers": [1.0, 0.5],
        "empty": [],
        "a tensor": lambda: tf.constant(1.0),
        "float64": lambda: [tf.constant(1.0, tf.float64)],
        "a vector": lambda: [tf.constant([1.0, 2.0])],
        "variable": lambda: [v1.get_variable("r", initializer=2.0)],
        "none": None,
    }
    labels = np.array([[1], [0], [1]])
    return {
        mode: of_each(
            lambda added, mode=mode: (
                te().BinaryClassHead().loss(tf.constant(labels), tf.constant(ONE), {}, mode, added)
            ),
            cases,
        )
        for mode in ("train", "eval")
    }
