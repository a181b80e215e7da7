"""The canned Estimators. Their variables get values by name and shape when a session is made: the initialisers' own
values depend on how many operations stand before them."""

import os
import zlib

import models
import numpy as np
import tensorflow as tf
from catalogue import KERAS_2, V1, program
from models import v1

COLLECTION = {
    "exports/*/collections/model_variables": "TensorFlow's public feature columns also call their variables model variables"
}
OTHER_SLOTS = (
    "optimizers are those of tf.compat.v1, whose slots have other names than those of the Keras of 2.15"
)
SLOTS = {"*/training/*": OTHER_SLOTS, "*/Adagrad*": OTHER_SLOTS}
FTRL_SLOTS = {"*/Ftrl*": OTHER_SLOTS}
BRANCHES = {
    "*/collections/cond_context": "TensorFlow 1 lists the branches of a graph, and not the same checks are branches in both"
}


class FixedValues(v1.train.SessionRunHook):
    """Sets every trainable variable, before the first step, to values that follow from its name."""

    def begin(self):
        self._variables = v1.trainable_variables()
        self._values = [v1.placeholder(v.dtype.base_dtype, v.shape) for v in self._variables]
        self._assign = [v1.assign(v, value) for v, value in zip(self._variables, self._values, strict=True)]
        self._step = v1.train.get_global_step()

    def after_create_session(self, session, coord):
        if session.run(self._step) > 0:
            return
        values = {}
        for variable, value in zip(self._variables, self._values, strict=True):
            start = zlib.crc32(variable.op.name.encode()) % 97
            count = variable.shape.num_elements()
            values[value] = np.reshape(np.sin(np.arange(start, start + count)) / 2, variable.shape)
        session.run(self._assign, values)


def columns():
    fc = tf.feature_column
    words = fc.categorical_column_with_vocabulary_list("word", ["a", "b", "c"])
    return {
        "dense": [fc.numeric_column("x"), fc.indicator_column(words)],
        "sparse": [fc.numeric_column("x"), words],
        "embedded": [fc.numeric_column("x"), fc.embedding_column(words, 2)],
    }


def input_with(labels):
    def input_fn():
        data = {"x": models.X, "word": models.WORDS}
        return tf.data.Dataset.from_tensor_slices((data, labels)).batch(4)

    return input_fn


LABELS = {
    "regression": models.Y,
    "binary": (models.Y > 2).astype(np.int64),
    "classes": np.array([[0], [1], [2], [0], [1], [2], [0], [1]], np.int64),
    "words": np.array([["n"], ["y"], ["n"], ["y"], ["n"], ["y"], ["n"], ["y"]]),
}


def worked(make, labels, directory, *, of_tensors=False):
    """Trains, evaluates, predicts, exports and serves a canned Estimator in `directory`."""
    estimator = make(model_dir=os.path.join(directory, "model"), config=models.config())
    input_fn = input_with(LABELS[labels])

    def training_input():
        if of_tensors:
            return {"x": tf.constant(models.X)}, tf.constant(LABELS[labels])
        return input_fn().repeat()

    estimator.train(training_input, hooks=[FixedValues()], steps=6)
    spec = tf.feature_column.make_parse_example_spec(columns()["sparse"])
    receiver = tf.estimator.export.build_parsing_serving_input_receiver_fn(spec)
    path = estimator.export_saved_model(os.path.join(directory, "export"), receiver)
    predictions = list(estimator.predict(input_fn))
    return {
        "variables": models.variables(estimator),
        "metrics": estimator.evaluate(input_fn),
        "predictions": predictions,
        "served": served_with_words(path),
    }


def served_with_words(path):
    feature = tf.train.Feature
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    "x": feature(float_list=tf.train.FloatList(value=[x])),
                    "word": feature(bytes_list=tf.train.BytesList(value=[word])),
                }
            )
        ).SerializeToString()
        for x, word in ((0.5, b"a"), (3.0, b"other"))
    ]
    with tf.Graph().as_default(), v1.Session() as session:
        meta_graph = v1.saved_model.load(session, ["serve"], tf.compat.as_str_any(path))
        return {
            name: session.run(
                {key: info.name for key, info in signature.outputs.items()},
                {info.name: examples for info in signature.inputs.values()},
            )
            for name, signature in meta_graph.signature_def.items()
        }


def gradient_descent():
    return v1.train.GradientDescentOptimizer(0.1)


@program("DNN", differs=COLLECTION)
def dnn_of_v1(directory):
    dense = columns()["dense"]
    classifier, regressor = v1.estimator.DNNClassifier, v1.estimator.DNNRegressor
    return {
        "binary": worked(lambda **kw: classifier([3], dense, **kw), "binary", f"{directory}/binary"),
        "classes": worked(
            lambda **kw: classifier([4, 3], dense, n_classes=3, optimizer="Adam", batch_norm=True, **kw),
            "classes",
            f"{directory}/classes",
        ),
        "words": worked(
            lambda **kw: classifier(
                [3],
                dense,
                label_vocabulary=["n", "y"],
                optimizer=gradient_descent(),
                activation_fn=tf.nn.tanh,
                **kw,
            ),
            "words",
            f"{directory}/words",
        ),
        "regression": worked(
            lambda **kw: regressor([3], columns()["embedded"], **kw), "regression", f"{directory}/regression"
        ),
    }


@program("Linear", differs=COLLECTION, repeated={V1: {**COLLECTION, **BRANCHES}})
def linear_of_v1(directory):
    sparse = columns()["sparse"]
    classifier, regressor = v1.estimator.LinearClassifier, v1.estimator.LinearRegressor
    return {
        "binary": worked(lambda **kw: classifier(sparse, **kw), "binary", f"{directory}/binary"),
        "classes": worked(
            lambda **kw: classifier(sparse, n_classes=3, optimizer=gradient_descent(), **kw),
            "classes",
            f"{directory}/classes",
        ),
        "regression": worked(
            lambda **kw: regressor(sparse, sparse_combiner="mean", **kw),
            "regression",
            f"{directory}/regression",
        ),
    }


@program("Baseline")
def baseline_of_v1(directory):
    classifier, regressor = v1.estimator.BaselineClassifier, v1.estimator.BaselineRegressor
    return {
        "binary": worked(classifier, "binary", f"{directory}/binary"),
        "classes": worked(lambda **kw: classifier(n_classes=3, **kw), "classes", f"{directory}/classes"),
        "regression": worked(regressor, "regression", f"{directory}/regression"),
    }


@program("DNNLinearCombined", differs=COLLECTION)
def dnn_linear_combined_of_v1(directory):
    def arguments():
        made = columns()
        return {
            "linear_feature_columns": made["sparse"],
            "dnn_feature_columns": made["embedded"],
            "dnn_hidden_units": [3],
        }

    classifier = v1.estimator.DNNLinearCombinedClassifier
    regressor = v1.estimator.DNNLinearCombinedRegressor
    return {
        "binary": worked(lambda **kw: classifier(**arguments(), **kw), "binary", f"{directory}/binary"),
        "regression": worked(
            lambda **kw: regressor(
                **arguments(),
                linear_optimizer=gradient_descent(),
                dnn_optimizer=v1.train.AdamOptimizer(0.01),
                **kw,
            ),
            "regression",
            f"{directory}/regression",
        ),
    }


@program(
    "DNN",
    "Linear",
    "Baseline",
    "DNNLinearCombined",
    differs={**COLLECTION, **SLOTS, **FTRL_SLOTS},
    repeated={
        KERAS_2: {**COLLECTION, **SLOTS, **FTRL_SLOTS},
        V1: {**COLLECTION, **SLOTS, **FTRL_SLOTS, **BRANCHES},
    },
)
def canned_of_v2(directory):
    te, made = tf.estimator, columns()
    kinds = {
        "dnn": (lambda **kw: te.DNNClassifier([3], made["dense"], **kw), "binary"),
        "linear": (lambda **kw: te.LinearRegressor(made["sparse"], **kw), "regression"),
        "combined": (
            lambda **kw: te.DNNLinearCombinedRegressor(
                linear_feature_columns=made["sparse"],
                dnn_feature_columns=made["dense"],
                dnn_hidden_units=[2],
                **kw,
            ),
            "regression",
        ),
    }
    results = {name: worked(make, labels, f"{directory}/{name}") for name, (make, labels) in kinds.items()}
    # Those of 2.15 cannot be trained on datasets: "GetNext() failed because the iterator has not been initialized".
    baseline = worked(
        lambda **kw: te.BaselineClassifier(n_classes=3, **kw),
        "classes",
        f"{directory}/baseline",
        of_tensors=True,
    )
    return {**results, "baseline": baseline}


@program("parse_example_spec")
def parse_example_specs(directory):
    made = columns()
    te = tf.estimator
    return {
        "classifier": str(te.classifier_parse_example_spec(made["sparse"], "label")),
        "words": str(
            te.classifier_parse_example_spec(made["dense"], "label", label_dtype=tf.string, weight_column="w")
        ),
        "regressor": str(te.regressor_parse_example_spec(made["dense"], "label", label_dimension=2)),
    }
