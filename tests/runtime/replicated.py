"""Programs of the strategy tests, and the process with two CPU devices that they run in.

The model is y = w * x with w = 0.5 at first and data that says y = 3 * x, so everything can be worked out by hand: a
batch's mean squared error is (w - 3)² mean(x²), its gradient 2 (w - 3) mean(x²).
"""

import concurrent.futures
import glob

import numpy as np
import processes
import tensorflow as tf

from estimator_runtime import Estimator, EstimatorSpec, ModeKeys, RunConfig
from estimator_runtime.distribution import each_replica

v1 = tf.compat.v1
X = np.arange(1, 9, dtype=np.float32).reshape(8, 1)
Y = 3 * X
RATE = 0.01
FIRST = 0.5
DEVICES = ("/cpu:0", "/cpu:1")


def two_devices():
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])


def executor():
    return concurrent.futures.ProcessPoolExecutor(1, processes.CONTEXT, two_devices)


STRATEGIES = {
    None: lambda: None,
    "mirrored": lambda: tf.distribute.MirroredStrategy(DEVICES),
    "mirrored v1": lambda: v1.distribute.MirroredStrategy(DEVICES),
    "mirrored on one": lambda: tf.distribute.MirroredStrategy(DEVICES[:1]),
    "one": lambda: tf.distribute.OneDeviceStrategy(DEVICES[1]),
    "one v1": lambda: v1.distribute.OneDeviceStrategy(DEVICES[1]),
    "central": lambda: tf.distribute.experimental.CentralStorageStrategy(DEVICES, DEVICES[0]),
    "central v1": lambda: v1.distribute.experimental.CentralStorageStrategy(DEVICES, DEVICES[0]),
}


def config(train=None, evaluate=None, **fields):
    return RunConfig(
        train_distribute=STRATEGIES[train](),
        eval_distribute=STRATEGIES[evaluate](),
        session_config=v1.ConfigProto(device_count={"CPU": 2}, allow_soft_placement=True),
        **{"save_checkpoints_steps": 100, "save_summary_steps": 1, **fields},
    )


def by_get_variable(x):
    return x * v1.get_variable("w", [], initializer=v1.constant_initializer(FIRST))


def by_variable(x):
    return x * tf.Variable(FIRST, name="w")


def by_keras(x):
    hidden = tf.keras.layers.Dense(
        1, use_bias=False, kernel_initializer=tf.keras.initializers.Constant(FIRST)
    )(x)
    return tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(hidden)


def mean(labels, y):
    return tf.reduce_mean(tf.square(y - labels))


def declared_sum(labels, y):
    return v1.losses.mean_squared_error(labels, y, reduction=v1.losses.Reduction.SUM)


def descent(loss):
    return v1.train.GradientDescentOptimizer(RATE).minimize(loss, v1.train.get_global_step())


def adam(loss):
    return v1.train.AdamOptimizer(0.1).minimize(loss, v1.train.get_global_step())


def by_hand(loss):
    """A step whose gradients no optimizer computes, so that no loss is scaled."""
    variables = v1.trainable_variables()
    gradients = zip(tf.gradients(loss, variables), variables)
    return v1.train.GradientDescentOptimizer(RATE).apply_gradients(gradients, v1.train.get_global_step())


def model(predict=by_get_variable, loss_of=mean, step=descent, **fields):
    """A model function; `fields` are functions of the loss that make further fields of its EstimatorSpec."""

    def model_fn(features, labels, mode):
        y = predict(features["x"])
        if mode == ModeKeys.PREDICT:
            return EstimatorSpec(mode, predictions={"y": y})
        loss = loss_of(labels, y)
        made = {name: field(loss) for name, field in fields.items()}
        if mode == ModeKeys.TRAIN:
            made["train_op"] = step(loss)
        else:
            made["eval_metric_ops"] = {
                "mae": v1.metrics.mean_absolute_error(labels, y),
                "examples": v1.metrics.mean(tf.shape(y)[0]),
            }
        return EstimatorSpec(mode, loss=loss, **made)

    return model_fn


def batches_of_two(examples=8):
    return tf.data.Dataset.from_tensor_slices(({"x": X[:examples]}, Y[:examples])).batch(2)


def train_input():
    return batches_of_two().repeat()


def values(estimator):
    return {name: estimator.get_variable_value(name).tolist() for name in estimator.get_variable_names()}


def train(model_dir, strategy, *, steps=3, input_fn=train_input, model_fn=None, **fields):
    """Trains, and returns the Estimator."""
    estimator = Estimator(model_fn or model(**fields), str(model_dir), config(strategy))
    return estimator.train(input_fn, steps=steps)


def reported_losses(model_dir):
    """The losses of the steps, as the summaries have them."""
    events = [
        event for path in glob.glob(f"{model_dir}/events*") for event in v1.train.summary_iterator(path)
    ]
    losses = {
        event.step: value.simple_value
        for event in events
        for value in event.summary.value
        if value.tag == "loss"
    }
    return [losses[step] for step in sorted(losses)]


def numbers_in_each_replica(strategy):
    """The numbers that replicas are built with, where each waits for the other in the midst of it."""
    numbers = []

    def build(number):
        numbers.append(number)
        tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(1.0))
        return number

    with tf.Graph().as_default():
        made = STRATEGIES[strategy]()
        with made.scope():
            return numbers, each_replica.in_each(made, build)
