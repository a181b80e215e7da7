"""Warm starts: where values may come from, which variables take them, and when."""

import os
import pathlib

import models
import tensorflow as tf
from attempts import kind
from catalogue import program
from computations import outcome
from models import v1


def trained(directory):
    return models.estimator(directory, name="source").train(models.batches, steps=5)


def first_values(directory, name, start, model_fn=models.linear):
    """The variables before the first step of a training that starts from `start()`; or the kind of error."""

    def values():
        estimator = models.estimator(directory, model_fn, warm_start_from=start(), name=name)
        estimator.train(models.batches, steps=1)
        reader = tf.train.load_checkpoint(os.path.join(estimator.model_dir, "model.ckpt-0"))
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}

    return outcome(values)


@program("WarmStartSettings")
def places_of_a_warm_start(directory):
    source = trained(directory).model_dir
    places = {
        "no such directory": os.path.join(directory, "none"),
        "no such checkpoint": os.path.join(source, "model.ckpt-77"),
    }
    return {name: first_values(directory, name, lambda place=place: place) for name, place in places.items()}


@program("WarmStartSettings", "constructor")
def kinds_of_warm_starts(directory):
    source = trained(directory).model_dir
    kinds = {
        "bytes": source.encode(),
        "list": [source],
        "dict": {"ckpt_to_initialize_from": source},
        "plain tuple": (source, ".*", {}, {}),
        "an Estimator": models.estimator(directory),
        "a class": tf.estimator.WarmStartSettings,
        "false": False,
        "zero": 0,
    }
    seen = {
        name: outcome(lambda start=start: kind(models.estimator(directory, warm_start_from=start)))
        for name, start in kinds.items()
        if name != "bytes"
    }
    return {**seen, "path": outcome(lambda: pathlib.Path(source).name)}


@program("WarmStartSettings")
def variables_of_a_warm_start(directory):
    source = trained(directory).model_dir
    settings = tf.estimator.WarmStartSettings
    given = {
        "an expression": "^b$",
        "no match": "nothing",
        "a list of expressions": ["w", "b"],
        "the step too": ["w", "global_step"],
        "empty list": [],
        "a number": 3,
        "no expression": "(",
    }
    return {
        name: first_values(directory, name, lambda v=variables: settings(source, vars_to_warm_start=v))
        for name, variables in given.items()
    }


def with_names(features, labels, mode):
    y = tf.matmul(features["x"], models.variable("weight", [1, 1], 0.1)) + models.variable("b", [1], 9.0)
    return models.regression(mode, y, labels)


@program("WarmStartSettings")
def names_of_earlier_variables(directory):
    source = trained(directory).model_dir
    names = {
        "renamed": {"weight": "w"},
        "of one that is not there": {"none": "w", "weight": "w"},
        "crossed shapes": {"weight": "b", "b": "w"},
    }
    return {
        name: first_values(
            directory,
            name,
            lambda previous=previous: tf.estimator.WarmStartSettings(source, ".*", None, previous),
            with_names,
        )
        for name, previous in names.items()
    }


@program("WarmStartSettings")
def a_warm_start_of_other_shapes(directory):
    source = trained(directory).model_dir

    def wider(features, labels, mode):
        y = tf.reduce_sum(tf.matmul(features["x"], models.variable("w", [1, 2], 0.1)), 1, keepdims=True)
        return models.regression(mode, y, labels)

    return first_values(directory, "wider", lambda: source, wider)


@program("WarmStartSettings")
def a_warm_start_of_more_variables(directory):
    """A variable that the source has not."""
    source = trained(directory).model_dir

    def more(features, labels, mode):
        return models.regression(mode, models.line(features["x"]) + models.variable("more"), labels)

    return {
        "all": first_values(directory, "all", lambda: source, more),
        "those that are there": first_values(
            directory, "some", lambda: tf.estimator.WarmStartSettings(source, "^[wb]$"), more
        ),
    }


@program("WarmStartSettings")
def a_warm_start_and_slots(directory):
    """An optimizer's slots are no trainable variables: an expression leaves them, a list of expressions takes them."""

    def momentum(features, labels, mode):
        return models.regression(
            mode, models.line(features["x"]), labels, optimizer=v1.train.MomentumOptimizer(0.05, 0.9)
        )

    source = models.estimator(directory, momentum, name="source").train(models.batches, steps=3).model_dir
    return {
        name: first_values(
            directory, name, lambda v=variables: tf.estimator.WarmStartSettings(source, v), momentum
        )
        for name, variables in {"expression": ".*", "list": [".*"]}.items()
    }


@program("WarmStartSettings", "checkpoint_path")
def a_warm_start_beside_a_checkpoint(directory):
    """What the directory itself has comes first, in each method."""
    source = trained(directory).model_dir
    estimator = models.estimator(directory, name="model").train(models.batches, steps=1)
    own = models.variables(estimator)
    again = models.estimator(directory, warm_start_from=source, name="model")
    return {
        "own": own,
        "predicts with": next(again.predict(models.features_only)),
        "evaluates": again.evaluate(models.once),
        "of a checkpoint": next(
            again.predict(models.features_only, checkpoint_path=os.path.join(source, "model.ckpt-0"))
        ),
        "names": again.get_variable_names(),
    }


@program("WarmStartSettings", "VocabInfo")
def settings_are_tuples(directory):
    made = tf.estimator.WarmStartSettings("place")
    info = tf.estimator.VocabInfo("new.txt", 3, 1, "old.txt")
    return {
        "fields": made._fields,
        "defaults": list(made),
        "replaced": list(made._replace(vars_to_warm_start=None)),
        "replaced by nothing": outcome(
            lambda: made._replace(ckpt_to_initialize_from="").ckpt_to_initialize_from
        ),
        "equal": made == tf.estimator.WarmStartSettings("place"),
        "by position": list(tf.estimator.WarmStartSettings("place", ["a"], {"a": 1}, {"b": "c"})),
        "vocabulary's fields": info._fields,
        "vocabulary's defaults": [None if part is None else str(part) for part in info],
        "one class in both faces": tf.estimator.VocabInfo is v1.train.VocabInfo,
    }


@program("WarmStartSettings", "saver")
def a_warm_start_with_a_scaffold(directory):
    """A scaffold's init_op of its own still gives the values of the warm start: they are the initial values."""
    source = trained(directory).model_dir

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        scaffold = v1.train.Scaffold(init_fn=lambda scaffold, session: None)
        return models.regression(mode, y, labels, scaffold=scaffold)

    return first_values(directory, "scaffold", lambda: source, model_fn)
