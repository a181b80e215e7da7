"""Canned Estimators and models of Keras' layers whose training goes on over two devices.

The first step is made on one device, from values that depend on nothing but names; the strategy begins with its checkpoint.
"""

import os

import models
import programs_canned
import tensorflow as tf
from catalogue import program
from models import v1
from programs_canned import OTHER_SLOTS
from programs_strategies import SESSION, STRATEGIES, of_each

KINDS = {
    "linear": ("Linear", {"feature_columns": "sparse"}),
    "deep": ("DNN", {"feature_columns": "dense", "hidden_units": [4]}),
    "wide and deep": (
        "DNNLinearCombined",
        {"linear_feature_columns": "sparse", "dnn_feature_columns": "embedded", "dnn_hidden_units": [4]},
    ),
    "baseline": ("Baseline", {}),
}
FACES = {"v1": lambda: v1.estimator, "v2": lambda: tf.estimator}
LABELS = {"Classifier": [[0], [1], [1], [0], [1], [1], [0], [1]], "Regressor": models.Y}
DESCENT = {"v1": lambda: v1.train.GradientDescentOptimizer(0.1), "v2": lambda: "SGD"}


def made(directory, strategy, face, task, kind):
    name, arguments = KINDS[kind]
    columns = programs_canned.columns()
    arguments = {key: columns[value] if isinstance(value, str) else value for key, value in arguments.items()}
    halves = ("linear_optimizer", "dnn_optimizer") if kind == "wide and deep" else ("optimizer",)
    strategy = STRATEGIES[strategy]()
    return getattr(FACES[face](), f"{name}{task}")(
        model_dir=os.path.join(directory, "model"),
        config=models.config(train_distribute=strategy, eval_distribute=strategy, **SESSION),
        **arguments,
        **{half: DESCENT[face]() for half in halves},
    )


def continued(directory, kind, strategy, face, task):
    input_fn = programs_canned.input_with(LABELS[task])
    made(directory, "none", face, task, kind).train(input_fn, steps=1, hooks=[programs_canned.FixedValues()])
    estimator = made(directory, strategy, face, task, kind)
    estimator.train(lambda: input_fn().repeat(), steps=3)
    return {
        "variables": models.variables(estimator),
        "metrics": estimator.evaluate(input_fn),
        "predictions": list(estimator.predict(input_fn)),
    }


def of_kinds(directory, strategy, face, task):
    # The second form's Baseline of 2.15 cannot be trained on datasets, see `canned_of_v2`.
    kinds = KINDS if face == "v1" else KINDS.keys() - {"baseline"}
    return of_each(directory, sorted(kinds), continued, strategy, face, task)


SLOTS = {"*/training/*": OTHER_SLOTS}
BASELINE = {
    path: "of two classes the share of the more frequent one is a half at least, and all labels count; there it is 0.25"
    for path in ("result/*/metrics/accuracy_baseline*", "events/*/accuracy_baseline*")
}


@program("train_distribute", "Linear", "DNN", "DNNLinearCombined", differs={**SLOTS, **BASELINE})
def canned_classifiers_on_two_devices(directory):
    return of_kinds(directory, "mirrored", "v2", "Classifier")


@program("train_distribute", "Linear", "DNN", "DNNLinearCombined", differs=SLOTS)
def canned_regressors_on_two_devices(directory):
    return of_kinds(directory, "mirrored v1", "v2", "Regressor")


@program("train_distribute", "Linear", "DNN", "DNNLinearCombined", "Baseline")
def canned_regressors_of_version_1_on_two_devices(directory):
    return of_kinds(directory, "mirrored", "v1", "Regressor")
