"""One task of a synchronous training whose variables begin with given values; each task has a model directory of its own.

It is started with a global TASK by `cluster_tasks`; settings: `first` ("keras": the weights of a Keras model, which each task
draws for itself; "warm start": from a checkpoint that the chief alone has), `steps`.
"""

import json
import os
import sys

DIRECTORY = f"{TASK['log']}.model"  # noqa: F821
os.environ["TF_CONFIG"] = json.dumps(json.loads(TASK["tf_config"]) | {"model_dir": DIRECTORY})  # noqa: F821
sys.stdout = sys.stderr = open(TASK["log"], "a", buffering=1)  # noqa: F821, SIM115
os.dup2(sys.stdout.fileno(), 1)
os.dup2(sys.stdout.fileno(), 2)

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import estimator_runtime as er  # noqa: E402

v1 = tf.compat.v1
SETTINGS = TASK  # noqa: F821
IS_CHIEF = json.loads(TASK["tf_config"])["task"]["type"] == "chief"  # noqa: F821


def train_input():
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    return tf.data.Dataset.from_tensors((x, x.sum(axis=1, keepdims=True))).repeat()


def model_fn(features, labels, mode):
    w = v1.get_variable("w", [3, 1], initializer=v1.random_normal_initializer())
    loss = tf.reduce_mean(tf.square(features @ w - labels))
    train_op = v1.train.MomentumOptimizer(0.05, 0.5).minimize(loss, v1.train.get_global_step())
    return er.EstimatorSpec(mode, loss=loss, train_op=train_op)


def estimator(config):
    if SETTINGS["first"] == "keras":
        layers = [tf.keras.Input([3]), tf.keras.layers.Dense(4), tf.keras.layers.Dense(1)]
        model = tf.keras.Sequential(layers)
        model.compile(tf.keras.optimizers.SGD(0.05), "mse")
        if IS_CHIEF:
            print(f"FIRST {json.dumps(sorted(weight.ravel().tolist() for weight in model.get_weights()))}")
        return er.model_to_estimator(model, model_dir=DIRECTORY, config=config)
    path = f"{DIRECTORY}.first/model.ckpt"
    if IS_CHIEF:
        with tf.Graph().as_default(), v1.Session() as session:
            w = v1.get_variable("w", [3, 1], initializer=v1.constant_initializer([5.0, 6.0, 7.0]))
            session.run(w.initializer)
            v1.train.Saver().save(session, path)
        print("FIRST [[5.0, 6.0, 7.0]]")
    settings = er.WarmStartSettings(path, vars_to_warm_start="^w:0$")
    return er.Estimator(model_fn, DIRECTORY, config, warm_start_from=settings)


class Trace(er.SessionRunHook):
    """Tells the values of this task's copies at the begin and at the end."""

    def begin(self):
        local = tf.distribute.get_strategy().experimental_local_results
        self._values = [local(variable)[0].read_value() for variable in v1.trainable_variables()]

    def after_create_session(self, session, coord):
        del coord
        self._tell("BEGIN", session)

    def end(self, session):
        self._tell("END", session)

    def _tell(self, when, session):
        values = [value.ravel().tolist() for value in session.run(self._values)]
        print(f"{when} {json.dumps(sorted(values))}")


with tf.Graph().as_default():
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
estimator(er.RunConfig(train_distribute=strategy)).train(
    train_input, hooks=[Trace()], max_steps=SETTINGS["steps"]
)
print("DONE")
