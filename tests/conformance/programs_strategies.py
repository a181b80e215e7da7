"""Strategies of one process, with two devices to replicate over: what they compute, save, write and refuse."""

import concurrent.futures
import itertools
import os

import models
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1
from tasks import CONTEXT
from tensorflow.python.distribute.distribute_config import DistributeConfig

DEVICES = ["/cpu:0", "/cpu:1"]
SESSION = {"session_config": v1.ConfigProto(device_count={"CPU": 2}, allow_soft_placement=True)}
"""Without it tf.estimator hangs in the first step of two replicas."""

STRATEGIES = {
    "none": lambda: None,
    "mirrored": lambda: tf.distribute.MirroredStrategy(DEVICES),
    "mirrored v1": lambda: v1.distribute.MirroredStrategy(DEVICES),
    "mirrored on one": lambda: tf.distribute.MirroredStrategy(DEVICES[:1]),
    "one": lambda: tf.distribute.OneDeviceStrategy(DEVICES[1]),
    "one v1": lambda: v1.distribute.OneDeviceStrategy(DEVICES[1]),
    "central": lambda: tf.distribute.experimental.CentralStorageStrategy(DEVICES, DEVICES[0]),
    "central v1": lambda: v1.distribute.experimental.CentralStorageStrategy(DEVICES, DEVICES[0]),
    "multi worker": tf.distribute.MultiWorkerMirroredStrategy,
    "multi worker v1": v1.distribute.experimental.MultiWorkerMirroredStrategy,
    "multi worker experimental": tf.distribute.experimental.MultiWorkerMirroredStrategy,
}


def two_devices():
    os.environ.pop("TF_CONFIG", None)
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])


def of_each(directory, names, function, *arguments):
    """name -> what `function(directory, name)` makes of it, or the kinds of its error, all in a process with two devices."""
    with concurrent.futures.ProcessPoolExecutor(1, CONTEXT, two_devices) as executor:
        return {
            name: executor.submit(_found, directory, name, function, arguments).result() for name in names
        }


def _found(directory, name, function, arguments):
    try:
        return outcome(lambda: function(os.path.join(directory, name.replace(" ", "-")), name, *arguments))
    finally:
        # The end of a process of a pool closes no file.
        v1.summary.FileWriterCache.clear()


def batches_of_two():
    return tf.data.Dataset.from_tensor_slices(({"x": models.X}, models.Y)).batch(2)


def train_input():
    return batches_of_two().repeat()


def estimator(directory, train, evaluate="none", model_fn=models.linear, **fields):
    return models.estimator(
        directory,
        model_fn,
        train_distribute=STRATEGIES[train](),
        eval_distribute=STRATEGIES[evaluate](),
        **{"save_checkpoints_steps": 2, "save_summary_steps": 1, **SESSION, **fields},
    )


def trained(directory, name, **fields):
    """Trained, evaluated without a strategy, predicted and exported."""
    made = estimator(directory, name, **fields)
    made.train(train_input, steps=5)
    return {
        "variables": models.variables(made),
        "metrics": made.evaluate(batches_of_two),
        "predictions": list(made.predict(models.features_only)),
        "latest": os.path.basename(made.latest_checkpoint()),
        "served": models.served(
            made.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
        ),
    }


@program("train_distribute")
def strategies_to_train_with(directory):
    return of_each(directory, STRATEGIES, trained)


def evaluated(directory, name):
    made = estimator(directory, "none", name)
    made.train(train_input, steps=1)
    return {
        "all": made.evaluate(batches_of_two, name="all"),
        "one": made.evaluate(batches_of_two, steps=1, name="one"),
        "two": made.evaluate(batches_of_two, steps=2, name="two"),
    }


@program("train_distribute", "evaluate", "evaluate steps")
def strategies_to_evaluate_with(directory):
    return of_each(directory, STRATEGIES, evaluated)


def by_experimental(directory, name):
    """What `experimental_distribute` says, of which each half may be left out."""
    halves = {"both": ("mirrored", "one"), "train": ("mirrored", "none"), "evaluate": ("none", "mirrored")}
    train, evaluate = (STRATEGIES[half]() for half in halves[name])
    made = models.estimator(
        directory,
        experimental_distribute=DistributeConfig(train, evaluate),
        **{"save_checkpoints_steps": 2, "save_summary_steps": 1, **SESSION},
    )
    made.train(train_input, steps=3)
    config = made.config
    return {
        "metrics": made.evaluate(batches_of_two),
        "variables": models.variables(made),
        "fields": [type(config.train_distribute).__name__, type(config.eval_distribute).__name__],
    }


@program("train_distribute", "RunConfig properties")
def strategies_of_a_distribute_config(directory):
    return of_each(directory, ["both", "train", "evaluate"], by_experimental)


REPLICATED = ("mirrored", "central v1", "one", "multi worker")
OPTIMIZERS = {
    "momentum": lambda: v1.train.MomentumOptimizer(0.02, 0.9),
    "adam": lambda: v1.train.AdamOptimizer(0.02),
    "adagrad": lambda: v1.train.AdagradOptimizer(0.1),
    "rmsprop": lambda: v1.train.RMSPropOptimizer(0.02, momentum=0.5),
    "ftrl": lambda: v1.train.FtrlOptimizer(0.1),
}


def by_optimizers(directory, name):
    found = {}
    for kind, make in OPTIMIZERS.items():
        model_fn = models.linear_in("train", optimizer=lambda y, make=make: make())
        made = estimator(os.path.join(directory, kind), name, model_fn=model_fn)
        made.train(train_input, steps=3)
        found[kind] = models.variables(made)
    return found


@program("train_distribute")
def optimizers_under_strategies(directory):
    return of_each(directory, REPLICATED, by_optimizers)


def losses_of(kind, y, labels):
    squares = tf.square(y - labels)
    return {
        "mean": lambda: tf.reduce_mean(squares),
        "sum": lambda: tf.reduce_sum(squares),
        "declared sum": lambda: v1.losses.mean_squared_error(labels, y, reduction=v1.losses.Reduction.SUM),
        "declared mean": lambda: v1.losses.mean_squared_error(labels, y, reduction=v1.losses.Reduction.MEAN),
        "by weights": lambda: v1.losses.huber_loss(labels, y),
        "regularised": lambda: tf.reduce_mean(squares) + tf.reduce_sum(tf.square(y)) * 0.01,
    }[kind]()


LOSSES = ("mean", "sum", "declared sum", "declared mean", "by weights", "regularised")
STEPS = ("minimize", "clipped", "by hand")
CASES = [*itertools.product(LOSSES, STEPS[:1]), *itertools.product(("mean", "declared sum"), STEPS[1:])]


def step_of(kind, loss):
    optimizer, step = v1.train.GradientDescentOptimizer(0.02), v1.train.get_global_step()
    if kind == "minimize":
        return optimizer.minimize(loss, step)
    if kind == "clipped":
        gradients, variables = zip(*optimizer.compute_gradients(loss), strict=True)
        clipped, _ = tf.clip_by_global_norm(gradients, 0.5)
        return optimizer.apply_gradients(zip(clipped, variables, strict=True), step)
    variables = v1.trainable_variables()
    return optimizer.apply_gradients(zip(tf.gradients(loss, variables), variables, strict=True), step)


def model_of(loss_of, step):
    def model_fn(features, labels, mode):
        loss = losses_of(loss_of, models.line(features["x"]), labels)
        train_op = step_of(step, loss) if mode == "train" else None
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)

    return model_fn


def by_losses(directory, name):
    found = {}
    for loss_of, step in CASES:
        case = f"{loss_of}, {step}"
        where = os.path.join(directory, case.replace(" ", "-"))
        made = estimator(where, name, name, model_of(loss_of, step))
        made.train(train_input, steps=3)
        found[case] = models.variables(made), made.evaluate(batches_of_two)
    return found


@program("train_distribute", "loss summary")
def losses_under_strategies(directory):
    return of_each(directory, ("mirrored", "one v1"), by_losses)


def metrics_of(labels, y):
    metrics = v1.metrics
    weights = tf.cast(labels > 1, tf.float32)
    return {
        "mean": metrics.mean(y, weights),
        "absolute": metrics.mean_absolute_error(labels, y),
        "root": metrics.root_mean_squared_error(labels, y),
        "accuracy": metrics.accuracy(labels > 2, y > 0.1),
        "auc": metrics.auc(labels > 2, tf.sigmoid(y)),
        "precision": metrics.precision(labels > 2, y > 0.1),
        "recall": metrics.recall(labels > 2, y > 0.1),
        "tensor": metrics.mean_tensor(tf.reduce_mean(y, 0)),
        "confusion": metrics.mean_per_class_accuracy(
            tf.cast(labels > 2, tf.int32), tf.cast(y > 0.1, tf.int32), 2
        ),
        "percentage": metrics.percentage_below(y, 0.2),
        "true negatives": metrics.true_negatives(labels > 2, y > 0.1),
    }


def by_metrics(directory, name):
    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        loss = tf.reduce_mean(tf.square(y - labels))
        if mode == "train":
            return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=step_of("minimize", loss))
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=metrics_of(labels, y))

    made = estimator(directory, name, name, model_fn=model_fn)
    made.train(train_input, steps=2)
    return made.evaluate(batches_of_two)


@program("train_distribute", "evaluate")
def metrics_under_strategies(directory):
    return of_each(directory, ("none", *REPLICATED, "mirrored v1"), by_metrics)
