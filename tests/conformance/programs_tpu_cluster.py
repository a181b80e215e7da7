"""TPUEstimators in a cluster: a job of all roles, each task a process, and single tasks that are alone with their TF_CONFIG."""

import contextlib
import functools
import os
import tempfile

import models
import tensorflow as tf
import tpu_counting
import tpu_models
from catalogue import program
from models import v1
from programs_cluster import evaluations_and_exports
from programs_loop import FINISHED
from tasks import CONTEXT, Task, cluster_of, killed
from tpu_models import batches, once

LAST = 12  # a checkpoint, and with it an evaluation, every four steps


@functools.cache
def whole_job():
    """A job of chief, worker, ps and evaluator by train_and_evaluate, in which chief and worker both have a part."""
    with tempfile.TemporaryDirectory() as directory:
        cluster = cluster_of(chief=1, worker=1, ps=1)
        met = {role: CONTEXT.Event() for role in ("chief", "worker")}
        roles = {
            "chief": (met["chief"], met["worker"]),
            "worker": (met["worker"], met["chief"]),
            "evaluator": (),
        }
        with killed(Task(cluster, "ps", tpu_counting.serves, directory)) as running:
            running += [
                Task(cluster, role, tpu_counting.takes_part, directory, LAST, *events)
                for role, events in roles.items()
            ]
            tasks = {role: task.result() for role, task in zip(roles, running[1:], strict=True)}
        path = os.path.join(directory, "model")
        reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(path))
        exports, answers = tpu_counting.served(directory)
        return {
            "tasks": tasks,
            "variables": sorted(reader.get_variable_to_shape_map()),
            "step": int(reader.get_tensor("global_step")),
            "w": float(reader.get_tensor("w")),
            "called": float(reader.get_tensor("called")),
            "tags": sorted({tag for tag, _ in scalars(path)}),
            "evaluated": [step for tag, step in scalars(os.path.join(path, "eval")) if tag == "w"],
            "exports": exports,
            "served": answers,
        }


def scalars(directory):
    """(tag, step) of each value in the event files, which may still be open: of the last one there may be a part."""
    found = []
    for name in sorted(os.listdir(directory)):
        with contextlib.suppress(tf.errors.DataLossError):
            if "tfevents" in name:
                for event in v1.train.summary_iterator(os.path.join(directory, name)):
                    found += [(value.tag, event.step) for value in event.summary.value]
    return found


@program("TPUEstimator", "chief", "worker", "ps", "train max_steps")
def steps_of_a_tpu_job(directory):
    """Two workers may overrun the last step by one, and a host call may see a step that another task makes."""
    found = whole_job()
    return {
        "last step": LAST <= found["step"] <= LAST + 1,
        "counted": abs(found["w"] - 0.5 - found["step"]) <= 1,
        "host calls": abs(found["called"] - found["step"]) <= 1,
        "variables": found["variables"],
        "returned": {role: seen["result"] for role, seen in found["tasks"].items()},
    }


@program("TPUEstimator", "tpu RunConfig", "chief", "worker", "evaluator")
def tasks_of_a_tpu_job(directory):
    return {
        role: {name: seen[name] for name in ("told", "place", "masters")}
        for role, seen in whole_job()["tasks"].items()
    }


@program("TPUEstimator", "evaluator", "final export")
def evaluator_of_a_tpu_job(directory):
    found = whole_job()
    return {**evaluations_and_exports(found), "tags": found["tags"]}


def specs(max_steps):
    return (
        tf.estimator.TrainSpec(batches, max_steps),
        tf.estimator.EvalSpec(
            once,
            start_delay_secs=0,
            throttle_secs=0,
            exporters=tf.estimator.FinalExporter("final", models.raw_receiver),
        ),
    )


@program("TPUEstimator", "local loop", "final export", differs=FINISHED)
def loop_of_a_tpu_estimator(directory):
    estimator = tpu_models.estimator(directory, run_config={"save_checkpoints_steps": 4})
    return tf.estimator.train_and_evaluate(estimator, *specs(8))[0]


@program("TPUEstimator", "evaluator", "TF_CONFIG evaluator", "final export")
def evaluator_of_a_tpu_estimator(directory):
    tpu_models.estimator(directory).train(batches, steps=8)
    document = {
        "cluster": {"chief": ["localhost:1"], "ps": ["localhost:2"]},
        "task": {"type": "evaluator", "index": 0},
    }
    with models.tf_config(document):
        estimator = tpu_models.estimator(directory)
        return tf.estimator.train_and_evaluate(estimator, *specs(8))


@program("TPUEstimator", "chief", "TF_CONFIG chief", differs=FINISHED)
def chief_that_is_alone_with_its_tpu_estimator(directory):
    document = {"cluster": {"chief": ["localhost:1"]}, "task": {"type": "chief", "index": 0}}
    with models.tf_config(document):
        estimator = tpu_models.estimator(directory)
        result = tf.estimator.train_and_evaluate(estimator, *specs(6))
    return {"result": result, "variables": models.variables(estimator)}
