"""The head of a sequence of logits, which an RNNEstimator that returns sequences takes."""

import numpy as np
import tensorflow as tf
from catalogue import program
from computations import evaluated, initialize, outcome, values
from models import v1
from programs_rnn import sequential

MASK = np.array([[True, True, False], [True, False, False]])
LOGITS = np.array([[[0.5], [1.0], [9.0]], [[2.0], [9.0], [9.0]]], np.float32)
THREE = np.sin(np.arange(18, dtype=np.float32)).reshape(2, 3, 3)
LABELS = np.array([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]], np.float32)
BINARY = np.array([[1, 0, 1], [0, 1, 1]], np.int64)
CLASSES = np.array([[1, 0, 2], [2, 0, 0]], np.int64)
WEIGHTS = np.array([[1.0, 2.0, 7.0], [3.0, 7.0, 7.0]], np.float32)


def te():
    return tf.estimator


def number(**given):
    return te().RegressionHead(**given)


def features(**more):
    made = {"sequence_length_mask": MASK, **more}
    return {name: value() if callable(value) else tf.constant(value) for name, value in made.items()}


def sparse(rows):
    """A SparseTensor of rows of their own lengths."""
    indices = [[row, step] for row, values in enumerate(rows) for step in range(len(values))]
    return tf.SparseTensor(indices, [value for values in rows for value in values], [len(rows), 3])


def heads(**given):
    """{name: (head of a step, logits, labels)}"""
    return {
        "number": (lambda: number(**given), LOGITS, LABELS),
        "sum": (lambda: number(loss_reduction="sum", **given), LOGITS, LABELS),
        "binary": (lambda: te().BinaryClassHead(**given), LOGITS, BINARY),
        "classes": (lambda: te().MultiClassHead(3, **given), THREE, CLASSES),
        "labels": (lambda: te().MultiLabelHead(3, **given), THREE, np.int64(THREE > 0)),
        "counts": (lambda: te().PoissonRegressionHead(**given), LOGITS, LABELS),
    }


@program("RNN", "heads")
def sequential_heads_losses(directory):
    plain = {
        name: values(
            lambda make=make, logits=logits, labels=labels: sequential(make()).loss(
                logits=tf.constant(logits), labels=tf.constant(labels), features=features()
            )
        )
        for name, (make, logits, labels) in heads().items()
    }
    weighted = {
        name: values(
            lambda make=make, logits=logits, labels=labels: sequential(make(), feature_columns="w").loss(
                logits=tf.constant(logits), labels=tf.constant(labels), features=features(w=WEIGHTS)
            )
        )
        for name, (make, logits, labels) in heads(weight_column="w").items()
    }
    return {"plain": plain, "weighted": weighted}


@program("RNN", "heads")
def sequential_heads_labels(directory):
    """What labels may be, and what is no label of these steps."""
    labels = {
        "dense": LABELS,
        "rank 2": LABELS[..., 0],
        "of the steps alone": LABELS[0],
        "sparse": lambda: sparse([[1.0, 2.0], [4.0]]),
        "sparse of rank 3": lambda: tf.SparseTensor(
            [[0, 0, 0], [0, 1, 0], [1, 0, 0]], [1.0, 2.0, 4.0], [2, 3, 1]
        ),
        "too few": lambda: sparse([[1.0, 2.0]]),
        "too many": lambda: sparse([[1.0, 2.0], [4.0, 5.0]]),
        "in other places": lambda: sparse([[1.0], [4.0, 5.0]]),
        "too short": LABELS[:, :2],
        "none": lambda: None,
        "a dict": lambda: {"a": tf.constant(LABELS)},
        "words": [["a", "b", ""], ["b", "", ""]],
        "ints": lambda: tf.cast(LABELS, tf.int32),
    }

    def loss(given):
        labels = given() if callable(given) else tf.constant(given)
        return sequential(number()).loss(logits=tf.constant(LOGITS), labels=labels, features=features())

    return {name: values(lambda given=given: loss(given)) for name, given in labels.items()}


@program("RNN", "heads")
def sequential_heads_masks(directory):
    """What the mask may be."""
    masks = {
        "bool": MASK,
        "ints": np.int64(MASK),
        "floats": np.float32(MASK),
        "rank 1": MASK[0],
        "rank 3": MASK[..., None],
        "too short": MASK[:, :2],
        "of another batch": MASK[:1],
        "all padding": np.zeros_like(MASK),
        "no padding": np.ones_like(MASK),
        "sparse": lambda: tf.sparse.from_dense(tf.cast(MASK, tf.int32)),
        "unknown shape": lambda: v1.placeholder_with_default(MASK, None),
        "unknown steps": lambda: v1.placeholder_with_default(MASK, [None, None]),
    }
    made = {
        name: values(
            lambda mask=mask: sequential(number()).loss(
                logits=tf.constant(LOGITS),
                labels=tf.constant(LABELS),
                features=features(sequence_length_mask=mask),
            )
        )
        for name, mask in masks.items()
    }
    for name, given in {
        "missing": lambda: {"a": tf.ones([2])},
        "none": lambda: None,
        "a tensor": lambda: tf.ones([2]),
    }.items():
        made[name] = values(
            lambda given=given: sequential(number()).loss(
                logits=tf.constant(LOGITS), labels=tf.constant(LABELS), features=given()
            )
        )
    return made


@program("RNN", "heads")
def sequential_heads_weights(directory):
    """What the weights of steps may be, and the names of features by which they are found."""
    weights = {
        "rank 2": WEIGHTS,
        "rank 3": WEIGHTS[..., None],
        "sparse": lambda: sparse([[1.0, 2.0], [3.0]]),
        "of sequences": [[1.0], [2.0]],
        "rank 1": [1.0, 2.0],
    }
    names = {
        "one": "w",
        "list": ["w"],
        "tuple": ("w",),
        "with another": ["w", "a"],
        "missing": ["other"],
        "none": None,
        "empty": [],
        "a number": 3,
        "numbers": [3],
    }

    def loss(given, columns):
        made = {"w": given, "a": WEIGHTS}
        head = sequential(number(weight_column="w"), feature_columns=columns)
        return head.loss(logits=tf.constant(LOGITS), labels=tf.constant(LABELS), features=features(**made))

    numeric = tf.feature_column.numeric_column("w")
    return {
        "weights": {name: values(lambda given=given: loss(given, "w")) for name, given in weights.items()},
        "names": {name: values(lambda given=given: loss(WEIGHTS, given)) for name, given in names.items()},
        "a column": values(
            lambda: sequential(number(weight_column=numeric), feature_columns=numeric).loss(
                logits=tf.constant(LOGITS), labels=tf.constant(LABELS), features=features(w=WEIGHTS)
            )
        ),
    }


def spec_of(head, mode, labels, logits, given):
    """What an EstimatorSpec holds, and its values."""
    with tf.Graph().as_default(), v1.Session() as session:
        v1.train.get_or_create_global_step()
        more = (
            {"train_op_fn": lambda loss: v1.assign_add(v1.train.get_global_step(), 1)}
            if mode == "train"
            else {}
        )
        made = head.create_estimator_spec(
            features=given(),
            mode=mode,
            logits=tf.constant(logits),
            labels=None if labels is None else tf.constant(labels),
            **more,
        )
        initialize(session)
        return {
            "loss": None if made.loss is None else session.run(made.loss),
            "predictions": session.run(dict(made.predictions)),
            "exports": {
                name: {
                    "kind": type(output).__name__,
                    "outputs": session.run(dict(output.outputs)) if hasattr(output, "outputs") else None,
                }
                for name, output in (made.export_outputs or {}).items()
            },
            "summaries": sorted(tensor.op.name for tensor in v1.get_collection(v1.GraphKeys.SUMMARIES)),
        }


@program("RNN", "heads", differs={"result/no mask": "said in words, and a ValueError"})
def sequential_heads_specs(directory):
    results = {}
    for name, (make, logits, labels) in heads(weight_column="w", name="head").items():
        for mode in ("train", "eval", "infer"):
            results[f"{name} {mode}"] = outcome(
                lambda make=make, mode=mode, logits=logits, labels=labels: spec_of(
                    sequential(make(), feature_columns="w"),
                    mode,
                    None if mode == "infer" else labels,
                    logits,
                    lambda: features(w=WEIGHTS),
                )
            )
        results[f"{name} metrics"] = evaluated(
            lambda make=make, logits=logits, labels=labels: (
                sequential(make(), feature_columns="w")
                .create_estimator_spec(
                    features=features(w=WEIGHTS),
                    mode="eval",
                    logits=tf.constant(logits),
                    labels=tf.constant(labels),
                )
                .eval_metric_ops
            )
        )
    plain = [sequential(number(), "mask"), "infer", None, LOGITS]
    results["another key"] = outcome(lambda: spec_of(*plain, lambda: {"mask": tf.constant(MASK)}))
    results["no mask"] = outcome(lambda: spec_of(*plain, lambda: {"a": tf.constant(MASK)}))
    results["another mode"] = outcome(
        lambda: spec_of(sequential(number()), "other", LABELS, LOGITS, features)
    )
    return results


@program("RNN", "heads")
def sequential_heads_properties(directory):
    made = {
        "plain": lambda: sequential(number(name="n")),
        "key": lambda: sequential(te().MultiClassHead(3), "mask"),
        "no key": lambda: sequential(number(), None),
        "a number": lambda: sequential(number(), 3),
        "several": lambda: sequential(te().MultiHead([number(name="a")])),
        "no head": lambda: sequential(None),
        "a head of sequences": lambda: sequential(sequential(number())),
    }

    def properties(head):
        return {
            "name": head.name,
            "dimension": head.logits_dimension,
            "reduction": head.loss_reduction,
            "key": head.input_sequence_mask_key,
            "kind": type(head.static_head).__name__,
            "metrics": sorted(head.metrics()),
            "is a head": isinstance(head, te().Head),
        }

    return {name: outcome(lambda make=make: properties(make())) for name, make in made.items()}


@program(
    "RNN",
    "heads",
    differs={
        f"result/{name}*": "there a TypeError: heads of numbers take no keys, and are given some"
        for name in ("number", "sum", "counts")
    },
)
def sequential_heads_predictions(directory):
    return {
        name: values(
            lambda make=make, logits=logits: {
                str(key): value for key, value in sequential(make()).predictions(tf.constant(logits)).items()
            }
        )
        for name, (make, logits, _) in heads().items()
    }
