"""The Estimator's methods called again, after failures, half-way, in other graphs, and with odd numbers."""

import os

import models
import numpy as np
import tensorflow as tf
from attempts import kind
from catalogue import program
from computations import outcome
from models import Recorder, v1


def step(estimator):
    return int(estimator.get_variable_value("global_step"))


@program("train steps", "train max_steps")
def odd_numbers_of_steps(directory):
    numbers = {
        "numpy": np.int64(2),
        "a broken float": 1.5,
        "True": True,
        "text": "2",
    }

    def trained(name, **steps):
        return step(models.estimator(directory, name=name).train(lambda: models.batches().take(4), **steps))

    seen = {}
    for name, number in numbers.items():
        seen[f"steps {name}"] = outcome(lambda name=name, n=number: trained(f"steps {name}", steps=n))
        seen[f"max_steps {name}"] = outcome(lambda name=name, n=number: trained(f"max {name}", max_steps=n))
    return seen


@program("evaluate steps")
def odd_numbers_of_evaluation_steps(directory):
    estimator = models.estimator(directory).train(models.batches, steps=1)
    numbers = {"numpy": np.int32(1), "a broken float": 1.5, "True": True, "text": "2", "many": 100}
    return {
        name: outcome(lambda n=number: estimator.evaluate(models.once, steps=n)["mae"])
        for name, number in numbers.items()
    }


@program("train steps", "train max_steps")
def steps_and_max_steps_in_turn(directory):
    estimator = models.estimator(directory, save_checkpoints_steps=None, save_checkpoints_secs=600)
    seen = []
    for arguments in ({"steps": 2}, {"max_steps": 3}, {"steps": 2}, {"max_steps": 4}, {"max_steps": 6}):
        estimator.train(models.batches, **arguments)
        seen.append([arguments, step(estimator)])
    return seen


@program("train hooks")
def training_after_a_failure(directory):
    """A hook fails at the third step: what is there then, and that the same Estimator goes on."""

    class Fail(v1.train.SessionRunHook):
        left = 3

        def after_run(self, run_context, run_values):
            self.left -= 1
            if not self.left:
                raise KeyError("fails")

    estimator = models.estimator(directory, save_checkpoints_steps=2)
    failed = outcome(lambda: estimator.train(models.batches, hooks=[Fail()], steps=9))
    saved = step(estimator)
    estimator.train(models.batches, steps=2)
    return {"failed": failed, "saved": saved, "after": models.variables(estimator)}


@program("constructor")
def a_model_function_that_fails_once(directory):
    failures = iter([ValueError("first"), None])

    def model_fn(features, labels, mode):
        error = next(failures, None)
        if error:
            raise error
        return models.linear(features, labels, mode)

    estimator = models.estimator(directory, model_fn)
    first = outcome(lambda: estimator.train(models.batches, steps=1))
    files = sorted(os.listdir(estimator.model_dir)) if os.path.exists(estimator.model_dir) else []
    return {"first": first, "files": files, "second": step(estimator.train(models.batches, steps=1))}


@program("input_fn tensors")
def input_functions_that_fail(directory):
    """Errors of the input function come out as they are; the end of the input while it is built is none."""
    errors = {
        "StopIteration": StopIteration(),
        "OutOfRangeError": tf.errors.OutOfRangeError(None, None, "ends"),
        "KeyboardInterrupt's sibling": KeyError("key"),
        "its own": type("Mine", (RuntimeError,), {})("mine"),
    }

    def raising(error):
        def input_fn():
            raise error

        return input_fn

    estimator = models.estimator(directory).train(models.batches, steps=1)
    return {
        name: [
            outcome(lambda e=error: step(estimator.train(raising(e), steps=1))),
            outcome(lambda e=error: kind(estimator.evaluate(raising(e)))),
            outcome(lambda e=error: list(estimator.predict(raising(e)))),
        ]
        for name, error in errors.items()
    }


@program("predict")
def a_prediction_left_half_read(directory):
    calls = []
    estimator = models.estimator(directory).train(models.batches, steps=1)
    half = estimator.predict(models.features_only, hooks=[Recorder("half", calls)])
    first = next(half)
    estimator.train(models.batches, steps=1)
    metrics = estimator.evaluate(models.once)
    half.close()
    return {
        "first": first,
        "calls": calls,
        "metrics": metrics,
        "step": step(estimator),
        "after close": list(half),
        "again": list(estimator.predict(models.features_only)),
    }


@program("predict")
def errors_of_predict_come_with_the_first_prediction(directory):
    estimator = models.estimator(directory).train(models.batches, steps=1)
    made = {
        "hooks": lambda: estimator.predict(models.features_only, hooks=["hook"]),
        "keys": lambda: estimator.predict(models.features_only, predict_keys=["none"]),
        "input": lambda: estimator.predict(lambda: 1 / 0),
    }
    seen = {}
    for name, make in made.items():
        predictions = make()
        seen[name] = [outcome(lambda p=predictions: next(p)), outcome(lambda p=predictions: next(p))]
    return seen


@program("predict")
def an_error_thrown_into_predict(directory):
    calls = []
    estimator = models.estimator(directory).train(models.batches, steps=1)
    predictions = estimator.predict(models.features_only, hooks=[Recorder("hook", calls)])
    next(predictions)
    return {"thrown": outcome(lambda: predictions.throw(KeyError("thrown"))), "calls": calls}


@program("predict keys")
def forms_of_predict_keys(directory):
    estimator = models.estimator(directory).train(models.batches, steps=1)
    keys = {
        "none": None,
        "empty list": [],
        "empty text": "",
        "tuple": ("y",),
        "set": {"y", "twice"},
        "dict": {"y": 1},
        "generator": (key for key in ["y"]),
        "twice the same": ["y", "y"],
        "a number": [1],
        "one number": 1,
        "bytes": [b"y"],
    }
    return {
        name: outcome(
            lambda given=given: [
                list(row) for row in estimator.predict(models.features_only, predict_keys=given)
            ][:1]
        )
        for name, given in keys.items()
    }


@program("predict", "predict batches")
def shapes_of_predictions(directory):
    """Examples are rows of the first dimension, whatever a row is."""

    def predicted(name, make, **arguments):
        model_fn = models.linear_in("infer", predictions=make, export_outputs={})
        estimator = models.estimator(directory, model_fn, name="model")
        return outcome(lambda: list(estimator.predict(models.features_only, **arguments))[:2])

    models.estimator(directory).train(models.batches, steps=1)
    return {
        "a vector": predicted("vector", lambda y: y[:, 0]),
        "a cube": predicted("cube", lambda y: tf.reshape(y, [2, 1, 2])),
        "a matrix by batch": predicted("batch", lambda y: y, yield_single_examples=False),
        "a scalar by batch": predicted(
            "scalar", lambda y: {"m": tf.reduce_mean(y)}, yield_single_examples=False
        ),
        "unequal by batch": predicted("unequal", lambda y: {"y": y, "m": y[:1]}, yield_single_examples=False),
        "no rows": predicted("none", lambda y: {"y": y[:0]}),
        "ordered by name or as given": predicted("order", lambda y: {"b": y, "a": y}),
    }


@program("evaluate", "predict", "train steps")
def calls_in_the_callers_graph(directory):
    """The graph and the mode of the caller stay as they are."""
    with tf.Graph().as_default() as graph:
        tf.constant(1.0, name="mine")
        estimator = models.estimator(directory).train(models.batches, steps=1)
        estimator.evaluate(models.once)
        predictions = estimator.predict(models.features_only)
        list(predictions)
        estimator.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
        return {
            "operations": [op.name for op in graph.get_operations()],
            "still the default": v1.get_default_graph() is graph,
            "eager": tf.executing_eagerly(),
        }


@program("checkpoint_path", "evaluate", "predict")
def forms_of_checkpoint_paths(directory):
    estimator = models.estimator(directory, save_checkpoints_steps=1).train(models.batches, steps=2)
    first = os.path.join(estimator.model_dir, "model.ckpt-0")
    forms = {"text": first, "empty": "", "none": None}
    return {
        name: [
            outcome(lambda p=path: int(estimator.evaluate(models.once, checkpoint_path=p)["global_step"])),
            outcome(lambda p=path: next(estimator.predict(models.once, checkpoint_path=p))["y"]),
        ]
        for name, path in forms.items()
    }


@program("evaluate")
def types_in_a_result(directory):
    def metrics(y):
        return {
            "b": v1.metrics.mean(y),
            "a": (tf.constant([1, 2]), tf.no_op()),
            "c": (tf.constant("text"), tf.no_op()),
        }

    estimator = models.estimator(directory, models.linear_in("eval", eval_metric_ops=metrics))
    result = estimator.train(models.batches, steps=1).evaluate(models.once)
    return {
        "types": {name: type(value).__name__ for name, value in result.items()},
        "order": list(result),
        "a dict": type(result).__mro__[-2].__name__,
        "step": type(estimator.get_variable_value("global_step")).__name__,
        "weights": type(estimator.get_variable_value("w")).__name__,
        "names": [kind(estimator.get_variable_names()), estimator.get_variable_names()],
    }


@program("variables")
def forms_of_variable_names(directory):
    estimator = models.estimator(directory).train(models.batches, steps=1)
    forms = {
        "text": "w",
        "output": "w:0",
        "empty": "",
        "number": 1,
        "scope": "w/",
    }
    return {
        name: outcome(lambda n=form: kind(estimator.get_variable_value(n))) for name, form in forms.items()
    }


@program("eval_dir", "evaluate name")
def forms_of_evaluation_names(directory):
    estimator = models.estimator(directory).train(models.batches, steps=1)
    names = {"none": None, "empty": "", "text": "a", "path": "a/b"}
    return {
        name: [
            outcome(lambda n=given: estimator.eval_dir(n)),
            outcome(lambda n=given: kind(estimator.evaluate(models.once, steps=1, name=n)["loss"])),
        ]
        for name, given in names.items()
    }


@program(
    "latest_checkpoint",
    differs={
        pattern: "a directory that was removed and is trained again has its events"
        for pattern in ("events", "events/*", "files/model/events.out.tfevents.*")
    },
)
def checkpoints_that_come_and_go(directory):
    import shutil

    estimator = models.estimator(directory, save_checkpoints_steps=1)
    seen = [estimator.latest_checkpoint()]
    estimator.train(models.batches, steps=2)
    seen.append(os.path.relpath(estimator.latest_checkpoint(), directory))
    shutil.rmtree(estimator.model_dir)
    seen.append(estimator.latest_checkpoint())
    estimator.train(models.batches, steps=1)
    return {"seen": seen, "step": step(estimator)}
