"""What the methods of heads make of their arguments: losses, predictions, metrics."""

import functools

import numpy as np
import tensorflow as tf
from catalogue import program
from computations import evaluated, outcome, values
from models import v1
from programs_labels import IN_THE_GRAPH, ONE, THREE, te

BINARY = np.array([[1], [0], [1]])
CLASSES = np.array([[1], [0], [2]])
SETS = np.int64(THREE > 0)
WEIGHTS = {"w": np.array([[1.0], [2.0], [0.5]], np.float32)}


GIVES_THE_REDUCTION = (
    "a loss_fn that declares loss_reduction is called with it; 2.15 allows and then forgets it"
)


def heads(**given):
    """{name: (function that makes a head, its logits, its labels)}"""
    return {
        "binary": (lambda: te().BinaryClassHead(**given), ONE, BINARY),
        "classes": (lambda: te().MultiClassHead(3, **given), THREE, CLASSES),
        "labels": (lambda: te().MultiLabelHead(3, **given), THREE, SETS),
        "number": (lambda: te().RegressionHead(**given), ONE, ONE + 1),
        "counts": (lambda: te().PoissonRegressionHead(**given), ONE, np.abs(ONE)),
        "chance": (lambda: te().LogisticRegressionHead(**given), ONE, BINARY / 2),
    }


def constants(mapping):
    return {name: tf.constant(value) for name, value in mapping.items()}


@program(
    "heads",
    differs={
        "result/weighted*": "heads of both faces are one class, which takes the names of both versions of TensorFlow"
    },
)
def reductions_of_losses(directory):
    names = [
        "auto",
        "none",
        "sum",
        "sum_over_batch_size",
        *sorted(v1.losses.Reduction.all()),
        "SUM",
        "",
        None,
        3,
    ]
    results = {}
    for name in names:

        def loss(name=name):
            head = te().RegressionHead(2, weight_column="w", loss_reduction=name)
            logits = tf.constant(THREE[:, :2])
            return [head.loss(logits + 1, logits, constants(WEIGHTS)), tf.constant(head.loss_reduction)]

        results[str(name)] = values(loss)
    return results


@program(
    "heads",
    differs={
        "result/of/*/reduction*": GIVES_THE_REDUCTION,
        "result/seen*": GIVES_THE_REDUCTION,
        "result/of/*/vector": IN_THE_GRAPH,
        "result/of/*/too few": IN_THE_GRAPH,
    },
)
def loss_functions_of_ones_own(directory):
    seen = []

    def plain(labels, logits):
        return tf.abs(tf.cast(labels, logits.dtype) - logits)[:, :1]

    def with_features(labels, logits, features):
        return plain(labels, logits) * features["w"]

    def with_reduction(labels, logits, loss_reduction):
        seen.append(loss_reduction)
        return plain(labels, logits)

    def with_default(labels, logits, scale=2.0):
        return scale * plain(labels, logits)

    def with_others(labels, logits, **kwargs):
        return plain(labels, logits)

    class Loss:
        def __call__(self, labels, logits):
            return plain(labels, logits)

    made = {
        "plain": plain,
        "features": with_features,
        "reduction": with_reduction,
        "default": with_default,
        "others": with_others,
        "object": Loss(),
        "partial": functools.partial(with_default, scale=3.0),
        "lambda": lambda labels, logits: 2 * plain(labels, logits),
        "scalar": lambda labels, logits: tf.reduce_mean(plain(labels, logits)),
        "vector": lambda labels, logits: plain(labels, logits)[:, 0],
        "too few": lambda labels, logits: plain(labels, logits)[:2],
        "array": lambda labels, logits: np.ones([3, 1], np.float32),
        "nothing": lambda labels, logits: None,
        "other names": lambda y_true, y_pred: 2 * plain(y_true, y_pred),
        "float64": lambda labels, logits: tf.cast(plain(labels, logits), tf.float64),
        "unknown shape": lambda labels, logits: v1.placeholder_with_default(
            np.ones([3, 1], np.float32), None
        ),
    }

    def losses(of):
        def loss(fn):
            make, logits, labels = heads(loss_fn=fn)[of]
            return make().loss(tf.constant(labels), tf.constant(logits), constants(WEIGHTS))

        return {name: values(lambda fn=fn: loss(fn)) for name, fn in made.items()}

    return {"of": {of: losses(of) for of in ("binary", "classes", "labels", "number")}, "seen": seen}


@program("heads")
def predictions_by_key(directory):
    keys = {
        "none": None,
        "empty": [],
        "one": ["logits"],
        "two": ["probabilities", "class_ids"],
        "tuple": ("logits",),
        "unknown": ["logits", "score"],
        "a string": "logits",
    }
    results = {
        name: {
            which: values(lambda wanted=wanted: make().predictions(tf.constant(logits), keys=wanted))
            for which, wanted in keys.items()
        }
        for name, (make, logits, _) in heads().items()
        if name in ("binary", "classes", "labels")
    }
    number = heads()["number"]
    return results | {
        "number": values(lambda: number[0]().predictions(tf.constant(ONE))),
        "words": values(
            lambda: te().MultiClassHead(3, label_vocabulary=["a", "b", "c"]).predictions(tf.constant(THREE))
        ),
        "two words": values(
            lambda: te().BinaryClassHead(label_vocabulary=["a", "b"]).predictions(tf.constant(ONE))
        ),
        "set of words": values(
            lambda: te().MultiLabelHead(3, label_vocabulary=["a", "b", "c"]).predictions(tf.constant(THREE))
        ),
    }


def updated(make, logits, labels, features=None, **added):
    """The metrics of a head after one batch."""

    def metrics():
        head = make()
        given = {} if features is None else constants(features)
        return head.update_metrics(
            head.metrics(**added), given, tf.constant(logits), tf.constant(labels), **added
        )

    return evaluated(metrics)


@program("heads")
def metrics_of_heads(directory):
    return {
        "plain": {name: updated(*one) for name, one in heads().items()},
        "weighted": {
            name: updated(*one, WEIGHTS)
            for name, one in heads(weight_column="w").items()
            if name in ("binary", "number")
        },
        "regularized": {
            name: updated(*one, regularization_losses=[0.5, 1.0])
            for name, one in heads(name="tail").items()
            if name in ("classes", "counts")
        },
    }


@program("heads")
def metrics_at_thresholds(directory):
    kinds = {
        "list": [0.2, 0.5, 0.9],
        "tuple": (0.123456789,),
        "empty": [],
        "twice": [0.5, 0.5],
        "alike in their names": [0.8807969, 0.8807972],
        "zero": [0.0],
        "one": [1],
        "text": ["0.5"],
    }
    words = ["a", "b", "c"]
    classes = {
        "a tuple": (None, (0, 2)),
        "words": (words, ["a", "c"]),
        "numbers of words": (words, [0, 2]),
        "unknown word": (words, ["z"]),
        "word without words": (None, ["a"]),
        "out of range": (None, [3]),
        "below": (None, [-1]),
        "twice": (None, [1, 1]),
    }
    return {
        "binary": {
            name: updated(lambda given=given: te().BinaryClassHead(thresholds=given), ONE, BINARY)
            for name, given in kinds.items()
        },
        "sets": {
            name: updated(lambda given=given: te().MultiLabelHead(3, thresholds=given), THREE, SETS)
            for name, given in kinds.items()
            if name == "list"
        },
        "classes": {
            name: updated(
                lambda given=given: te().MultiLabelHead(
                    3, label_vocabulary=given[0], classes_for_class_based_metrics=given[1]
                ),
                THREE,
                SETS,
            )
            if given[0] is None
            else outcome(
                lambda given=given: sorted(
                    te()
                    .MultiLabelHead(3, label_vocabulary=given[0], classes_for_class_based_metrics=given[1])
                    .metrics()
                )
            )
            for name, given in classes.items()
        },
    }


@program("heads")
def link_functions_of_a_regression_head(directory):
    links = {
        "identity": lambda logits: logits,
        "exp": tf.exp,
        "constant": lambda logits: tf.constant(1.0),
        "dict": lambda logits: {"y": logits},
        "nothing": lambda logits: None,
    }

    def all_of(link):
        head = te().RegressionHead(inverse_link_fn=link)
        made = {
            "loss": head.loss(tf.constant(ONE + 1), tf.constant(ONE), {}),
            **head.predictions(tf.constant(ONE)),
        }
        return {name: value for name, value in made.items() if value is not None}

    return {name: values(lambda link=link: all_of(link)) for name, link in links.items()}


@program("heads")
def names_and_dimensions_of_heads(directory):
    made = {
        "binary": te().BinaryClassHead(name="a"),
        "classes": te().MultiClassHead(4),
        "labels": te().MultiLabelHead(2, name="b"),
        "numbers": te().RegressionHead(3, loss_reduction="sum"),
        "counts": te().PoissonRegressionHead(name="c"),
        "chance": te().LogisticRegressionHead(),
    }
    found = {name: [head.name, head.logits_dimension, head.loss_reduction] for name, head in made.items()}
    return {
        "found": found,
        "are heads": [isinstance(head, te().Head) for head in made.values()],
        "are regressions": [isinstance(head, te().RegressionHead) for head in made.values()],
        "abstract": sorted(te().Head.__abstractmethods__),
    }


@program("heads")
def heads_without_a_graph(directory):
    """Losses and predictions of heads in eager mode."""

    def eagerly(make, logits, labels):
        head = make()
        return {
            "loss": head.loss(tf.constant(labels), tf.constant(logits), {}).numpy(),
            "predictions": {
                name: value.numpy() for name, value in head.predictions(tf.constant(logits)).items()
            },
        }

    return {name: outcome(lambda one=one: eagerly(*one)) for name, one in heads().items()}
