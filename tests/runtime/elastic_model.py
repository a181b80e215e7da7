"""A model that counts who trains it: what the tasks of an elastic job refer to.

The variable `made` on the parameter server holds, per task, how many steps that task has ever made on the model; the
tasks are the chief and then the workers by index. Beside the model every task keeps the file ROLE-INDEX.seen, a JSON
object {"step", "made", "sessions"}: what its latest step saw, and how many sessions it has needed so far.

A training needs MAX_STEPS steps, more than any machine makes in the time of a test. When the file `released` is beside
the model, the chief's next step counts for all that are left: the test says when training ends, not the machine.
"""

import json
import os
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from linear_model import linear, train_input

__all__ = ["train_input"]

v1 = tf.compat.v1
WORKERS = 4
MAX_STEPS = 10_000_000
_BESIDE = Path(os.environ.get("ESTIMATOR_MODEL_DIR", "model")).parent


def steps_of(role, index=0):
    """The place of a task in `made`."""
    return {"chief": 0, "worker": 1}[role] + index


def _advance(step, is_chief):
    left = MAX_STEPS - step
    return np.int64(left if is_chief and left > 0 and (_BESIDE / "released").exists() else 1)


def model_fn(features, labels, mode, config):
    made = v1.get_variable(
        "made", [1 + WORKERS], tf.int64, initializer=v1.zeros_initializer(), trainable=False
    )
    y = linear(features["x"])
    loss = tf.reduce_mean(tf.square(y - labels))
    # The gradient goes to the parameter server, which answers only those whose addresses it knows.
    descent = v1.train.GradientDescentOptimizer(0.01).minimize(loss)
    own = tf.one_hot(steps_of(config.task_type, config.task_id), 1 + WORKERS, dtype=tf.int64)
    with tf.control_dependencies([descent, v1.assign_add(made, own)]):
        step = v1.train.get_global_step()
        advance = v1.py_func(_advance, [step, config.is_chief], tf.int64)
        train_op = v1.assign_add(step, tf.reshape(advance, []))
    return tf.estimator.EstimatorSpec(mode, loss=loss, predictions={"y": y}, train_op=train_op)


class Watch(v1.train.SessionRunHook):
    """Writes down what every step saw, and keeps an endless training from being a busy one."""

    def begin(self):
        self.sessions = 0
        (made,) = v1.get_collection(v1.GraphKeys.GLOBAL_VARIABLES, "made")
        self.looks_at = {"step": v1.train.get_global_step(), "made": made}
        self.file = _BESIDE / f"{os.environ['ESTIMATOR_ROLE']}-{os.environ['ESTIMATOR_INDEX']}.seen"

    def after_create_session(self, session, coord):
        self.sessions += 1

    def before_run(self, run_context):
        return v1.train.SessionRunArgs(self.looks_at)

    def after_run(self, run_context, run_values):
        values = {name: value.tolist() for name, value in run_values.results.items()}
        temporary = self.file.with_suffix(".new")
        temporary.write_text(json.dumps({**values, "sessions": self.sessions}))
        temporary.replace(self.file)
        time.sleep(0.01)
