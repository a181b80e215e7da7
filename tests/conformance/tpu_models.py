"""The small models of `models`, in the form of programs for TPUs: input functions of `params`, and TPUEstimatorSpecs."""

import os

import models
import tensorflow as tf
from models import X, Y, v1


def tpu():
    return v1.estimator.tpu


# Inputs


def batches(params):
    """Batches of the eight rows, again and again."""
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).repeat().batch(params["batch_size"])


def once(params):
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(params["batch_size"])


def features_only(params):
    return tf.data.Dataset.from_tensor_slices({"x": X}).batch(params["batch_size"])


# Models


def mean_absolute_error(labels, predictions):
    return {"mae": v1.metrics.mean_absolute_error(labels, predictions)}


def regression(mode, y, labels, *, optimizer=None, **fields):
    """The TPUEstimatorSpec of a regression; `fields` replace what it would hold."""
    if mode == "infer":
        return tpu().TPUEstimatorSpec(mode, **{"predictions": {"y": y, "twice": 2 * y}, **fields})
    loss = tf.reduce_mean(tf.square(y - labels))
    made = {"loss": loss}
    if mode == "train":
        optimizer = optimizer or v1.train.GradientDescentOptimizer(0.1)
        made["train_op"] = optimizer.minimize(loss, v1.train.get_global_step())
    else:
        made["eval_metrics"] = (mean_absolute_error, [labels, y])
    return tpu().TPUEstimatorSpec(mode, **{**made, **fields})


def linear(features, labels, mode, params):
    return regression(mode, models.line(features["x"]), labels)


def linear_with(**fields):
    """A model function whose spec has these fields; a callable is called with mode, prediction and labels."""

    def model_fn(features, labels, mode, params):
        y = models.line(features["x"])
        made = {name: value(mode, y, labels) if callable(value) else value for name, value in fields.items()}
        return regression(mode, y, labels, **made)

    return model_fn


# Estimators


def config(tpu_config=None, **settings):
    return tpu().RunConfig(
        tpu_config=tpu_config, **{"save_checkpoints_steps": 5, "tf_random_seed": 1, **settings}
    )


def estimator(directory, model_fn=linear, *, name="model", tpu_config=None, run_config=None, **arguments):
    return tpu().TPUEstimator(
        model_fn,
        config=config(tpu_config, model_dir=os.path.join(directory, name), **(run_config or {})),
        **{
            "use_tpu": False,
            "train_batch_size": 4,
            "eval_batch_size": 3,
            "predict_batch_size": 5,
            **arguments,
        },
    )


def plain(params):
    """What a function was given as `params`, without what is another one's object."""
    return {
        name: value for name, value in params.items() if isinstance(value, int | str | float | list | bool)
    }
