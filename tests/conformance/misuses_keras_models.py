"""Wrong calls of model_to_estimator: no model, two of them, none that is compiled, words that mean nothing."""

import os

import keras_models
import models
import numpy as np
import tensorflow as tf
from catalogue import misuse
from keras_models import batches, keras, legacy, once, plain

GIVEN = "says what was given, and what may be"
KEYS = "a KeyError there and here, each of an own class"
LABELS = "says that labels are missing before a session looks for them"
# Of these the words are the same.
SAME = ("an empty word",)


class Own(keras.Model):
    """A model of a program's own class."""

    def __init__(self):
        super().__init__()
        self.out = keras_models.dense(3)

    def call(self, x):
        return self.out(x)


def own():
    model = Own()
    model.compile(legacy.SGD(0.1), keras_models.cross_entropy())
    return model


def convert(model=None, **given):
    return lambda d: tf.keras.estimator.model_to_estimator(
        model() if callable(model) and not isinstance(model, keras.Model) else model,
        **{"model_dir": os.path.join(d, "model"), "checkpoint_format": "saver", **given},
    )


def uncompiled():
    return keras_models.functional(compiled=False)


misuse("model_to_estimator: neither model nor path", convert())
misuse(
    "model_to_estimator: a model and a path", convert(plain, keras_model_path="/nowhere"), wording="a letter"
)
misuse("model_to_estimator: not compiled", convert(uncompiled))
for name, value in {
    "h5": "h5",
    "a number": 3,
    "an empty word": "",
    "upper case": "SAVER",
    "a list": ["saver"],
}.items():
    misuse(f"model_to_estimator: {name} for checkpoint_format", convert(plain, checkpoint_format=value))
misuse(
    "model_to_estimator: objects of a subclassed model",
    convert(own, checkpoint_format="checkpoint"),
    wording=GIVEN,
)
for name, value in {
    "a word": "model",
    "a number": 3,
    "a function": lambda: lambda x: x,
    "a layer": lambda: keras_models.dense(3),
    "a class": lambda: keras.Model,
    "an Estimator": lambda: models.estimator("/nowhere/at/all"),
}.items():
    misuse(f"model_to_estimator: {name} for a model", convert(value), wording=GIVEN)
for name, value in {
    "a number": 3,
    "a path that is not there": "/nowhere/model.h5",
    "an address": "gs://bucket/model.h5",
    "an empty word": "",
    "bytes": b"/nowhere/model.h5",
}.items():
    misuse(
        f"model_to_estimator: {name} for keras_model_path",
        convert(keras_model_path=value),
        wording=None if name in SAME else GIVEN,
    )
for name, value in {
    "a dict for config": {"config": {"save_summary_steps": 1}},
    "a number for config": {"config": 3},
    "a number for model_dir": {"model_dir": 3},
    "a list for custom_objects": {"custom_objects": ["a"]},
}.items():
    misuse(f"model_to_estimator: {name}", convert(plain, **value))


misuse(
    "model_to_estimator: another model_dir in config",
    lambda d: keras_models.estimator(d, plain(), config={"model_dir": "/nowhere/else"}),
    wording="says the same with a stop at its end",
)


def evaluated(model, **given):
    def run(d):
        made = keras_models.estimator(d, model(), **given)
        made.train(batches(), steps=1)
        made.evaluate(once())

    return run


def trained(model, *given, **named):
    return lambda d: keras_models.estimator(d, model()).train(batches(*given, **named), steps=1)


misuse(
    "model_to_estimator: a metric of no name",
    evaluated(plain, metric_names_map={"nothing": "x"}),
    wording=GIVEN,
)
misuse(
    "model_to_estimator: a word for metric_names_map",
    evaluated(plain, metric_names_map="accuracy"),
    wording=GIVEN,
)
misuse(
    "model_to_estimator: a list for metric_names_map",
    evaluated(plain, metric_names_map=["accuracy"]),
    wording=GIVEN,
)
for name, value in {"a word": "classes", "a list": [dict]}.items():
    misuse(
        f"model_to_estimator: {name} for export_outputs",
        evaluated(plain, export_outputs=value),
        wording=GIVEN,
    )
misuse(
    "model_to_estimator: an output of no name for export_outputs",
    evaluated(plain, export_outputs={"nothing": dict}),
    outcome=KEYS,
)
misuse("model_to_estimator: no class for export_outputs", evaluated(plain, export_outputs={"classes": 3}))
misuse("model_to_estimator: an input of no name", trained(plain, {"nothing": keras_models.X}), outcome=KEYS)
misuse(
    "model_to_estimator: no labels",
    lambda d: keras_models.estimator(d, plain()).train(keras_models.features_only(), steps=1),
    outcome=LABELS,
)
misuse("model_to_estimator: features of another width", trained(plain, {"x": np.ones([16, 3], np.float32)}))
misuse(
    "model_to_estimator: labels of another length",
    trained(plain, {"x": keras_models.X}, np.zeros([16, 2], np.int64)),
)
misuse(
    "model_to_estimator: words for features",
    trained(plain, {"x": np.array([["a"] * 4] * 16)}),
    wording="has the lines of each side's program",
)
