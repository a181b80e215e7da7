"""Files of one environment in the hands of the other: checkpoints and exports.

`own` and `other` are the directories that `files_for_the_other` and its like have left; every result says what came of
both, so that equal rows mean: whoever wrote the file, and whoever reads it, the values are the same.
"""

import os
import shutil

import models
import numpy as np
import tensorflow as tf
from catalogue import program
from models import v1


def two_layers(features, labels, mode):
    constant = tf.keras.initializers.Constant
    hidden = tf.keras.layers.Dense(2, activation="tanh", kernel_initializer=constant(0.3))(features["x"])
    y = tf.keras.layers.Dense(1, kernel_initializer=constant(0.2))(hidden)
    return models.regression(mode, y, labels, optimizer=v1.train.AdamOptimizer(0.05))


def outputs(y):
    te = tf.estimator.export
    return {"serving_default": te.PredictOutput({"y": y}), "value": te.RegressionOutput(y)}


def with_outputs(features, labels, mode):
    spec = two_layers(features, labels, mode)
    return spec if mode != "infer" else spec._replace(export_outputs=outputs(spec.predictions["y"]))


@program("checkpoint names", "export_saved_model")
def files_for_the_other(directory):
    estimator = models.estimator(directory, with_outputs).train(models.batches, steps=5)
    estimator.export_saved_model(os.path.join(directory, "export"), models.parsing_receiver)
    return models.variables(estimator)


def both(work, directory, own, other):
    """`work` on what `files_for_the_other` left in each environment; whether the results are equal."""
    results = {}
    for name, results_of in (("own", own), ("other", other)):
        target = os.path.join(directory, name)
        shutil.copytree(os.path.join(results_of, "files_for_the_other"), target)
        results[name] = work(target)
    parts = [tf.nest.flatten(results[name]) for name in ("own", "other")]
    equal = all(np.allclose(a, b, rtol=0, atol=1e-6) for a, b in zip(*parts, strict=True))
    return {**results, "equal": equal}


@program("variables", meets=True)
def resuming_a_checkpoint(directory, own, other):
    def resume(directory):
        estimator = models.estimator(directory, with_outputs)
        metrics = estimator.evaluate(models.once)
        estimator.train(models.batches, max_steps=12)
        return {"metrics": metrics, "variables": models.variables(estimator)}

    return both(resume, directory, own, other)


@program("checkpoint_path", meets=True)
def predicting_with_a_checkpoint(directory, own, other):
    def predict(directory):
        checkpoint = os.path.join(directory, "model", "model.ckpt-5")
        estimator = models.estimator(directory, with_outputs, name="new")
        return list(estimator.predict(models.features_only, checkpoint_path=checkpoint))

    return both(predict, directory, own, other)


@program("WarmStartSettings", meets=True)
def warm_starting_from_a_checkpoint(directory, own, other):
    def start(directory):
        model_dir = os.path.join(directory, "model")
        estimator = models.estimator(directory, with_outputs, warm_start_from=model_dir, name="new")
        return models.variables(estimator.train(models.batches, steps=2))

    return both(start, directory, own, other)


@program("signatures", meets=True)
def serving_an_export(directory, own, other):
    def serve(directory):
        (path,) = tf.io.gfile.glob(os.path.join(directory, "export", "*"))
        loaded = tf.saved_model.load(path)
        examples = tf.constant(models.REQUESTS[tf.string])
        answers = {
            name: {key: value.numpy() for key, value in function(**_request(function, examples)).items()}
            for name, function in loaded.signatures.items()
        }
        return {"v2": answers, "v1": models.served(path)}

    return both(serve, directory, own, other)


def _request(function, examples):
    (name,) = function.structured_input_signature[1]
    return {name: examples}


SEEDS = {"*/seed_generator*": "Keras 3 keeps the states of its seeds in variables"}


def with_seeds(features, labels, mode):
    """Layers of Keras 3 with seeds, which Keras 2 did not save; a rate that drops nothing."""
    constant, is_training = tf.keras.initializers.Constant(0.3), mode == "train"
    net = tf.keras.layers.Dense(4, kernel_initializer=constant)(features["x"])
    net = tf.keras.layers.Dropout(1e-9)(net, training=is_training)
    net = tf.keras.layers.LSTM(2, kernel_initializer=constant, recurrent_initializer=constant)(
        tf.reshape(net, [-1, 2, 2])
    )
    return models.regression(mode, tf.keras.layers.Dense(1, kernel_initializer=constant)(net), labels)


@program("checkpoint names", "Keras layers", differs=SEEDS)
def seeds_for_the_other(directory):
    return models.variables(models.estimator(directory, with_seeds).train(models.batches, steps=3))


@program(
    "variables",
    "Keras layers",
    meets=True,
    differs={**SEEDS, "exports/*/local_variables": SEEDS["*/seed_generator*"]},
)
def going_on_without_seeds(directory, own, other):
    """Both sides go on from what the reference has left."""
    left = [os.path.join(path, "seeds_for_the_other", "model") for path in (own, other)]
    former = [path for path in left if not any("seed" in name for name, _ in tf.train.list_variables(path))]
    shutil.copytree(former[0], os.path.join(directory, "model"))
    estimator = models.estimator(directory, with_seeds)
    found = {
        "metrics": estimator.evaluate(models.once),
        "predictions": list(estimator.predict(models.features_only)),
    }
    export = estimator.export_saved_model(os.path.join(directory, "export"), models.parsing_receiver)
    found["served"] = models.served(export)
    return {**found, "variables": models.variables(estimator.train(models.batches, steps=3))}
