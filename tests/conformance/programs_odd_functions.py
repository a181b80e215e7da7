"""Odd things that a program's functions return: what each side makes of an input_fn, a model_fn and what they give."""

import collections
import functools
import itertools
import os
import typing

import models
import numpy as np
import tensorflow as tf
from catalogue import program
from computations import outcome
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


PREDICTIONS = {
    "array": lambda y: {"y": np.ones([4, 1], np.float32)},
    "list": lambda y: [y],
    "tuple": lambda y: (y,),
    "nested": lambda y: {"y": {"z": y}},
    "int key": lambda y: {1: y},
    "tuple key": lambda y: {("a", "b"): y},
    "none key": lambda y: {None: y},
    "ordered": lambda y: collections.OrderedDict(b=y, a=2 * y),
    "default dict": lambda y: collections.defaultdict(list, y=y),
    "scalar": lambda y: {"y": tf.reduce_sum(y)},
    "scalar alone": tf.reduce_sum,
    "other lengths": lambda y: {"y": y, "z": tf.concat([y, y], 0)},
    "words": lambda y: {"y": tf.strings.as_string(y)},
    "bool": lambda y: y > 0,
    "half": lambda y: tf.cast(y, tf.bfloat16),
    "none in it": lambda y: {"y": None},
    "number": lambda y: {"y": 1.0},
    "namedtuple": lambda y: Pair(y, y),
    "sparse": lambda y: {"y": tf.sparse.from_dense(y)},
    "tensor of no shape": lambda y: {"y": v1.placeholder_with_default(y, None)},
}


@program("predict", "predict batches", "EstimatorSpec")
def kinds_of_predictions(directory):
    def run(where, make, **given):
        made = models.estimator(where, models.linear_in("infer", predictions=make))
        made.train(models.batches, steps=1)
        # What does not depend on the input never ends.
        found = list(itertools.islice(made.predict(models.features_only, **given), 12))
        return len(found), found[0]

    return {
        "examples": of_each(os.path.join(directory, "e"), PREDICTIONS, run),
        "batches": of_each(
            os.path.join(directory, "b"),
            PREDICTIONS,
            lambda d, make: run(d, make, yield_single_examples=False),
        ),
    }


METRICS = {
    "operations": lambda y: {"m": (tf.no_op(), tf.no_op())},
    "value and operation": lambda y: {"m": (tf.reduce_sum(y), tf.no_op())},
    "value twice": lambda y: {"m": (tf.reduce_sum(y),) * 2},
    "list": lambda y: {"m": [tf.reduce_sum(y), tf.no_op()]},
    "three": lambda y: {"m": (tf.reduce_sum(y), tf.no_op(), tf.no_op())},
    "one tensor": lambda y: {"m": tf.reduce_sum(y)},
    "vector": lambda y: {"m": (tf.reshape(y, [-1]), tf.no_op())},
    "matrix": lambda y: {"m": (y, tf.no_op())},
    "word": lambda y: {"m": (tf.constant("a"), tf.no_op())},
    "bool": lambda y: {"m": (tf.constant(True), tf.no_op())},
    "int": lambda y: {"m": (tf.constant(3), tf.no_op())},
    "nan": lambda y: {"m": (tf.constant(np.nan), tf.no_op())},
    "nested update": lambda y: {"m": (tf.reduce_sum(y), {"a": tf.no_op()})},
    "dict value": lambda y: {"m": ({"a": tf.reduce_sum(y)}, tf.no_op())},
    "list of updates": lambda y: {"m": (tf.reduce_sum(y), [tf.no_op(), tf.no_op()])},
    "int key": lambda y: {1: v1.metrics.mean(y)},
    "none key": lambda y: {None: v1.metrics.mean(y)},
    "slash": lambda y: {"a/b": v1.metrics.mean(y)},
    "empty key": lambda y: {"": v1.metrics.mean(y)},
    "space": lambda y: {"a b": v1.metrics.mean(y)},
    "loss": lambda y: {"loss": v1.metrics.mean(y)},
    "global_step": lambda y: {"global_step": v1.metrics.mean(y)},
    "none": lambda y: {"m": None},
    "function": lambda y: {"m": lambda: v1.metrics.mean(y)},
    "empty": lambda y: {},
    "list of pairs": lambda y: [("m", v1.metrics.mean(y))],
    "variable": lambda y: {"m": (models.variable("more", [], 2.0, trainable=False), tf.no_op())},
    "number": lambda y: {"m": (1.0, tf.no_op())},
}


@program("evaluate", "evaluate summaries", "EstimatorSpec")
def kinds_of_metrics(directory):
    def run(where, make):
        made = models.estimator(where, models.linear_in("eval", eval_metric_ops=make))
        return made.evaluate(models.once)

    return of_each(directory, METRICS, run)


LOSSES = {
    "vector of one": lambda loss: tf.reshape(loss, [1]),
    "matrix of one": lambda loss: tf.reshape(loss, [1, 1]),
    "vector of two": lambda loss: tf.stack([loss, loss]),
    "int": lambda loss: tf.cast(loss, tf.int32),
    "float64": lambda loss: tf.cast(loss, tf.float64),
    "half": lambda loss: tf.cast(loss, tf.bfloat16),
    "no shape": lambda loss: v1.placeholder_with_default(loss, None),
    "number": lambda loss: 1.0,
    "numpy": lambda loss: np.float32(1.0),
    "variable": lambda loss: models.variable("l", [], 2.0, trainable=False),
    "word": lambda loss: tf.constant("a"),
    "list": lambda loss: [loss],
    "bool": lambda loss: loss > 0,
    "infinite": lambda loss: loss + np.inf,
    "complex": lambda loss: tf.cast(loss, tf.complex64),
}
STEPS = {
    "tensor": lambda step: tf.constant(1.0),
    "with a value": lambda step: v1.assign_add(step, 1),
    "read": lambda step: step.assign_add(1, read_value=True) if hasattr(step, "assign_add") else step,
    "list": lambda step: [v1.assign_add(step, 1)],
    "no step": lambda step: tf.no_op(),
    "step of ten": lambda step: v1.assign_add(step, 10),
    "backwards": lambda step: v1.assign_sub(step, 1),
    "number": lambda step: 1,
    "function": lambda step: lambda: v1.assign_add(step, 1),
    "variable": lambda step: step,
    "word": lambda step: "train",
}


@program("train steps", "evaluate", "EstimatorSpec")
def kinds_of_losses_and_steps(directory):
    def with_loss(make):
        def model_fn(features, labels, mode):
            y = models.line(features["x"])
            if mode == "infer":
                return models.regression(mode, y, labels)
            loss = tf.reduce_mean(tf.square(y - labels))
            step = v1.train.GradientDescentOptimizer(0.1).minimize(loss, v1.train.get_global_step())
            return tf.estimator.EstimatorSpec(mode, loss=make(loss), train_op=step)

        return model_fn

    def with_step(make):
        return models.linear_in("train", train_op=lambda y: make(v1.train.get_global_step()))

    def trained(where, model_fn):
        made = models.estimator(where, model_fn)
        # Some of these never count, and the input ends them.
        made.train(lambda: models.batches().take(4), steps=3)
        return state(made)

    def evaluated(where, model_fn):
        return models.estimator(where, model_fn).evaluate(models.batches, steps=2)

    return {
        "loss in training": of_each(
            os.path.join(directory, "t"), LOSSES, lambda d, make: trained(d, with_loss(make))
        ),
        "loss in evaluation": of_each(
            os.path.join(directory, "e"), LOSSES, lambda d, make: evaluated(d, with_loss(make))
        ),
        "step": of_each(os.path.join(directory, "s"), STEPS, lambda d, make: trained(d, with_step(make))),
    }


@program(
    "model_fn arguments",
    "EstimatorSpec",
    differs={
        "result/only names*": "there keyword-only arguments are not seen",
        "result/self": "what is missing is said when the Estimator is made, as of every model_fn",
    },
)
def odd_model_functions(directory):
    def wrong_mode(features, labels, mode):
        return models.linear(features, labels, "eval")

    def of_class(features, labels, mode):
        spec = models.linear(features, labels, mode)
        return type("Spec", (tf.estimator.EstimatorSpec,), {})(**spec._asdict())

    class Model:
        def __call__(self, features, labels, mode):
            return models.linear(features, labels, mode)

        def method(self, features, labels, mode, params=None):
            return models.linear(features, labels, mode)

        @staticmethod
        def static(features, labels, mode, config):
            return models.linear(features, labels, mode)

    def more(features, labels, mode, **given):
        return models.linear(features, labels, mode)

    def many(features, labels, mode, *given):
        return models.linear(features, labels, mode)

    def no_mode(features, labels):
        return models.linear(features, labels, "train")

    def other_order(mode, labels, features):
        return models.linear(features, labels, mode)

    def only_names(*, features, labels, mode):
        return models.linear(features, labels, mode)

    cases = {
        "object": Model(),
        "method": Model().method,
        "static": Model.static,
        "partial": functools.partial(more),
        "partial of params": functools.partial(Model().method, params={"a": 1}),
        "keywords": more,
        "arguments": many,
        "no mode": no_mode,
        "other order": other_order,
        "only names": only_names,
        "wrong mode": wrong_mode,
        "a subclass of the spec": of_class,
        "a tuple": lambda features, labels, mode: tuple(models.linear(features, labels, mode)),
        "a dict": lambda features, labels, mode: models.linear(features, labels, mode)._asdict(),
        "none": lambda features, labels, mode: None,
        "a class": type("Class", (), {}),
        "self": lambda self, features, labels, mode: None,
        "no labels": lambda features, mode: models.linear(features, tf.ones([4, 1]), mode),
    }

    def run(where, model_fn):
        made = models.estimator(where, model_fn).train(models.batches, steps=2)
        return state(made)

    return of_each(directory, cases, run)


@program("predict keys", "evaluate name", "checkpoint_path")
def words_of_calls(directory):
    made = models.estimator(directory).train(models.batches, steps=2)
    keys = {
        "set": {"y"},
        "tuple": ("y", "twice"),
        "generator": (key for key in ["y"]),
        "dict": {"y": 1},
        "some unknown": ["y", "nothing"],
        "unknown": ["nothing"],
        "empty": [],
        "word": "y",
        "part of a word": "twi",
        "bytes": [b"y"],
        "none in it": [None],
        "number": 3,
    }
    names = {
        "slash": "a/b",
        "empty": "",
        "number": 3,
        "up": "../up",
        "space": "a b",
        "bytes": b"a",
        "false": False,
    }
    paths = {
        "bytes": made.latest_checkpoint().encode(),
        "empty": "",
        "number": 3,
        "false": False,
        "list": [made.latest_checkpoint()],
    }
    yields = {"zero": 0, "word": "no", "none": None, "one": 1}
    return {
        "keys": {
            name: outcome(lambda k=key: next(made.predict(models.features_only, predict_keys=k)))
            for name, key in keys.items()
        },
        "names": {
            name: outcome(
                lambda n=given: [
                    made.evaluate(models.once, name=n)["loss"],
                    os.path.basename(made.eval_dir(n)),
                ]
            )
            for name, given in names.items()
        },
        "paths": {
            name: outcome(lambda p=path: made.evaluate(models.once, checkpoint_path=p))
            for name, path in paths.items()
        },
        "yields": {
            name: outcome(
                lambda y=given: len(list(made.predict(models.features_only, yield_single_examples=y)))
            )
            for name, given in yields.items()
        },
    }


@program(
    "heads",
    "Linear",
    differs={f"result/three classes/{kind}*": "any whole numbers are classes" for kind in ("uint8", "bool")},
)
def kinds_of_labels(directory):
    """Labels of another dtype or shape than a head's own."""
    numbers = np.array([0, 1, 1, 0, 1, 0, 1, 0])
    labels = {
        "int32": numbers.astype(np.int32),
        "int64 column": numbers[:, None],
        "uint8": numbers.astype(np.uint8),
        "float": numbers.astype(np.float32),
        "float64 column": numbers[:, None].astype(np.float64),
        "broken": numbers * 0.5,
        "bool": numbers.astype(bool),
        "words": np.array(list("abbababa")),
        "negative": -numbers,
        "matrix": np.stack([numbers, numbers], 1),
        "cube": numbers.reshape(4, 2, 1)[:, :1].repeat(2, 0),
    }
    columns = [tf.feature_column.numeric_column("x")]
    kinds = {
        "classifier": lambda d: tf.estimator.LinearClassifier(columns, d, config=models.config()),
        "three classes": lambda d: tf.estimator.LinearClassifier(
            columns, d, n_classes=3, config=models.config()
        ),
        "words": lambda d: tf.estimator.LinearClassifier(
            columns, d, label_vocabulary=["a", "b"], config=models.config()
        ),
        "regressor": lambda d: tf.estimator.LinearRegressor(columns, d, config=models.config()),
        "v1 classifier": lambda d: v1.estimator.LinearClassifier(columns, d, config=models.config()),
        "v1 regressor": lambda d: v1.estimator.LinearRegressor(columns, d, config=models.config()),
    }

    def run(where, given, make):
        made = make(where)
        made.train(lambda: tf.data.Dataset.from_tensor_slices(({"x": X}, given)).batch(4).repeat(), steps=2)
        metrics = made.evaluate(
            lambda: tf.data.Dataset.from_tensor_slices(({"x": X}, given)).batch(4), steps=2
        )
        return metrics["loss"]

    return {
        name: of_each(
            os.path.join(directory, name.replace(" ", "-")), labels, lambda d, g, m=make: run(d, g, m)
        )
        for name, make in kinds.items()
    }
