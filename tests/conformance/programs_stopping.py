"""Early stopping and the other hooks of tf.estimator.experimental."""

import models
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1

# A training that exists can then be given a hook, which tf.estimator cannot.
SIGNAL = {"*signal_early_stopping/STOP": "the signal to stop is no saved variable"}


def evaluated(directory, values, metric="accuracy"):
    """An estimator whose eval directory says that `values` ({step: value}) were measured."""
    estimator = models.estimator(directory)
    with tf.Graph().as_default():
        writer = v1.summary.FileWriter(estimator.eval_dir())
        for step, value in values.items():
            writer.add_summary(v1.Summary(value=[v1.Summary.Value(tag=metric, simple_value=value)]), step)
        writer.close()
    return estimator


@program("make_early_stopping_hook", differs=SIGNAL)
def early_stopping(directory):
    estimator = models.estimator(directory)
    asked = []

    def should_stop():
        asked.append(len(asked))
        return len(asked) == 3

    hook = tf.estimator.experimental.make_early_stopping_hook(
        estimator, should_stop, run_every_secs=None, run_every_steps=2
    )
    estimator.train(models.batches, hooks=[hook], steps=20)
    return {"asked": asked, "variables": models.variables(estimator)}


@program("make_early_stopping_hook", "worker")
def early_stopping_of_a_worker(directory):
    cluster = {"chief": ["localhost:1"], "worker": ["localhost:2"]}
    with models.tf_config({"cluster": cluster, "task": {"type": "worker", "index": 0}}):
        estimator = models.estimator(directory)
    hook = tf.estimator.experimental.make_early_stopping_hook(estimator, lambda: True)
    with tf.Graph().as_default() as graph, v1.Session() as session:
        v1.train.create_global_step()
        hook.begin()
        session.run(v1.global_variables_initializer())
        fetched = session.run(hook.before_run(None).fetches)
        return {
            "fetched": bool(fetched),
            "in": len(graph.get_operations()) > 0,
        }


@program("stop_if hooks", differs=SIGNAL)
def stopping_by_metrics(directory):
    ee = tf.estimator.experimental
    values = {1: 0.5, 2: 0.7, 3: 0.6, 4: 0.6, 5: 0.8}
    every = {"run_every_secs": None, "run_every_steps": 1}
    steps = {}
    for name, make in {
        "higher": lambda e: ee.stop_if_higher_hook(e, "accuracy", 0.75, **every),
        "not higher": lambda e: ee.stop_if_higher_hook(e, "accuracy", 0.8, **every),
        "lower": lambda e: ee.stop_if_lower_hook(e, "accuracy", 0.55, **every),
        "lower later": lambda e: ee.stop_if_lower_hook(e, "accuracy", 0.55, min_steps=2, **every),
        "no increase": lambda e: ee.stop_if_no_increase_hook(e, "accuracy", 2, **every),
        "no long increase": lambda e: ee.stop_if_no_increase_hook(e, "accuracy", 3, **every),
        "no decrease": lambda e: ee.stop_if_no_decrease_hook(e, "accuracy", 3, **every),
        "no decrease later": lambda e: ee.stop_if_no_decrease_hook(e, "accuracy", 3, min_steps=3, **every),
        "other directory": lambda e: ee.stop_if_higher_hook(
            e, "accuracy", 0.1, eval_dir=e.eval_dir("none"), **every
        ),
    }.items():
        estimator = evaluated(f"{directory}/{name}", values)
        estimator.train(models.batches, hooks=[make(estimator)], steps=3)
        steps[name] = estimator.get_variable_value("global_step")
    return steps


@program("stop at checkpoint")
def stopping_at_a_checkpoint(directory):
    estimator = models.estimator(directory)
    hook = tf.estimator.experimental.make_stop_at_checkpoint_step_hook(estimator, last_step=4)
    estimator.train(models.batches, hooks=[hook], steps=9)
    return models.variables(estimator)


@program("InMemoryEvaluatorHook")
def evaluation_inside_training(directory):
    estimator = models.estimator(directory)
    hook = tf.estimator.experimental.InMemoryEvaluatorHook(
        estimator, models.once, steps=2, name="inside", every_n_iter=2
    )
    estimator.train(models.batches, hooks=[hook], steps=5)
    return models.variables(estimator)


@program(
    "stop_if hooks",
    "make_early_stopping_hook",
    differs={
        pattern: "a run that exists can be given a hook; tf.estimator misses the signal in the checkpoint"
        for pattern in ("result/*", "states/*", "events/*", "files/*", "checkpoints/*")
    },
)
def early_stopping_added_to_a_run(directory):
    def trained(name, *hooks):
        """Steps made by a training without a hook and then by one with each of these."""
        estimator = models.estimator(f"{directory}/{name}").train(models.batches, steps=2)
        estimator.evaluate(models.once)
        for hook in hooks:
            estimator.train(models.batches, hooks=[hook(estimator)], steps=3)
        return int(estimator.get_variable_value("global_step"))

    def stop_now(estimator):
        return tf.estimator.experimental.make_early_stopping_hook(estimator, lambda: True, None, 1)

    def no_decrease(estimator):
        return tf.estimator.experimental.stop_if_no_decrease_hook(
            estimator, "loss", 100, run_every_secs=None, run_every_steps=1
        )

    return {
        "a condition": outcome(lambda: trained("condition", stop_now)),
        "a metric": outcome(lambda: trained("metric", no_decrease)),
        "taken away": outcome(
            lambda: trained("away", stop_now, lambda estimator: v1.train.StopAtStepHook(2))
        ),
    }
