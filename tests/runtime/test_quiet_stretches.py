"""Steps in a loop of the graph are the steps that would be made one by one."""

import os
import re
import signal

import linear_model
import numpy as np
import pytest
import stretched
import tensorflow as tf
from google.protobuf import text_format
from linear_model import v1
from stretched import NOBODY, Sees, varied

from estimator_runtime import EstimatorSpec, interruption
from estimator_runtime.experimental import InMemoryEvaluatorHook, make_early_stopping_hook
from estimator_runtime.job.session_hooks import ProgressHook
from estimator_runtime.loop.stretches import pace


@pytest.fixture
def stretches(monkeypatch):
    return stretched.watch(monkeypatch)


def spec(mode, y, labels, optimizer):
    loss = tf.reduce_mean(tf.square(y - labels))
    return EstimatorSpec(mode, loss=loss, train_op=optimizer.minimize(loss, v1.train.get_global_step()))


def dense(features, labels, mode):
    hidden = features["x"]
    for width in (8, 4):
        kernel = v1.get_variable(f"kernel_{width}", [hidden.shape[1], width])
        hidden = tf.nn.relu(tf.matmul(hidden, kernel) + 0.1)
    y = tf.reduce_sum(hidden, axis=1, keepdims=True)
    return spec(mode, y, labels, v1.train.AdamOptimizer(0.01))


def keras_layers(features, labels, mode):
    """Layers with a moving average, and with a seed of their own masks."""
    tf.keras.utils.set_random_seed(1)
    hidden = tf.keras.layers.Dense(8, activation="relu")(features["x"])
    hidden = tf.keras.layers.BatchNormalization(momentum=0.5)(hidden, training=True)
    hidden = tf.keras.layers.Dropout(0.5, seed=3)(hidden, training=True)
    return spec(mode, tf.keras.layers.Dense(1)(hidden), labels, v1.train.MomentumOptimizer(0.01, 0.9))


def batch_norm(features, labels, mode):
    """An update that the train_op depends on."""
    x = features["x"]
    mean = v1.get_variable("mean", [], initializer=v1.zeros_initializer(), trainable=False)
    # One reading, which the assignment waits for: two would race with it.
    before = mean.read_value()
    update = v1.assign(mean, 0.9 * before + 0.1 * tf.reduce_mean(x))
    made = spec(mode, linear_model.linear(x - before), labels, v1.train.GradientDescentOptimizer(0.1))
    return made._replace(train_op=tf.group(made.train_op, update))


def words(features, labels, mode):
    """A table, and an embedding with sparse gradients."""
    keys = tf.lookup.KeyValueTensorInitializer(["0", "1"], tf.constant([1, 2], tf.int64))
    table = tf.lookup.StaticHashTable(keys, default_value=0)
    embedding = v1.get_variable("embedding", [3, 1])
    y = tf.nn.embedding_lookup(embedding, table.lookup(features["word"])) * features["x"]
    return spec(mode, y, labels, v1.train.AdagradOptimizer(0.1))


def functions(features, labels, mode):
    """A tf.function, a branch and a loop."""

    @tf.function
    def squeezed(x):
        return tf.tanh(x)

    x = squeezed(linear_model.linear(features["x"]))
    x = tf.cond(tf.reduce_mean(features["x"]) > 0.4, lambda: 2.0 * x, lambda: x)
    _, x = tf.while_loop(lambda i, _: i < 3, lambda i, x: (i + 1, x * 1.1), [0, x])
    return spec(mode, x, labels, v1.train.GradientDescentOptimizer(0.1))


MODELS = [dense, keras_layers, batch_norm, words, functions]


@pytest.mark.parametrize("model_fn", MODELS)
def test_loops_leave_what_single_steps_leave(tmp_path, stretches, caplog, model_fn):
    """Checkpoints, to the last bit, summaries and log, all at the same steps; and none of these periods is a loop's."""
    caplog.set_level("INFO", "tensorflow")
    left = []
    for steps_per_loop in (1, 7):
        caplog.clear()
        directory = tmp_path / str(steps_per_loop)
        estimator = stretched.estimator(directory, model_fn, steps_per_loop)
        estimator.train(varied, max_steps=53)
        estimator.train(varied, steps=20)
        left.append(
            (stretched.checkpoints(directory), stretched.events(directory), stretched.logged(caplog.records))
        )
    (kept, events, lines), (kept_by_loops, events_by_loops, lines_by_loops) = left
    assert [one.made > 10 for one in stretches] == [False, False, True, True]
    assert list(kept) == [f"model.ckpt-{step}" for step in (0, 20, 40, 53, 73)]
    assert kept_by_loops == kept
    assert [step for step, _ in events_by_loops["loss"]] == [1, 11, 21, 31, 41, 51, 54, 64]
    assert [step for step, _ in events_by_loops["global_step/sec"]] == [16, 31, 46, 69]
    # TensorFlow's hook for summaries may be a step early in single steps: it goes by a reading of the step that is made
    # while the step is.
    losses = dict(events["loss"])
    assert [losses[step] for step, _ in events_by_loops["loss"] if step in losses] == [
        loss for step, loss in events_by_loops["loss"] if step in losses
    ]
    assert lines_by_loops == lines


def test_the_graph_that_is_written_is_the_models(tmp_path, stretches):
    def graphs(directory):
        (file,) = directory.glob("*tfevents*")
        held = [
            event for event in v1.train.summary_iterator(str(file)) if event.WhichOneof("what") != "summary"
        ]
        texts = [v1.GraphDef.FromString(event.graph_def) for event in held if event.graph_def]
        metas = [v1.MetaGraphDef.FromString(event.meta_graph_def) for event in held if event.meta_graph_def]
        for path in sorted(directory.glob("*.meta")):
            metas.append(v1.MetaGraphDef.FromString(path.read_bytes()))
        texts.extend(meta.graph_def for meta in metas)
        texts.append(text_format.Parse((directory / "graph.pbtxt").read_text(), v1.GraphDef()))
        described = [
            (
                [(node.name, node.op) for node in one.node],
                sorted(f.signature.name.rstrip("0123456789") for f in one.library.function),
            )
            for one in texts
        ]
        return described, [sorted(meta.collection_def) for meta in metas]

    written = []
    for steps_per_loop in (1, 10):
        directory = tmp_path / str(steps_per_loop)
        stretched.estimator(directory, dense, steps_per_loop).train(varied, steps=30)
        written.append(graphs(directory))
    assert stretches[1].made
    assert len(written[0][0]) >= 4
    assert written[0] == written[1]


@pytest.mark.parametrize("steps_per_loop", [1, 10])
def test_a_loss_that_is_no_number_ends_at_its_step(tmp_path, stretches, steps_per_loop):
    taken = []

    def input_fn():
        def examples():
            for number in range(1, 60):
                taken.append(number)
                value = np.nan if number == 37 else 1.0
                yield {"x": np.full([4, 1], value, np.float32)}, np.ones([4, 1], np.float32)

        spec = tf.TensorSpec([4, 1], tf.float32)
        made = tf.data.Dataset.from_generator(examples, output_signature=({"x": spec}, spec))
        options = tf.data.Options()
        options.autotune.enabled = False
        options.experimental_optimization.inject_prefetch = False
        return made.with_options(options)

    estimator = stretched.estimator(tmp_path, linear_model.model_fn, steps_per_loop, **NOBODY)
    with pytest.raises(v1.train.NanLossDuringTrainingError):
        estimator.train(input_fn)
    assert taken[-1] == 37
    assert bool(stretches[0].made) == (steps_per_loop > 1)


@pytest.mark.parametrize("count", [35, 30])
def test_the_end_of_the_input_in_a_loop_ends_after_the_steps_before_it(tmp_path, tf_log, stretches, count):
    left = []
    for steps_per_loop in (1, 10):
        tf_log.clear()
        directory = tmp_path / str(steps_per_loop)
        estimator = stretched.estimator(directory, dense, steps_per_loop)
        estimator.train(lambda: varied(4 * count), steps=100)
        said = [line for line in tf_log if line.startswith(("Loss for", "The input"))]
        left.append((stretched.checkpoints(directory), said))
    assert stretches[1].made
    assert f"The input ended after {count} steps of this call" in left[0][1][0]
    assert f"model.ckpt-{count}" in left[0][0]
    assert left[0] == left[1]


def failing_input():
    def checked(number):
        x = tf.debugging.check_numerics(1.0 / (23.0 - tf.cast(number, tf.float32)), "bad example")
        return {"x": tf.reshape(x, [1, 1])}, tf.ones([1, 1])

    return tf.data.Dataset.range(100).map(checked)


def failing_model(features, labels, mode):
    step = tf.cast(v1.train.get_global_step(), tf.float32)
    checked = tf.debugging.check_numerics(1.0 / (23.0 - step), "bad step")
    y = linear_model.linear(features["x"]) + 0.0 * checked
    return spec(mode, y, labels, v1.train.GradientDescentOptimizer(0.1))


@pytest.mark.parametrize(
    ("model_fn", "input_fn", "operation"),
    [(dense, failing_input, "IteratorGetNext"), (failing_model, varied, "CheckNumerics")],
)
def test_a_step_that_fails_in_a_loop_fails_as_by_itself(tmp_path, stretches, model_fn, input_fn, operation):
    said = []
    for steps_per_loop in (1, 10):
        estimator = stretched.estimator(tmp_path / str(steps_per_loop), model_fn, steps_per_loop)
        with pytest.raises(tf.errors.InvalidArgumentError) as raised:
            estimator.train(input_fn, steps=60)
        error = raised.value
        name = error.op and error.op.name
        said.append((type(error), name, re.sub(r"Dataset:\d+", "", str(error))))
        assert operation in str(error)
        assert f'File "{__file__}"' in str(error) or name is None
        assert "copied_step" not in str(error)
    assert stretches[1].made
    assert said[0] == said[1]


class LooksSeldom(Sees):
    steps_between_looks = 7


class Promises(Sees):
    steps_between_looks = 1000


def test_a_hook_that_says_so_is_called_in_one_of_n_steps(tmp_path, stretches):
    hooks = [LooksSeldom(), Promises()]
    stretched.estimator(tmp_path, dense, 100, **NOBODY).train(varied, steps=30, hooks=hooks)
    # The last step is always seen.
    assert hooks[0].steps == [1, 8, 15, 22, 29, 30]
    assert hooks[1].steps == hooks[0].steps


def test_a_hook_that_does_not_say_so_sees_every_step(tmp_path, stretches):
    hook = Sees()
    stretched.estimator(tmp_path, dense, 100, **NOBODY).train(varied, steps=30, hooks=[hook, LooksSeldom()])
    assert hook.steps == list(range(1, 31))
    assert stretches[0].made == 0


@pytest.mark.parametrize("steps", [0, True, "7", 1.5])
def test_a_period_that_is_no_number_of_steps_is_refused(tmp_path, steps):
    hook = type("Odd", (Sees,), {"steps_between_looks": steps})()
    with pytest.raises(ValueError, match="Odd.steps_between_looks must be an integer of at least 1"):
        stretched.estimator(tmp_path, dense).train(varied, steps=3, hooks=[hook])


def test_sigterm_in_a_loop_ends_the_training_at_the_next_step_that_a_hook_sees(tmp_path, stretches):
    class Quiet:
        def session_created(self, step):
            pass

        def stepped(self, step, loss):
            pass

    class Progress(ProgressHook):
        def __init__(self):
            pass

        def begin(self):
            loss = v1.get_collection(v1.GraphKeys.LOSSES)[0]
            super().__init__(Quiet(), loss=loss, step=v1.train.get_global_step())

    def input_fn():
        def examples():
            for number in range(1, 200):
                if number == 24:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield {"x": np.ones([4, 1], np.float32)}, np.ones([4, 1], np.float32)

        spec = tf.TensorSpec([4, 1], tf.float32)
        return tf.data.Dataset.from_generator(examples, output_signature=({"x": spec}, spec))

    before = signal.signal(signal.SIGTERM, lambda *_: interruption.request())
    try:
        estimator = stretched.estimator(tmp_path, linear_model.model_fn, 10, **NOBODY)
        estimator.train(input_fn, steps=150, hooks=[Progress()], saving_listeners=None)
    finally:
        signal.signal(signal.SIGTERM, before)
        interruption.clear()
    # The batch may be made some steps before it is used.
    assert 10 <= stretches[0].made <= 34


def test_a_stretch_is_over_when_its_time_is(tmp_path, stretches, monkeypatch):
    monkeypatch.setattr(pace, "LONGEST_SECS", 0.0)
    estimator = stretched.estimator(tmp_path, dense, 10, tf_random_seed=None)
    estimator.train(varied, steps=30)
    assert estimator.get_variable_value("global_step") == 30
    assert stretches[0].made == 0


def test_saving_by_seconds_leaves_long_stretches(tmp_path, stretches):
    settings = {**NOBODY, "save_checkpoints_secs": 600}
    stretched.estimator(tmp_path, dense, 1000, **settings).train(varied, steps=100)
    assert sorted(stretched.checkpoints(tmp_path)) == ["model.ckpt-0", "model.ckpt-100"]
    # The first, which the logger of speed would see, and the last.
    assert stretches[0].made == 99


def test_early_stopping_by_steps_asks_at_the_same_steps(tmp_path, stretches):
    ends = []
    for steps_per_loop in (1, 10):
        asked = []
        estimator = stretched.estimator(tmp_path / str(steps_per_loop), dense, steps_per_loop, **NOBODY)
        stop = make_early_stopping_hook(
            estimator, lambda asked=asked: asked.append(1) or len(asked) == 4, None, run_every_steps=13
        )
        hook = Promises()
        estimator.train(varied, steps=100, hooks=[stop, hook])
        ends.append((len(asked), hook.steps[-1]))
    assert stretches[1].made > 20
    # After steps 0, 13, 26 and 39, as read while a step is made.
    assert all(asked == 4 and 39 <= last <= 41 for asked, last in ends)


def evaluating_model(features, labels, mode):
    made = dense(features, labels, mode)
    return made._replace(eval_metric_ops={"mean": v1.metrics.mean(labels)})


def test_evaluations_in_memory_are_at_the_same_steps(tmp_path, stretches):
    left = []
    for steps_per_loop in (1, 10):
        estimator = stretched.estimator(
            tmp_path / str(steps_per_loop), evaluating_model, steps_per_loop, **NOBODY
        )
        hook = InMemoryEvaluatorHook(estimator, varied, steps=2, every_n_iter=17)
        estimator.train(varied, steps=60, hooks=[hook])
        left.append(stretched.events(estimator.eval_dir()))
    assert stretches[1].made > 20
    assert [step for step, _ in left[0]["loss"]] == [0, 17, 34, 51, 60]
    assert left[0] == left[1]


def test_a_listener_that_sets_the_global_step_is_obeyed(tmp_path, stretches):
    class Sets(v1.train.CheckpointSaverListener):
        def after_save(self, session, global_step_value):
            if global_step_value == 20:
                v1.train.get_global_step().load(40, session)

    for steps_per_loop in (1, 10):
        directory = tmp_path / str(steps_per_loop)
        estimator = stretched.estimator(directory, dense, steps_per_loop)
        estimator.train(varied, max_steps=53, saving_listeners=[Sets()])
        assert estimator.get_variable_value("global_step") == 53
    assert stretches[1].made


def drawing(features, labels, mode):
    """Writes down a random number at each step."""
    step = v1.train.get_global_step()
    drawn = v1.get_variable("drawn", [60], initializer=v1.zeros_initializer(), trainable=False)
    noted = tf.raw_ops.ResourceScatterUpdate(
        resource=drawn.handle, indices=[step], updates=tf.random.uniform([1])
    )
    made = linear_model.spec(mode, linear_model.linear(features["x"]), labels)
    with tf.control_dependencies([noted]):
        return made._replace(
            train_op=tf.group(v1.train.GradientDescentOptimizer(0.1).minimize(made.loss, step))
        )


@pytest.mark.parametrize("seed", [None, 1])
def test_random_numbers_are_drawn_once(tmp_path, stretches, seed):
    estimator = stretched.estimator(tmp_path, drawing, 10, tf_random_seed=seed).train(varied, steps=60)
    assert stretches[0].made
    assert len(set(estimator.get_variable_value("drawn").tolist())) == 60


def test_a_run_with_a_seed_and_a_number_of_steps_can_be_repeated(tmp_path, stretches):
    drawn = [
        stretched.estimator(tmp_path / name, drawing, 10).train(varied, steps=60).get_variable_value("drawn")
        for name in "ab"
    ]
    assert stretches[1].made
    assert drawn[0].tolist() == drawn[1].tolist()
