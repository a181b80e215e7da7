"""Points for KMeans and inputs of them: three heaps that touch, in batches of five."""

import os

import models
import numpy as np
import tensorflow as tf
from models import v1

_ANGLES = np.arange(20, dtype=np.float32)
POINTS = np.stack(
    [np.sin(3 * _ANGLES) + _ANGLES % 3, np.cos(5 * _ANGLES) - 2 * (_ANGLES % 3)], axis=1
).astype(np.float32)


def kmeans(directory, *arguments, name="model", seed=7, **settings):
    config = models.config(
        save_checkpoints_steps=1,
        keep_checkpoint_max=0,
        # tf.estimator's graph does not say what is read before it is written; in one thread it is the same each time.
        session_config=v1.ConfigProto(inter_op_parallelism_threads=1, allow_soft_placement=True),
    )
    return v1.estimator.experimental.KMeans(
        *arguments, model_dir=os.path.join(directory, name), seed=seed, config=config, **settings
    )


def batches(size=5):
    return lambda: tf.data.Dataset.from_tensor_slices(POINTS).batch(size).repeat()


def once(size=5):
    return lambda: tf.data.Dataset.from_tensor_slices(POINTS).batch(size)


def asked(estimator):
    """What a trained model answers."""
    return {
        "variables": models.variables(estimator),
        "centers": estimator.cluster_centers(),
        "score": estimator.score(once()),
        "metrics": estimator.evaluate(once()),
        "indices": [int(index) for index in estimator.predict_cluster_index(once())],
        "transformed": np.array(list(estimator.transform(once()))),
        "predictions": list(estimator.predict(once(7))),
    }


def trained(directory, *arguments, steps=4, input_fn=None, **settings):
    """What a model answers after so many steps; the values of each are in its checkpoints."""
    return asked(kmeans(directory, *arguments, **settings).train(input_fn or batches(), steps=steps))
