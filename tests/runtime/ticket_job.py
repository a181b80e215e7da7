"""A program of one task of a job whose tasks all make steps, as many as they may, until `max_steps`.

It is run with a global TASK: {"tf_config", "log", "directory", "max_steps", "steps_per_loop", "stops"}.

The file ROLE-INDEX.steps has a line for each step that a task has made. "stops" is {ROLE-INDEX: {where: number}}: that task
stands still in its step of that number, "in" it, before it changes anything, or "after" it, before the next one. Then the
file ROLE-INDEX.WHERE is there, and it goes on when the file released.WHERE is. The other tasks make no step until then, or
they might make them all.
"""

import os
import pathlib
import time

import tensorflow as tf

import estimator_runtime as er

TASK = globals()["TASK"]
DIRECTORY = pathlib.Path(TASK["directory"])
STEP_SECS = 0.01
v1 = tf.compat.v1


class Stop:
    """Where a task stands still."""

    def __init__(self, name):
        self.name = name
        self.numbers = TASK["stops"].get(name, {})
        self.counts = {"in": 0, "after": 0}

    def let_others_stop(self):
        """Waits until the other tasks that stand still do so, each for the first time."""
        for name, numbers in TASK["stops"].items():
            while name != self.name and not (DIRECTORY / f"{name}.{next(iter(numbers))}").exists():
                time.sleep(STEP_SECS)

    def reached(self, where):
        self.counts[where] += 1
        if self.counts[where] == self.numbers.get(where):
            (DIRECTORY / f"{self.name}.{where}").touch()
            while not (DIRECTORY / f"released.{where}").exists():
                time.sleep(STEP_SECS)


class Count(er.SessionRunHook):
    def __init__(self, stop):
        self.stop = stop

    def after_create_session(self, session, coord):
        self.stop.let_others_stop()

    def after_run(self, run_context, run_values):
        with (DIRECTORY / f"{self.stop.name}.steps").open("a") as file:
            file.write("step\n")
        self.stop.reached("after")


def main():
    with open(TASK["log"], "wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ["TF_CONFIG"] = TASK["tf_config"]
    v1.logging.set_verbosity(v1.logging.INFO)
    config = er.RunConfig(
        save_checkpoints_secs=3600,
        save_summary_steps=None,
        log_step_count_steps=None,
        experimental_max_worker_delay_secs=0,
        steps_per_loop=TASK["steps_per_loop"],
    )
    stop = Stop(f"{config.task_type}-{config.task_id}")

    def paced(x):
        time.sleep(STEP_SECS)
        stop.reached("in")
        return x

    def model_fn(features, labels, mode):
        weight = v1.get_variable("weight", [1], initializer=v1.zeros_initializer())
        made = v1.get_variable("made", [], tf.int64, v1.zeros_initializer(), trainable=False)
        # The gradient needs what comes out of it, and so all that a step changes.
        x = tf.ensure_shape(v1.py_func(paced, [features["x"]], tf.float32), [2])
        loss = tf.reduce_mean(tf.square(x * weight - labels))
        step = v1.train.get_global_step()
        train_op = v1.train.GradientDescentOptimizer(0.1).minimize(loss, step)
        with tf.control_dependencies([loss]):
            counted = v1.assign_add(made, 1)
        return er.EstimatorSpec(mode, loss=loss, train_op=tf.group(train_op, counted))

    def input_fn():
        return tf.data.Dataset.from_tensors(({"x": [1.0, 2.0]}, [2.0, 4.0])).repeat()

    estimator = er.Estimator(model_fn, config=config)
    er.train_and_evaluate(
        estimator,
        er.TrainSpec(input_fn, max_steps=TASK["max_steps"], hooks=[Count(stop)]),
        er.EvalSpec(input_fn, steps=1),
    )
    print("done", flush=True)


if __name__ == "__main__":
    main()
