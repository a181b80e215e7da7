"""Heads and what they are given, wrongly."""

import numpy as np
import tensorflow as tf
from catalogue import misuse
from computations import initialize
from models import v1
from programs_labels import ONE, THREE, te

SAYS = "names what does not fit, in the words of this project's other errors"


def computed(make):
    """Computes in a graph of its own what `make` builds."""

    def run(directory):
        with tf.Graph().as_default(), v1.Session() as session:
            made = make()
            initialize(session)
            session.run(made)

    return run


def loss(make_head, labels, logits=ONE, **given):
    return computed(
        lambda: make_head().loss(
            labels() if callable(labels) else tf.constant(labels),
            tf.constant(logits),
            **{"features": {}, **given},
        )
    )


misuse("BinaryClassHead: no labels", loss(lambda: te().BinaryClassHead(), lambda: None))
misuse("BinaryClassHead: a label of 2", loss(lambda: te().BinaryClassHead(), [[2], [0], [1]]), wording=SAYS)
misuse("BinaryClassHead: words", loss(lambda: te().BinaryClassHead(), [["a"], ["b"], ["a"]]), wording=SAYS)
misuse(
    "BinaryClassHead: numbers beside a vocabulary",
    loss(lambda: te().BinaryClassHead(label_vocabulary=["a", "b"]), [[1], [0], [1]]),
    wording="says so in the words of the other heads",
)
misuse("BinaryClassHead: labels too few", loss(lambda: te().BinaryClassHead(), [[1], [0]]), wording=SAYS)
misuse(
    "BinaryClassHead: labels of two columns", loss(lambda: te().BinaryClassHead(), [[1, 0]] * 3), wording=SAYS
)
misuse(
    "BinaryClassHead: logits of two columns",
    loss(lambda: te().BinaryClassHead(), [[1]] * 3, THREE[:, :2]),
    wording=SAYS,
)
misuse(
    "BinaryClassHead: logits of rank 1",
    loss(lambda: te().BinaryClassHead(), [[1]] * 3, ONE[:, 0]),
    wording=SAYS,
)
misuse("BinaryClassHead: no logits", computed(lambda: te().BinaryClassHead().predictions(None)), wording=SAYS)
misuse(
    "BinaryClassHead: an unknown key of predictions",
    computed(lambda: te().BinaryClassHead().predictions(tf.constant(ONE), ["score"])),
    wording=SAYS,
)
misuse("MultiClassHead: floats", loss(lambda: te().MultiClassHead(3), [[1.0], [0.0], [2.0]], THREE))
misuse(
    "MultiClassHead: a class too many",
    loss(lambda: te().MultiClassHead(3), [[3], [0], [2]], THREE),
    wording=SAYS,
)
misuse(
    "MultiClassHead: one hot",
    loss(lambda: te().MultiClassHead(3), np.eye(3, dtype=np.int64), THREE),
    wording=SAYS,
)
misuse("MultiClassHead: no number of classes", lambda directory: te().MultiClassHead(None))
misuse(
    "MultiLabelHead: a class twice too many",
    loss(lambda: te().MultiLabelHead(3), [[1, 0]] * 3, THREE),
    wording=SAYS,
)
misuse(
    "MultiLabelHead: a word that is not in the vocabulary",
    lambda directory: te().MultiLabelHead(
        3, label_vocabulary=["a", "b", "c"], classes_for_class_based_metrics=["d"]
    ),
    wording=SAYS,
)
misuse("MultiLabelHead: no number of classes", lambda directory: te().MultiLabelHead(None))
misuse("RegressionHead: words", loss(lambda: te().RegressionHead(), [["1"], ["2"], ["3"]]), wording=SAYS)
misuse(
    "RegressionHead: sparse labels of two dimensions",
    loss(lambda: te().RegressionHead(2), lambda: tf.sparse.from_dense(THREE[:, :2]), THREE[:, :2]),
    wording=SAYS,
)
misuse(
    "weights: a column that is not numeric",
    loss(
        lambda: te().RegressionHead(weight_column=tf.feature_column.categorical_column_with_identity("w", 3)),
        ONE,
        features={"w": ONE},
    ),
)
misuse(
    "weights: features that are a tensor",
    loss(lambda: te().RegressionHead(weight_column="w"), ONE, features=np.ones([3, 1], np.float32)),
    wording=SAYS,
)
misuse(
    "weights: sparse",
    loss(
        lambda: te().RegressionHead(weight_column="w"),
        lambda: tf.constant(ONE),
        features={"w": tf.SparseTensor([[0, 0]], [1.0], [3, 1])},
    ),
    wording=SAYS,
)
misuse(
    "weights: too few",
    loss(lambda: te().RegressionHead(weight_column="w"), ONE, features={"w": np.ones([2, 1], np.float32)}),
    wording=SAYS,
)
misuse(
    "loss_fn: another argument",
    lambda directory: te().RegressionHead(loss_fn=lambda labels, logits, weights: logits),
)
misuse(
    "loss_fn: a scalar",
    loss(lambda: te().RegressionHead(loss_fn=lambda labels, logits: tf.reduce_mean(logits)), ONE),
    wording=SAYS,
)
misuse(
    "LogisticRegressionHead: a label of 2",
    loss(lambda: te().LogisticRegressionHead(), [[2.0], [0.0], [1.0]]),
    wording=SAYS,
)


def spec(**given):
    return computed(
        lambda: (
            te()
            .RegressionHead()
            .create_estimator_spec({}, "train", tf.constant(ONE), tf.constant(ONE), **given)
            .loss
        )
    )


misuse("create_estimator_spec: neither optimizer nor train_op_fn", spec())
misuse(
    "create_estimator_spec: both",
    spec(optimizer="SGD", train_op_fn=lambda loss: tf.no_op()),
)
misuse(
    "MultiHead: equal names",
    lambda directory: te().MultiHead([te().RegressionHead(name="a"), te().BinaryClassHead(name="a")]),
    outcome="tf.estimator takes it, and one head's predictions and metrics replace the other's without a word",
)


def several(labels, logits):
    return computed(
        lambda: (
            te()
            .MultiHead([te().RegressionHead(name="a"), te().BinaryClassHead(name="b")])
            .loss(labels() if callable(labels) else labels, logits(), {})
        )
    )


TWO = {"a": ONE, "b": [[1], [0], [1]]}
misuse(
    "MultiHead: labels that are no dict",
    several(lambda: tf.constant(ONE), lambda: tf.constant(THREE[:, :2])),
    wording=SAYS,
)
misuse("MultiHead: a label is missing", several({"a": ONE}, lambda: tf.constant(THREE[:, :2])), wording=SAYS)
misuse("MultiHead: logits too wide", several(TWO, lambda: tf.constant(THREE)), wording=SAYS)
misuse(
    "MultiHead: logits of one head are missing", several(TWO, lambda: {"a": tf.constant(ONE)}), wording=SAYS
)
