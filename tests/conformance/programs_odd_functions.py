"""Odd model functions, words of calls and labels: what each side makes of them."""

import functools
import os

import models
import numpy as np
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import X, v1
from programs_odd_arguments import of_each, state


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
