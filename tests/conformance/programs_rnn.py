"""The RNN Estimators: losses from fixed weights, names in checkpoints, predictions, signatures; what they refuse."""

import functools
import os
import shutil

import models
import rnn_models
import tensorflow as tf
from catalogue import program
from computations import outcome
from programs_canned import FTRL_SLOTS, SLOTS
from programs_heads import KERAS_IS_2, KERAS_SLOTS
from rnn_models import columns, fc, numbers, trained, words, worked

FIRST = "initialisers of Keras 3 draw other numbers from a seed"
DIFFERS = {**SLOTS, "checkpoints/*/model.ckpt-0/rnn_model/*": FIRST}

OF_NAMES = {pattern: why for pattern, why in KERAS_SLOTS.items() if pattern != "*/Momentum*"}


def te():
    return tf.estimator.experimental


def sequential(head, *args, **kwargs):
    from tensorflow_estimator.python.estimator.head.sequential_head import SequentialHeadWrapper

    return SequentialHeadWrapper(head, *args, **kwargs)


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


@program(
    "RNN",
    differs={
        **DIFFERS,
        "result/shared*": "there the table of shared embeddings stays what it was at first: no model of Keras has it",
        "checkpoints/shared*": "there the table of shared embeddings is not trained",
        "events/shared*": "there the table of shared embeddings is not trained",
    },
)
def rnn_columns(directory):
    """Sequence columns of every kind, alone: all variables, and what comes of them."""
    path = os.path.join(directory, "words.txt")
    with open(path, "w") as file:
        file.write("a\nb\nc\n")
    hashed = fc.sequence_categorical_column_with_hash_bucket("word", 5)
    identity = fc.sequence_categorical_column_with_identity("id", 4, default_value=0)
    from_file = fc.sequence_categorical_column_with_vocabulary_file("word", path, num_oov_buckets=1)
    with tf.Graph().as_default():  # it refuses to be made eagerly
        shared = fc.shared_embeddings([words(), words("twin")], 2)
    cases = {
        "indicator": [fc.indicator_column(words())],
        "hash": [fc.embedding_column(hashed, 2)],
        "identity": [fc.indicator_column(identity)],
        "file": [fc.embedding_column(from_file, 2, combiner="sum")],
        "shared": list(shared),
        "shared and others": [numbers(), *shared],
        "normalized": [numbers(normalizer_fn=lambda x: x * 2.0)],
        "shape": [numbers(shape=(3,), default_value=0.5)],
    }

    def more(features):
        return {
            **features,
            "id": tf.SparseTensor(
                features["x"].indices,
                tf.cast(features["x"].values > 0.6, tf.int64),
                features["x"].dense_shape,
            ),
        }

    results = {}
    for name, made in cases.items():
        estimator = trained(
            lambda made=made, **kw: te().RNNClassifier(made, units=[2], **kw),
            "binary",
            f"{directory}/{name}",
            steps=3,
            more=more,
        )
        results[name] = {
            "variables": models.variables(estimator),
            "predictions": list(estimator.predict(rnn_models.input_of("binary", more=more))),
        }
    return results


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


@program("RNN", differs={**DIFFERS, **OF_NAMES, **FTRL_SLOTS})
def rnn_optimizers(directory):
    """Rates and clipping: the steps of optimizers by name and as objects, from losses small and large."""
    sgd = tf.keras.optimizers.legacy.SGD if KERAS_IS_2 else tf.keras.optimizers.SGD
    cases = {name: name for name in ("Adagrad", "Adam", "Ftrl", "RMSProp", "SGD")}
    cases |= {"object": lambda: sgd(0.1), "object that clips": lambda: sgd(0.1, clipnorm=1.0)}
    results = {}
    for name, optimizer in cases.items():
        for size in (1.0, 1000.0):
            labels = size * rnn_models.LABELS["numbers"]
            estimator = trained(
                lambda optimizer=optimizer, **kw: te().RNNEstimator(
                    tf.estimator.RegressionHead(), [numbers()], units=[2], optimizer=optimizer, **kw
                ),
                labels,
                f"{directory}/by {name} {size}",
                steps=2,
            )
            # Not the beginning of a slot's name.
            results[f"by {name} {size}"] = models.variables(estimator)
    return results


def refusal(directory, make, *, labels="binary", more=None):
    """Names of the variables after a step, or the kinds of the error."""

    def run():
        shutil.rmtree(os.path.join(directory, "model"), ignore_errors=True)
        return dict.fromkeys(
            trained(make, labels, directory, steps=1, more=more).get_variable_names(), "a variable"
        )

    return outcome(run)


@program("RNN", differs={**SLOTS, "result/sequence/none": "said in words, and a ValueError"})
def rnn_columns_of_wrong_kinds(directory):
    plain = fc.categorical_column_with_vocabulary_list("word", ["a", "b"])
    sequences = {
        "none": None,
        "empty": [],
        "one": numbers(),
        "name": "x",
        "dense": [fc.numeric_column("c")],
        "categorical": [words()],
        "embedding of no sequence": [fc.embedding_column(plain, 2)],
        "indicator of no sequence": [fc.indicator_column(plain)],
        "twice": [numbers(), numbers()],
        "missing": [fc.sequence_numeric_column("other")],
        "no column": [3],
    }
    contexts = {
        "empty": [],
        "one": fc.numeric_column("c"),
        "sequence": [numbers()],
        "embedding of a sequence": [fc.embedding_column(words(), 2)],
        "indicator of a sequence": [fc.indicator_column(words())],
        "categorical": [rnn_models.kinds()],
        "missing": [fc.numeric_column("other")],
    }
    return {
        "sequence": {
            name: refusal(directory, lambda made=made, **kw: te().RNNClassifier(made, units=[2], **kw))
            for name, made in sequences.items()
        },
        "context": {
            name: refusal(
                directory, lambda made=made, **kw: te().RNNClassifier([numbers()], made, units=[2], **kw)
            )
            for name, made in contexts.items()
        },
    }


@program(
    "RNN", differs={**SLOTS, "result/empty units*": "logits of the bare input, without any cell, are refused"}
)
def rnn_arguments(directory):
    layers = tf.keras.layers
    cases = {
        "no units": {},
        "empty units": {"units": []},
        "a tuple": {"units": (2,)},
        "words": {"units": ["2"]},
        "no unit": {"units": [0]},
        "another type": {"units": [2], "cell_type": "rnn"},
        "type none": {"units": [2], "cell_type": None},
        "a layer": {"units": [2], "cell_type": layers.GRU},
        "a function for a type": {"units": [2], "cell_type": functools.partial(layers.GRUCell)},
        "units and cells": {"units": [2], "rnn_cell_fn": lambda: layers.GRUCell(2)},
        "a type and cells": {"cell_type": "lstm", "rnn_cell_fn": lambda: layers.GRUCell(2)},
        "cells that are none": {"rnn_cell_fn": lambda: None},
        "cells in a list": {"rnn_cell_fn": lambda: [layers.GRUCell(2), layers.GRUCell(3)]},
        "cells that cannot be called": {"rnn_cell_fn": 3},
        "one class": {"units": [2], "n_classes": 1},
        "another optimizer": {"units": [2], "optimizer": "Sgd"},
        "no optimizer": {"units": [2], "optimizer": 3},
    }
    return {
        name: refusal(directory, lambda given=given, **kw: te().RNNClassifier([numbers()], **given, **kw))
        for name, given in cases.items()
    }


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
            labels=labels,
        )
        for name, (one, each, labels) in cases.items()
    }


NO_MASK = "there an InvalidArgumentError: its mask is as wide as the last step of the batch, and its input as the dense shape"


@program(
    "RNN",
    differs={
        **DIFFERS,
        **{
            f"*/{name}*": NO_MASK
            for name in (
                "wider than the longest",
                "an example without a step",
                "the last without a step",
                "no steps",
                "gaps",
            )
        },
    },
)
def rnn_features(directory):
    """What features stand for sequences."""
    sparse = tf.SparseTensor
    features = {
        "wider than the longest": lambda x: sparse(x.indices, x.values, x.dense_shape + [0, 2]),
        "an example without a step": lambda x: tf.sparse.retain(x, x.indices[:, 0] > 0),
        "the last without a step": lambda x: tf.sparse.retain(x, x.indices[:, 0] < 1),
        "no steps": lambda x: tf.sparse.retain(x, x.indices[:, 0] < 0),
        "dense": tf.sparse.to_dense,
        "ints": lambda x: tf.cast(x, tf.int32),
        "float64": lambda x: tf.cast(x, tf.float64),
        "rank 3": lambda x: tf.sparse.expand_dims(x, -1),
        "gaps": lambda x: sparse(x.indices * [1, 2], x.values, x.dense_shape * [1, 2]),
    }
    results = {}
    for name, change in features.items():

        def more(parsed, change=change):
            return {**parsed, "x": change(parsed["x"])}

        def run(name=name, more=more):
            estimator = trained(
                lambda **kw: te().RNNClassifier([numbers()], units=[2], cell_type="lstm", **kw),
                "binary",
                f"{directory}/{name}",
                steps=2,
                more=more,
            )
            return list(estimator.predict(rnn_models.input_of("binary", more=more)))

        results[name] = outcome(run)
    return results


OF_KINDS = {"simple_rnn": "binary", "lstm": "binary", "gru": "a class a step"}


def _plain(kind, directory, **given):
    return te().RNNClassifier(
        **columns(),
        units=[3, 2] if kind == "simple_rnn" else [3],
        cell_type=kind,
        optimizer="SGD",
        return_sequences=kind == "gru",
        **given,
    )


OTHER_RUNS = {"*/training/*": SLOTS["*/training/*"], "checkpoints/*/model.ckpt-0/rnn_model/*": FIRST}


@program("RNN", "checkpoint names", differs=OTHER_RUNS)
def rnn_for_the_other(directory):
    """Checkpoints that both environments read."""
    return {
        kind: models.variables(
            trained(
                lambda kind=kind, **kw: _plain(kind, directory, **kw), labels, f"{directory}/{kind}", steps=4
            )
        )
        for kind, labels in OF_KINDS.items()
    }


@program("RNN", meets=True, differs=OTHER_RUNS)
def rnn_checkpoints_of_the_other(directory, own, other):
    """Evaluates and predicts with what `rnn_for_the_other` left in both environments."""
    results = {}
    for name, results_of in (("own", own), ("other", other)):
        for kind, labels in OF_KINDS.items():
            target = os.path.join(directory, name, kind)
            shutil.copytree(os.path.join(results_of, "rnn_for_the_other", kind), target)
            estimator = _plain(
                kind, directory, model_dir=os.path.join(target, "model"), config=models.config()
            )
            input_fn = rnn_models.input_of(labels)
            results[f"{name} {kind}"] = [estimator.evaluate(input_fn), list(estimator.predict(input_fn))]
    return results
