"""Optimizers of Keras in a model function: of Keras 2 there, of Keras 3 here, which are to take the same steps.

What is compared is what is trained; slots have other names where Keras makes the step by itself.
"""

import os
import shutil

import models
import tensorflow as tf
from catalogue import KERAS_2, program
from models import v1


def keras_optimizers():
    found = tf.keras.optimizers
    return (
        getattr(found, "legacy", found) if hasattr(found, "legacy") and not hasattr(found, "Lamb") else found
    )


def made():
    of = keras_optimizers()
    schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    return {
        "SGD": lambda: of.SGD(0.1),
        "momentum": lambda: of.SGD(0.1, momentum=0.9),
        "Nesterov": lambda: of.SGD(0.1, momentum=0.9, nesterov=True),
        "Adam": lambda: of.Adam(0.1, beta_1=0.8, beta_2=0.9),
        "Adagrad": lambda: of.Adagrad(0.1, initial_accumulator_value=0.2),
        "Adadelta": lambda: of.Adadelta(0.5, rho=0.9, epsilon=1e-4),
        "Ftrl": lambda: of.Ftrl(0.1),
        "RMSprop": lambda: of.RMSprop(0.01),
        "clipped": lambda: of.SGD(0.1, clipnorm=0.3),
        "schedule": lambda: of.SGD(schedule),
    }


def model_of(make, step):
    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        if mode != "train":
            return models.regression(mode, y, labels)
        loss = tf.reduce_mean(tf.square(y - labels))
        return tf.estimator.EstimatorSpec(
            mode, loss=loss, train_op=step(make(), loss, v1.trainable_variables())
        )

    return model_fn


def trained(directory, name, make, step):
    """What is trained in two calls, and the count."""
    where = os.path.join(directory, name.replace(" ", "-"))
    for steps in (2, 3):
        estimator = models.estimator(where, model_of(make, step)).train(models.batches, steps=steps)
    found = {key: estimator.get_variable_value(key) for key in ("w", "b", "global_step")}
    v1.summary.FileWriterCache.clear()
    shutil.rmtree(where)
    return found


def updates(optimizer, loss, variables):
    optimizer.iterations = v1.train.get_global_step()
    return tf.group(*optimizer.get_updates(loss, variables))


def gradients(optimizer, loss, variables):
    optimizer.iterations = v1.train.get_global_step()
    return optimizer.apply_gradients(zip(tf.gradients(loss, variables), variables, strict=True))


def by_itself(optimizer, loss, variables):
    """Keras 3's own step returns nothing, and the training step runs it."""
    step = optimizer.apply_gradients(list(zip(tf.gradients(loss, variables), variables, strict=True)))
    counted = v1.train.get_global_step().assign_add(1)
    return tf.group(counted, step) if isinstance(step, tf.Operation) else tf.group(counted)


@program("Keras layers", "train steps", "variables", repeated={KERAS_2: {}})
def updates_of_keras_optimizers(directory):
    return {name: trained(directory, name, make, updates) for name, make in made().items()}


@program("Keras layers", "train steps", "variables", repeated={KERAS_2: {}})
def gradients_of_keras_optimizers(directory):
    return {name: trained(directory, name, make, gradients) for name, make in made().items()}


@program("Keras layers", "train steps", "variables", repeated={KERAS_2: {}})
def steps_that_keras_takes_by_itself(directory):
    every = {**made(), "Adamax": lambda: keras_optimizers().Adamax(0.1)}
    return {name: trained(directory, name, make, by_itself) for name, make in every.items()}
