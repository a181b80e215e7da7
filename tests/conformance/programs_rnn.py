"""The RNN Estimators: losses from fixed weights, names in checkpoints, predictions, signatures; what they refuse."""

import os
import shutil

import tensorflow as tf
from catalogue import program
from computations import outcome
from programs_canned import SLOTS
from programs_sequential_heads import sequential
from rnn_models import columns, numbers, trained, worked

FIRST = "initialisers of Keras 3 draw other numbers from a seed"
DIFFERS = {**SLOTS, "checkpoints/*/model.ckpt-0/rnn_model/*": FIRST}


def te():
    return tf.estimator.experimental


@program("RNN", differs=DIFFERS)
def rnn_classifiers(directory):
    """Each cell type, two classes and more, numbers and words."""
    cases = {
        "simple_rnn": ("binary", {"units": [3]}),
        "lstm": ("classes", {"units": [3], "cell_type": "lstm", "n_classes": 3}),
        "gru": ("words", {"units": 3, "cell_type": "gru", "label_vocabulary": ["n", "y"]}),
        "sum": ("binary", {"units": [2], "loss_reduction": "sum", "weight_column": "weight"}),
    }
    return {
        name: worked(
            lambda given=given, **kw: te().RNNClassifier(**columns(), **given, **kw),
            labels,
            f"{directory}/{name}",
        )
        for name, (labels, given) in cases.items()
    }


@program("RNN", differs=DIFFERS)
def rnn_estimators(directory):
    """Heads of one's own, two layers of cells, cells of one's own."""
    layers = tf.keras.layers
    cases = {
        "two layers": {"units": [3, 2], "cell_type": "lstm"},
        "a class": {"units": [2], "cell_type": layers.GRUCell},
        "cells": {"rnn_cell_fn": lambda: layers.SimpleRNNCell(2, activation="relu")},
        "cells of two layers": {
            "rnn_cell_fn": lambda: layers.StackedRNNCells([layers.GRUCell(3), layers.SimpleRNNCell(2)])
        },
    }
    return {
        name: worked(
            lambda given=given, **kw: te().RNNEstimator(
                tf.estimator.RegressionHead(), **columns(), **given, **kw
            ),
            "numbers",
            f"{directory}/{name}",
        )
        for name, given in cases.items()
    }


@program("RNN", differs=DIFFERS)
def rnn_sequences(directory):
    """A prediction for every step; padding counts in no loss and no metric."""
    cases = {
        "classes": (
            lambda **kw: te().RNNClassifier([numbers()], units=[2], return_sequences=True, **kw),
            "a class a step",
        ),
        "key": (
            lambda **kw: te().RNNClassifier(
                **columns(), units=[2], cell_type="lstm", return_sequences=True, sequence_mask="padding", **kw
            ),
            "a class a step",
        ),
        "numbers": (
            lambda **kw: te().RNNEstimator(
                sequential(tf.estimator.RegressionHead(loss_reduction="sum", name="n"), "mask"),
                [numbers()],
                units=[2],
                cell_type="gru",
                return_sequences=True,
                **kw,
            ),
            "a number a step",
        ),
    }
    return {name: worked(make, labels, f"{directory}/{name}") for name, (make, labels) in cases.items()}


def refusal(directory, make, labels):
    """Names of the variables after a step, or the kinds of the error."""

    def run():
        shutil.rmtree(os.path.join(directory, "model"), ignore_errors=True)
        return sorted(trained(make, labels, directory, steps=1).get_variable_names())

    return outcome(run)


@program("RNN")
def rnn_heads_of_wrong_kinds(directory):
    head = tf.estimator.RegressionHead
    cases = {
        "none": (None, False, "numbers"),
        "one for each step": (head(), True, "a number a step"),
        "several": (tf.estimator.MultiHead([head(name="a")]), True, "a number a step"),
        "of sequences": (sequential(head()), False, "numbers"),
    }
    return {
        name: refusal(
            directory,
            lambda one=one, each=each, **kw: te().RNNEstimator(
                one, [numbers()], units=[2], return_sequences=each, **kw
            ),
            labels,
        )
        for name, (one, each, labels) in cases.items()
    }
