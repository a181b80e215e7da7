"""A program of one task whose replicas train together: SyncReplicasOptimizer with its hook.

It is run with a global TASK: {"tf_config", "log", "fails_at"}; the chief's loss is NaN from the step `fails_at` on, None
for never. The grace that threads have at the end of a session is an hour, which no test waits for.
"""

import os
import traceback

import tensorflow as tf

import estimator_runtime as er
from estimator_runtime.loop import sessions

TASK = globals()["TASK"]
v1 = tf.compat.v1
MAX_STEPS = 30


def model_fn(features, labels, mode, config):
    weight = v1.get_variable("weight", [1], initializer=v1.zeros_initializer())
    step = v1.train.get_global_step()
    loss = tf.reduce_mean(tf.square(features["x"] * weight - labels))
    if TASK["fails_at"] is not None and config.is_chief:
        loss = tf.where(step < TASK["fails_at"], loss, float("nan"))
    optimizer = v1.train.SyncReplicasOptimizer(
        v1.train.GradientDescentOptimizer(0.01), replicas_to_aggregate=2, total_num_replicas=2
    )
    train_op = optimizer.minimize(loss, step)
    hook = optimizer.make_session_run_hook(config.is_chief)
    return er.EstimatorSpec(mode, loss=loss, train_op=train_op, training_hooks=[hook])


def input_fn():
    return tf.data.Dataset.from_tensors(({"x": [1.0]}, [2.0])).repeat()


def main():
    log = os.open(TASK["log"], os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["TF_CONFIG"] = TASK["tf_config"]
    v1.logging.set_verbosity(v1.logging.INFO)
    sessions._STOP_GRACE_SECS = 3600.0
    estimator = er.Estimator(model_fn, config=er.RunConfig(experimental_max_worker_delay_secs=0))
    try:
        er.train_and_evaluate(
            estimator, er.TrainSpec(input_fn, max_steps=MAX_STEPS), er.EvalSpec(input_fn, steps=1)
        )
    except BaseException:
        traceback.print_exc()
        raise


main()
