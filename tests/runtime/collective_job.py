"""One task of a training whose tasks make every step together; started with a global TASK by `cluster_tasks`.

Settings: `strategy` ("eager", "graph" or "v1"), `optimizer`, `rows` (of a table that is looked up), `steps`, `save_steps`,
`session_secs`, `steps_per_loop`, `seed`, `log_steps`, and what this or that task does: `looks` {task: steps from one look of its
hook to the next},
`examples` {task: number}, `nothing_to_repeat` {task: true}, `repeats_nothing_after` {task: examples},
`stops_after` {task: calls}, `nan_at` {task: example}, `sigterm_after` {task: calls}, `outlives` {task: true}, `pace`, `stops_at` {task:
last step of a StopAtStepHook}; `stops_at_checkpoint` (step), `call` ("train" for `Estimator.train`), `mae` (who asks for the
value of a metric over all tasks: a list of "summary", "chief", "seconds", "steps").
"""

import json
import os
import signal
import sys
import threading
import time

os.environ["TF_CONFIG"] = TASK["tf_config"]  # noqa: F821
sys.stdout = sys.stderr = open(TASK["log"], "a", buffering=1)  # noqa: F821, SIM115
os.dup2(sys.stdout.fileno(), 1)
os.dup2(sys.stdout.fileno(), 2)

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import estimator_runtime as er  # noqa: E402
from estimator_runtime import interruption  # noqa: E402
from estimator_runtime.cluster import peers, server  # noqa: E402

v1 = tf.compat.v1
v1.logging.set_verbosity(v1.logging.INFO)
SETTINGS = TASK  # noqa: F821
ROLE = json.loads(TASK["tf_config"])["task"]  # noqa: F821
NAME = f"{ROLE['type']}-{ROLE['index']}"
TRUE = np.array([[1.0], [-2.0], [3.0], [0.5]], np.float32)


LOOKS = threading.Semaphore(0)
ENOUGH_LOOKS = 8
"""After so many the watch of the other tasks has found that they are gone, where it looks at all."""


def own(setting):
    return SETTINGS.get(setting, {}).get(NAME)


def strategy():
    kind = SETTINGS.get("strategy", "graph")
    if kind == "eager":
        # In all tasks, the evaluator among them, as a program does that does not look at TF_CONFIG.
        return tf.distribute.MultiWorkerMirroredStrategy()
    if ROLE["type"] == "evaluator":
        return None
    with tf.Graph().as_default():
        if kind == "v1":
            return v1.distribute.experimental.MultiWorkerMirroredStrategy()
        return tf.distribute.MultiWorkerMirroredStrategy()


def data(seed, examples):
    x = np.random.default_rng(seed).normal(size=(examples, 4)).astype(np.float32)
    return x, x @ TRUE


def read_once(x, y):
    """As of a reader whose files are gone the second time."""
    examples = iter(zip(x, y, strict=True))
    spec = tuple(tf.TensorSpec(part.shape[1:], part.dtype) for part in (x, y))
    return tf.data.Dataset.from_generator(lambda: examples, output_signature=spec)


def train_input(input_context):
    x, y = data(0, 96)
    if (at := own("nan_at")) is not None:
        y[at * input_context.num_input_pipelines + input_context.input_pipeline_id] = np.nan
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shard(
        input_context.num_input_pipelines, input_context.input_pipeline_id
    )
    if own("nothing_to_repeat"):
        dataset = dataset.filter(lambda x, y: False)
    if (examples := own("repeats_nothing_after")) is not None:
        dataset = read_once(x[:examples], y[:examples])
    examples = own("examples")
    batch = own("batch") or 8
    return dataset.repeat().batch(batch) if examples is None else dataset.take(examples).batch(batch)


def eval_input():
    return tf.data.Dataset.from_tensor_slices(data(1, 64)).batch(16)


def model_fn(features, labels, mode):
    w = v1.get_variable("w", [4, 1], initializer=v1.random_normal_initializer(seed=ROLE["index"] + 7))
    b = v1.get_variable("b", [1], initializer=v1.zeros_initializer())
    y = features @ w + b
    if (rows := SETTINGS.get("rows")) is not None:
        table = v1.get_variable("table", [rows, 1], initializer=v1.zeros_initializer())
        y += tf.nn.embedding_lookup(table, tf.cast(tf.abs(features[:, 0]) * 100, tf.int32) % rows)
    if mode == er.ModeKeys.PREDICT:
        return er.EstimatorSpec(mode, predictions={"y": y})
    loss = tf.reduce_mean(tf.square(y - labels))
    if mode == er.ModeKeys.EVAL:
        return er.EstimatorSpec(
            mode, loss=loss, eval_metric_ops={"mae": v1.metrics.mean_absolute_error(labels, y)}
        )
    if SETTINGS.get("optimizer") == "adam":
        optimizer = v1.train.AdamOptimizer(0.05)
    else:
        optimizer = v1.train.GradientDescentOptimizer(0.05)
    hooks, chief_hooks = hooks_for_metric(labels, y)
    return er.EstimatorSpec(
        mode,
        loss=loss,
        train_op=optimizer.minimize(loss, v1.train.get_global_step()),
        training_hooks=[Trace(w), *hooks],
        training_chief_hooks=chief_hooks,
    )


def hooks_for_metric(labels, y):
    """The hooks, and those of the chief, that ask for a metric's value in training."""
    asking = SETTINGS.get("mae", ())
    if not asking:
        return [], []
    mae, update = v1.metrics.mean_absolute_error(labels, y)
    if "summary" in asking:
        v1.summary.scalar("mae", mae)
        v1.summary.scalar("mae_so_far", update)
    log = er.LoggingTensorHook
    own = {"summary_op": v1.summary.scalar("own_mae", mae, collections=[]), "save_steps": 4}
    return (
        [
            *([er.SummarySaverHook(output_dir=f"{TASK['log']}.events", **own)] if "steps" in asking else []),  # noqa: F821
            *([log({"mae of batches": mae}, every_n_iter=5)] if "steps" in asking else []),
            *([log({"mae of batches": mae}, every_n_secs=1)] if "seconds" in asking else []),
        ],
        [er.SummarySaverHook(output_dir="/nowhere", **own)] if "chief" in asking else [],
    )


def count_looks():
    """Has the watch of the other tasks say each time that it asks whether this one waits."""
    asked = peers.PeerWatch.waiting_since.fget

    def waiting_since(watch):
        LOOKS.release()
        return asked(watch)

    peers.PeerWatch.waiting_since = property(waiting_since)


def outlive_others():
    """Returns when nobody else is there, and whoever watches has had the time to see it."""
    addresses = {address for role in json.loads(TASK["tf_config"])["cluster"].values() for address in role}  # noqa: F821
    addresses.remove(json.loads(TASK["tf_config"])["cluster"][ROLE["type"]][ROLE["index"]])  # noqa: F821
    while any(map(server.listens, addresses)):
        time.sleep(0.05)
    while LOOKS.acquire(blocking=False):
        pass
    for _ in range(ENOUGH_LOOKS):
        LOOKS.acquire()


class Trace(er.SessionRunHook):
    """Tells each step, or each that it looks at, and does what this task is to do."""

    steps_between_looks = own("looks") or 1

    def __init__(self, w):
        self._w = w
        self._calls = 0

    def begin(self):
        local = tf.distribute.get_strategy().experimental_local_results
        self._step = local(v1.train.get_global_step())[0].read_value()
        self._values = local(self._w)[0].read_value()

    def after_run(self, run_context, run_values):
        del run_values
        self._calls += 1
        # Reads of this task's own copies have no collective in them, and may be made by one task alone.
        step, w = run_context.session.run([self._step, self._values])
        print(f"STEP {step} {w.ravel().tolist()}")
        time.sleep(SETTINGS.get("pace", 0))
        if self._calls == own("stops_after"):
            run_context.request_stop()
        if self._calls == own("sigterm_after"):
            os.kill(os.getpid(), signal.SIGTERM)
        if interruption.requested():
            run_context.request_stop()

    def end(self, session):
        del session
        if own("outlives"):
            outlive_others()
        print("END")


if own("outlives"):
    count_looks()
signal.signal(signal.SIGTERM, lambda *_: interruption.request())
config = er.RunConfig(
    save_checkpoints_steps=SETTINGS.get("save_steps", 50),
    log_step_count_steps=SETTINGS.get("log_steps", 50),
    save_summary_steps=SETTINGS.get("log_steps", 25),
    tf_random_seed=SETTINGS.get("seed", 1),
    steps_per_loop=SETTINGS.get("steps_per_loop", "auto"),
    session_creation_timeout_secs=SETTINGS.get("session_secs", 7200),
    train_distribute=strategy(),
)
estimator = er.Estimator(model_fn, config=config)
last = SETTINGS.get("steps", 150)
hooks = [er.StopAtStepHook(last_step=own("stops_at"))] if own("stops_at") else []
if "stops_at_checkpoint" in SETTINGS:
    at = SETTINGS["stops_at_checkpoint"]
    hooks.append(
        er.experimental.make_stop_at_checkpoint_step_hook(estimator, at, wait_after_file_check_secs=1)
    )
try:
    if SETTINGS.get("call") == "train":
        estimator.train(train_input, max_steps=last, hooks=hooks)
    else:
        er.train_and_evaluate(
            estimator,
            er.TrainSpec(train_input, max_steps=last, hooks=hooks),
            er.EvalSpec(eval_input, steps=None, start_delay_secs=0, throttle_secs=0),
        )
except er.NanLossDuringTrainingError:
    print("NAN")
    sys.exit(3)
if ROLE["type"] == "chief":
    values = {
        name: estimator.get_variable_value(name).ravel().tolist() for name in estimator.get_variable_names()
    }
    print(f"VALUES {json.dumps(values)}")
    print(f"EVALUATED {estimator.evaluate(eval_input)['mae']}")
print(f"INTERRUPTED {interruption.requested()}")
print("DONE")
