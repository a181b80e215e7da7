"""Models of Keras 2 as Estimators in the tasks of a cluster, each a process."""

import os

import keras_models
import models
import tensorflow as tf
from catalogue import program
from counting_model import Meets
from keras_models import batches, legacy, once, plain
from programs_keras_models import FIRST
from programs_loop import FINISHED, LIVE
from tasks import CONTEXT, Task, cluster_of, killed

STEPS = 6


def takes_part(directory, mine=None, others=None):
    """A task of train_and_evaluate: what it returned, and the variables as it sees them."""
    made = keras_models.estimator(directory, plain(legacy.Adam(0.05)), config={"save_checkpoints_steps": 3})
    hooks = [] if mine is None else [Meets(mine, others)]
    result = tf.estimator.train_and_evaluate(
        made,
        tf.estimator.TrainSpec(batches(), STEPS, hooks),
        tf.estimator.EvalSpec(once(), start_delay_secs=0, throttle_secs=0),
    )
    return {"result": result, "variables": models.variables(made)}


@program("chief", "ps", "variables", "checkpoint names", differs={**FIRST, **FINISHED, **LIVE})
def model_with_a_parameter_server(directory):
    cluster = cluster_of(chief=1, ps=1)
    with killed(Task(cluster, "ps", takes_part, directory)) as running:
        running.append(Task(cluster, "chief", takes_part, directory))
        return running[-1].result()


@program("chief", "worker", "ps", "evaluator")
def model_in_a_whole_job(directory):
    """The two workers' steps mix: what is compared is what does not depend on their order."""
    path = os.path.join(directory, "job")
    cluster = cluster_of(chief=1, worker=1, ps=1)
    met = {role: CONTEXT.Event() for role in ("chief", "worker")}
    with killed(Task(cluster, "ps", takes_part, path)) as running:
        running += [
            Task(cluster, "chief", takes_part, path, met["chief"], met["worker"]),
            Task(cluster, "worker", takes_part, path, met["worker"], met["chief"]),
            Task(cluster, "evaluator", takes_part, path),
        ]
        results = [task.result() for task in running[1:]]
    step = int(results[0]["variables"]["global_step"])
    seen = {
        "returned": [one["result"] for one in results],
        "names": sorted(results[0]["variables"]),
        "last step": STEPS <= step <= STEPS + 1,
    }
    tf.io.gfile.rmtree(path)
    return seen
