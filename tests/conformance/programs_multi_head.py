"""MultiHead: several heads on one model, and what their methods make of dicts."""

import models
import numpy as np
import tensorflow as tf
from catalogue import KERAS_2, program
from computations import evaluated, outcome, values
from models import v1
from programs_canned import OTHER_SLOTS, columns
from programs_head_specs import spec_of, trained_by
from programs_heads import at, trained, weighted_input
from programs_labels import ONE, THREE, te

LOGITS = np.concatenate([ONE, THREE, ONE - 1], 1)  # of a binary head, one of three classes, a number
LABELS = {
    "sign": np.array([[1], [0], [1]]),
    "kind": np.array([[1], [0], [2]]),
    "size": ONE + 1,
}


def made(weights=None, **given):
    return te().MultiHead(
        [
            te().BinaryClassHead(name="sign", **given),
            te().MultiClassHead(3, name="kind", **given),
            te().RegressionHead(name="size", **given),
        ],
        weights,
    )


def constants(mapping):
    return {name: tf.constant(value) for name, value in mapping.items()}


def flat(predictions):
    return {"/".join(name): value for name, value in predictions.items()}


def split(logits):
    return {"sign": logits[:, :1], "kind": logits[:, 1:4], "size": logits[:, 4:]}


@program(
    "heads",
    differs={"result/logits/unknown shape*": "logits of an unknown rank are split when the graph runs"},
)
def losses_of_several_heads(directory):
    labels = {
        "all": LABELS,
        "more": {**LABELS, "other": ONE},
        "one missing": {"sign": LABELS["sign"], "kind": LABELS["kind"]},
        "a tensor": None,
    }
    logits = {
        "a tensor": lambda: tf.constant(LOGITS),
        "a dict": lambda: split(tf.constant(LOGITS)),
        "a dict with more": lambda: {**split(tf.constant(LOGITS)), "other": tf.constant(ONE)},
        "a dict without one": lambda: {"sign": tf.constant(ONE)},
        "too narrow": lambda: tf.constant(THREE),
        "too wide": lambda: tf.constant(np.concatenate([LOGITS, ONE], 1)),
        "an array": lambda: LOGITS,
        "unknown shape": lambda: v1.placeholder_with_default(LOGITS, None),
        "unknown width": lambda: v1.placeholder_with_default(LOGITS, [3, None]),
        "rank 3": lambda: tf.constant(LOGITS[:, None]),
        "none": lambda: None,
    }
    weights = {"none": None, "numbers": [1.0, 0.5, 2.0], "zero": [0, 1, 0], "tuple": (1, 2, 3), "empty": []}
    return {
        "labels": {
            name: values(
                lambda given=given: made().loss(
                    tf.constant(ONE) if given is None else constants(given), tf.constant(LOGITS), {}
                )
            )
            for name, given in labels.items()
        },
        "logits": {
            name: values(lambda make=make: made().loss(constants(LABELS), make(), {}))
            for name, make in logits.items()
        },
        "weights": {
            name: values(
                lambda given=given: made(given).loss(
                    constants(LABELS), tf.constant(LOGITS), {}, regularization_losses=[tf.constant(0.5)]
                )
            )
            for name, given in weights.items()
        },
        "reduced": values(
            lambda: made(loss_reduction="sum", weight_column="w").loss(
                constants(LABELS), tf.constant(LOGITS), {"w": tf.constant(ONE**2)}
            )
        ),
    }


@program("heads")
def predictions_of_several_heads(directory):
    keys = {
        "none": None,
        "pairs": [("sign", "logits"), ("size", "predictions")],
        "unknown pair": [("sign", "nothing")],
        "a name": ["sign"],
    }
    return {
        "by key": {
            name: values(lambda given=given: flat(made().predictions(tf.constant(LOGITS), keys=given)))
            for name, given in keys.items()
        },
        "of a dict": values(lambda: flat(made().predictions(split(tf.constant(LOGITS))))),
        "of too many": values(lambda: flat(made().predictions(tf.constant(np.ones([3, 6], np.float32))))),
    }


@program("heads")
def metrics_of_several_heads(directory):
    def after(make, labels=LABELS, **added):
        def metrics():
            head = make()
            return head.update_metrics(
                head.metrics(**added), {}, tf.constant(LOGITS), constants(labels), **added
            )

        return evaluated(metrics)

    return {
        "plain": after(made),
        "weighted": after(lambda: made([1.0, 0.5, 2.0])),
        "regularized": after(made, regularization_losses=[0.5]),
        "labels missing": after(made, {"sign": LABELS["sign"]}),
    }


@program("heads", "export outputs")
def specs_of_several_heads(directory):
    def spec(mode, **given):
        with tf.Graph().as_default():
            labels = constants(LABELS)
            found = made([1.0, 0.5, 2.0]).create_estimator_spec(
                {}, mode, tf.constant(LOGITS), labels, **given
            )
            return {
                "exports": {
                    name: type(output).__name__ for name, output in (found.export_outputs or {}).items()
                },
                "metrics": sorted(found.eval_metric_ops or {}),
                "summaries": sorted(
                    tensor.op.name.rpartition("/")[2] for tensor in v1.get_collection(v1.GraphKeys.SUMMARIES)
                ),
            }

    def train_op_fn(loss):
        return v1.assign_add(v1.train.get_or_create_global_step(), 1)

    return {
        "train": outcome(lambda: spec("train", train_op_fn=train_op_fn)),
        "eval": outcome(lambda: spec("eval")),
        "infer": outcome(lambda: spec("infer")),
        "one head": outcome(
            lambda: spec_of(
                te().MultiHead([te().RegressionHead(name="only")]),
                "infer",
                None,
                ONE,
            )
        ),
        "not a dict": outcome(
            lambda: spec_of(
                te().MultiHead([te().RegressionHead(name="only")]), "train", ONE, ONE, train_op_fn=trained_by
            )
        ),
    }


@program(
    "heads",
    differs={
        f"result/{name}*": "heads of one name are refused: tf.estimator gives each of them the logits of the last one, and "
        "fails in its metrics"
        for name in ("same twice", "equal names")
    },
)
def several_heads_as_they_are_made(directory):
    te_ = te()

    def properties(head):
        return [head.name, head.logits_dimension, head.loss_reduction]

    one = te_.RegressionHead(name="a")
    cases = {
        "tuple": lambda: te_.MultiHead((one, te_.RegressionHead(2, name="b"))),
        "same twice": lambda: te_.MultiHead([one, one]),
        "equal names": lambda: te_.MultiHead([one, te_.BinaryClassHead(name="a")]),
        "nested": lambda: te_.MultiHead([te_.MultiHead([one]), te_.RegressionHead(name="b")]),
        "not a head": lambda: te_.MultiHead([one, "b"]),
        "none": lambda: te_.MultiHead(None),
        "weights of text": lambda: te_.MultiHead([one], ["1"]),
        "too few weights": lambda: te_.MultiHead([one, te_.RegressionHead(name="b")], [1.0]),
        "reductions": lambda: te_.MultiHead([one, te_.BinaryClassHead(name="b", loss_reduction="sum")]),
    }
    return {name: outcome(lambda make=make: properties(make())) for name, make in cases.items()}


SLOTS = {f"*/{slot}*": OTHER_SLOTS for slot in ("training_", "Adagrad", "Ftrl")}


@program("heads", "DNN", "DNNLinearCombined", differs=SLOTS, repeated={KERAS_2: SLOTS})
def several_heads_with_batch_normalization(directory):
    given, dense = tf.estimator, columns()["dense"]
    labels = {
        "sign": (models.Y > 2).astype(np.int64),
        "kind": (models.Y.astype(np.int64) % 3),
        "size": models.Y,
    }
    layers = {"dnn_feature_columns": dense, "dnn_hidden_units": [4, 3], "linear_feature_columns": dense}
    estimators = {
        "deep": given.DNNEstimator(
            made([1.0, 0.5, 2.0]), [4, 3], dense, batch_norm=True, **at(directory, "deep")
        ),
        "both": given.DNNLinearCombinedEstimator(
            made([1.0, 0.5, 2.0]), batch_norm=True, **layers, **at(directory, "both")
        ),
    }
    results = {name: trained(estimator, weighted_input(labels)) for name, estimator in estimators.items()}
    for result in results.values():
        result["predictions"] = [flat(one) for one in result["predictions"]]
    return results
