"""One task of a synchronous training that signals strike, each once, at a chosen point; whoever starts it again is spared.

Its settings are a global TASK, by `cluster_tasks`, or the JSON of the variable LOST_TASK_JOB, as a program of a job:
`strikes`, one after the other ({`victim`: task, `point`: "start", "middle", "save" or "end", `signal`, `step`: of "middle" or
"save", `marker`: file that says that it has struck}), `last` (step), `strategy` ("eager" or "graph"), `silent_secs`.
"""

import json
import os
import pathlib
import signal
import sys
import time

if "TASK" in globals():
    SETTINGS = globals()["TASK"]
    os.environ["TF_CONFIG"] = SETTINGS["tf_config"]
    sys.stdout = sys.stderr = open(SETTINGS["log"], "a", buffering=1)  # noqa: SIM115
    os.dup2(sys.stdout.fileno(), 1)
    os.dup2(sys.stdout.fileno(), 2)
else:
    SETTINGS = json.loads(os.environ["LOST_TASK_JOB"])

import tensorflow as tf  # noqa: E402

import estimator_runtime as er  # noqa: E402
from estimator_runtime.cluster import peers  # noqa: E402

v1 = tf.compat.v1
v1.logging.set_verbosity(v1.logging.INFO)
ROLE = json.loads(os.environ["TF_CONFIG"])["task"]
NAME = f"{ROLE['type']}-{ROLE['index']}"
IS_CHIEF = ROLE["type"] == "chief"
SAVE_EVERY = 10
PATIENCE_SECS = 60
# A strike ends this process or another one, and then all: so there is one to come at most.
STRIKE = next((one for one in SETTINGS["strikes"] if not pathlib.Path(one["marker"]).exists()), None)
MARKER = STRIKE and pathlib.Path(STRIKE["marker"])
SAVING = MARKER and MARKER.with_name(f"{MARKER.name}.saving")

if SETTINGS.get("silent_secs"):
    peers.PeerWatch.__init__.__kwdefaults__["silent_secs"] = SETTINGS["silent_secs"]


def comes(point, step=None):
    """Whether it is at this point that a task is struck."""
    return STRIKE and (STRIKE["point"], STRIKE.get("step")) == (point, step) and not MARKER.exists()


def strike(point, step=None):
    if comes(point, step) and STRIKE["victim"] == NAME:
        MARKER.write_text(str(time.time()))
        os.kill(os.getpid(), signal.Signals[STRIKE["signal"]])
        # A process of many threads stops a moment later.
        time.sleep(3600)


def await_file(path):
    deadline = time.monotonic() + PATIENCE_SECS
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.01)


class Listener(v1.train.CheckpointSaverListener):
    """A chief is struck as it begins to save, and a worker while the chief does."""

    def before_save(self, session, step):
        if comes("save", step):
            SAVING.touch()
            strike("save", step)
            await_file(MARKER)


class Hook(er.SessionRunHook):
    def begin(self):
        local = tf.distribute.get_strategy().experimental_local_results
        self._step = local(v1.train.get_global_step())[0].read_value()

    def after_create_session(self, session, coord):
        strike("start")

    def after_run(self, run_context, run_values):
        # Of this task's own copy: no collective is in it.
        step = int(run_context.session.run(self._step))
        print(f"STEP {step}", flush=True)
        strike("middle", step)
        if not IS_CHIEF and comes("save", step):
            await_file(SAVING)
            strike("save", step)

    def end(self, session):
        strike("end")


def input_fn(input_context=None):
    return tf.data.Dataset.from_tensors(([[1.0]], [[2.0]])).repeat()


def model_fn(features, labels, mode):
    w = v1.get_variable("w", [1, 1], initializer=v1.zeros_initializer())
    loss = tf.reduce_mean(tf.square(features @ w - labels))
    train_op = v1.train.GradientDescentOptimizer(0.05).minimize(loss, v1.train.get_global_step())
    return er.EstimatorSpec(mode, loss=loss, train_op=train_op, training_hooks=[Hook()])


def strategy():
    if SETTINGS["strategy"] == "graph":
        with tf.Graph().as_default():
            return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.MultiWorkerMirroredStrategy()


config = er.RunConfig(
    os.environ.get("ESTIMATOR_MODEL_DIR"),
    save_checkpoints_steps=SAVE_EVERY,
    train_distribute=strategy(),
)
er.train_and_evaluate(
    er.Estimator(model_fn, config=config),
    er.TrainSpec(input_fn, max_steps=SETTINGS["last"], saving_listeners=[Listener()]),
    er.EvalSpec(input_fn),
)
print("DONE", flush=True)
