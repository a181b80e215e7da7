"""Canned Estimators with optimizers of Keras that go on from the checkpoints of tf.estimator 2.15."""

import os
import shutil

import models
import tensorflow as tf
from catalogue import KERAS_2, program
from programs_canned import LABELS, OTHER_SLOTS, FixedValues, columns, input_with
from programs_heads import keras_optimizers

SLOTS = {
    f"*/{slot}*": OTHER_SLOTS
    for slot in ("training/", "Adadelta", "Adagrad", "Adam", "Ftrl", "Momentum", "RMSProp", "head/beta")
}
OF_KERAS = {
    "Adadelta": lambda: keras_optimizers().Adadelta(0.5),
    "Adam": lambda: keras_optimizers().Adam(0.01),
    "Ftrl": lambda: keras_optimizers().Ftrl(0.1),
    "momentum": lambda: keras_optimizers().SGD(0.1, momentum=0.9),
}
BY_NAME = ("Adagrad", "Adam", "Ftrl", "RMSProp", "SGD")


def regressors(directory):
    """Estimator by the name of its optimizer."""
    optimizers = {**OF_KERAS, **{f"by name: {name}": lambda name=name: name for name in BY_NAME}}
    made = {
        name: tf.estimator.DNNRegressor(
            [3],
            columns()["embedded"],
            optimizer=optimizer(),
            model_dir=os.path.join(directory, name),
            config=models.config(),
        )
        for name, optimizer in optimizers.items()
    }
    made["both"] = tf.estimator.DNNLinearCombinedRegressor(
        linear_feature_columns=columns()["sparse"],
        dnn_feature_columns=columns()["embedded"],
        dnn_hidden_units=[3],
        model_dir=os.path.join(directory, "both"),
        config=models.config(),
    )
    return made


def trained(estimator, steps):
    """Trains up to a step; gives the variables that are not the optimizer's."""
    input_fn = input_with(LABELS["regression"])
    estimator.train(lambda: input_fn().repeat(), hooks=[FixedValues()], max_steps=steps)
    names = [name for name in estimator.get_variable_names() if name.endswith(("kernel", "bias", "weights"))]
    return {name: estimator.get_variable_value(name) for name in names}


@program("DNN", "DNNLinearCombined", "checkpoint names", differs=SLOTS)
def slots_for_the_other(directory):
    return {name: trained(estimator, 4) for name, estimator in regressors(directory).items()}


@program(
    "DNNLinearCombined",
    "checkpoint names",
    differs={"*/training/SGD*": OTHER_SLOTS},
    repeated={KERAS_2: {}},
)
def two_optimizers_of_keras(directory):
    """The network's counts the model's steps, the linear model's its own."""
    estimator = tf.estimator.DNNLinearCombinedRegressor(
        linear_feature_columns=columns()["sparse"],
        linear_optimizer=lambda: keras_optimizers().SGD(0.1),
        dnn_feature_columns=columns()["embedded"],
        dnn_optimizer=lambda: keras_optimizers().SGD(0.05),
        dnn_hidden_units=[3],
        model_dir=os.path.join(directory, "model"),
        config=models.config(),
    )
    return trained(estimator, 4)


@program("DNN", "DNNLinearCombined", "variables", "train max_steps", meets=True, differs=SLOTS)
def going_on_from_the_slots_of_keras_2(directory, own, other):
    """Both sides go on from what the reference has left."""
    left = [os.path.join(path, "slots_for_the_other") for path in (own, other)]
    (former,) = [
        path
        for path in left
        if any(
            name.startswith("training/Adam/")
            for name in dict(tf.train.list_variables(os.path.join(path, "Adam")))
        )
    ]
    shutil.copytree(former, directory, dirs_exist_ok=True)
    return {name: trained(estimator, 8) for name, estimator in regressors(directory).items()}
