"""The model that counts its steps (`counting_model`) as a TPUEstimator, and a task of a job that trains it."""

import os

import counting_model
import models
import tensorflow as tf
import tpu_models
from counting_model import FEW, Meets
from models import v1
from tpu_models import tpu


def few(params):
    return tf.data.Dataset.from_tensor_slices({"x": FEW}).batch(params["batch_size"])


def few_again(params):
    return few(params).repeat()


class Told:
    """What the model function of this process was told, and how often its host call ran."""

    seen: list = []


def counting(features, labels, mode, params, config):
    """`w` is the number of steps and a half, `called` how often host calls of all tasks have run."""
    Told.seen.append([mode, tpu_models.plain(params), config.task_type, config.num_ps_replicas])
    spec = counting_model.counting(features, labels, mode)
    called = models.variable("called", trainable=False)
    if mode == "infer":
        return tpu().TPUEstimatorSpec(mode, predictions=spec.predictions)
    host_call = ((lambda one: v1.assign_add(called, one[0])), [tf.ones([1])]) if mode == "train" else None
    metrics = (lambda loss: {"w": v1.metrics.mean(loss)}, {"loss": spec.loss})
    return tpu().TPUEstimatorSpec(
        mode, loss=spec.loss, train_op=spec.train_op, eval_metrics=metrics, host_call=host_call
    )


def estimator(directory, **run_config):
    return tpu_models.estimator(
        directory,
        counting,
        train_batch_size=2,
        eval_batch_size=1,
        predict_batch_size=2,
        tpu_config=tpu().TPUConfig(1),
        run_config={"save_checkpoints_steps": 4, "keep_checkpoint_max": None, **run_config},
    )


def takes_part(directory, max_steps, mine=None, others=None):
    """A task of train_and_evaluate: what it returned, what it saved, what it was told, and its place."""
    made = estimator(directory, log_step_count_steps=1)
    hooks = [] if mine is None else [Meets(mine, others)]
    result = tf.estimator.train_and_evaluate(
        made,
        tf.estimator.TrainSpec(few_again, max_steps, hooks),
        tf.estimator.EvalSpec(
            few,
            start_delay_secs=0,
            throttle_secs=0,
            exporters=tf.estimator.FinalExporter("final", counting_model.receiver),
        ),
    )
    config = made.config
    told = [one for number, one in enumerate(Told.seen) if one not in Told.seen[:number]]
    return {
        "result": result,
        "told": told,
        "place": [config.task_type, config.task_id, config.is_chief, config.num_worker_replicas],
        "masters": [config.master == config.evaluation_master, bool(config.master)],
    }


def serves(directory):
    """A parameter server, until it is killed or the job has ended."""
    tf.estimator.train_and_evaluate(
        estimator(directory), tf.estimator.TrainSpec(few_again), tf.estimator.EvalSpec(few)
    )


def served(directory):
    """What the last export answers."""
    base = os.path.join(directory, "model", "export", "final")
    exports = os.listdir(base)
    return len(exports), counting_model.served(os.path.join(base, exports[0]))
