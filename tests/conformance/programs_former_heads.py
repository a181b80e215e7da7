"""The heads that tf.compat.v1.estimator had before heads were public, and Estimators that libraries make with them."""

import numpy as np
import tensorflow as tf
from catalogue import program
from computations import evaluated, outcome, values
from models import v1
from programs_internal_names import deep

LOGITS = np.array([[0.5], [-1.0], [2.0]], np.float32)
WIDE = np.array([[0.5, 1.0, -1.0], [2.0, 0.1, 0.3], [0.0, 0.2, 0.9]], np.float32)
NUMBERS = np.array([[1.0], [0.5], [-1.0]], np.float32)
ONES = np.array([[1], [0], [1]])
CLASSES = np.array([[0], [2], [1]])
WORDS = np.array([["a"], ["c"], ["b"]])
SUM, MEAN = v1.losses.Reduction.SUM, v1.losses.Reduction.SUM_OVER_BATCH_SIZE


def of(which, *given, **named):
    return deep("canned.head", which)(*given, **named)


HEADS = {
    "binary": (
        lambda **given: of("_binary_logistic_head_with_sigmoid_cross_entropy_loss", **given),
        LOGITS,
        ONES,
    ),
    "classes": (
        lambda **given: of("_multi_class_head_with_softmax_cross_entropy_loss", 3, **given),
        WIDE,
        CLASSES,
    ),
    "numbers": (lambda **given: of("_regression_head", **given), LOGITS, NUMBERS),
}
FORMS = {
    "plain": {},
    "named": {"name": "h"},
    "weighted": {"weight_column": "w"},
    "mean": {"loss_reduction": MEAN},
}


def features():
    return {"x": tf.constant(LOGITS), "w": tf.constant([[1.0], [2.0], [0.5]])}


def spec_of(head, mode, logits, labels, **given):
    return head.create_estimator_spec(features(), mode, tf.constant(logits), tf.constant(labels), **given)


@program("heads")
def losses_of_former_heads(directory):
    def loss(make, logits, labels, form):
        def made():
            spec = make(**form).create_loss(
                features=features(), mode="train", logits=tf.constant(logits), labels=tf.constant(labels)
            )
            training_loss, unreduced_loss, weights, processed = spec
            assert spec.training_loss is training_loss
            return [training_loss, unreduced_loss, tf.convert_to_tensor(weights), processed]

        return values(made)

    return {
        name: {form: loss(make, logits, labels, given) for form, given in FORMS.items()}
        for name, (make, logits, labels) in HEADS.items()
    }


@program("heads", "export outputs")
def specs_of_former_heads(directory):
    def shown(make, logits, labels, mode, **given):
        def run():
            with tf.Graph().as_default():
                v1.train.create_global_step()
                spec = spec_of(make(name="h"), mode, logits, labels, **given)
                return {
                    "exports": {
                        name: type(output).__name__ for name, output in (spec.export_outputs or {}).items()
                    },
                    "predictions": sorted(spec.predictions),
                    "metrics": sorted(spec.eval_metric_ops or {}),
                    "loss": None if spec.loss is None else spec.loss.dtype.name,
                    "summaries": sorted(t.op.name for t in v1.get_collection(v1.GraphKeys.SUMMARIES)),
                    "kind": type(spec).__name__,
                }

        return outcome(run)

    train = {"train_op_fn": lambda loss: tf.no_op()}
    result = {}
    for name, (make, logits, labels) in HEADS.items():
        result[name] = {
            "infer": shown(make, logits, labels, "infer"),
            "eval": shown(make, logits, labels, "eval"),
            "eval regularized": shown(make, logits, labels, "eval", regularization_losses=[]),
            "train": shown(make, logits, labels, "train", **train),
            "neither": shown(make, logits, labels, "train"),
            "both": shown(
                make, logits, labels, "train", optimizer=v1.train.GradientDescentOptimizer(0.1), **train
            ),
            "no labels": outcome(lambda m=make, given=logits: of_nothing(m, given)),
        }
    return result


def of_nothing(make, logits):
    with tf.Graph().as_default():
        return make().create_estimator_spec({}, "eval", tf.constant(logits), None)


@program("heads")
def values_of_former_heads(directory):
    def predicted(make, logits, labels):
        return values(lambda: spec_of(make(), "infer", logits, labels).predictions)

    def loss(make, logits, labels, form):
        added = {"regularization_losses": [tf.constant(0.5), tf.constant(0.25)]} if form == "plain" else {}
        return spec_of(make(**FORMS[form]), "eval", logits, labels, **added)

    return {
        name: {
            "predictions": predicted(make, logits, labels),
            "losses": {form: values(lambda f=form, h=HEADS[name]: loss(*h, f).loss) for form in FORMS},
            "metrics": {
                form: evaluated(lambda f=form, h=HEADS[name]: loss(*h, f).eval_metric_ops) for form in FORMS
            },
        }
        for name, (make, logits, labels) in HEADS.items()
    }


@program(
    "heads",
    differs={
        "result/made/short vocabulary*": "a vocabulary that has not as many words as there are classes is refused"
    },
)
def arguments_of_former_heads(directory):
    def properties(head):
        return [head.name, head.logits_dimension, isinstance(head, deep("canned.head", "_Head"))]

    binary, many, numbers = (make for make, _, _ in HEADS.values())
    either = lambda n, **given: of("_binary_logistic_or_multi_class_head", n, None, None, SUM)
    made = {
        "binary": binary,
        "many": many,
        "numbers": lambda: numbers(label_dimension=2, name="n"),
        "two classes": lambda: either(2),
        "three classes": lambda: either(3),
        "one class": lambda: either(1),
        "no numbers": lambda: numbers(label_dimension=0),
        "threshold": lambda: binary(thresholds=[0.5, 1.5]),
        "reduction": lambda: binary(loss_reduction="other"),
        "no reduction": lambda: binary(loss_reduction=v1.losses.Reduction.NONE),
        "no reduction of many": lambda: many(loss_reduction=v1.losses.Reduction.NONE),
        "no reduction of numbers": lambda: numbers(loss_reduction=v1.losses.Reduction.NONE),
        "vocabulary": lambda: many(label_vocabulary="abc"),
        "short vocabulary": lambda: many(label_vocabulary=["a"]),
        "class": lambda: of("_MultiClassHeadWithSoftmaxCrossEntropyLoss", 3, name="c"),
        "class of numbers": lambda: of("_RegressionHeadWithMeanSquaredErrorLoss", 2),
        "abstract": deep("canned.head", "_Head"),
    }
    head = of(
        "_binary_logistic_head_with_sigmoid_cross_entropy_loss",
        thresholds=[0.25],
        label_vocabulary=["n", "y"],
        name="h",
    )
    return {
        "made": {name: outcome(lambda m=make: properties(m())) for name, make in made.items()},
        "attributes": [
            head._name,
            list(head._thresholds),
            list(head._label_vocabulary),
            head._loss_reduction,
        ],
        "words": values(
            lambda: (
                spec_of(
                    of(
                        "_multi_class_head_with_softmax_cross_entropy_loss",
                        3,
                        label_vocabulary=["a", "b", "c"],
                    ),
                    "eval",
                    WIDE,
                    WORDS,
                ).loss
            )
        ),
        "link": values(
            lambda: (
                spec_of(of("_regression_head", inverse_link_fn=tf.exp), "infer", LOGITS, NUMBERS).predictions
            )
        ),
        "loss_fn": values(
            lambda: (
                spec_of(
                    of("_regression_head", loss_fn=lambda labels, logits: tf.abs(labels - logits)),
                    "eval",
                    LOGITS,
                    NUMBERS,
                ).loss
            )
        ),
        "thresholds": evaluated(
            lambda: (
                spec_of(
                    of("_binary_logistic_head_with_sigmoid_cross_entropy_loss", thresholds=[0.25, 0.75]),
                    "eval",
                    LOGITS,
                    ONES,
                ).eval_metric_ops
            )
        ),
    }
