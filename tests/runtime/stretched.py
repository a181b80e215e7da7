"""Trainings with quiet stretches and without, to be held against each other."""

import collections
import re
from pathlib import Path

import tensorflow as tf
from linear_model import X, Y, v1

from estimator_runtime import Estimator, RunConfig
from estimator_runtime.loop import evaluation, training
from estimator_runtime.loop.stretches import pace
from estimator_runtime.loop.stretches.stretches import Stretches

PERIODS = {"save_summary_steps": 10, "log_step_count_steps": 15, "save_checkpoints_steps": 20}
NOBODY = {
    "save_summary_steps": None,
    "log_step_count_steps": None,
    "save_checkpoints_steps": None,
    "save_checkpoints_secs": None,
}


def estimator(directory, model_fn, steps_per_loop=10, **config):
    settings = {"tf_random_seed": 1, "keep_checkpoint_max": 0, **PERIODS, **config}
    return Estimator(model_fn, str(directory), RunConfig(steps_per_loop=steps_per_loop, **settings))


def varied(count=10_000):
    """Batches of which none is like another."""
    numbers = tf.data.Dataset.range(count).batch(4, drop_remainder=True)

    def example(batch):
        x = tf.cast(batch % 17, tf.float32)[:, None] / 17
        return {"x": x, "word": tf.as_string(batch % 3)}, 2 * x

    return numbers.map(example)


def steady():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(4).repeat()


def checkpoints(directory):
    """Every variable of every checkpoint, as bytes."""
    return {
        path.stem: {
            name: tf.train.load_checkpoint(str(path.with_suffix(""))).get_tensor(name).tobytes()
            for name, _ in tf.train.list_variables(str(path.with_suffix("")))
        }
        for path in sorted(Path(directory).glob("*.index"))
    }


def events(directory):
    """What event files hold, by tag and step; speeds without their value."""
    found = collections.defaultdict(list)
    for file in sorted(Path(directory).glob("*tfevents*")):
        for event in v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                content = None if value.tag.endswith("/sec") else value.simple_value
                found[value.tag].append((event.step, content))
    return dict(found)


def logged(records):
    """The lines that tell of losses and speeds, without times, steps and speeds."""
    lines = [record.getMessage() for record in records]
    kept = [
        line for line in lines if re.match(r"(loss|global_step|Loss|Saving check|The input|Training)", line)
    ]
    return [re.sub(r"\(.*sec\)|(?<=sec: ).*|(?<=step = ).*|/\S+/", "", line) for line in kept]


def watch(monkeypatch):
    """Has the Stretches of each training kept, in a list, and made by "auto" also for trainings as short as those here."""
    return _watch(monkeypatch, training)


def watch_evaluations(monkeypatch):
    """The same of evaluations."""
    return _watch(monkeypatch, evaluation)


def _watch(monkeypatch, room):
    kept = []
    monkeypatch.setattr(pace, "FEWEST_STEPS", 50)

    class Kept(Stretches):
        def __init__(self, *arguments, **settings):
            super().__init__(*arguments, **settings)
            kept.append(self)

    monkeypatch.setattr(room, "Stretches", Kept)
    return kept


class Sees(v1.train.SessionRunHook):
    """Asks for the global step in each step that it is called in."""

    def __init__(self):
        self.steps = []

    def before_run(self, run_context):
        return v1.train.SessionRunArgs(v1.train.get_global_step())

    def after_run(self, run_context, run_values):
        self.steps.append(int(run_context.session.run(v1.train.get_global_step())))
