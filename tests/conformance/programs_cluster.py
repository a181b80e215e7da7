"""Tasks of a cluster, each a process: what they may call while others train, and what a whole job leaves behind."""

import functools
import os
import tempfile

import counting_model
import tensorflow as tf
from catalogue import program
from counting_model import serves, takes_part, trains_and_calls, trains_on
from models import v1
from programs_loop import FINISHED, LIVE
from tasks import CONTEXT, Task, cluster_of, killed, wait


@functools.cache
def beside_training(leader):
    """What a leader ("chief" or "master") and a worker saw of an Estimator that trained to step 5 before."""
    with tempfile.TemporaryDirectory() as directory:
        counting_model.estimator(directory).train(counting_model.few_again, steps=5)
        tf.compat.v1.summary.FileWriterCache.clear()
        cluster = cluster_of(**{leader: 1, "worker": 1, "ps": 2})
        all_done = CONTEXT.Event()
        events = {
            role: {"all done": all_done, **{name: CONTEXT.Event() for name in ("training", "turn", "done")}}
            for role in (leader, "worker")
        }
        servers = [Task(cluster, "ps", serves, directory, index=index) for index in range(2)]
        with killed(*servers) as running:
            for role in (leader, "worker"):
                # A worker of 2.15 that finds no model looks for it half a minute later.
                running.append(Task(cluster, role, trains_and_calls, directory, events[role], role))
                wait(events[role]["training"], running[-1])
            for role in (leader, "worker"):
                events[role]["turn"].set()
                wait(events[role]["done"], *running[2:])
            all_done.set()
            seen = {role: task.result() for role, task in zip((leader, "worker"), running[2:], strict=True)}
        path = os.path.join(directory, "model")
        files = {name for name in os.listdir(path) if "live_variables" not in name and "tfevents" not in name}
        seen["files"] = sorted(name for name in files if "model.ckpt" not in name)
        seen["events"] = len([name for name in os.listdir(path) if "tfevents" in name])
        return seen


def of_both(*names, leader="chief"):
    seen = beside_training(leader)
    return {role: {name: seen[role][name] for name in names} for role in (leader, "worker")}


@program("chief", "worker", "ps", "predict")
def predictions_beside_training(directory):
    return of_both("predictions", "live")


@program("chief", "worker", "ps", "evaluate")
def evaluations_beside_training(directory):
    return of_both("evaluation", "live")


@program("chief", "worker", "ps", "export_saved_model")
def exports_beside_training(directory):
    return of_both("export", "live")


@program("chief", "worker", "ps", "variables", "latest_checkpoint")
def variables_beside_training(directory):
    return of_both("variables", "checkpoint", "live")


@program("master", "worker", "ps", "predict", "evaluate", "export_saved_model", "variables")
def calls_of_a_master_beside_training(directory):
    return of_both("predictions", "evaluation", "export", "variables", "live", leader="master")


@program("chief", "worker", "ps", "device filters", "TF_CONFIG chief")
def tasks_of_a_cluster(directory):
    return of_both("devices", "config", "replicas", "server")


@program("numpy_input_fn", "chief", "worker")
def shuffled_rows_in_a_cluster(directory):
    return of_both("rows of both halves")


@program("chief", "worker", "checkpoint names", "summaries")
def files_of_a_cluster(directory):
    seen = beside_training("chief")
    return {"files": seen["files"], "event files": seen["events"]}


@program("chief", "ps", "saver", "latest_checkpoint", differs=LIVE)
def chief_that_starts_five_times(directory):
    cluster = cluster_of(chief=1, ps=1)
    with killed(Task(cluster, "ps", serves, directory)) as running:
        starts = []
        for _ in range(5):
            running.append(Task(cluster, "chief", trains_on, directory, 3))
            starts.append(running[-1].result())
            running[-1].kill()
    return starts


@program("master", "ps", "local loop", "final export", differs={**FINISHED, **LIVE})
def master_with_a_parameter_server(directory):
    cluster = cluster_of(master=1, ps=1)
    with killed(Task(cluster, "ps", serves, directory)) as running:
        running.append(Task(cluster, "master", takes_part, directory, 8))
        return running[-1].result()


LAST = 12  # a checkpoint, and with it an evaluation, every four steps


@functools.cache
def whole_job():
    """A job of all roles by train_and_evaluate, in which both workers have a part."""
    with tempfile.TemporaryDirectory() as directory:
        cluster = cluster_of(chief=1, worker=1, ps=1)
        met = {role: CONTEXT.Event() for role in ("chief", "worker")}
        with killed(Task(cluster, "ps", serves, directory)) as running:
            running += [
                Task(cluster, "chief", takes_part, directory, LAST, met["chief"], met["worker"]),
                Task(cluster, "worker", takes_part, directory, LAST, met["worker"], met["chief"]),
                Task(cluster, "evaluator", takes_part, directory, LAST),
            ]
            results = {
                role: task.result()
                for role, task in zip(("chief", "worker", "evaluator"), running[1:], strict=True)
            }
        path = os.path.join(directory, "model")
        last = tf.train.latest_checkpoint(path)
        reader = tf.train.load_checkpoint(last)
        evaluated = [
            event.step
            for name in sorted(os.listdir(os.path.join(path, "eval")))
            for event in v1.train.summary_iterator(os.path.join(path, "eval", name))
            for value in event.summary.value
            if value.tag == "w"
        ]
        exports = os.listdir(os.path.join(path, "export", "final"))
        step = int(reader.get_tensor("global_step"))
        return {
            "tasks": results,
            "step": step,
            "w": float(reader.get_tensor("w")),
            "evaluated": evaluated,
            "exports": len(exports),
            "served": counting_model.served(os.path.join(path, "export", "final", exports[0])),
        }


@program("chief", "worker", "ps", "evaluator", "train max_steps")
def steps_of_a_whole_job(directory):
    """Two workers may overrun the last step by one."""
    found = whole_job()
    return {
        "last step": LAST <= found["step"] <= LAST + 1,
        "counted": abs(found["w"] - 0.5 - found["step"]) <= 1,
        "returned": {role: seen["result"] for role, seen in found["tasks"].items()},
    }


def evaluations_and_exports(found):
    """What an evaluator has done of a job, which may overrun its last step."""
    return {
        "last evaluation is of the last step": found["evaluated"][-1] == found["step"],
        "in order": found["evaluated"] == sorted(set(found["evaluated"])),
        "exports": found["exports"],
        "served": [
            abs(value / (found["w"] * (row + 1)) - 1) < 1e-6
            for row, value in enumerate(found["served"].ravel().tolist())
        ],
    }


@program("evaluator", "final export", "worker")
def evaluator_of_a_whole_job(directory):
    return evaluations_and_exports(whole_job())
