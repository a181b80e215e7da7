"""train_and_evaluate and its specs: forms of their fields, who is called when, what comes out."""

import functools

import models
import numpy as np
import tensorflow as tf
from attempts import kind
from catalogue import program
from computations import outcome
from models import Listener, Recorder, v1

FINISHED = {
    "files/model/*finished*": "the end of training is marked in the model directory, for the evaluator"
}


def evaluation(**fields):
    return tf.estimator.EvalSpec(models.once, **{"start_delay_secs": 0, "throttle_secs": 0, **fields})


@program("TrainSpec")
def fields_of_a_train_spec(directory):
    hook, listener = Recorder("hook", []), Listener("listener", [])
    forms = {
        "numpy steps": {"max_steps": np.int64(3)},
        "float steps": {"max_steps": 2.5},
        "True": {"max_steps": True},
        "False": {"max_steps": False},
        "text": {"max_steps": "3"},
        "a generator of hooks": {"hooks": (one for one in [hook])},
        "a set of hooks": {"hooks": {hook}},
        "one hook": {"hooks": hook},
        "false for hooks": {"hooks": False},
        "a listener among hooks": {"hooks": [listener]},
        "a hook among listeners": {"saving_listeners": [hook]},
        "a generator of listeners": {"saving_listeners": (one for one in [listener])},
        "one listener": {"saving_listeners": listener},
    }

    def made(fields):
        s = tf.estimator.TrainSpec(models.batches, **fields)
        return [s.max_steps, kind(s.hooks), len(s.hooks), kind(s.saving_listeners)]

    return {name: outcome(lambda given=given: made(given)) for name, given in forms.items()}


@program("EvalSpec")
def fields_of_an_eval_spec(directory):
    forms = {
        "steps None": {"steps": None},
        "numpy steps": {"steps": np.int32(3)},
        "float steps": {"steps": 0.5},
        "True": {"steps": True},
        "text steps": {"steps": "3"},
        "empty name": {"name": ""},
        "path as a name": {"name": "a/b"},
        "bytes as a name": {"name": b"a"},
        "delay 0": {"start_delay_secs": 0},
        "delay None": {"start_delay_secs": None},
        "delay numpy": {"start_delay_secs": np.float32(1.5)},
        "delay text": {"start_delay_secs": "1"},
        "throttle None": {"throttle_secs": None},
        "throttle broken": {"throttle_secs": 0.1},
    }

    def made(fields):
        s = tf.estimator.EvalSpec(models.once, **fields)
        return [s.steps, s.name, s.start_delay_secs, s.throttle_secs]

    return {name: outcome(lambda given=given: made(given)) for name, given in forms.items()}


@program("TrainSpec", "EvalSpec")
def specs_are_tuples(directory):
    train, evaluate = tf.estimator.TrainSpec(models.batches, 3), tf.estimator.EvalSpec(models.once)
    return {
        "replaced": [train._replace(max_steps=5).max_steps, evaluate._replace(steps=None).steps],
        "replaced by what is refused": [
            outcome(lambda: train._replace(max_steps=-1).max_steps),
            outcome(lambda: evaluate._replace(name=3).name),
        ],
        "equal": [
            train == tf.estimator.TrainSpec(models.batches, 3),
            evaluate == tf.estimator.EvalSpec(models.once),
        ],
        "lengths": [len(train), len(evaluate)],
        "input functions": [train.input_fn is models.batches, evaluate[0] is models.once],
        "other fields": outcome(lambda: train._replace(colour="red")),
        "set": outcome(lambda: setattr(train, "max_steps", 4)),
        "partial": outcome(lambda: kind(tf.estimator.TrainSpec(functools.partial(models.batches)).input_fn)),
        "a class": outcome(lambda: tf.estimator.TrainSpec(dict).input_fn is dict),
    }


@program("local loop", "EvalSpec", "Exporter", differs=FINISHED)
def order_of_a_loop(directory):
    """Hooks, listeners, evaluations and exporters in one list."""
    calls = []

    class Note(tf.estimator.Exporter):
        def __init__(self, name):
            self._name = name

        @property
        def name(self):
            return self._name

        def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
            calls.append(
                [self.name, export_path, checkpoint_path, eval_result["global_step"], is_the_final_export]
            )
            return self.name

    result = tf.estimator.train_and_evaluate(
        models.estimator(directory, save_checkpoints_steps=2),
        tf.estimator.TrainSpec(models.batches, 3, [Recorder("train", calls)], [Listener("listener", calls)]),
        evaluation(exporters=[Note("b"), Note("a")], hooks=[Recorder("eval", calls)], name="n", steps=1),
    )
    return {"result": result, "calls": calls}


@program("local loop", differs=FINISHED)
def a_loop_of_one_step(directory):
    return tf.estimator.train_and_evaluate(
        models.estimator(directory), tf.estimator.TrainSpec(models.batches, 1), evaluation(steps=None)
    )


@program("local loop")
def a_loop_whose_evaluation_fails(directory):
    def fails(mode):
        raise KeyError("fails")

    estimator = models.estimator(directory, save_checkpoints_steps=2)
    ended = outcome(
        lambda: tf.estimator.train_and_evaluate(
            estimator,
            tf.estimator.TrainSpec(models.batches, 4),
            tf.estimator.EvalSpec(fails, throttle_secs=0),
        )
    )
    return [ended, int(estimator.get_variable_value("global_step"))]


@program(
    "local loop",
    "request to stop",
    differs={
        **FINISHED,
        "*export*": "a training that a hook ends has its final export, as one that reaches its last step",
    },
)
def a_loop_that_a_hook_stops(directory):
    class Stop(v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            run_context.request_stop()

    exporter = tf.estimator.FinalExporter("final", models.raw_receiver)
    metrics, exports = tf.estimator.train_and_evaluate(
        models.estimator(directory),
        tf.estimator.TrainSpec(models.batches, 4, [Stop()]),
        evaluation(exporters=exporter),
    )
    return {"metrics": metrics, "exports": len(exports)}


@program("local loop", differs=FINISHED)
def two_loops_after_each_other(directory):
    """The second one goes on to its own last step."""
    seen = []
    for max_steps in (2, 4):
        estimator = models.estimator(directory)
        seen.append(
            tf.estimator.train_and_evaluate(
                estimator, tf.estimator.TrainSpec(models.batches, max_steps), evaluation()
            )
        )
    return seen


@program("local loop", "subclass", differs=FINISHED)
def a_loop_of_an_estimators_subclass(directory):
    class Mine(tf.estimator.Estimator):
        def __init__(self, path):
            super().__init__(models.linear, path + "/model", models.config(save_checkpoints_steps=2))

        def more(self):
            return "more"

    estimator = Mine(directory)
    return [
        tf.estimator.train_and_evaluate(estimator, tf.estimator.TrainSpec(models.batches, 2), evaluation()),
        estimator.more(),
    ]


@program("make_early_stopping_hook")
def arguments_of_an_early_stopping_hook(directory):
    make = tf.estimator.experimental.make_early_stopping_hook
    estimator = models.estimator(directory)

    class Always:
        def __call__(self):
            return True

    calls = {
        "defaults": lambda: make(estimator, lambda: True),
        "neither interval": lambda: make(estimator, lambda: True, None, None),
        "steps alone": lambda: make(estimator, lambda: True, run_every_steps=3),
        "steps and no secs": lambda: make(estimator, lambda: True, None, 3),
        "0 steps": lambda: make(estimator, lambda: True, None, 0),
        "-1 steps": lambda: make(estimator, lambda: True, None, -1),
        "instance": lambda: make(estimator, Always()),
        "partial": lambda: make(estimator, functools.partial(lambda value: value, True)),
        "no function": lambda: make(estimator, True),
        "None": lambda: make(None, lambda: True),
        "a class": lambda: make(tf.estimator.Estimator, lambda: True),
    }
    return {
        name: outcome(lambda call=call: isinstance(call(), v1.train.SessionRunHook))
        for name, call in calls.items()
    }


@program("stop_if hooks")
def arguments_of_stop_if_hooks(directory):
    ee = tf.estimator.experimental
    estimator = models.estimator(directory)
    calls = {
        "positional": lambda: ee.stop_if_higher_hook(estimator, "a", 1.0, None, 0, None, 5),
        "no estimator and a directory": lambda: ee.stop_if_higher_hook("estimator", "a", 1.0, directory),
        "no name": lambda: ee.stop_if_lower_hook(estimator, None, 1.0),
        "a text as threshold": lambda: ee.stop_if_lower_hook(estimator, "a", "1"),
        "no decrease": lambda: ee.stop_if_no_decrease_hook(estimator, "a", 3, None, 0, None, 5),
        "no increase for None": lambda: ee.stop_if_no_increase_hook(estimator, "a", None),
        "both intervals": lambda: ee.stop_if_no_increase_hook(estimator, "a", 1, run_every_steps=1),
    }
    return {
        name: outcome(lambda call=call: isinstance(call(), v1.train.SessionRunHook))
        for name, call in calls.items()
    }


@program("stop at checkpoint")
def arguments_of_stop_at_checkpoint(directory):
    make = tf.estimator.experimental.make_stop_at_checkpoint_step_hook
    estimator = models.estimator(directory)
    calls = {
        "defaults": lambda: make(estimator, 3),
        "positional": lambda: make(estimator, 3, 1),
        "no step": lambda: make(estimator, None),
        "0": lambda: make(estimator, 0),
        "-1": lambda: make(estimator, -1),
        "no estimator": lambda: make("estimator", 3),
    }
    return {name: outcome(lambda call=call: type(call()).__name__) for name, call in calls.items()}


@program("InMemoryEvaluatorHook")
def arguments_of_an_in_memory_evaluation(directory):
    make = tf.estimator.experimental.InMemoryEvaluatorHook
    estimator = models.estimator(directory)
    calls = {
        "positional": lambda: make(estimator, models.once, 1, [Recorder("a", [])], "name", 3),
        "every 0": lambda: make(estimator, models.once, every_n_iter=0),
        "every None": lambda: make(estimator, models.once, every_n_iter=None),
        "every text": lambda: make(estimator, models.once, every_n_iter="1"),
        "steps 0": lambda: make(estimator, models.once, steps=0),
        "no estimator": lambda: make("estimator", models.once),
        "no hooks": lambda: make(estimator, models.once, hooks=["hook"]),
    }
    return {
        name: outcome(lambda call=call: isinstance(call(), v1.train.SessionRunHook))
        for name, call in calls.items()
    }
