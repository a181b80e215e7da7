"""Keras in model functions: its metrics in all that evaluates, and what only Keras 2 has."""

import os

import models
import tensorflow as tf
from catalogue import EVERYWHERE, KERAS_2, V1, program
from models import v1

BUILT_LATE = (
    "in a graph the Keras of 2.15 made the variables of these metrics inside of their first update, and they measured "
    "nothing: 0 and NaN"
)
NAMES = dict.fromkeys(
    ("*/signatures/*/inputs/x/2", "*/signatures/*/inputs/label/2"),
    "placeholders of raw receivers for eager Tensors are named after the key",
)
LATE = {"*/f1*": BUILT_LATE, "*/r2*": BUILT_LATE}
TWICE = {
    "*/twice*": "tf.estimator ran one of the updates of a metric that had several; here all of them are run"
}


def updated(metric, *arguments, **named):
    metric.update_state(*arguments, **named)
    return metric


def with_metrics(make, modes=("eval",)):
    """A model function whose EstimatorSpec has the metrics `make(labels, y)` in these modes."""

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        fields = {"eval_metric_ops": make(labels, y)} if mode in modes else {}
        return models.regression(mode, y, labels, **fields)

    return model_fn


def evaluated(directory, make, modes=("eval",)):
    estimator = models.estimator(directory, with_metrics(make, modes)).train(models.batches, steps=3)
    return {
        "whole": estimator.evaluate(models.once),
        "again": estimator.evaluate(models.once, name="again"),
        "one batch": estimator.evaluate(models.once, steps=1, name="one"),
        "variables": sorted(estimator.get_variable_names()),
    }


@program("Keras metrics", repeated=EVERYWHERE)
def keras_metric(directory):
    return evaluated(directory, lambda labels, y: {"mean": updated(tf.keras.metrics.Mean(), y)})


@program("Keras metrics", differs=LATE, repeated={KERAS_2: {}, V1: LATE})
def keras_metrics_of_many_kinds(directory):
    metrics = tf.keras.metrics

    def make(labels, y):
        positive, score = labels > 2, tf.sigmoid(y - 0.5)
        number = tf.cast(positive, tf.float32)
        return {
            "auc": updated(metrics.AUC(), number, score),
            "auc pr": updated(metrics.AUC(20, "PR"), number, score),
            "precision": updated(metrics.Precision([0.4, 0.6]), positive, score),
            "recall": updated(metrics.Recall(), positive, score),
            "specificity": updated(metrics.SensitivityAtSpecificity(0.5), number, score),
            "iou": updated(metrics.MeanIoU(2), number, tf.cast(score > 0.5, tf.int32)),
            "f1": updated(metrics.F1Score(threshold=0.4), number, score),
            "accuracy": updated(metrics.BinaryAccuracy(), number, score),
            "false": updated(metrics.FalsePositives(), positive, score),
            "r2": updated(metrics.R2Score(), labels, y),
            "mse": updated(metrics.MeanSquaredError(), labels, y),
            "rmse": updated(metrics.RootMeanSquaredError(), labels, y),
            "cosine": updated(metrics.CosineSimilarity(), labels, y),
            "entropy": updated(metrics.BinaryCrossentropy(), number, score),
            "top": updated(
                metrics.SparseTopKCategoricalAccuracy(1), tf.zeros([4, 1]), tf.concat([y - 0.2, 0.2 - y], 1)
            ),
            "wrapped": updated(
                metrics.MeanMetricWrapper(lambda labels, y: tf.abs(labels - y)[:, 0]), labels, y
            ),
        }

    return evaluated(directory, make)


@program("Keras metrics", differs=TWICE, repeated={KERAS_2: TWICE, V1: TWICE})
def keras_metrics_with_weights_and_of_several_updates(directory):
    metrics = tf.keras.metrics

    def make(labels, y):
        return {
            "weighted": updated(metrics.Mean(), y, sample_weight=labels),
            "weighted error": updated(
                metrics.MeanSquaredError(), labels, y, sample_weight=[[1.0], [0], [2], [0]]
            ),
            "twice": updated(updated(metrics.Mean(), y), labels),
            "called": updated(metrics.Sum(), y),
        }

    return evaluated(directory, make)


@program("Keras metrics", "checkpoint names", repeated=EVERYWHERE)
def keras_metrics_in_all_modes(directory):
    def make(labels, y):
        return {"auc": updated(tf.keras.metrics.AUC(), labels > 2, tf.sigmoid(y))}

    found = evaluated(directory, make, ("train", "eval"))
    models.estimator(directory).train(models.batches, steps=1)
    models.estimator(directory, with_metrics(make)).train(models.batches, steps=1)
    return found


def own(keras):
    """A metric of the program's own."""

    class Largest(keras.metrics.Metric):
        def __init__(self, name="largest"):
            super().__init__(name=name)
            self.largest = self.add_weight(name="value", shape=(), initializer="zeros")

        def update_state(self, values, sample_weight=None):
            self.largest.assign(tf.maximum(self.largest + 0.0, tf.reduce_max(values)))

        def result(self):
            return self.largest + 0.0

    return Largest


@program("Keras metrics", repeated=EVERYWHERE)
def keras_metrics_of_ones_own(directory):
    largest = own(tf.keras)

    class InFunction(largest):
        @tf.function
        def update_state(self, values, sample_weight=None):
            self.largest.assign(tf.maximum(self.largest + 0.0, tf.reduce_max(values)))

    def make(labels, y):
        return {"largest": updated(largest(), y), "in a function": updated(InFunction(), labels)}

    return evaluated(directory, make)


@program("Keras metrics", "add_metrics", "Linear", repeated=EVERYWHERE)
def keras_metrics_that_are_added(directory):
    def metric_fn(labels, predictions):
        return {"mse": updated(tf.keras.metrics.MeanSquaredError(), labels, predictions["predictions"])}

    columns = [tf.feature_column.numeric_column("x")]
    canned = v1.estimator.LinearRegressor(columns, os.path.join(directory, "model"), config=models.config())
    canned.train(models.batches, steps=3)
    return tf.estimator.add_metrics(canned, metric_fn).evaluate(models.once)


@program("Keras metrics", "all-modes export", differs=NAMES, repeated={KERAS_2: NAMES, V1: {}})
def keras_metrics_in_exports(directory):
    def make(labels, y):
        return {
            "mean": updated(tf.keras.metrics.Mean(), labels),
            "recall": updated(tf.keras.metrics.Recall(), labels > 2, tf.sigmoid(y)),
        }

    receiver = tf.estimator.experimental.build_raw_supervised_input_receiver_fn(
        {"x": tf.constant(models.X[:1])}, tf.constant(models.Y[:1])
    )
    estimator = models.estimator(directory, with_metrics(make, ("train", "eval")))
    estimator.train(models.batches, steps=3)
    path = estimator.experimental_export_all_saved_models(
        os.path.join(directory, "export"), {"train": receiver, "eval": receiver, "infer": models.raw_receiver}
    )
    seen = {}
    for tag in ("eval", "train"):
        with tf.Graph().as_default(), v1.Session() as session:
            meta_graph = v1.saved_model.load(session, [tag], tf.compat.as_str_any(path))
            signature = meta_graph.signature_def[tag]
            outputs = {key: info.name for key, info in signature.outputs.items()}
            updates = [name for key, name in outputs.items() if key.endswith("update_op")]
            values = {key: name for key, name in outputs.items() if key.endswith("value")}
            fed = {signature.inputs["x"].name: models.X, signature.inputs["label"].name: models.Y}
            before = session.run(values)
            for _ in range(2):
                session.run(updates, fed)
            seen[tag] = {"outputs": sorted(outputs), "before": before, "after": session.run(values)}
            seen[tag]["global"] = sorted(variable.op.name for variable in v1.global_variables())
    return seen


@program("Keras metrics", "InMemoryEvaluatorHook", repeated=EVERYWHERE)
def keras_metrics_in_memory(directory):
    estimator = models.estimator(
        directory,
        with_metrics(lambda labels, y: {"mean": updated(tf.keras.metrics.Mean(), y)}, ("train", "eval")),
    )
    hook = tf.estimator.experimental.InMemoryEvaluatorHook(estimator, models.once, every_n_iter=2)
    estimator.train(models.batches, hooks=[hook], steps=4)
    return sorted(estimator.get_variable_names())


@program("Keras layers", repeated={KERAS_2: {}})
def layers_of_tensorflow_1(directory):
    layers = v1.layers
    first = v1.constant_initializer(0.2)

    def model_fn(features, labels, mode):
        net = layers.dense(features["x"], 3, activation=tf.nn.relu, kernel_initializer=first)
        net = layers.batch_normalization(net, training=mode == "train", momentum=0.5)
        net = layers.dropout(net, 0.5, training=False)
        y = layers.dense(net, 1, kernel_initializer=first, name="out")
        with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
            loss = tf.reduce_mean(tf.square(y - labels)) if labels is not None else None
        fields = {} if loss is None else {"loss": loss}
        return models.regression(mode, y, labels, **fields)

    estimator = models.estimator(directory, model_fn).train(models.batches, steps=4)
    return {"variables": models.variables(estimator), "metrics": estimator.evaluate(models.once)}


@program("Keras layers", repeated={KERAS_2: {}})
def updates_of_a_keras_model(directory):
    constant = tf.keras.initializers.Constant

    def model_fn(features, labels, mode):
        model = tf.keras.Sequential(
            [
                tf.keras.layers.Dense(2, kernel_initializer=constant(0.3)),
                tf.keras.layers.BatchNormalization(momentum=0.5),
                tf.keras.layers.Dense(1, kernel_initializer=constant(0.2)),
            ]
        )
        y = model(features["x"], training=mode == "train")
        spec = models.regression(mode, y, labels)
        if mode != "train":
            return spec
        return spec._replace(
            train_op=tf.group(spec.train_op, *model.get_updates_for(features["x"]), *model.updates)
        )

    estimator = models.estimator(directory, model_fn).train(models.batches, steps=4)
    return {"variables": models.variables(estimator), "metrics": estimator.evaluate(models.once)}


@program("Keras layers", "Keras metrics", repeated={KERAS_2: {}})
def losses_of_a_keras_model(directory):
    """A model function in the manner of TensorFlow's guide to migration: losses and updates by what they depend on."""
    keras, constant = tf.keras, tf.keras.initializers.Constant

    def model_fn(features, labels, mode):
        weights = {"kernel_initializer": constant(0.3), "kernel_regularizer": keras.regularizers.L2(0.02)}
        model = keras.Sequential(
            [
                keras.layers.Dense(
                    2, input_shape=(1,), bias_regularizer=keras.regularizers.L1(0.1), **weights
                ),
                keras.layers.BatchNormalization(momentum=0.5),
                keras.layers.Dense(1, **weights),
            ]
        )
        is_training = mode == tf.estimator.ModeKeys.TRAIN
        y = model(features["x"], training=is_training)
        of_weights, of_inputs = model.get_losses_for(None), model.get_losses_for(features["x"])
        inner = model.layers[0]
        loss = keras.losses.MeanSquaredError()(labels, y) + tf.add_n(of_weights + of_inputs)
        error = keras.metrics.MeanAbsoluteError(name="error")
        error.update_state(labels, y)
        counts = {
            "of weights": len(of_weights),
            "of inputs": len(of_inputs),
            "of a layer": len(inner.get_losses_for(None)),
            "of a layer's inputs": len(inner.get_losses_for(features["x"])),
        }
        seen[mode] = {**counts, "all": len(model.losses)}
        train_op = None
        if is_training:
            updates = model.get_updates_for(None) + model.get_updates_for(features["x"])
            optimizer = v1.train.GradientDescentOptimizer(0.1)
            train_op = tf.group(optimizer.minimize(loss, v1.train.get_global_step()), *updates)
        return tf.estimator.EstimatorSpec(
            mode, predictions=y, loss=loss, train_op=train_op, eval_metric_ops={"error": error}
        )

    seen = {}
    estimator = models.estimator(directory, model_fn).train(models.batches, steps=4)
    metrics = estimator.evaluate(models.once)
    return {"variables": models.variables(estimator), "metrics": metrics, "seen": seen}
