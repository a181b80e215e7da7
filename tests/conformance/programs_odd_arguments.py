"""Odd arguments that programs hand over all the same: what each side makes of them."""

import collections
import fractions
import os
import pathlib
import shutil
import threading
import types
import typing

import models
import numpy as np
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1


def trained(directory, name, *given, model_fn=models.linear, config=None, **named):
    """The global step and the weight after a training with the arguments."""
    made = tf.estimator.Estimator(model_fn, os.path.join(directory, name), models.config(**(config or {})))
    made.train(models.batches, *given, **named)
    return state(made)


def state(made):
    return [int(made.get_variable_value("global_step")), float(made.get_variable_value("w")[0, 0])]


def of_each(directory, cases, call):
    """{name: what `call` makes of the directory of its own and the case}, or the kinds of its error; files are not compared."""
    found = {
        name: outcome(lambda n=name, c=case: call(os.path.join(directory, n.replace(" ", "-")), c))
        for name, case in cases.items()
    }
    v1.summary.FileWriterCache.clear()
    shutil.rmtree(directory, ignore_errors=True)
    return found


COUNTS = {
    "numpy int64": np.int64(3),
    "numpy int32": np.int32(3),
    "whole float": 3.0,
    "broken float": 2.5,
    "numpy float": np.float64(3.0),
    "true": True,
    "false": False,
    "word": "3",
    "fraction": fractions.Fraction(3),
    "array": np.array(3),
    "array of one": np.array([3]),
    "eager tensor": tf.constant(3),
    "zero": 0,
    "negative": -1,
    "large": 10**6,
}


@program("train steps", "train max_steps", "evaluate steps", "predict")
def counts_of_steps(directory):
    def evaluated(where, count):
        made = models.estimator(where).train(models.batches, steps=1)
        return made.evaluate(models.once, steps=count)

    small = {name: count for name, count in COUNTS.items() if name != "large"}
    return {
        "steps": of_each(os.path.join(directory, "steps"), small, lambda d, c: trained(d, "m", steps=c)),
        "max_steps": of_each(
            os.path.join(directory, "max"), small, lambda d, c: trained(d, "m", max_steps=c)
        ),
        "evaluate": of_each(os.path.join(directory, "evaluate"), COUNTS, evaluated),
    }


@program("TrainSpec", "EvalSpec", "local loop")
def counts_of_specs(directory):
    def run(where, train=None, evaluate=None):
        made = models.estimator(where)
        tf.estimator.train_and_evaluate(
            made,
            tf.estimator.TrainSpec(models.batches, **(train or {"max_steps": 3})),
            tf.estimator.EvalSpec(
                models.once, **{"start_delay_secs": 0, "throttle_secs": 0, **(evaluate or {})}
            ),
        )
        return state(made)

    small = {name: count for name, count in COUNTS.items() if name != "large"}
    waits = {"float": 0.5, "negative": -1, "word": "0", "numpy": np.int64(0), "none": None, "true": True}
    return {
        "max_steps": of_each(
            os.path.join(directory, "max"), small, lambda d, c: run(d, train={"max_steps": c})
        ),
        "steps": of_each(
            os.path.join(directory, "steps"), COUNTS, lambda d, c: run(d, evaluate={"steps": c})
        ),
        "throttle_secs": of_each(
            os.path.join(directory, "throttle"), waits, lambda d, c: run(d, evaluate={"throttle_secs": c})
        ),
        "start_delay_secs": of_each(
            os.path.join(directory, "delay"), waits, lambda d, c: run(d, evaluate={"start_delay_secs": c})
        ),
    }


INTERVALS = {
    "whole float": 2.0,
    "broken float": 2.5,
    "numpy": np.int64(2),
    "true": True,
    "word": "2",
    "zero": 0,
    "negative": -2,
    "none": None,
    "huge": 10**12,
}


@program(
    "RunConfig properties",
    "saver",
    "summaries",
    differs={
        "result/keep_checkpoint_max/true*": "today's protobuf takes no bool for a number in TensorFlow's SaverDef"
    },
)
def intervals_of_run_config(directory):
    def run(where, given):
        kept = trained(where, "m", steps=5, config=given)
        found = sorted(os.path.basename(p) for p in tf.io.gfile.glob(f"{where}/m/model.ckpt-*.index"))
        return kept, found

    fields = {
        "save_checkpoints_steps": INTERVALS,
        "save_checkpoints_secs": {**INTERVALS, "large float": 1e3},
        "save_summary_steps": INTERVALS,
        "log_step_count_steps": INTERVALS,
        "keep_checkpoint_max": INTERVALS,
        "keep_checkpoint_every_n_hours": INTERVALS,
        "tf_random_seed": {**INTERVALS, "large": 2**40},
        "session_creation_timeout_secs": INTERVALS,
        "experimental_max_worker_delay_secs": INTERVALS,
    }
    return {
        field: of_each(
            os.path.join(directory, field),
            cases,
            lambda d, c, f=field: run(
                d, {f: c, **({"save_checkpoints_steps": None} if f == "save_checkpoints_secs" else {})}
            ),
        )
        for field, cases in fields.items()
    }


class Hyper:
    """As HParams: attributes, and no mapping."""

    def __init__(self):
        self.rate = 0.1

    def __contains__(self, name):
        return hasattr(self, name)


class Point(typing.NamedTuple):
    rate: float


@program("constructor", "model_fn arguments", "properties")
def kinds_of_params(directory):
    def told(where, params):
        seen = []

        def model_fn(features, labels, mode, params):
            seen.append(type(params).__name__)
            return models.linear(features, labels, mode)

        made = tf.estimator.Estimator(model_fn, where, models.config(), params)
        made.train(models.batches, steps=1)
        return [type(made.params).__name__, seen, made.params is made.params]

    cases = {
        "none": None,
        "object": Hyper(),
        "namedtuple": Point(0.1),
        "list": [1, 2],
        "empty list": [],
        "number": 3,
        "zero": 0,
        "word": "params",
        "ordered": collections.OrderedDict(a=1),
        "default": collections.defaultdict(int, a=1),
        "proxy": types.MappingProxyType({"a": 1}),
        "array": np.array([1.0]),
        "function": len,
        "a lock in it": {"a": threading.Lock()},
        "a tensor in it": {"a": tf.constant(1.0)},
        "an int key": {1: "a"},
        "a generator": (x for x in [1]),
    }
    return of_each(directory, cases, told)


@program("constructor", "RunConfig model_dir", "train steps")
def kinds_of_model_dir(directory):
    def told(where, make):
        given = make(where)
        made = tf.estimator.Estimator(models.linear, given, models.config())
        made.train(models.batches, steps=1)
        return [type(made.model_dir).__name__, made.model_dir.rstrip("/") == where, state(made)]

    def of_config(where, make):
        made = tf.estimator.Estimator(models.linear, config=models.config(model_dir=make(where)))
        made.train(models.batches, steps=1)
        return [type(made.model_dir).__name__, made.model_dir.rstrip("/") == where, state(made)]

    cases = {
        "path": pathlib.Path,
        "slash": lambda where: f"{where}/",
        "dot": lambda where: os.path.join(where, "."),
        "unicode": lambda where: f"{where}-ü",
        "spaces": lambda where: f"{where} and more",
        "number": lambda where: 3,
        "list": lambda where: [where],
        "false": lambda where: False,
    }
    return {
        "argument": of_each(os.path.join(directory, "a"), cases, told),
        "config": of_each(os.path.join(directory, "c"), cases, of_config),
    }


@program("train hooks", "evaluate hooks", "predict hooks", "saving listeners")
def kinds_of_hooks(directory):
    def hook():
        return v1.train.SessionRunHook()

    class Duck:
        """The methods of a hook, and not its class."""

        def begin(self):
            pass

        def after_create_session(self, session, coord):
            pass

        def before_run(self, run_context):
            pass

        def after_run(self, run_context, run_values):
            pass

        def end(self, session):
            pass

    cases = {
        "tuple": lambda: (hook(),),
        "generator": lambda: (one for one in [hook()]),
        "set": lambda: {hook()},
        "dict": lambda: {hook(): 1},
        "one": hook,
        "none in it": lambda: [None],
        "duck": lambda: [Duck()],
        "class": lambda: [v1.train.SessionRunHook],
        "the same twice": lambda: [hook()] * 2,
        "a listener": lambda: [v1.train.CheckpointSaverListener()],
        "word": lambda: "hooks",
        "empty word": lambda: "",
        "zero": lambda: 0,
        "false": lambda: False,
        "a tuple of none": lambda: (),
    }

    def evaluated(where, make):
        return models.estimator(where).train(models.batches, steps=1).evaluate(models.once, hooks=make())

    def predicted(where, make):
        made = models.estimator(where).train(models.batches, steps=1)
        return len(list(made.predict(models.features_only, hooks=make())))

    listeners = {
        "tuple": lambda: (v1.train.CheckpointSaverListener(),),
        "generator": lambda: (one for one in [v1.train.CheckpointSaverListener()]),
        "one": v1.train.CheckpointSaverListener,
        "hook": lambda: [hook()],
        "duck": lambda: [Duck()],
        "none in it": lambda: [None],
        "zero": lambda: 0,
    }
    return {
        "train": of_each(
            os.path.join(directory, "t"), cases, lambda d, make: trained(d, "m", hooks=make(), steps=2)
        ),
        "evaluate": of_each(os.path.join(directory, "e"), cases, evaluated),
        "predict": of_each(os.path.join(directory, "p"), cases, predicted),
        "listeners": of_each(
            os.path.join(directory, "l"),
            listeners,
            lambda d, make: trained(d, "m", saving_listeners=make(), steps=2),
        ),
    }


class Odd(v1.train.SessionRunHook):
    """A hook with one method of its own."""

    def __init__(self, **methods):
        for name, method in methods.items():
            setattr(self, name, method)


def raising(error):
    def method(*given):
        raise error

    return method


@program("train hooks", "evaluate hooks", "request to stop")
def what_hooks_return_and_raise(directory):
    cases = {
        "a tensor to run": lambda: Odd(before_run=lambda c: v1.train.get_global_step()),
        "a list to run": lambda: Odd(before_run=lambda c: [v1.train.get_global_step()]),
        "a word to run": lambda: Odd(before_run=lambda c: "global_step:0"),
        "arguments of a word": lambda: Odd(before_run=lambda c: v1.train.SessionRunArgs("global_step:0")),
        "arguments of nothing": lambda: Odd(before_run=lambda c: v1.train.SessionRunArgs(None)),
        "arguments of a dict": lambda: Odd(
            before_run=lambda c: v1.train.SessionRunArgs({"a": {"b": v1.train.get_global_step()}})
        ),
        "arguments of no tensor": lambda: Odd(before_run=lambda c: v1.train.SessionRunArgs(3)),
        "false to run": lambda: Odd(before_run=lambda c: False),
        "true to run": lambda: Odd(before_run=lambda c: True),
        "an operation made late": lambda: Odd(after_create_session=lambda s, c: tf.constant(1.0)),
        "end of input before": lambda: Odd(before_run=raising(tf.errors.OutOfRangeError(None, None, "over"))),
        "end of input after": lambda: Odd(after_run=raising(tf.errors.OutOfRangeError(None, None, "over"))),
        "end of iteration after": lambda: Odd(after_run=raising(StopIteration())),
        "an error in begin": lambda: Odd(begin=raising(KeyError("begin"))),
        "an error in end": lambda: Odd(end=raising(KeyError("end"))),
        "end of input in end": lambda: Odd(end=raising(tf.errors.OutOfRangeError(None, None, "over"))),
        "an exit": lambda: Odd(after_run=raising(KeyError("after"))),
        "stop in before_run": lambda: Odd(before_run=lambda c: c.request_stop()),
        "stop in after_create_session": lambda: Odd(after_create_session=lambda s, c: c.request_stop()),
        "a run of its own": lambda: Odd(after_run=lambda c, v: c.session.run(v1.train.get_global_step())),
        "an assignment in begin": lambda: Odd(begin=lambda: v1.get_variable("more", initializer=1.0)),
    }

    def evaluated(where, make):
        made = models.estimator(where).train(models.batches, steps=1)
        return made.evaluate(models.once, hooks=[make()])

    return {
        "train": of_each(
            os.path.join(directory, "t"), cases, lambda d, make: trained(d, "m", hooks=[make()], steps=3)
        ),
        "evaluate": of_each(os.path.join(directory, "e"), cases, evaluated),
    }
