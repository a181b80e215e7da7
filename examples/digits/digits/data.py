"""The UCI handwritten digits: 1,797 images of 8 x 8 pixels with values 0 to 16, and input functions over them.

Every fifth image is held out for evaluation (360 images); the others train (1,437). The images come with the code
(digits.csv.gz: one image a line, 64 pixels and the digit), so nothing is downloaded at run time; the variable
DIGITS_IMAGES names the file where it comes another way.
"""

import functools
import os
import pathlib

import numpy as np
import tensorflow as tf

HELD_OUT_EVERY = 5
IMAGES = os.environ.get("DIGITS_IMAGES") or pathlib.Path(__file__).with_name("digits.csv.gz")


@functools.cache
def load():
    """All images as float32 [1797, 64] in 0..1 and their digits as int32 [1797]."""
    table = np.loadtxt(IMAGES, delimiter=",", dtype=np.float32)
    return table[:, :64] / 16.0, table[:, 64].astype(np.int32)


def held_out():
    """The images that training never sees, and their digits."""
    images, digits = load()
    return images[::HELD_OUT_EVERY], digits[::HELD_OUT_EVERY]


def train_input_fn(params):
    """Endless shuffled batches of the training images."""
    return shuffled(training_images(), params)


def share_input_fn(params, input_context):
    """The same of this task's share of the images, where all tasks make every step together."""
    share = training_images().shard(input_context.num_input_pipelines, input_context.input_pipeline_id)
    return shuffled(share, params)


def training_images():
    """The images that are not held out, and their digits."""
    images, digits = load()
    train = np.arange(len(digits)) % HELD_OUT_EVERY != 0
    return tf.data.Dataset.from_tensor_slices(({"pixels": images[train]}, digits[train]))


def shuffled(dataset, params):
    """Endless batches of a data set in ever another order."""
    return dataset.shuffle(dataset.cardinality()).repeat().batch(params["batch_size"])


def eval_input_fn():
    """The held-out images once."""
    images, digits = held_out()
    return tf.data.Dataset.from_tensor_slices(({"pixels": images}, digits)).batch(len(digits))
