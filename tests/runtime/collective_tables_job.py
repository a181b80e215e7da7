"""One task of a synchronous training whose model looks up in tables that are saved, and are filled before the first step.

It is started with a global TASK by `cluster_tasks`; settings: `steps`, `averages` (whether the model has a variable that is
read as the mean over the replicas), `piece` (of how many bytes tables are shared at a time; None for as many as usual).
"""

import json
import os
import sys

os.environ["TF_CONFIG"] = TASK["tf_config"]  # noqa: F821
sys.stdout = sys.stderr = open(TASK["log"], "a", buffering=1)  # noqa: F821, SIM115
os.dup2(sys.stdout.fileno(), 1)
os.dup2(sys.stdout.fileno(), 2)

import tensorflow as tf  # noqa: E402

import estimator_runtime as er  # noqa: E402
from estimator_runtime.distribution import restored_tables  # noqa: E402

v1 = tf.compat.v1
SETTINGS = TASK  # noqa: F821
if SETTINGS["piece"] is not None:
    restored_tables._PIECE_BYTES = SETTINGS["piece"]
WORDS = ["one", "two and more", ""]


class ShowHook(er.SessionRunHook):
    """Tells what is in the tables when there is a session."""

    def __init__(self, words, numbers):
        self._found = [
            words.lookup(tf.constant([*WORDS, "no word"])),
            numbers.lookup(tf.range(6, dtype=tf.int64)),
        ]

    def after_create_session(self, session, coord):
        print(f"TABLES {json.dumps([values.tolist() for values in session.run(self._found)])}")


def input_fn():
    return tf.data.Dataset.from_tensors(([[1.0]], [[2.0]])).repeat()


def model_fn(features, labels, mode):
    words = tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, default_value=[0.0, 0.0])
    numbers = tf.lookup.experimental.DenseHashTable(
        tf.int64, tf.int64, default_value=-1, empty_key=-1, deleted_key=-2
    )
    keys, values = tf.constant(WORDS), tf.constant([[1.0, 0.5], [2.0, 0.25], [3.0, 0.125]])
    fill = [
        words.insert(keys, values),
        numbers.insert(tf.range(5, dtype=tf.int64), tf.range(5, dtype=tf.int64) ** 2),
    ]

    def init_fn(scaffold, session):
        print("FILLED")
        session.run(fill)

    w = v1.get_variable("w", [1, 1], initializer=v1.zeros_initializer())
    updates = []
    if SETTINGS["averages"]:
        mean = v1.get_variable(
            "mean",
            [],
            initializer=v1.zeros_initializer(),
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.MEAN,
        )
        updates.append(mean.assign(tf.reduce_mean(features)))
    loss = tf.reduce_mean(tf.square(features @ w - labels * words.lookup(tf.constant(WORDS[0]))[0]))
    train_op = v1.train.GradientDescentOptimizer(0.05).minimize(loss, v1.train.get_global_step())
    return er.EstimatorSpec(
        mode,
        loss=loss,
        train_op=tf.group(train_op, *updates),
        scaffold=v1.train.Scaffold(init_fn=init_fn),
        training_hooks=[ShowHook(words, numbers)],
    )


with tf.Graph().as_default():
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
config = er.RunConfig(save_checkpoints_steps=2, train_distribute=strategy)
estimator = er.Estimator(model_fn, config=config)
er.train_and_evaluate(estimator, er.TrainSpec(input_fn, max_steps=SETTINGS["steps"]), er.EvalSpec(input_fn))
print("DONE")
