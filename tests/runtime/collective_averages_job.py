"""One task of a synchronous training in which each replica has averages of its own.

It is started with a global TASK by `cluster_tasks`; settings: `averages` ("keras": those of a layer of Keras 3; "read by
all": a variable that is read as the mean over the replicas, as BatchNormalization's of Keras 2), `steps`.
"""

import json
import os
import sys

os.environ["TF_CONFIG"] = TASK["tf_config"]  # noqa: F821
sys.stdout = sys.stderr = open(TASK["log"], "a", buffering=1)  # noqa: F821, SIM115
os.dup2(sys.stdout.fileno(), 1)
os.dup2(sys.stdout.fileno(), 2)

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import estimator_runtime as er  # noqa: E402

v1 = tf.compat.v1
SETTINGS = TASK  # noqa: F821
ROLE = json.loads(TASK["tf_config"])["task"]  # noqa: F821
MOMENTUM = 0.5


def train_input(input_context):
    """Ones on the chief, threes on the worker: averages of the two are twos."""
    value = 1.0 + 2.0 * input_context.input_pipeline_id
    return tf.data.Dataset.from_tensors(np.full([4, 1], value, np.float32)).repeat()


def averaged(features):
    mean = v1.get_variable(
        "norm/moving_mean",
        [1],
        initializer=v1.zeros_initializer(),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.MEAN,
    )
    return mean.assign(MOMENTUM * mean + (1 - MOMENTUM) * tf.reduce_mean(features, axis=0))


def model_fn(features, mode):
    hidden, updates = features, []
    if SETTINGS["averages"] == "keras":
        hidden = tf.keras.layers.BatchNormalization(momentum=MOMENTUM, name="norm")(features, training=True)
    else:
        updates = [averaged(features)]
    loss = tf.reduce_mean(tf.keras.layers.Dense(1, name="dense")(hidden))
    step = v1.train.get_global_step()
    train_op = v1.train.GradientDescentOptimizer(0.1).minimize(loss, step)
    return er.EstimatorSpec(mode, loss=loss, train_op=tf.group(train_op, *updates))


with tf.Graph().as_default():
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
config = er.RunConfig(save_checkpoints_steps=2, train_distribute=strategy)
estimator = er.Estimator(model_fn, config=config)
er.train_and_evaluate(
    estimator, er.TrainSpec(train_input, max_steps=SETTINGS["steps"]), er.EvalSpec(train_input)
)
print("DONE")
