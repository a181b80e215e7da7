"""A model that counts its steps, and tasks of a cluster that train it: `w` is the number of steps and a half.

So what was read tells of which step it is, and a variable that was set back shows.
"""

import os

import models
import numpy as np
import tensorflow as tf
from models import v1
from tasks import wait

ROWS = np.arange(1000)
FEW = np.array([[1.0], [2.0]], np.float32)


def counting(features, labels, mode):
    w = models.variable("w", value=0.5)
    y = w * tf.cast(features["x"], tf.float32)
    if mode == "infer":
        return tf.estimator.EstimatorSpec(mode, predictions={"y": y})
    step = v1.train.get_global_step()
    loss = tf.identity(w)
    with tf.control_dependencies([loss]):  # the loss is that of before the step
        counted = [v1.assign_add(w, 1.0), v1.assign_add(step, 1)]
    return tf.estimator.EstimatorSpec(
        mode,
        loss=loss,
        train_op=tf.group(*counted),
        eval_metric_ops={"w": v1.metrics.mean(w)},
    )


def estimator(directory, *, name="model", **config):
    return models.estimator(directory, counting, name=name, **{"save_checkpoints_steps": 10**6, **config})


def few():
    return tf.data.Dataset.from_tensor_slices({"x": FEW}).batch(2)


def few_again():
    return few().repeat()


def shuffled():
    """A shuffled input of 32 threads that each begin somewhere."""
    return v1.estimator.inputs.numpy_input_fn(
        {"x": ROWS}, batch_size=4, num_epochs=None, shuffle=True, queue_capacity=64, num_threads=32
    )()


def receiver():
    x = v1.placeholder(tf.float32, [None, 1], name="x")
    return tf.estimator.export.ServingInputReceiver({"x": x}, {"x": x})


def served(path):
    with tf.Graph().as_default(), v1.Session() as session:
        meta_graph = v1.saved_model.load(session, ["serve"], tf.compat.as_str_any(path))
        (signature,) = meta_graph.signature_def.values()
        (y,), (x,) = signature.outputs.values(), signature.inputs.values()
        return session.run(y.name, {x.name: FEW})


def server():
    """The server of this task, which TF_CONFIG names."""
    document = tf.estimator.RunConfig()
    return v1.train.Server(document.cluster_spec, job_name=document.task_type, task_index=document.task_id)


class CallsBesideTraining(v1.train.SessionRunHook):
    """Makes calls of the Estimator between two steps of its training, while other tasks go on with theirs.

    Args:
        made: the Estimator that trains.
        directory: for the export.
        events: "training" is set at the third step; "turn" is awaited, "done" set, and "all done" ends the training.
    """

    def __init__(self, made, directory, events):
        self.made, self.directory, self.events = made, directory, events
        self.steps, self.seen, self.rows = 0, None, set()

    def begin(self):
        self.live = {variable.op.name: variable for variable in v1.global_variables()}
        self.devices = {name: variable.device for name, variable in self.live.items()}
        queues = [op for op in v1.get_default_graph().get_operations() if op.type.startswith("QueueDequeue")]
        self.batch = [op.outputs[-1] for op in queues]  # numbers of rows may come before

    def before_run(self, run_context):
        return v1.train.SessionRunArgs(self.batch)

    def after_run(self, run_context, run_values):
        self.steps += 1
        for batch in run_values.results:
            self.rows.update(batch.ravel().tolist())
        if self.steps == 3:
            self.events["training"].set()
        if self.seen is None and self.events["turn"].is_set():
            self.seen = self._calls(run_context.session)
            self.events["done"].set()
        if self.events["all done"].is_set() and self.steps > 200:
            run_context.request_stop()

    def _calls(self, session):
        made = self.made
        before = session.run(self.live)
        seen = {
            "predictions": [one["y"] for one in made.predict(few)],
            "evaluation": made.evaluate(few, name=os.path.basename(self.directory)),
            "export": served(made.export_saved_model(self.directory, receiver)),
            "variables": models.variables(made),
            "checkpoint": os.path.basename(made.latest_checkpoint()),
        }
        after = session.run(self.live)
        while after["global_step"] < before["global_step"] + 3:
            after = session.run(self.live)
        seen["live"] = {
            # Another task may be between its two assignments.
            "goes on from there": bool(before["w"] <= after["w"]),
            "counts every step": bool(abs(after["w"] - 0.5 - after["global_step"]) < 3),
        }
        return seen


def trains_and_calls(directory, events, task_name):
    """What a task sees of its Estimator while it trains and others do; see `CallsBesideTraining`."""
    own = server()
    made = estimator(directory)
    hook = CallsBesideTraining(made, os.path.join(directory, f"exports-{task_name}"), events)
    made.train(shuffled, hooks=[hook])
    config = made.config
    return {
        **hook.seen,
        "devices": hook.devices,
        "config": [config.task_type, config.task_id, config.is_chief, config.num_ps_replicas],
        "replicas": config.num_worker_replicas,
        "rows of both halves": [min(hook.rows) < 500, max(hook.rows) >= 500],
        "server": own.target == config.master,
    }


def serves(directory):
    """A parameter server, until it is killed."""
    tf.estimator.train_and_evaluate(
        estimator(directory), tf.estimator.TrainSpec(few_again), tf.estimator.EvalSpec(few)
    )


def trains_on(directory, steps):
    """A chief's start: its checkpoints on the disk afterwards, and how far it came."""
    own = server()
    made = estimator(directory, save_checkpoints_steps=2, keep_checkpoint_max=2)
    made.train(few_again, steps=steps)
    files = os.listdir(made.model_dir)
    state = tf.train.get_checkpoint_state(made.model_dir)
    return {
        "on disk": sorted(name for name in files if name.endswith(".index")),
        "listed": [os.path.basename(path) for path in state.all_model_checkpoint_paths],
        "w": made.get_variable_value("w").item(),
        "server": own.target == made.config.master,
    }


class Meets(v1.train.SessionRunHook):
    """Says that this task has made two steps, and waits until the other one has."""

    def __init__(self, mine, others):
        self.mine, self.others, self.steps = mine, others, 0

    def after_run(self, run_context, run_values):
        self.steps += 1
        if self.steps == 2:
            self.mine.set()
            wait(self.others)


def takes_part(directory, max_steps, mine=None, others=None, **config):
    """A task of train_and_evaluate: what it returned, and what it saved."""
    made = estimator(directory, save_checkpoints_steps=4, keep_checkpoint_max=None, **config)
    hooks = [] if mine is None else [Meets(mine, others)]
    result = tf.estimator.train_and_evaluate(
        made,
        tf.estimator.TrainSpec(few_again, max_steps, hooks),
        tf.estimator.EvalSpec(
            few,
            start_delay_secs=0,
            throttle_secs=0,
            exporters=tf.estimator.FinalExporter("final", receiver),
        ),
    )
    return {"result": result, "w": made.get_variable_value("w").item()}
