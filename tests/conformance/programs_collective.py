"""Chief and workers that train synchronously by a MultiWorkerMirroredStrategy, each a process: what they compute and save."""

import os
import tempfile

import numpy as np
import tensorflow as tf
from catalogue import program
from models import v1
from tasks import Task, cluster_of, killed

TRUE = np.array([[1.0], [-2.0], [3.0], [0.5]], np.float32)
WORKERS = 2


def data(seed, examples):
    x = np.random.default_rng(seed).normal(size=(examples, 4)).astype(np.float32)
    return x, x @ TRUE


def share(batch, input_context):
    number, pipelines = input_context.input_pipeline_id, input_context.num_input_pipelines
    size = batch[number] if isinstance(batch, list) else batch
    return tf.data.Dataset.from_tensor_slices(data(0, 96)).shard(pipelines, number).repeat().batch(size)


def strategy_of(kind):
    kinds = {"v2": tf.distribute, "v1": v1.distribute.experimental}
    return kinds[kind].MultiWorkerMirroredStrategy()


OPTIMIZERS = {
    "sgd": lambda: v1.train.GradientDescentOptimizer(0.05),
    "adam": lambda: v1.train.AdamOptimizer(0.02),
    "momentum": lambda: v1.train.MomentumOptimizer(0.02, 0.9),
}


def model_of(optimizer, hidden):
    def model_fn(features, labels, mode):
        # Each task draws other first values: the chief's are everybody's.
        number = tf.distribute.get_strategy().extended.experimental_should_init
        y = features
        if hidden:
            kernel = v1.get_variable("hidden", [4, 8], initializer=v1.glorot_uniform_initializer(3))
            y = tf.nn.relu(y @ kernel)
        w = v1.get_variable("w", [y.shape[1], 1], initializer=v1.constant_initializer(0.1 if number else 7.0))
        b = v1.get_variable("b", [1], initializer=v1.zeros_initializer())
        y = y @ w + b
        loss = tf.reduce_mean(tf.square(y - labels))
        if mode == "eval":
            metrics = {"mae": v1.metrics.mean_absolute_error(labels, y)}
            return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=metrics)
        step = v1.train.get_global_step()
        train_op = OPTIMIZERS[optimizer]().minimize(loss, step)
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)

    return model_fn


class Losses(v1.train.SessionRunHook):
    """The loss of each step, as it is reported."""

    def __init__(self):
        self.seen = []

    def before_run(self, run_context):
        return v1.train.SessionRunArgs(v1.get_collection("losses")[-1])

    def after_run(self, run_context, run_values):
        self.seen.append(float(run_values.results))


def task(directory, kind, optimizer, hidden, batch, steps):
    made = strategy_of(kind)
    config = tf.estimator.RunConfig(
        tf_random_seed=1, save_checkpoints_steps=50, save_summary_steps=10, train_distribute=made
    )
    estimator = tf.estimator.Estimator(model_of(optimizer, hidden), os.path.join(directory, "model"), config)
    losses = Losses()
    tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(
            lambda input_context: share(batch, input_context), max_steps=steps, hooks=[losses]
        ),
        tf.estimator.EvalSpec(lambda: tf.data.Dataset.from_tensor_slices(data(1, 64)).batch(16)),
    )
    return losses.seen


def trained(*, kind="v2", optimizer="sgd", hidden=False, batch=8, steps=150):
    """What chief and workers saw and left."""
    with tempfile.TemporaryDirectory() as directory:
        cluster = cluster_of(chief=1, worker=WORKERS)
        with killed() as running:
            for role, index in [("chief", 0), *(("worker", number) for number in range(WORKERS))]:
                arguments = (directory, kind, optimizer, hidden, batch, steps)
                running.append(Task(cluster, role, task, *arguments, index=index))
            losses = [each.result() for each in running]
        path = os.path.join(directory, "model")
        reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(path))
        names = sorted(reader.get_variable_to_shape_map())
        return {
            "losses": losses,
            "variables": {name: reader.get_tensor(name).tolist() for name in names},
            "checkpoints": sorted(name for name in os.listdir(path) if name.endswith(".index")),
            "reported": reported(path),
        }


def reported(path):
    """The losses in the event files of the chief."""
    names = [name for name in sorted(os.listdir(path)) if "tfevents" in name]
    return {
        event.step: value.simple_value
        for name in names
        for event in v1.train.summary_iterator(os.path.join(path, name))
        for value in event.summary.value
        if value.tag == "loss"
    }


@program("synchronous workers", "train_distribute", "chief", "worker")
def collective_descent(directory):
    return trained()


@program("synchronous workers", "chief", "worker")
def collective_descent_of_a_strategy_of_version_1(directory):
    return trained(kind="v1")


@program("synchronous workers", "chief", "worker")
def collective_adam(directory):
    return trained(optimizer="adam", hidden=True)


@program("synchronous workers", "chief", "worker")
def collective_momentum_with_batches_of_three_sizes(directory):
    return trained(optimizer="momentum", batch=[4, 8, 16], steps=40)
