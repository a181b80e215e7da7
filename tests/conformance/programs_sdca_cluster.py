"""LinearSDCA in the tasks of a cluster, each a process, with its tables and weights on a parameter server."""

import functools
import os

import models
import numpy as np
import tensorflow as tf
import traces
from catalogue import program
from counting_model import Meets
from programs_loop import FINISHED, LIVE
from programs_sdca import CLASSES, columns, input_of, sdca
from tasks import CONTEXT, Task, cluster_of, killed

STEPS = 40
MANY_STEPS = 1600  # of 16 examples: by then the weights are the best ones, whatever the order of the steps


def estimator_in(directory, **settings):
    return tf.estimator.LinearClassifier(
        columns()["plain"],
        os.path.join(directory, "model"),
        optimizer=sdca(**settings),
        config=models.config(save_checkpoints_steps=MANY_STEPS // 2, save_summary_steps=None),
    )


def takes_part(directory, steps, mine=None, others=None, part=(1, 0), **settings):
    """A task of train_and_evaluate: what it returned, and what it sees then.

    Of several workers each has its part of the examples: two that visit one at a time would lose a change of its dual.
    """
    made = estimator_in(directory, **settings)
    hooks = [] if mine is None else [Meets(mine, others)]
    result = tf.estimator.train_and_evaluate(
        made,
        tf.estimator.TrainSpec(input_of(CLASSES, part=part), steps, hooks),
        tf.estimator.EvalSpec(input_of(CLASSES, 16), steps=1, start_delay_secs=0, throttle_secs=0),
    )
    # Its event file is whole when the task is killed.
    tf.compat.v1.summary.FileWriterCache.clear()
    return {"result": result, "variables": traces.rows_in_use(models.variables(made))}


@program("LinearSDCA", "chief", "ps", "variables", "checkpoint names", differs={**FINISHED, **LIVE})
def sdca_with_parameter_servers(directory):
    """Two servers, on which the tables of the examples are as well: the chief's steps have one order."""
    task = functools.partial(takes_part, num_table_shards=2)
    cluster = cluster_of(chief=1, ps=2)
    servers = [Task(cluster, "ps", task, directory, STEPS, index=index) for index in range(2)]
    with killed(*servers) as running:
        running.append(Task(cluster, "chief", task, directory, STEPS))
        seen = running[-1].result()
    seen["evaluated"] = estimator_in(directory, num_table_shards=2).evaluate(input_of(CLASSES, 16), steps=1)
    return seen


def weights_of(variables):
    return {name: value for name, value in variables.items() if name.startswith("linear/linear_model")}


@program("LinearSDCA", "chief", "worker", "ps", "evaluator")
def sdca_in_a_whole_job(directory):
    """The two workers' steps mix: what is compared is what does not depend on their order."""
    path = os.path.join(directory, "job")
    cluster = cluster_of(chief=1, worker=1, ps=1)
    met = {role: CONTEXT.Event() for role in ("chief", "worker")}
    task = functools.partial(takes_part, num_loss_partitions=2)
    with killed(Task(cluster, "ps", task, path, MANY_STEPS)) as running:
        running += [
            Task(cluster, "chief", task, path, MANY_STEPS, met["chief"], met["worker"], (2, 0)),
            Task(cluster, "worker", task, path, MANY_STEPS, met["worker"], met["chief"], (2, 1)),
            Task(cluster, "evaluator", task, path, MANY_STEPS),
        ]
        chief, worker, evaluator = (task.result() for task in running[1:])
    alone = os.path.join(directory, "alone")
    made = estimator_in(alone).train(input_of(CLASSES), steps=MANY_STEPS)
    found, best = weights_of(chief["variables"]), weights_of(models.variables(made))
    examples = [value for name, value in chief["variables"].items() if name.endswith("-keys")]
    seen = {
        "returned": [one["result"] for one in (chief, worker, evaluator)],
        "names": sorted(chief["variables"]),
        "examples": examples,
        # There some more steps are made, one or two of each worker.
        "last step": MANY_STEPS <= int(chief["variables"]["global_step"]) <= MANY_STEPS + 4,
        "as alone": {name: bool(np.allclose(found[name], best[name], atol=0.01)) for name in best},
    }
    tf.compat.v1.summary.FileWriterCache.clear()
    for made_there in (path, alone):
        tf.io.gfile.rmtree(made_there)
    return seen
