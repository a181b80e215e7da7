"""Odd inputs: what each side makes of the structures that an input_fn returns, and of kinds of functions."""

import collections
import functools
import os
import typing

import models
import numpy as np
import tensorflow as tf
from catalogue import program
from models import X, Y, v1
from programs_odd_arguments import of_each, state


class Pair(typing.NamedTuple):
    features: typing.Any
    labels: typing.Any


class Three(typing.NamedTuple):
    a: typing.Any
    b: typing.Any
    c: typing.Any


def any_model(features, labels, mode):
    """A model that takes features of whatever structure: it multiplies their sum."""
    flat = [
        tf.sparse.to_dense(one) if isinstance(one, tf.SparseTensor) else one
        for one in tf.nest.flatten(features)
    ]
    flat = [one.to_tensor() if isinstance(one, tf.RaggedTensor) else one for one in flat]
    flat = [tf.cast(one, tf.float32) for one in flat if one.dtype != tf.string]
    total = tf.add_n([tf.reduce_sum(one) for one in flat]) if flat else tf.constant(0.0)
    w = models.variable("w", [1, 1], 0.1)
    y = tf.reshape(total, [1, 1]) * w / 100
    if mode == "infer":
        return tf.estimator.EstimatorSpec(mode, predictions={"y": y})
    answers = [tf.cast(one, tf.float32) for one in tf.nest.flatten(labels) if one is not None]
    answer = tf.add_n([tf.reduce_mean(one) for one in answers]) if answers else tf.constant(1.0)
    return models.regression(mode, y, tf.reshape(answer, [1, 1]))


def sliced(structure):
    return lambda: tf.data.Dataset.from_tensor_slices(structure).batch(4).repeat()


INPUTS = {
    "pair": sliced(({"x": X}, Y)),
    "list of two in a dataset": sliced([X[:, 0], Y[:, 0]]),
    "tuple of one": sliced((X,)),
    "tuple of three": sliced((X, Y, Y)),
    "namedtuple of two": sliced(Pair(X, Y)),
    "namedtuple of three": sliced(Three(X, Y, Y)),
    "dict alone": sliced({"x": X}),
    "dict of features and labels": sliced({"features": X, "labels": Y}),
    "nested": sliced(({"x": {"y": X}, "z": (X, [Y])}, Y)),
    "ordered dict": sliced((collections.OrderedDict([("b", X), ("a", Y)]), Y)),
    "labels in a dict": sliced((X, {"a": Y, "b": X})),
    "labels in a tuple": sliced((X, (Y, X))),
    "numbers": lambda: tf.data.Dataset.range(8),
    "empty dict": lambda: tf.data.Dataset.from_tensors(({}, Y)).repeat(),
    "sparse": lambda: tf.data.Dataset.from_tensors((tf.sparse.from_dense(X), Y)).repeat(),
    "ragged": lambda: tf.data.Dataset.from_tensors((tf.RaggedTensor.from_tensor(X), Y)).repeat(),
    "of datasets": lambda: tf.data.Dataset.range(4).window(2),
    "strings": lambda: tf.data.Dataset.from_tensors((np.array(["a"]), Y)).repeat(),
    "options": lambda: sliced((X, Y))().with_options(tf.data.Options()),
    "v1 dataset": lambda: v1.data.Dataset.from_tensor_slices((X, Y)).batch(4).repeat(),
    "one-shot iterator": lambda: v1.data.make_one_shot_iterator(sliced((X, Y))()),
    "what an iterator gives": lambda: v1.data.make_one_shot_iterator(sliced(({"x": X}, Y))()).get_next(),
    "a list of two": lambda: [tf.constant(X), tf.constant(Y)],
    "a namedtuple of two": lambda: Pair(tf.constant(X), tf.constant(Y)),
    "a tuple of one": lambda: (tf.constant(X),),
    "three": lambda: (tf.constant(X), tf.constant(Y), tf.constant(Y)),
    "one tensor": lambda: tf.constant(X),
    "arrays": lambda: ({"x": X}, Y),
    "array": lambda: X,
    "lists of numbers": lambda: ([1.0, 2.0], [3.0, 4.0]),
    "features and none": lambda: ({"x": tf.constant(X)}, None),
    "none and labels": lambda: (None, tf.constant(Y)),
    "none": lambda: None,
    "word": lambda: "features",
    "number": lambda: 3,
    "generator": lambda: (one for one in [(X, Y)]),
    "a function": lambda: lambda: (tf.constant(X), tf.constant(Y)),
    "a variable": lambda: (v1.get_variable("f", initializer=X, trainable=False), tf.constant(Y)),
}


@program(
    "input_fn dataset",
    "input_fn tensors",
)
def structures_of_inputs(directory):
    def run(where, input_fn, call):
        made = models.estimator(where, any_model)
        if call == "train":
            made.train(input_fn, steps=2)
            return state(made)
        if call == "evaluate":
            return made.evaluate(input_fn, steps=2)
        return next(iter(made.predict(input_fn)))

    return {
        call: of_each(os.path.join(directory, call), INPUTS, lambda d, i, c=call: run(d, i, c))
        for call in ("train", "evaluate", "predict")
    }


class Callable:
    def __call__(self, *, mode):
        return models.batches()

    def method(self, params, config):
        return models.batches()

    @classmethod
    def of_class(cls):
        return models.batches()


@program(
    "input_fn arguments",
    differs={"result/object*": "there keyword-only arguments of an object's __call__ are not seen"},
)
def kinds_of_input_functions(directory):
    def defaulted(mode="x", size=4):
        return models.batches() if (mode, size) == ("train", 4) else None

    def more(**given):
        return models.batches() if not given else None

    def many(*given):
        return models.batches() if not given else None

    def unknown(batch_size):
        return models.batches()

    cases = {
        "object": Callable(),
        "method": Callable().method,
        "classmethod": Callable.of_class,
        "defaults": defaulted,
        "keywords": more,
        "arguments": many,
        "unknown": unknown,
        "partial": functools.partial(unknown, 4),
        "partial by name": functools.partial(unknown, batch_size=4),
        "class": type("Class", (), {"__new__": lambda cls: models.batches()}),
        "tf.function": tf.function(models.batches),
        "wrapped": functools.wraps(unknown)(lambda *given: models.batches()),
        "mode alone": lambda mode: models.batches(),
        "labels": lambda labels: models.batches(),
    }

    def run(where, input_fn):
        made = models.estimator(where).train(input_fn, steps=1)
        return state(made)

    return of_each(directory, cases, run)
