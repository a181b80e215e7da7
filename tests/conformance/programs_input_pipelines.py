"""Input functions that declare `input_context`: who is told what, and what the tasks of a cluster read."""

import functools
import json
import os
import tempfile

import counting_model
import models
import numpy as np
import tensorflow as tf
from catalogue import misuse, program
from counting_model import serves
from models import v1
from tasks import CONTEXT, Task, cluster_of, killed, wait

TOLD = "each task can read its share without reading TF_CONFIG; a function with a default is called as by tf.estimator"
ROWS = 12


def shares(context):
    return context and [
        context.num_input_pipelines,
        context.input_pipeline_id,
        context.num_replicas_in_sync,
        context.get_per_replica_batch_size(6),
    ]


def told(estimator):
    """What an input function was told in each mode."""
    seen = {}

    def input_fn(mode, input_context=None):
        seen[mode] = shares(input_context)
        return models.once()

    estimator.train(input_fn, steps=2)
    estimator.evaluate(input_fn, steps=1)
    next(estimator.predict(input_fn))
    return seen


@program("input_fn arguments")
def contexts_of_one_process(directory):
    return told(models.estimator(directory))


@program("input_fn arguments", "train_distribute")
def contexts_of_a_strategy(directory):
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    return told(models.estimator(directory, train_distribute=strategy, eval_distribute=strategy))


@program("input_fn arguments")
def contexts_that_the_program_gives(directory):
    """By an argument that is bound already, and by a default of the function's own."""
    seen = []

    def bound(input_context):
        seen.append(input_context)
        return models.once()

    def own(*, input_context="own"):
        seen.append(input_context)
        return models.once()

    made = models.estimator(directory)
    made.train(functools.partial(bound, input_context="bound"), steps=1).train(own, steps=1)
    return seen


def asks_without_a_strategy(directory):
    models.estimator(directory).train(lambda input_context: models.once(), steps=1)


misuse("input_fn: input_context without a default, no strategy", asks_without_a_strategy, outcome=TOLD)


class Reads(v1.train.SessionRunHook):
    """Notes the rows that a task trains on; says when it has read its half, and waits until the other one has."""

    def __init__(self, mine, others):
        self.mine, self.others, self.rows = mine, others, []

    def begin(self):
        graph = v1.get_default_graph()
        (self.row,) = graph.get_collection("rows")

    def before_run(self, run_context):
        return v1.train.SessionRunArgs(self.row)

    def after_run(self, run_context, run_values):
        self.rows += np.ravel(run_values.results).astype(int).tolist()
        if len(self.rows) == ROWS // 2:
            self.mine.set()
            wait(self.others)


def reads(directory, mine, others):
    """The rows that a task read, whose program divides them by a strategy's context and by TF_CONFIG."""
    task = json.loads(os.environ["TF_CONFIG"])["task"]["type"]

    def input_fn(input_context=None):
        rows = tf.data.Dataset.range(ROWS)
        if input_context:
            rows = rows.shard(input_context.num_input_pipelines, input_context.input_pipeline_id)
        rows = rows.shard(2, ("chief", "worker").index(task))
        return rows.map(lambda row: {"x": tf.cast([row], tf.float32)}).batch(1)

    def model_fn(features, labels, mode):
        v1.add_to_collection("rows", features["x"])
        return counting_model.counting(features, labels, mode)

    own = counting_model.server()
    hook = Reads(mine, others)
    made = models.estimator(directory, model_fn, save_checkpoints_steps=10**6)
    made.train(input_fn, hooks=[hook])
    return {"rows": hook.rows, "server": own.target == made.config.master}


@functools.cache
def rows_read():
    with tempfile.TemporaryDirectory() as directory:
        cluster = cluster_of(chief=1, worker=1, ps=1)
        met = {role: CONTEXT.Event() for role in ("chief", "worker")}
        with killed(Task(cluster, "ps", serves, directory)) as running:
            running += [
                Task(cluster, "chief", reads, directory, met["chief"], met["worker"]),
                Task(cluster, "worker", reads, directory, met["worker"], met["chief"]),
            ]
            return {role: running[1 + index].result() for index, role in enumerate(met)}


@program("input_fn arguments", "chief", "worker", "ps")
def rows_of_a_cluster(directory):
    return rows_read()
