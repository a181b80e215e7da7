"""A program of one task of a job whose pace the test sets through files.

It is run with a global TASK: {"tf_config", "log", "directory", "examples", "save_secs"}.

The model counts: the one variable `made`, on a parameter server, is the number of steps that were ever made on it.
Steps are made while the file `go` is in the directory (and stand still otherwise, without ending), for as long as the
input of `examples` examples lasts, or for ever when that is 0. When the file `stop` is there the chief requests the stop.
The file ROLE-INDEX.step holds the last step that a task has seen.
"""

import os
import pathlib
import signal
import time

import tensorflow as tf

import estimator_runtime as er

TASK = globals()["TASK"]
DIRECTORY = pathlib.Path(TASK["directory"])


class Follow(er.SessionRunHook):
    """Writes down where training is, and lets the chief end it."""

    def __init__(self, config):
        self.is_chief = config.is_chief
        self.file = DIRECTORY / f"{config.task_type}-{config.task_id}.step"
        self.seen = None

    def begin(self):
        self.step = tf.compat.v1.train.get_global_step()

    def before_run(self, run_context):
        return er.SessionRunArgs(self.step)

    def after_run(self, run_context, run_values):
        if run_values.results != self.seen:
            self.seen = run_values.results
            temporary = self.file.with_suffix(".new")
            temporary.write_text(str(self.seen))
            temporary.replace(self.file)
        if self.is_chief and (DIRECTORY / "stop").exists():
            run_context.request_stop()
        time.sleep(0.01)


def going(_):
    return (DIRECTORY / "go").exists()


def model_fn(features, labels, mode):
    made = tf.compat.v1.get_variable("made", [], initializer=tf.compat.v1.zeros_initializer())
    if mode == er.ModeKeys.PREDICT:
        return er.EstimatorSpec(mode, predictions={"y": features["x"] * made})
    loss = tf.reduce_mean(features["x"])
    step = tf.compat.v1.train.get_global_step()
    one = tf.cast(tf.reshape(tf.compat.v1.py_func(going, [loss], tf.bool), []), tf.int64)
    train_op = tf.group(
        tf.compat.v1.assign_add(made, tf.cast(one, tf.float32)), tf.compat.v1.assign_add(step, one)
    )
    return er.EstimatorSpec(mode, loss=loss, train_op=train_op)


def input_fn():
    example = tf.data.Dataset.from_tensors(({"x": [1.0]}, [1.0]))
    return example.repeat(TASK["examples"] or None)


def eval_fn():
    return tf.data.Dataset.from_tensors(({"x": [1.0]}, [1.0]))


def serving_fn():
    x = tf.compat.v1.placeholder(tf.float32, [None])
    return er.export.ServingInputReceiver({"x": x}, {"x": x})


def main():
    with open(TASK["log"], "wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ["TF_CONFIG"] = TASK["tf_config"]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)
    config = er.RunConfig(
        save_checkpoints_secs=TASK["save_secs"],
        save_summary_steps=None,
        log_step_count_steps=None,
        experimental_max_worker_delay_secs=0,
    )
    estimator = er.Estimator(model_fn, config=config)
    eval_spec = er.EvalSpec(
        eval_fn, steps=1, exporters=er.FinalExporter("final", serving_fn), start_delay_secs=0, throttle_secs=1
    )
    er.train_and_evaluate(estimator, er.TrainSpec(input_fn, hooks=[Follow(config)]), eval_spec)
    print("done", flush=True)


if __name__ == "__main__":
    main()
