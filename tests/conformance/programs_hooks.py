"""Session hooks: what they may ask for, when they fail, what they find, in each of the methods that take them."""

import os

import models
import numpy as np
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import Recorder, v1


def each_method(directory, hook, model_fn=models.linear):
    """What came of training, evaluating and predicting with a hook that `hook()` makes."""
    return of_estimator(models.estimator(directory, model_fn).train(models.batches, steps=1), hook)


def of_estimator(estimator, hook):
    return {
        "train": outcome(lambda: int(estimator.train(models.batches, hooks=[hook()], steps=2).get_variable_value("global_step"))),
        "evaluate": outcome(lambda: estimator.evaluate(models.once, hooks=[hook()])["mae"]),
        "predict": outcome(lambda: [row["y"] for row in estimator.predict(models.features_only, hooks=[hook()])]),
    }  # fmt: skip


class Asking(v1.train.SessionRunHook):
    """Asks for something and keeps what it got."""

    def __init__(self, seen, ask):
        self.seen, self.ask = seen, ask

    def begin(self):
        self.asked = self.ask()

    def before_run(self, run_context):
        return v1.train.SessionRunArgs(self.asked)

    def after_run(self, run_context, run_values):
        self.seen.append(run_values.results)


@program("train hooks", "evaluate hooks", "predict hooks")
def structures_that_hooks_ask_for(directory):
    seen = []

    def ask():
        one = tf.constant(1)
        return {"a": one, "b": [one, (one + 1, {"c": one + 2})], "d": []}

    return {"results": each_method(directory, lambda: Asking(seen, ask)), "seen": seen}


@program("train hooks")
def hooks_that_ask_for_an_operation_or_a_name(directory):
    seen = []
    asks = {
        "operation": tf.no_op,
        "name": lambda: tf.constant(3.0, name="three").name,
        "nothing": list,
        "variable": lambda: v1.global_variables("b")[0],
    }
    estimator = models.estimator(directory)
    hooks = [Asking(seen, ask) for ask in asks.values()]
    return [outcome(lambda: estimator.train(models.batches, hooks=hooks, steps=1) is estimator), seen]


class Feeding(v1.train.SessionRunHook):
    """Feeds a placeholder of the model."""

    def __init__(self, value, name="offset:0"):
        self.value, self.name = value, name

    def before_run(self, run_context):
        return v1.train.SessionRunArgs(None, feed_dict={self.name: self.value})


def with_offset(features, labels, mode):
    offset = v1.placeholder_with_default(0.0, [], name="offset")
    return models.regression(mode, models.line(features["x"]) + offset, labels)


@program("train hooks", "evaluate hooks", "predict hooks")
def hooks_that_feed(directory):
    return each_method(directory, lambda: Feeding(1.0), with_offset)


@program("hook aliases", "train hooks")
def feed_functions(directory):
    hook = tf.estimator.FeedFnHook(lambda: {"offset:0": 2.0})
    estimator = models.estimator(directory, with_offset).train(models.batches, hooks=[hook], steps=2)
    return models.variables(estimator)


@program("train hooks")
def two_hooks_that_feed_one_tensor(directory):
    estimator = models.estimator(directory, with_offset)
    hooks = [Feeding(1.0), Feeding(2.0)]
    return outcome(lambda: estimator.train(models.batches, hooks=hooks, steps=1) is estimator)


def failing(at, error=KeyError):
    class Fail(v1.train.SessionRunHook):
        pass

    def fail(self, *arguments):
        raise error("fails")

    setattr(Fail, at, fail)
    return Fail()


@program("train hooks", "evaluate hooks", "predict hooks")
def hooks_that_fail_at_each_call(directory):
    """Others are told, or not, in the same way."""
    seen = {}
    estimator = models.estimator(directory).train(models.batches, steps=1)
    for at in ("begin", "after_create_session", "before_run", "after_run", "end"):
        calls = []

        def hook(at=at, calls=calls):
            first, last, fail = Recorder("first", calls), Recorder("last", calls), failing(at)

            class All(v1.train.SessionRunHook):
                def begin(self):
                    for part in (first, fail, last):
                        part.begin()

                def after_create_session(self, session, coord):
                    for part in (first, fail, last):
                        part.after_create_session(session, coord)

                def before_run(self, run_context):
                    for part in (first, fail, last):
                        part.before_run(run_context)

                def after_run(self, run_context, run_values):
                    for part in (first, fail, last):
                        part.after_run(run_context, run_values)

                def end(self, session):
                    for part in (first, fail, last):
                        part.end(session)

            return All()

        seen[at] = {"results": of_estimator(estimator, hook), "calls": calls}
    return seen


@program("train hooks", "end of input")
def hooks_that_end_the_input(directory):
    """OutOfRangeError and StopIteration of a hook end the call as the end of the input does."""
    estimator = models.estimator(directory)
    seen = {}
    for name, error in {
        "StopIteration": StopIteration,
        "OutOfRangeError": lambda text: tf.errors.OutOfRangeError(None, None, text),
    }.items():
        for at in ("before_run", "after_run"):
            calls = []
            hooks = [failing(at, error), Recorder("other", calls)]
            seen[f"{name} {at}"] = [
                outcome(lambda h=hooks: int(estimator.train(models.batches, hooks=h, steps=5).get_variable_value("global_step"))),
                calls,
            ]  # fmt: skip
    return seen


def stopping(at):
    class Stop(v1.train.SessionRunHook):
        def before_run(self, run_context):
            if at == "before_run":
                run_context.request_stop()

        def after_run(self, run_context, run_values):
            if at == "after_run":
                run_context.request_stop()

    return Stop()


@program("request to stop")
def where_a_hook_asks_to_stop(directory):
    estimator = models.estimator(directory).train(models.batches, steps=1)
    return {at: of_estimator(estimator, lambda at=at: stopping(at)) for at in ("before_run", "after_run")}


@program("train hooks")
def what_hooks_find(directory):
    """The context, the session and the graph that a hook is given, in each method."""
    seen = []

    class Look(v1.train.SessionRunHook):
        def begin(self):
            graph = v1.get_default_graph()
            seen.append(["begin", graph.finalized, v1.train.get_global_step().op.name])

        def after_create_session(self, session, coord):
            seen.append(["created", session.graph.finalized, type(coord).__name__, coord.should_stop()])
            seen.append(["in the graph", session.graph is v1.get_default_graph()])

        def before_run(self, run_context):
            seen.append(["before", len(run_context.original_args), run_context.stop_requested])

        def after_run(self, run_context, run_values):
            seen.append(["after", type(run_values).__name__, run_values.results, run_context.stop_requested])
            seen.append(
                [
                    "value",
                    type(run_context.session).__name__,
                    run_context.session.run("global_step:0").dtype.name,
                ]
            )

        def end(self, session):
            seen.append(["end", type(session).__name__, int(session.run("global_step:0"))])

    return {"results": each_method(directory, Look), "seen": seen}


@program("train hooks", "evaluate hooks")
def hooks_that_build(directory):
    """Variables that a hook makes in begin() are saved with the model's in training, and local ones are not."""

    class Build(v1.train.SessionRunHook):
        def begin(self):
            self.seen = v1.get_variable("seen", initializer=tf.constant(0.0))
            self.local = v1.get_local_variable("seen_now", initializer=tf.constant(0.0))
            self.count = tf.group(self.seen.assign_add(1.0), self.local.assign_add(1.0))

        def before_run(self, run_context):
            return v1.train.SessionRunArgs(self.count)

    estimator = models.estimator(directory).train(models.batches, hooks=[Build()], steps=3)
    return [models.variables(estimator), outcome(lambda: estimator.evaluate(models.once, hooks=[Build()]))]


@program("train hooks", "TrainSpec")
def forms_of_hooks(directory):
    """Lists and what is like one; each hook is told as often as it is given."""
    calls = []
    hook = Recorder("hook", calls)
    forms = {
        "tuple": (hook,),
        "generator": (one for one in [hook]),
        "set": {hook},
        "twice": [hook, hook],
        "false": False,
        "a class": [Recorder],
        "a text": "hook",
    }
    seen = {}
    estimator = models.estimator(directory).train(models.batches, steps=1)
    for name, hooks in forms.items():
        calls.clear()
        seen[name] = [
            outcome(lambda h=hooks: kind_of(estimator.evaluate(models.once, steps=1, hooks=h))),
            list(calls),
        ]
    return seen


def kind_of(result):
    return type(result["loss"]).__name__


@program("saving listeners")
def forms_of_listeners(directory):
    calls = []
    listener = models.Listener("listener", calls)
    forms = {
        "generator": (one for one in [listener]),
        "twice": [listener, listener],
        "a class": [models.Listener],
        "a hook": [Recorder("hook", [])],
    }
    seen = {}
    for name, listeners in forms.items():
        calls.clear()
        estimator = models.estimator(directory, name=name)
        seen[name] = [
            outcome(
                lambda e=estimator, given=listeners: (
                    e.train(models.batches, steps=1, saving_listeners=given) is e
                )
            ),
            list(calls),
        ]
    return seen


@program("saving listeners", "request to stop")
def listeners_that_stop_or_fail(directory):
    class Stop(v1.train.CheckpointSaverListener):
        def after_save(self, session, global_step_value):
            return global_step_value >= 2

    class Fail(v1.train.CheckpointSaverListener):
        def after_save(self, session, global_step_value):
            if global_step_value:
                raise KeyError("fails")

    seen = {}
    for name, listener in {"stops": Stop(), "fails": Fail()}.items():
        estimator = models.estimator(directory, name=name, save_checkpoints_steps=2)
        ended = outcome(
            lambda e=estimator, one=listener: e.train(models.batches, steps=9, saving_listeners=[one]) is e
        )
        seen[name] = [ended, int(estimator.get_variable_value("global_step"))]
    return seen


@program("train hooks", "NaN loss")
def a_nan_hook_of_ones_own(directory):
    """One that does not fail stops the training; the Estimator's own one raises all the same."""

    seen = {}
    for name, make in {
        "none": list,
        "stops": lambda: [v1.train.NanTensorHook("loss_value:0", fail_on_nan_loss=False)],
    }.items():
        estimator = models.estimator(directory, of_nan_at(2), name=name)
        seen[name] = outcome(
            lambda e=estimator, make=make: int(
                e.train(models.batches, hooks=make(), steps=5).get_variable_value("global_step")
            )
        )
    return seen


def of_nan_at(step):
    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        now = v1.train.get_global_step()
        made = tf.where(now < step, tf.reduce_mean(tf.square(y - labels)), np.float32("nan"))
        loss = tf.identity(made, name="loss_value")
        with tf.control_dependencies([loss]):
            train_op = v1.assign_add(now, 1)
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)

    return model_fn


@program("train hooks")
def hooks_that_log_by_name(directory):
    hook = tf.estimator.LoggingTensorHook(
        ["b"], every_n_iter=2, formatter=lambda values: f"seen: {sorted(values)}"
    )
    with models.logged("seen") as lines:
        estimator = models.estimator(directory).train(models.batches, hooks=[hook], steps=5)
    return {"log": lines, "variables": models.variables(estimator)}


@program("train hooks", "train max_steps")
def two_hooks_that_stop_at_a_step(directory):
    seen = {}
    for name, hook in {
        "earlier": lambda: tf.estimator.StopAtStepHook(num_steps=2),
        "passed": lambda: tf.estimator.StopAtStepHook(last_step=1),
    }.items():
        estimator = models.estimator(directory, name=name).train(models.batches, steps=2)
        estimator.train(models.batches, hooks=[hook()], steps=4)
        seen[name] = int(estimator.get_variable_value("global_step"))
    return seen


@program("train hooks", "saver")
def saver_hooks_of_the_model(directory):
    """A model that brings its own CheckpointSaverHook keeps the Estimator from making one."""
    seen = {}
    for field in ("training_hooks", "training_chief_hooks"):
        model_dir = os.path.join(directory, field)

        def hooks(y, model_dir=model_dir):
            return [v1.train.CheckpointSaverHook(model_dir, save_steps=3, checkpoint_basename="mine.ckpt")]

        estimator = models.estimator(directory, models.linear_in("train", **{field: hooks}), name=field)
        estimator.train(models.batches, steps=4)
        seen[field] = sorted(name for name in os.listdir(model_dir) if name.endswith(".index"))
    return seen
