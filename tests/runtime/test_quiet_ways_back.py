"""What makes single steps of a training: found in its graph and its configuration, and said in the log."""

import linear_model
import numpy as np
import pytest
import stretched
import tensorflow as tf
from linear_model import model_with, spec, v1
from stretched import NOBODY, steady

from estimator_runtime.loop.stretches import step_graph
from estimator_runtime.loop.stretches.step_graph import NotLoopableError

STEPS = 60


@pytest.fixture
def stretches(monkeypatch):
    return stretched.watch(monkeypatch)


def with_op(make):
    """A model whose loss depends on what `make` makes of the features."""

    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        return spec(mode, y + 0.0 * tf.cast(make(features["x"]), tf.float32), labels)

    return model_fn


def counting(*, by=1, times=1):
    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        # Where the input ends a step that finds no batch must not count, whichever of the two TensorFlow begins with.
        with tf.control_dependencies([y] if times > 1 else []):
            added = [v1.assign_add(v1.train.get_global_step(), by) for _ in range(times)]
        return spec(mode, y, labels, train_op=tf.group(*added, y))

    return model_fn


def placed_on_xla(x):
    return tf.function(tf.reduce_sum, jit_compile=True)(x)


def drawn_in_a_function(x):
    return tf.reduce_mean(tf.function(lambda: tf.random.uniform([], seed=3))())


def reference(x):
    return v1.get_variable("reference", [], use_resource=False)


def queued(x):
    queue = tf.queue.FIFOQueue(2, [tf.float32], [[]])
    with tf.control_dependencies([queue.enqueue(1.0)]):
        return queue.dequeue()


OPERATIONS = [
    (lambda x: tf.py_function(lambda: 1.0, [], tf.float32), "EagerPyFunc"),
    (lambda x: tf.numpy_function(lambda: np.float32(1), [], tf.float32), "PyFunc"),
    (lambda x: tf.numpy_function(lambda: np.float32(1), [], tf.float32, stateful=False), "PyFuncStateless"),
    (tf.function(lambda x: tf.py_function(lambda: 1.0, [], tf.float32)), "in a function is a EagerPyFunc"),
    (reference, "is a VariableV2"),
    (queued, "is a Queue"),
    (placed_on_xla, "is compiled by XLA"),
    (drawn_in_a_function, "a function in it draws random numbers with a seed"),
]


@pytest.mark.parametrize(("make", "reason"), OPERATIONS)
def test_operations_that_a_copy_would_do_differently(tmp_path, tf_log, stretches, make, reason):
    single(tmp_path, tf_log, stretches, reason, with_op(make))


def single(directory, tf_log, stretches, reason, model_fn, input_fn=steady, reached=STEPS, **config):
    """A training that makes single steps, for this reason."""
    settings = {**NOBODY, "save_checkpoints_secs": 600, "tf_random_seed": None, **config}
    estimator = stretched.estimator(directory, model_fn, "auto", **settings)
    estimator.train(input_fn, steps=STEPS)
    assert estimator.get_variable_value("global_step") == reached
    assert [one.made for one in stretches] == [0]
    lines = [line for line in tf_log if line.startswith("Training makes one step")]
    assert len(lines) == 1, tf_log
    assert reason in lines[0]


@pytest.mark.parametrize(
    ("model_fn", "reason"),
    [
        (counting(by=2), "adds another number than 1"),
        (counting(times=2), "it adds to the global step 2 times"),
        (
            lambda features, labels, mode: spec(
                mode,
                linear_model.linear(features["x"]),
                labels,
                train_op=v1.assign(v1.train.get_global_step(), v1.train.get_global_step() + 1),
            ),
            "is given the global step",
        ),
    ],
)
def test_a_step_that_counts_otherwise(tmp_path, tf_log, stretches, model_fn, reason):
    # What hooks read of the step beside two additions may be of before both, and then they do not end training with it.
    input_fn = (lambda: steady().take(STEPS // 2)) if "2 times" in reason else steady
    single(tmp_path, tf_log, stretches, reason, model_fn, input_fn)


def test_a_step_that_counts_nothing(tmp_path, tf_log, stretches):
    model_fn = model_with(train_op=lambda features: tf.reduce_sum(features["x"]).op)
    settings = {**NOBODY, "tf_random_seed": None}

    def ended():
        return steady().take(STEPS)

    stretched.estimator(tmp_path, model_fn, "auto", **settings).train(ended)
    assert [one.made for one in stretches] == [0]
    assert "it adds to the global step 0 times" in "".join(tf_log)


def until_out_of_range():
    x = v1.train.batch([v1.train.input_producer(linear_model.X, shuffle=False).dequeue()], 8)
    return {"x": x}, 2 * x


def test_an_input_of_queues(tmp_path, tf_log, stretches):
    single(tmp_path, tf_log, stretches, "its input has queues", linear_model.model_fn, until_out_of_range)


def session_config(change):
    config = v1.ConfigProto(allow_soft_placement=True)
    change(config)
    return config


def set_timeout(config):
    config.operation_timeout_in_ms = 60_000


def set_jit(config):
    config.graph_options.optimizer_options.global_jit_level = v1.OptimizerOptions.ON_1


@pytest.mark.parametrize(
    ("change", "reason"), [(set_timeout, "limits the time of a call"), (set_jit, "has XLA compile steps")]
)
def test_session_options(tmp_path, tf_log, stretches, change, reason):
    config = session_config(change)
    single(tmp_path, tf_log, stretches, reason, linear_model.model_fn, session_config=config)


def test_a_device_function(tmp_path, tf_log, stretches):
    single(
        tmp_path, tf_log, stretches, "device_fn places", linear_model.model_fn, device_fn=lambda op: "/cpu:0"
    )


def test_random_numbers_with_a_seed_of_their_own(tmp_path, tf_log, stretches):
    model_fn = with_op(lambda x: tf.reduce_mean(tf.random.uniform([2], seed=5)))
    single(tmp_path, tf_log, stretches, "its random numbers have a seed", model_fn)


def test_a_placeholder_is_not_looped(tmp_path, tf_log, stretches):
    class Feeds(v1.train.SessionRunHook):
        steps_between_looks = 10

        def before_run(self, run_context):
            return v1.train.SessionRunArgs(None, {"fed:0": 1.0})

    model_fn = with_op(lambda x: v1.placeholder(tf.float32, [], "fed"))
    settings = {**NOBODY, "tf_random_seed": None}
    stretched.estimator(tmp_path, model_fn, "auto", **settings).train(steady, steps=STEPS, hooks=[Feeds()])
    assert [one.made for one in stretches] == [0]
    assert "is a Placeholder" in "".join(tf_log)


@pytest.mark.filterwarnings("ignore:To make it possible to preserve tf.data options")
def test_a_strategy(tmp_path, stretches):
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    settings = {**NOBODY, "tf_random_seed": None, "train_distribute": strategy}
    stretched.estimator(tmp_path, linear_model.model_fn, 10, **settings).train(steady, steps=STEPS)
    assert [one.made for one in stretches] == [0]


@pytest.mark.filterwarnings("ignore:To make it possible to preserve tf.data options")
def test_an_evaluation_by_a_strategy(tmp_path, tf_log, monkeypatch):
    stretches = stretched.watch_evaluations(monkeypatch)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    settings = {**NOBODY, "save_checkpoints_steps": STEPS, "eval_distribute": strategy}
    estimator = stretched.estimator(tmp_path, linear_model.model_fn, 10, **settings)
    estimator.train(steady, steps=1)
    estimator.evaluate(steady, steps=STEPS)
    assert [one.made for one in stretches] == [0]
    assert "Evaluation runs one batch in a call of the session: a strategy replicates it." in tf_log


@pytest.mark.parametrize("kind", [v1.Session, v1.train.MonitoredSession])
def test_a_program_that_has_replaced_run(tmp_path, stretches, monkeypatch, kind):
    called = []
    run = kind.run
    monkeypatch.setattr(kind, "run", lambda self, *a, **s: called.append(a) or run(self, *a, **s))
    stretched.estimator(tmp_path, linear_model.model_fn, 10, **NOBODY).train(steady, steps=STEPS)
    assert [one.made for one in stretches] == [0]
    assert len(called) >= STEPS


def test_gradients_that_wait_for_other_replicas():
    """They go through accumulators, and tokens through a queue."""
    with tf.Graph().as_default():
        step = v1.train.create_global_step()
        loss = tf.reduce_sum(linear_model.linear(tf.ones([2, 1])))
        optimizer = v1.train.SyncReplicasOptimizer(v1.train.GradientDescentOptimizer(0.1), 1)
        train_op = optimizer.minimize(loss, step).op
        with pytest.raises(NotLoopableError, match="sync_token_q_Dequeue is a QueueDequeueV2"):
            step_graph.of(train_op, loss, step)
