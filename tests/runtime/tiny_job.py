"""A program of one task of a tiny job: what the tests of distributed training run in each process.

It is run with a global TASK: {"tf_config", "log", "max_steps", "hold_at", "release_file"}.

The model has one weight on a parameter server. Until the release file exists the global step goes no further than hold_at
(None for no such bound), while every task goes on running steps: a test can take all the time that it needs to kill and
restart tasks, whatever the speed of the machine. Two tasks that advanced the step at the same moment would carry it
over the bound, so until then only the chief does. Each task prints `stepping SESSION STEP` once per session that it made, after that session's
first step.
"""

import os
import pathlib
import signal
import sys
import time

import numpy as np
import tensorflow as tf

import estimator_runtime as er

TASK = globals()["TASK"]
RELEASE = pathlib.Path(TASK["release_file"])


def report(*words):
    print(*words, flush=True)


class ReportSessions(er.SessionRunHook):
    """Prints a line after the first step of every session."""

    def __init__(self):
        self.sessions = 0
        self.reported = 0

    def begin(self):
        self.step = tf.compat.v1.train.get_global_step()

    def after_create_session(self, session, coord):
        self.sessions += 1

    def before_run(self, run_context):
        return er.SessionRunArgs(self.step)

    def after_run(self, run_context, run_values):
        if self.reported != self.sessions:
            self.reported = self.sessions
            report("stepping", self.sessions, run_values.results)


def advance(step, is_chief):
    time.sleep(0.002)
    if TASK["hold_at"] is None or RELEASE.exists():
        return np.int64(1)
    return np.int64(is_chief and step < TASK["hold_at"])


def model_fn(features, labels, mode, config):
    weight = tf.compat.v1.get_variable("weight", [1], initializer=tf.compat.v1.zeros_initializer())
    predictions = features["x"] * weight
    if mode == er.ModeKeys.PREDICT:
        return er.EstimatorSpec(mode, predictions={"y": predictions})
    loss = tf.reduce_mean(tf.square(predictions - labels))
    step = tf.compat.v1.train.get_global_step()
    train_op = None
    if mode == er.ModeKeys.TRAIN:
        descent = tf.compat.v1.train.GradientDescentOptimizer(0.1).minimize(loss)
        with tf.control_dependencies([descent]):
            increment = tf.compat.v1.py_func(advance, [step, config.is_chief], tf.int64)
            train_op = tf.compat.v1.assign_add(step, tf.reshape(increment, []))
    metrics = {"error": tf.compat.v1.metrics.mean_absolute_error(labels, predictions)}
    return er.EstimatorSpec(mode, loss=loss, train_op=train_op, eval_metric_ops=metrics)


def input_fn():
    return tf.data.Dataset.from_tensors(({"x": [[1.0], [2.0]]}, [[2.0], [4.0]])).repeat()


def serving_fn():
    x = tf.compat.v1.placeholder(tf.float32, [None, 1], name="x")
    return er.export.ServingInputReceiver({"x": x}, {"x": x})


def main():
    with open(TASK["log"], "wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ["TF_CONFIG"] = TASK["tf_config"]
    signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(0))
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)
    config = er.RunConfig(
        save_checkpoints_secs=1,
        save_summary_steps=None,
        log_step_count_steps=None,
        experimental_max_worker_delay_secs=0,
    )
    estimator = er.Estimator(model_fn, config=config)
    train_spec = er.TrainSpec(input_fn, max_steps=TASK["max_steps"], hooks=[ReportSessions()])
    exporters = [er.FinalExporter("final", serving_fn), er.BestExporter("best", serving_fn)]
    eval_spec = er.EvalSpec(input_fn, steps=1, exporters=exporters, start_delay_secs=0, throttle_secs=1)
    report("starting", config.task_type, config.task_id)
    er.train_and_evaluate(estimator, train_spec, eval_spec)
    report("done")


if __name__ == "__main__":
    main()
