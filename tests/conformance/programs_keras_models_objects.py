"""Estimators of Keras models whose checkpoints hold the model's objects, `checkpoint_format="checkpoint"`."""

import os
import shutil

import keras_models
import models
import numpy as np
import tensorflow as tf
from catalogue import KERAS_2, program
from computations import outcome
from keras_models import X, batches, functional, keras, layers, legacy, once, plain, told
from models import v1

OBJECTS = "checkpoint"


def estimator(directory, model, **given):
    return keras_models.estimator(directory, model, checkpoint_format=OBJECTS, **given)


def without_objects(values):
    return {name: value for name, value in values.items() if name != "_CHECKPOINTABLE_OBJECT_GRAPH"}


def told_of(made, **given):
    seen = told(made, **given)
    return {**seen, "variables": without_objects(seen["variables"])}


@program("constructor", "Keras layers", "variables", "checkpoint names", repeated={KERAS_2: {}})
def objects_of_inputs_and_outputs(directory):
    return told_of(estimator(directory, functional()))


@program("constructor", "Keras layers", "variables")
def objects_of_layers_in_a_row(directory):
    keras.backend.clear_session()
    model = keras.Sequential(
        [
            keras_models.dense(4, activation="relu", input_shape=(4,), name="first"),
            layers.BatchNormalization(),
            keras_models.dense(3),
        ]
    )
    model.compile("rmsprop", keras_models.cross_entropy(), metrics=["accuracy"])
    inputs = {"first_input": X}
    return told_of(
        estimator(directory, model),
        train_input=batches(inputs),
        eval_input=once(inputs),
        predict_input=keras_models.features_only(inputs),
    )


OPTIMIZERS = {
    "sgd": lambda: legacy.SGD(0.1),
    "momentum": lambda: legacy.SGD(0.1, momentum=0.9),
    "adagrad": lambda: legacy.Adagrad(0.1),
    "v1 adam": lambda: v1.train.AdamOptimizer(0.1),
    "a schedule": lambda: legacy.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "newer adam": lambda: keras.optimizers.Adam(0.1),
}


@program("variables", "checkpoint names")
def objects_of_optimizers(directory):
    found = {}
    for name, make in OPTIMIZERS.items():
        made = estimator(directory, plain(make()), name=name.replace(" ", "-"))
        found[name] = outcome(lambda m=made: told_of(m, steps=2))
    return found


@program("export_saved_model", "latest_checkpoint", "train max_steps")
def uses_of_objects(directory):
    made = estimator(directory, functional(), config={"keep_checkpoint_max": 2, "save_checkpoints_steps": 1})
    made.train(batches(), max_steps=4)
    kept = sorted(os.path.basename(path) for path in tf.io.gfile.glob(f"{made.model_dir}/model*.index"))
    path = made.export_saved_model(os.path.join(directory, "export"), keras_models.receiver())
    first = made.evaluate(once(), checkpoint_path=os.path.join(made.model_dir, "model.ckpt-3"))
    more = estimator(directory, functional()).train(batches(), steps=1)
    warm = models.estimator(
        directory,
        model_by_hand,
        warm_start_from=made.model_dir,
        name="warm",
    )
    return {
        "kept": kept,
        "served": keras_models.served(path),
        "evaluated": first,
        "step after": v1.train.NewCheckpointReader(more.latest_checkpoint()).get_tensor(
            "estimator_global_step/.ATTRIBUTES/VARIABLE_VALUE"
        ),
        "warm": outcome(lambda: warm.evaluate(lambda: once()().map(lambda x, y: (x, y[:, None])))["loss"]),
    }


def model_by_hand(features, labels, mode):
    with v1.variable_scope("classes"):
        kernel = models.variable("kernel", [5, 3], 0.1)
        bias = models.variable("bias", [3])
    y = tf.matmul(tf.ones([4, 5]), kernel) + bias
    return models.regression(mode, y, tf.cast(labels, tf.float32))


@program("train max_steps", differs={"result/1": "a training that has made its steps makes no more"})
def steps_of_objects(directory):
    made = estimator(directory, plain(legacy.SGD(0.1)))
    steps = []
    for _ in range(2):
        made.train(batches(), max_steps=3)
        steps.append(int(made.evaluate(once())["global_step"]))
    v1.summary.FileWriterCache.clear()
    shutil.rmtree(made.model_dir)
    return steps


SHARDS = "how many files hold the values"


@program("train_distribute", "variables", differs={"files/model/*.data-*": SHARDS})
def objects_with_a_strategy(directory):
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    made = estimator(directory, plain(legacy.SGD(0.1)), config={"train_distribute": strategy})
    return outcome(lambda: told_of(made, steps=2))


@program("variables")
def objects_for_keras(directory):
    """Keras itself reads what the Estimator has trained."""
    made = estimator(directory, plain(legacy.SGD(0.1)))
    made.train(batches(), steps=2)
    model = plain(legacy.SGD(0.1))
    model.load_weights(made.latest_checkpoint()).expect_partial()
    return [np.array(value) for value in model.get_weights()]


OF_V1 = "Keras 3 has one module for tf.keras and tf.compat.v1.keras, and it is TensorFlow 2's"


@program("constructor", differs={"result/v1/*": OF_V1}, repeated={KERAS_2: {}})
def formats_that_are_left_out(directory):
    """What each face means by no word for the format."""
    of_v2, of_v1 = tf.keras.estimator.model_to_estimator, v1.keras.estimator.model_to_estimator

    def names(convert, name, **given):
        made = convert(
            plain(legacy.SGD(0.1)),
            model_dir=os.path.join(directory, name),
            config=models.config(),
            **given,
        )
        made.train(batches(), steps=1)
        found = sorted(without_objects(dict.fromkeys(made.get_variable_names())))
        v1.summary.FileWriterCache.clear()
        shutil.rmtree(made.model_dir)
        return found

    return {
        "v2": names(of_v2, "v2"),
        "v2, None": outcome(lambda: names(of_v2, "v2-none", checkpoint_format=None)),
        "v1": names(of_v1, "v1"),
        "v1, None": outcome(lambda: names(of_v1, "v1-none", checkpoint_format=None)),
    }


@program("variables", "checkpoint names", meets=True)
def resuming_objects(directory, own, other):
    """A training that goes on from the checkpoint of the other environment."""
    found = {}
    for name, results in (("own", own), ("other", other)):
        target = os.path.join(directory, name)
        shutil.copytree(os.path.join(results, "objects_of_inputs_and_outputs"), target)
        made = estimator(target, functional())
        before = made.evaluate(once())
        made.train(batches(), steps=3)
        found[name] = {"before": before, "variables": without_objects(models.variables(made))}
    pairs = zip(*(tf.nest.flatten(found[name]) for name in ("own", "other")), strict=True)
    return {**found, "equal": all(np.allclose(a, b, rtol=0, atol=1e-5) for a, b in pairs)}
