"""What models, hooks and calls make of a strategy of one process, with two devices to replicate over, and what is refused."""

import os

import models
import numpy as np
import tensorflow as tf
from catalogue import program
from models import v1
from programs_strategies import (
    REPLICATED,
    SESSION,
    STRATEGIES,
    batches_of_two,
    estimator,
    of_each,
    step_of,
    train_input,
)


def watched(directory, name):
    """Hooks, listeners and the parts of a Scaffold: who is called, how often, with what."""
    calls, filled = [], []

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        more = models.variable("more", [], 1.0, trainable=False)
        scaffold = v1.train.Scaffold(
            init_fn=lambda _, session: filled.append(float(session.run(more))),
            saver=v1.train.Saver(max_to_keep=2),
        )
        return models.regression(
            mode, y, labels, scaffold=scaffold, training_hooks=[models.Recorder("of the model", calls)]
        )

    made = estimator(directory, name, model_fn=model_fn)
    made.train(
        train_input,
        max_steps=4,
        hooks=[models.Recorder("given", calls)],
        saving_listeners=[models.Listener("listener", calls)],
    )
    made.train(train_input, steps=2)
    return {"calls": calls, "filled": filled, "variables": models.variables(made)}


@program("train_distribute", "train hooks", "saving listeners", "scaffold")
def hooks_and_scaffolds_under_strategies(directory):
    return of_each(directory, REPLICATED, watched)


def summarised(directory, name):
    """Summaries of the model, which each replica builds, in training and in evaluation."""

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        v1.summary.scalar("mean of y", tf.reduce_mean(y))
        v1.summary.histogram("y", y)
        with tf.name_scope("inner"):
            v1.summary.scalar("largest", tf.reduce_max(y))
        return models.regression(mode, y, labels)

    made = estimator(directory, name, name, model_fn=model_fn)
    made.train(train_input, steps=2)
    return made.evaluate(batches_of_two)


@program("train_distribute", "summaries", "evaluate summaries")
def summaries_under_strategies(directory):
    return of_each(directory, ("mirrored", "one", "multi worker"), summarised)


def in_turns(directory, name):
    """A training that goes on with and without the strategy, from the same checkpoints."""
    found = []
    for strategy in ("none", name, "none", name):
        model_fn = models.linear_in("train", optimizer=lambda y: v1.train.AdamOptimizer(0.1))
        made = estimator(directory, strategy, model_fn=model_fn, save_checkpoints_steps=100)
        made.train(train_input, steps=2)
        found.append(models.variables(made))
    return found


@program("train_distribute", "checkpoint names")
def trainings_that_change_their_strategy(directory):
    return of_each(directory, REPLICATED, in_turns)


def in_one_call(directory, name):
    """train_and_evaluate with both strategies and exporters; what came of the last evaluation."""
    made = estimator(directory, name, name)
    exporter = tf.estimator.FinalExporter("final", models.raw_receiver)
    result = tf.estimator.train_and_evaluate(
        made,
        tf.estimator.TrainSpec(train_input, max_steps=4),
        tf.estimator.EvalSpec(batches_of_two, steps=None, throttle_secs=0, exporters=exporter),
    )
    return {"result": result, "variables": models.variables(made)}


@program(
    "train_distribute",
    "local loop",
    "final export",
    "FinalExporter",
    differs={
        "files/*/model/finished": "the end of training is marked in the model directory, for the evaluator"
    },
)
def train_and_evaluate_under_strategies(directory):
    return of_each(directory, ("mirrored", "one", "multi worker v1"), in_one_call)


def warm(directory, name):
    first = estimator(os.path.join(directory, "first"), "none")
    first.train(train_input, steps=3)
    second = models.estimator(
        directory,
        name="second",
        warm_start_from=os.path.join(directory, "first", "model"),
        train_distribute=STRATEGIES[name](),
        **SESSION,
    )
    second.train(train_input, steps=1)
    return models.variables(second)


@program("train_distribute", "WarmStartSettings")
def warm_starts_under_strategies(directory):
    return of_each(directory, REPLICATED, warm)


def ended(directory, name):
    """Inputs that end: seven batches, one batch, none."""
    found = {}
    for count in (7, 1, 0):
        made = estimator(os.path.join(directory, str(count)), name, name)
        made.train(lambda count=count: train_input().take(count))
        found[count] = models.variables(made)
    return found


@program("train_distribute", "end of input")
def inputs_that_end_under_strategies(directory):
    return of_each(directory, ("mirrored", "one", "multi worker"), ended)


def asked(directory, name):
    """What an input function is told, and the replicas of the model function."""
    told, numbers = [], []

    def input_fn(input_context):
        told.append(
            [
                input_context.num_input_pipelines,
                input_context.input_pipeline_id,
                input_context.num_replicas_in_sync,
                input_context.get_per_replica_batch_size(6),
            ]
        )
        return train_input()

    def model_fn(features, labels, mode, config):
        context = tf.distribute.get_replica_context()
        numbers.append([mode, context.num_replicas_in_sync, tf.distribute.has_strategy()])
        # Each replica has its own share of the examples, and may ask for what all have.
        total = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.reduce_mean(features["x"]))
        y = models.line(features["x"]) + 0 * total
        return models.regression(mode, y, labels)

    made = estimator(directory, name, name, model_fn=model_fn)
    made.train(input_fn, steps=2)
    metrics = made.evaluate(lambda input_context: input_fn(input_context).take(4))
    return {"told": told, "numbers": numbers, "metrics": metrics, "variables": models.variables(made)}


@program("train_distribute", "input_fn arguments", "model_fn arguments")
def contexts_under_strategies(directory):
    return of_each(directory, ("mirrored", "one", "multi worker", "central"), asked)


def with_own(synchronization, aggregation):
    """A model with a variable that each replica changes by what it sees, which is read as one."""

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        own = models.variable(
            "own", [], 1.0, trainable=False, synchronization=synchronization, aggregation=aggregation
        )
        spec = models.regression(mode, y, labels)
        if mode != "train":
            return spec
        with tf.control_dependencies([spec.train_op]):
            return spec._replace(train_op=own.assign_add(tf.reduce_mean(features["x"])))

    return model_fn


def with_averages(features, labels, mode):
    spec = models.regression(mode, models.line(features["x"]), labels)
    if mode != "train":
        return spec
    with tf.control_dependencies([spec.train_op]):
        averages = v1.train.ExponentialMovingAverage(0.5).apply(v1.trainable_variables())
    return spec._replace(train_op=averages)


def with_rows(features, labels, mode):
    """Gradients of a few rows of a table."""
    table = models.variable("table", [4, 1], 0.5)
    y = tf.nn.embedding_lookup(table, tf.cast(features["x"][:, 0] * 2, tf.int32) % 4)
    return models.regression(mode, y, labels, optimizer=v1.train.AdagradOptimizer(0.1))


def with_partitions(features, labels, mode):
    with v1.variable_scope("parts", partitioner=v1.fixed_size_partitioner(2)):
        w = models.variable("w", [2, 1], 0.1)
    return models.regression(mode, tf.concat([features["x"], features["x"]], 1) @ w, labels)


STATES = {
    f"{synchronization} {aggregation}": with_own(
        tf.VariableSynchronization[synchronization], tf.VariableAggregation[aggregation]
    )
    for synchronization in ("ON_READ", "ON_WRITE")
    for aggregation in ("SUM", "MEAN", "ONLY_FIRST_REPLICA")
} | {"averages": with_averages, "rows": with_rows, "partitions": with_partitions}


def with_state(directory, name, strategy):
    made = estimator(directory, strategy, strategy, STATES[name])
    made.train(train_input, steps=3)
    return {"variables": models.variables(made), "metrics": made.evaluate(batches_of_two)}


@program("train_distribute", "variables")
def states_of_replicas(directory):
    return of_each(directory, STATES, with_state, "mirrored")


FAULTS = (
    "tensors for a dataset",
    "no train_op",
    "no loss",
    "not a number",
    "error in the step",
    "no checkpoint",
    "batch that does not fit",
    "steps are zero",
    "no optimizer",
)


def faulty(directory, fault, name):
    """A training, and an evaluation, with this fault."""

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        if fault == "error in the step":
            y = tf.debugging.check_numerics(y / tf.reduce_sum(y * 0), "not finite")
        loss = tf.reduce_mean(tf.square(y - labels))
        if fault == "not a number":
            loss = loss * np.nan
        spec = {"loss": None if fault == "no loss" else loss}
        if mode == "train" and fault != "no train_op":
            step = v1.train.get_global_step()
            spec["train_op"] = (
                v1.assign_add(step, 1) if fault == "no optimizer" else step_of("minimize", loss)
            )
        return tf.estimator.EstimatorSpec(mode, **spec)

    def input_fn():
        if fault == "tensors for a dataset":
            return {"x": tf.constant(models.X)}, tf.constant(models.Y)
        if fault == "batch that does not fit":
            return train_input().map(lambda x, y: (x, tf.concat([y, y], 1)[:, :1][:1]))
        return train_input()

    made = estimator(directory, name, name, model_fn=model_fn)
    if fault != "no checkpoint":
        made.train(input_fn, steps=0 if fault == "steps are zero" else 2)
    return made.evaluate(batches_of_two, steps=1)


@program("train_distribute", "NaN loss", "evaluate untrained")
def faults_under_strategies(directory):
    return {
        name: of_each(os.path.join(directory, name.replace(" ", "-")), FAULTS, faulty, name)
        for name in ("mirrored", "one")
    }
