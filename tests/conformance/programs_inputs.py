"""What an input function may be and return."""

import functools

import models
import numpy as np
import tensorflow as tf
from catalogue import V1, program
from models import v1


@program("input_fn dataset", repeated={V1: {}})
def kinds_of_datasets(directory):
    kinds = {
        "v2": lambda: tf.data.Dataset.from_tensor_slices(({"x": models.X}, models.Y)).batch(4).repeat(),
        "v1": lambda: v1.data.Dataset.from_tensor_slices(({"x": models.X}, models.Y)).batch(4).repeat(),
        "shuffled": lambda: models.once().shuffle(2, seed=3).repeat(),
        "nested": lambda: models.batches().map(lambda f, y: ({"x": f["x"], "more": {"z": f["x"]}}, y)),
    }
    return {
        name: models.variables(models.estimator(directory, name=name).train(input_fn, steps=3))
        for name, input_fn in kinds.items()
    }


@program("input_fn tensors", repeated={V1: {}})
def kinds_of_tensors(directory):
    x, y = tf.constant, tf.constant
    kinds = {
        "pair": lambda: ({"x": x(models.X)}, y(models.Y)),
        "list": lambda: [{"x": x(models.X)}, y(models.Y)],
        "labels in a dict": lambda: ({"x": x(models.X)}, {"y": y(models.Y)}),
    }

    def model_fn(features, labels, mode):
        return models.linear(features, labels["y"] if isinstance(labels, dict) else labels, mode)

    return {
        name: models.variables(models.estimator(directory, model_fn, name=name).train(input_fn, steps=3))
        for name, input_fn in kinds.items()
    }


@program("input_fn arguments")
def arguments_of_input_functions(directory):
    got = []

    def note(**given):
        got.append(
            {
                name: value if isinstance(value, str | dict) else type(value).__name__
                for name, value in given.items()
            }
        )
        return models.batches()

    class Callable:
        def __call__(self, params, mode):
            return note(params=params, mode=mode)

        def method(self, config):
            return note(config=config)

    def model_fn(features, labels, mode, params):
        return models.linear(features, labels, mode)

    estimator = models.estimator(directory, model_fn, params={"a": 1})
    for input_fn in (
        note,
        lambda mode: note(mode=mode),
        lambda params, config, mode: note(params=params, config=config, mode=mode),
        functools.partial(lambda params, other: note(params=params, other=other), other="bound"),
        Callable(),
        Callable().method,
    ):
        estimator.train(input_fn, steps=1)
    estimator.evaluate(lambda mode: note(mode=mode), steps=1)
    next(estimator.predict(lambda mode: note(mode=mode)))
    return got


@program("input_fn queues", repeated={V1: {}})
def queues(directory):
    def input_fn():
        x = v1.train.input_producer(models.X, num_epochs=3, shuffle=False).dequeue()
        batch = v1.train.batch([x], 4)
        return {"x": batch}, 2 * batch

    estimator = models.estimator(directory).train(input_fn)
    with models.logged("Input graph") as lines:
        predictions = list(estimator.predict(input_fn))
    return {
        "variables": models.variables(estimator),
        "metrics": estimator.evaluate(input_fn),
        "predictions": predictions,
        "log": lines,
    }


@program("numpy_input_fn", repeated={V1: {}})
def numpy_input_function(directory):
    make = v1.estimator.inputs.numpy_input_fn
    x, y = {"x": models.X}, models.Y
    estimator = models.estimator(directory).train(make(x, y, batch_size=3, num_epochs=2, shuffle=False))
    some = models.estimator(directory, name="some").train(
        make(x, y, batch_size=3, num_epochs=None, shuffle=False, num_threads=1), steps=4
    )

    def whole(features, labels, mode):
        labels = labels["y"] if isinstance(labels, dict) else labels
        return models.regression(mode, models.line(features), labels)

    array = models.estimator(directory, whole, name="array").train(
        make(models.X, {"y": models.Y}, batch_size=8, num_epochs=1, shuffle=False)
    )
    return {
        "two epochs": models.variables(estimator),
        "without end": models.variables(some),
        "array": models.variables(array),
        "metrics": estimator.evaluate(make(x, y, batch_size=3, shuffle=False)),
        "predictions": list(estimator.predict(make(x, shuffle=False))),
    }


@program("numpy_input_fn")
def tensors_of_numpy_input_function(directory):
    make = v1.estimator.inputs.numpy_input_fn
    seen = {}
    for name, x, y in (
        ("dict", {"b": np.arange(4), "a": np.ones([4, 2], np.float32)}, np.arange(4)),
        ("no labels", {"a": np.arange(4.0)}, None),
        ("array", np.array([b"x", b"y", b"z", b"w"]), {"u": np.arange(4), "v": np.arange(4)}),
    ):
        with tf.Graph().as_default(), v1.Session() as session:
            tensors = make(x, y, batch_size=2, num_epochs=1, shuffle=False)()
            parts = tf.nest.flatten(tensors)
            seen[name] = {"described": [[part.dtype.name, str(part.shape)] for part in parts]}
            session.run(v1.local_variables_initializer())
            coordinator = v1.train.Coordinator()
            threads = v1.train.start_queue_runners(session, coordinator)
            seen[name]["batches"] = [session.run(tensors) for _ in range(2)]
            coordinator.request_stop()
            coordinator.join(threads, stop_grace_period_secs=5, ignore_live_threads=True)
            seen[name]["keys"] = (
                str(sorted(tensors[0]))
                if isinstance(tensors, tuple) and isinstance(tensors[0], dict)
                else type(tensors).__name__
            )
    return seen


@program("pandas_input_fn", repeated={V1: {}})
def pandas_input_function(directory):
    import pandas as pd

    make = v1.estimator.inputs.pandas_input_fn
    x = pd.DataFrame({"x": models.X[:, 0], "other": range(8)}, index=range(10, 18))
    y = pd.Series(models.Y[:, 0], index=x.index)

    def model_fn(features, labels, mode):
        labels = labels["y"] if isinstance(labels, dict) else labels
        labels = None if labels is None else tf.reshape(labels, [-1, 1])
        y = models.line(tf.reshape(features["x"], [-1, 1]))
        return models.regression(
            mode, y, labels, **({"predictions": {"y": y, **features}} if mode == "infer" else {})
        )

    estimator = models.estimator(directory, model_fn).train(
        make(x, y, batch_size=3, num_epochs=2, shuffle=False, target_column="target")
    )
    frame = models.estimator(directory, model_fn, name="frame").train(
        make(x, pd.DataFrame({"y": y}), batch_size=4, num_epochs=1, shuffle=False)
    )
    return {
        "series": models.variables(estimator),
        "frame": models.variables(frame),
        "metrics": estimator.evaluate(make(x, y, shuffle=False)),
        "predictions": list(estimator.predict(make(x, shuffle=False))),
    }


@program("input_fn dataset", repeated={V1: {}})
def sparse_and_ragged_features(directory):
    def input_fn():
        sparse = tf.sparse.from_dense(np.array([[1.0, 0, 2], [0, 3, 0]], np.float32))
        ragged = tf.ragged.constant([[1.0, 2.0], [3.0]])
        return tf.data.Dataset.from_tensors(({"s": sparse, "r": ragged}, [[1.0], [2.0]])).repeat()

    def model_fn(features, labels, mode):
        summed = tf.sparse.reduce_sum(features["s"], 1, keepdims=True)
        summed.set_shape([2, 1])
        means = tf.reshape(tf.reduce_mean(features["r"], axis=1), [2, 1])
        return models.regression(mode, models.line(summed) + means * models.variable("r"), labels)

    estimator = models.estimator(directory, model_fn).train(input_fn, steps=4)
    predictions = estimator.predict(lambda: input_fn().take(1))
    return {"variables": models.variables(estimator), "predictions": list(predictions)}
