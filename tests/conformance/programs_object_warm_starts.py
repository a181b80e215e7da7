"""Warm starts from checkpoints of objects, as tf.train.Checkpoint and Keras write them: which variables take which values."""

import os
import shutil

import keras_models
import models
import numpy as np
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1

layers = keras_models.layers


def settings_of(*given, **named):
    return tf.estimator.WarmStartSettings(*given, **named)


def variable(value, name):
    return tf.Variable(value, name=name)


class Nested(tf.Module):
    """Names of variables that no attribute has, one of them of two objects."""

    def __init__(self):
        super().__init__()
        self.weight = variable([[0.25]], "w")
        self.inner = [{"bias": variable([0.5], "b")}, self.weight]
        self.counter = tf.Variable(7, dtype=tf.int64, name="global_step")


def objects(directory):
    """{name: path of a checkpoint}"""
    flat = tf.train.Checkpoint(w=variable([[0.25]], "w"), b=variable([0.5], "b"))
    renamed = tf.train.Checkpoint(one=variable([[0.25]], "w"), two=variable([0.5], "b"))
    partial = tf.train.Checkpoint(one=variable([[0.25]], "w"))
    wider = tf.train.Checkpoint(one=variable([[0.25, 0.5]], "w"), two=variable([0.5], "b"))
    nested = tf.train.Checkpoint(root=Nested())
    twice = tf.train.Checkpoint(one=variable([[0.25]], "w"), two=variable([[0.75]], "w"))
    managed = tf.train.CheckpointManager(renamed, os.path.join(directory, "managed"), 3)
    made = {
        name: checkpoint.save(os.path.join(directory, name, "ckpt"))
        for name, checkpoint in {
            "flat": flat,
            "renamed": renamed,
            "partial": partial,
            "wider": wider,
            "nested": nested,
            "one name twice": twice,
        }.items()
    }
    made["written"] = renamed.write(os.path.join(directory, "written", "one"))
    managed.save()
    return {**made, "a directory": os.path.join(directory, "managed")}


def begun(directory, name, start, model_fn=models.linear, input_fn=models.batches):
    """The variables before the first step of a training that starts from `start`; or the kind of error."""

    def values():
        estimator = models.estimator(directory, model_fn, warm_start_from=start, name=name)
        estimator.train(input_fn, steps=1)
        reader = tf.train.load_checkpoint(os.path.join(estimator.model_dir, "model.ckpt-0"))
        return {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}

    return outcome(values)


@program("WarmStartSettings")
def warm_starts_from_objects(directory):
    found = {}
    for name, path in objects(directory).items():
        found[name] = begun(directory, f"from-{name}", path)
        found[f"{name}, settings"] = begun(directory, f"settings-{name}", settings_of(path))
    return found


@program("WarmStartSettings")
def chosen_variables_of_objects(directory):
    path = objects(directory)["nested"]
    given = {
        "an expression": settings_of(path, "^b$"),
        "no match": settings_of(path, "nothing"),
        "a list": settings_of(path, ["w", "global_step"]),
        "none": settings_of(path, None),
        "a name of theirs": settings_of(path, "w", var_name_to_prev_var_name={"w": "w"}),
        "a key": settings_of(
            path, "w", var_name_to_prev_var_name={"w": "root/weight/.ATTRIBUTES/VARIABLE_VALUE"}
        ),
        "a name of another": settings_of(path, "^b$", var_name_to_prev_var_name={"b": "nothing"}),
    }
    return {name: begun(directory, name.replace(" ", "-"), start) for name, start in given.items()}


def words(directory, vocabulary, name):
    path = os.path.join(directory, name)
    with open(path, "w") as file:
        file.write("\n".join(vocabulary))
    return path


@program("WarmStartSettings", "VocabInfo")
def vocabularies_of_objects(directory):
    old, new = words(directory, "abc", "old.txt"), words(directory, "cda", "new.txt")
    rows = tf.train.Checkpoint(table=variable([[1.0], [2.0], [3.0]], "embedding"))
    path = rows.save(os.path.join(directory, "rows", "ckpt"))

    def model_fn(features, labels, mode):
        table = models.variable("embedding", [3, 1], 0.25)
        return models.regression(mode, models.line(features["x"]) + tf.reduce_sum(table), labels)

    info = tf.estimator.VocabInfo(new, 3, 0, old, 3, v1.zeros_initializer())
    start = settings_of(path, "embedding", var_name_to_vocab_info={"embedding": info})
    return begun(directory, "model", start, model_fn)


def keras_model():
    keras_models.keras.backend.clear_session()
    x = keras_models.keras.Input((1,), name="x")
    hidden = keras_models.dense(2, name="hidden", activation="tanh")(x)
    return keras_models.keras.Model(x, keras_models.dense(1, name="answer")(hidden))


def of_layers(features, labels, mode):
    """The same layers by hand, under the names that Keras' variables have."""
    net = features["x"]
    for name, units in (("hidden", 2), ("answer", 1)):
        with v1.variable_scope(name):
            kernel = models.variable("kernel", [net.shape[-1], units], 0.1)
            net = tf.matmul(net, kernel) + models.variable("bias", [units])
    return models.regression(mode, net, labels)


@program("WarmStartSettings", "Keras layers")
def warm_starts_from_models_of_keras(directory):
    model = keras_model()
    model.compile(keras_models.legacy.Adam(0.1), "mse")
    model.fit(models.X, models.Y, epochs=1, batch_size=4, shuffle=False, verbose=0)
    weights = os.path.join(directory, "weights", "ckpt")
    model.save_weights(weights)
    whole = os.path.join(directory, "whole")
    tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(os.path.join(whole, "ckpt"))

    def by_adam(features, labels, mode):
        spec = of_layers(features, labels, mode)
        if mode != "train":
            return spec
        optimizer = keras_models.legacy.Adam(0.1)
        optimizer.iterations = v1.train.get_global_step()
        step = optimizer.get_updates(spec.loss, v1.trainable_variables())
        return spec._replace(train_op=tf.group(*step))

    return {
        "weights": begun(directory, "a", weights, of_layers),
        "the directory": begun(directory, "b", whole, of_layers),
        "every variable": begun(directory, "c", settings_of(whole, [".*"]), by_adam),
        "trainable ones": begun(directory, "d", settings_of(whole), by_adam),
        "weights, evaluated": outcome(
            lambda: models.estimator(directory, of_layers, warm_start_from=weights, name="e").evaluate(
                models.once
            )
        ),
        "sums": [float(np.sum(value)) for value in model.get_weights()],
    }


@program("WarmStartSettings", "export_saved_model")
def warm_starts_from_saved_models_of_tensorflow_2(directory):
    """A SavedModel of tf.saved_model.save has a checkpoint of objects in its variables."""
    module = Nested()
    path = os.path.join(directory, "saved")
    tf.saved_model.save(module, path)
    found = {
        "path": begun(directory, "a", path),
        "settings": begun(directory, "b", settings_of(os.path.join(path, "variables", "variables"))),
        "the directory of variables": begun(directory, "c", os.path.join(path, "variables")),
    }
    shutil.rmtree(path)  # it is no export of an Estimator's
    return found
