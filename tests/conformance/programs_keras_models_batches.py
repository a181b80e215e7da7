"""Models of Keras 2 as Estimators: what input functions give them, what they measure, and what they export."""

import os
import shutil

import keras_models
import models
import tensorflow as tf
from catalogue import KERAS_2, program
from computations import outcome
from keras_models import (
    CLASS,
    SIZE,
    WEIGHTS,
    X,
    batches,
    dense,
    keras,
    layers,
    legacy,
    line,
    once,
    plain,
    told,
)
from programs_keras_models import FIRST

NAMED = {"a": X[:, :2], "b": X[:, 2:]}
TARGETS = {"kind": CLASS, "size": SIZE}
METRIC_NAMES = {"kind_accuracy": "right", "size_mae": "far", "size_mse": "far squared"}


def several(**given):
    """Two inputs, two outputs."""
    keras.backend.clear_session()
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    net = dense(4, activation="tanh")(layers.Concatenate()([a, b]))
    model = keras.Model([a, b], [dense(3, name="kind")(net), dense(1, name="size")(net)])
    compiled = {
        "loss": {"kind": keras_models.cross_entropy(), "size": "mse"},
        "loss_weights": {"kind": 1.0, "size": 0.25},
        "metrics": {"kind": ["accuracy"], "size": ["mae", "mse"]},
        **given,
    }
    model.compile(legacy.SGD(0.1), **compiled)
    return model


@program("input_fn dataset", "Keras metrics", "variables", differs=FIRST, repeated={KERAS_2: FIRST})
def several_inputs_and_outputs(directory):
    made = keras_models.estimator(directory, several())
    return told(made, batches(NAMED, TARGETS), once(NAMED, TARGETS), keras_models.features_only(NAMED))


@program("Keras metrics", differs=FIRST)
def metrics_under_other_names(directory):
    made = keras_models.estimator(directory, several(), metric_names_map=METRIC_NAMES)
    return made.train(batches(NAMED, TARGETS), steps=2).evaluate(once(NAMED, TARGETS))


@program(
    "Keras metrics",
    "input_fn dataset",
    differs={
        **FIRST,
        **dict.fromkeys(
            ("result/metrics/accuracy/*", "events/model/eval/values/accuracy*"),
            "a weighted metric counts by the weights; tf.estimator runs the update that it has without them",
        ),
    },
)
def weights_of_a_models_examples(directory):
    features = {"features": {"x": X}, "sample_weights": WEIGHTS}
    model = plain(legacy.SGD(0.1), weighted_metrics=["accuracy"], metrics=["sparse_categorical_crossentropy"])
    made = keras_models.estimator(directory, model)
    return told(made, batches(features), once(features))


@program("Keras metrics", differs=FIRST)
def metrics_of_every_kind(directory):
    def distance(labels, y):
        return tf.reduce_max(tf.abs(labels - y), -1)

    given = [
        "mse",
        distance,
        keras.metrics.RootMeanSquaredError(name="root"),
        keras.metrics.MeanAbsoluteError(),
    ]
    made = keras_models.estimator(directory, line(metrics=given))
    made.train(batches({"line_input": X}, SIZE), steps=3)
    return [made.evaluate(once({"line_input": X}, SIZE)) for _ in range(2)]


@program("Keras metrics", "input_fn dataset", differs=FIRST)
def outputs_of_one_layer(directory):
    keras.backend.clear_session()
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    layer = dense(1, name="enc")
    model = keras.Model([a, b], [layer(a), layer(b)])
    model.compile(legacy.SGD(0.1), loss="mse", metrics=["mae"])
    targets = {"enc": SIZE, "enc_1": 2 * SIZE}
    made = keras_models.estimator(directory, model)
    return told(made, batches(NAMED, targets), once(NAMED, targets), keras_models.features_only(NAMED))


LOSSES = {
    "mae": ("mae", SIZE),
    "huber": (keras.losses.Huber(0.5), SIZE),
    "sum": (keras.losses.MeanSquaredError(reduction="sum"), SIZE),
    "binary": ("binary_crossentropy", (SIZE > 0.5).astype("float32")),
    "flat labels": ("mse", SIZE[:, 0]),
    "whole numbers": ("mse", CLASS),
}


@program("loss summary", "train steps", differs=FIRST)
def losses_of_every_kind(directory):
    seen = {}
    for name, (loss, labels) in LOSSES.items():

        def run(name=name, loss=loss, labels=labels):
            made = keras_models.estimator(directory, line(loss=loss, metrics=["mae"]), name=name)
            made.train(batches(X, labels), steps=3)
            return made.evaluate(once(X, labels))

        seen[name] = outcome(run)
    return seen


GIVEN = {
    "by name": ({"x": X}, CLASS),
    "more names": ({"x": X, "y": X}, CLASS),
    "another name": ({"y": X}, CLASS),
    "a tensor": (X, CLASS),
    "labels by name": ({"x": X}, {"classes": CLASS}),
    "labels by another name": ({"x": X}, {"c": CLASS}),
    "more labels": ({"x": X}, {"classes": CLASS, "c": CLASS}),
    "a column of labels": ({"x": X}, CLASS[:, None]),
    "numbers of another kind": ({"x": X.astype("float64")}, CLASS.astype("int32")),
    "too wide": ({"x": X[:, [0, 1, 2, 3, 0]]}, CLASS),
}


@program("input_fn dataset", "input_fn arguments", differs=FIRST)
def batches_that_fit_and_others(directory):
    seen = {}
    for name, (features, labels) in GIVEN.items():

        def run(name=name, features=features, labels=labels):
            made = keras_models.estimator(directory, plain(), name=f"model of {name}")
            return made.evaluate(once(features, labels))

        seen[name] = outcome(run)
    return seen


@program("signatures", "export outputs", "export_saved_model", differs=FIRST)
def exports_of_a_model(directory):
    kinds = {"kind": tf.estimator.export.PredictOutput, "size": tf.estimator.export.RegressionOutput}
    seen = {}
    for name, outputs in {"default": None, "each": kinds, "one": {"size": kinds["size"]}, "none": {}}.items():

        def run(name=name, outputs=outputs):
            model = several(loss={"kind": keras_models.cross_entropy(), "size": "mse"})
            made = keras_models.estimator(directory, model, name=f"model {name}", export_outputs=outputs)
            made.train(batches(NAMED, TARGETS), steps=2)
            path = made.export_saved_model(os.path.join(directory, f"export {name}"), parsing)
            with tf.Graph().as_default(), tf.compat.v1.Session() as session:
                graph = tf.compat.v1.saved_model.load(session, ["serve"], tf.compat.as_str_any(path))
                return {
                    key: [signature.method_name, sorted(signature.outputs)]
                    for key, signature in graph.signature_def.items()
                }

        seen[name] = outcome(run)
    return seen


def parsing():
    spec = {name: tf.io.FixedLenFeature([2], tf.float32) for name in NAMED}
    return tf.estimator.export.build_parsing_serving_input_receiver_fn(spec)()


@program(
    "all-modes export",
    "supervised receiver",
    differs={
        **FIRST,
        "exports/*/meta graphs/train/*": "the graph for training has no metrics, which no step of it runs",
    },
)
def export_of_all_modes_of_a_model(directory):
    made = keras_models.estimator(directory, plain()).train(batches(), steps=2)

    def supervised():
        x = tf.compat.v1.placeholder(tf.float32, [None, 4], name="x")
        y = tf.compat.v1.placeholder(tf.int64, [None], name="y")
        build = tf.estimator.experimental.build_raw_supervised_input_receiver_fn
        return build({"x": x}, y)()

    path = made.experimental_export_all_saved_models(
        os.path.join(directory, "export"),
        {"train": supervised, "eval": supervised, "infer": keras_models.receiver()},
    )
    return keras_models.served(path)


@program("input_fn queues", "numpy_input_fn", "variables", differs=FIRST)
def arrays_for_a_model(directory):
    numpy_input_fn = tf.compat.v1.estimator.inputs.numpy_input_fn
    given = {"x": {"x": X}, "y": CLASS, "batch_size": 4, "shuffle": False}
    made = keras_models.estimator(directory, plain())
    made.train(numpy_input_fn(**given, num_epochs=None), steps=5)
    return {
        "metrics": made.evaluate(numpy_input_fn(**given, num_epochs=1)),
        "variables": models.variables(made),
    }


@program("checkpoint names", "export_saved_model", differs=FIRST)
def files_of_a_model_for_the_other(directory):
    made = keras_models.estimator(directory, plain(legacy.Adam(0.05))).train(batches(), steps=5)
    return models.variables(made)


def both(work, directory, own, other):
    results = {}
    for name, results_of in (("own", own), ("other", other)):
        target = os.path.join(directory, name)
        shutil.copytree(os.path.join(results_of, "files_of_a_model_for_the_other"), target)
        results[name] = work(target)
    return results


@program("variables", "checkpoint names", meets=True, differs=FIRST)
def resuming_a_models_checkpoint(directory, own, other):
    def resume(target):
        made = keras_models.estimator(target, plain(legacy.Adam(0.05)))
        before = made.evaluate(once())
        made.train(batches(), max_steps=9)
        return {"before": before, "variables": models.variables(made)}

    return both(resume, directory, own, other)
