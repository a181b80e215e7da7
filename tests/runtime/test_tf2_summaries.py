"""tf.summary of TensorFlow 2 in a model function: what is written, where, when; and who is not touched by it."""

import json
import re
from pathlib import Path

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import eval_input, train_input, v1
from live_servers import Servers

from estimator_runtime.loop import default_writer, sessions


def with_summaries(write):
    """A model function that calls `write(spec, features)` after it has built the model."""

    def model_fn(features, labels, mode):
        spec = linear_model.model_fn(features, labels, mode)
        return write(spec, features["x"]) or spec

    return model_fn


def scalar(spec, x):
    tf.summary.scalar("two/loss", spec.loss)


def estimator_in(directory, write=scalar, **config):
    return linear_model.estimator(directory, with_summaries(write), **{"save_summary_steps": 2, **config})


def written(directory):
    """{tag: [(step, value, plugin)]} of TensorFlow 2's summaries."""
    found = {}
    for file in sorted(Path(directory).glob("*tfevents*")):
        for event in v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                if value.HasField("tensor"):
                    plugin = value.metadata.plugin_data.plugin_name
                    found.setdefault(value.tag, []).append(
                        (event.step, tf.make_ndarray(value.tensor), plugin)
                    )
    return found


def steps_of(directory, tag):
    return [step for step, _, _ in written(directory).get(tag, [])]


def open_event_files(root):
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [str(path.readlink()) for path in links if str(root) in str(path.readlink())]


def test_a_scalar_is_in_the_events_every_save_summary_steps(tmp_path):
    estimator_in(tmp_path).train(train_input, steps=6)
    found = written(tmp_path)["two/loss"]
    assert len(found) == 3
    steps = [step for step, _, _ in found]
    assert steps == sorted(set(steps))
    assert steps[0] in (0, 1)
    assert steps[-1] in (4, 5, 6)
    assert found[0][2] == "scalars"
    assert found[0][1] > found[-1][1] > 0
    assert [path for path in open_event_files(tmp_path) if "tfevents" in path] == []


def test_every_kind_of_summary(tmp_path):
    def write(spec, x):
        tf.summary.scalar("a_scalar", spec.loss)
        tf.summary.histogram("a_histogram", x)
        tf.summary.text("a_text", "word")
        tf.summary.image("an_image", tf.zeros([1, 2, 2, 1]))
        tf.summary.write("a_tensor", x)

    estimator_in(tmp_path, write, save_summary_steps=1).train(train_input, steps=2)
    assert {tag: len(steps) for tag, steps in written(tmp_path).items()} == dict.fromkeys(
        ["a_scalar", "a_histogram", "a_text", "an_image", "a_tensor"], 2
    )


def test_a_step_that_is_given_is_kept(tmp_path):
    def write(spec, x):
        tf.summary.scalar("at_seven", spec.loss, step=7)
        tf.summary.scalar("at_step", spec.loss, step=v1.train.get_global_step())

    estimator_in(tmp_path, write).train(train_input, steps=1)
    assert steps_of(tmp_path, "at_seven") == [7]
    assert steps_of(tmp_path, "at_step")[0] in (0, 1)


def test_a_second_training_goes_on(tmp_path):
    estimator = estimator_in(tmp_path)
    for _ in range(2):
        estimator.train(train_input, steps=4)
    steps = steps_of(tmp_path, "two/loss")
    assert len(steps) == 4
    assert steps == sorted(set(steps))


@pytest.mark.parametrize("condition", ["tensor", "never"])
def test_a_condition_of_the_model_functions(tmp_path, condition):
    def write(spec, x):
        step = v1.train.get_global_step()
        with tf.summary.record_if(tf.greater(step, 2) if condition == "tensor" else False):
            tf.summary.scalar("sometimes", spec.loss)

    estimator_in(tmp_path, write, save_summary_steps=1).train(train_input, steps=6)
    steps = steps_of(tmp_path, "sometimes")
    assert steps == [] if condition == "never" else min(steps) >= 2 and len(steps) in (3, 4)


def test_summaries_inside_of_a_function_are_written_in_every_step(tmp_path):
    def write(spec, x):
        @tf.function
        def noted(value):
            tf.summary.scalar("inside", value)
            return value

        return spec._replace(loss=noted(spec.loss)) if spec.mode == "train" else None

    estimator_in(tmp_path, write, save_summary_steps=100).train(train_input, steps=4)
    assert len(steps_of(tmp_path, "inside")) == 4


def test_a_writer_of_the_model_functions_own_is_its_own(tmp_path):
    """Its operations are run by the model function's hook alone, beside the default writer's."""
    own_dir = tmp_path / "own"

    class Own(v1.train.SessionRunHook):
        def __init__(self, writer, operations):
            self.init, self.operations, self.close = writer.init(), operations, writer.close()

        def after_create_session(self, session, coord):
            session.run(self.init)

        def before_run(self, run_context):
            return v1.train.SessionRunArgs(self.operations)

        def end(self, session):
            session.run(self.close)

    def write(spec, x):
        if spec.mode != "train":
            return None
        tf.summary.scalar("default", spec.loss)
        writer = tf.summary.create_file_writer(str(own_dir))
        with writer.as_default(step=v1.train.get_global_step()):
            mine = tf.summary.scalar("mine", spec.loss)
        tf.summary.scalar("default_again", spec.loss)
        return spec._replace(training_hooks=[Own(writer, [mine])])

    estimator_in(tmp_path / "model", write, save_summary_steps=2).train(train_input, steps=4)
    assert {tag: len(found) for tag, found in written(own_dir).items()} == {"mine": 4}
    assert {tag: len(found) for tag, found in written(tmp_path / "model").items()} == {
        "default": 2,
        "default_again": 2,
    }


def test_a_writer_of_the_model_functions_own_that_nobody_makes(tmp_path):
    """It was nothing before, and no operation of it is run."""

    def write(spec, x):
        writer = tf.summary.create_file_writer(str(tmp_path / "own"))
        with writer.as_default(step=1):
            tf.summary.scalar("mine", spec.loss)

    estimator_in(tmp_path / "model", write).train(train_input, steps=3)
    assert not (tmp_path / "own").exists()
    assert written(tmp_path / "model") == {}


def test_a_model_without_such_summaries_has_the_graph_that_it_had(tmp_path, monkeypatch):
    graphs = []

    class Look(v1.train.SessionRunHook):
        def after_create_session(self, session, coord):
            graphs.append([definition(op, tmp_path) for op in session.graph.get_operations()])

    def model_fn(features, labels, mode):
        v1.summary.scalar("one", tf.reduce_sum(features["x"]))
        weight = v1.get_variable("r", [1], initializer=v1.random_normal_initializer())
        spec = linear_model.model_fn(features, labels, mode)
        return spec._replace(loss=spec.loss + tf.reduce_sum(tf.nn.dropout(weight, 0.5)))

    for name in ("with", "without"):
        if name == "without":
            monkeypatch.setattr("estimator_runtime.loop.training._default_writer", lambda config: None)
        linear_model.estimator(tmp_path / name, model_fn).train(train_input, steps=1, hooks=[Look()])
    assert graphs[0] == graphs[1]
    assert not [op for op in graphs[0] if "SummaryWriter" in op or "SummaryFileWriter" in op]


def definition(operation, root):
    """All of an operation, without the directory and the numbers of functions, which count on through a process."""
    text = str(operation.node_def).replace(str(root / "without"), "").replace(str(root / "with"), "")
    return re.sub(r"_\d+\"", '"', text)


def test_names_and_seeds_of_what_comes_before_the_first_summary_are_the_same(tmp_path):
    values = []
    for write in (lambda *_: None, scalar):
        directory = tmp_path / str(len(values))

        def model_fn(features, labels, mode, params):
            drawn = v1.get_variable("drawn", [3], initializer=v1.random_normal_initializer())
            spec = linear_model.model_fn(features, labels, mode)
            params["write"](spec, features["x"])
            return spec._replace(loss=spec.loss + 0 * tf.reduce_sum(drawn)) if mode == "train" else spec

        estimator = linear_model.estimator(directory, model_fn, params={"write": write})
        estimator.train(train_input, steps=1)
        values.append(estimator.get_variable_value("drawn"))
    np.testing.assert_array_equal(*values)


def test_without_summaries_to_save_nothing_is_written(tmp_path):
    estimator_in(tmp_path, save_summary_steps=None).train(train_input, steps=2)
    assert written(tmp_path) == {}
    assert not list(tmp_path.glob("*.v2"))


def test_a_worker_writes_none(tmp_path, monkeypatch):
    document = {
        "cluster": {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]},
        "task": {"type": "worker", "index": 0},
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(document))
    monkeypatch.setattr(sessions, "replica_device_fn", lambda config: None)
    monkeypatch.setattr(
        sessions,
        "training_session",
        lambda config, *, hooks, **_: v1.train.MonitoredSession(hooks=list(hooks)),
    )
    estimator_in(tmp_path).train(train_input, steps=2)
    assert list(tmp_path.glob("*tfevents*")) == []


@pytest.fixture(scope="module")
def servers():
    return Servers()


def test_the_chief_of_parameter_servers_writes_them(tmp_path, monkeypatch, servers):
    """Its writer is on its own server, which outlives a training: the next one, of another directory, has its own."""
    document = {"cluster": servers.cluster, "task": {"type": "chief", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(document))
    for name in ("first", "second"):
        servers.loses()
        for number in (1, 2):
            estimator_in(tmp_path / name).train(train_input, steps=4)
            steps = steps_of(tmp_path / name, "two/loss")
            assert len(steps) == 2 * number
            assert steps == sorted(set(steps))
            assert [path for path in open_event_files(tmp_path) if "tfevents" in path] == []


def test_a_chief_whose_training_failed_writes_on(tmp_path, monkeypatch, servers):
    document = {"cluster": servers.cluster, "task": {"type": "chief", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(document))
    servers.loses()

    def fail(*_):
        raise ZeroDivisionError

    hook = v1.train.SessionRunHook()
    hook.after_run = fail
    with pytest.raises(ZeroDivisionError):
        estimator_in(tmp_path).train(train_input, steps=3, hooks=[hook])
    estimator_in(tmp_path).train(train_input, steps=4)
    steps = steps_of(tmp_path, "two/loss")
    assert len(steps) >= 2
    assert steps == sorted(steps)


def test_an_evaluation_says_that_it_writes_none(tmp_path, tf_log):
    estimator = estimator_in(tmp_path).train(train_input, steps=2)
    assert not [line for line in tf_log if "tf.summary writes nothing" in line]
    estimator.evaluate(eval_input)
    assert [line for line in tf_log if "tf.summary writes nothing in an evaluation" in line]
    assert written(tmp_path / "eval").keys() <= {"checkpoint_path"}


# A strategy's input asks for options in a graph, of which TensorFlow warns itself.
@pytest.mark.filterwarnings("ignore:To make it possible to preserve tf.data options")
def test_a_training_with_a_strategy_says_that_it_writes_none(tmp_path, tf_log):
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    estimator_in(tmp_path, train_distribute=strategy).train(train_input, steps=2)
    assert [line for line in tf_log if "tf.summary writes nothing with train_distribute" in line]
    assert written(tmp_path) == {}


def test_an_evaluation_without_them_says_nothing(tmp_path, tf_log):
    linear_model.estimator(tmp_path).train(train_input, steps=2).evaluate(eval_input)
    assert not [line for line in tf_log if "tf.summary" in line]


def test_training_that_fails_leaves_nothing_open(tmp_path):
    def fail(*_):
        raise ZeroDivisionError

    hook = v1.train.SessionRunHook()
    hook.after_run = fail
    with pytest.raises(ZeroDivisionError):
        estimator_in(tmp_path).train(train_input, steps=3, hooks=[hook])


def test_a_graph_without_a_writer_shows_lost_summaries():
    with tf.Graph().as_default() as graph:
        assert not default_writer.are_lost(graph)
        tf.summary.scalar("x", tf.constant(1.0))
        assert default_writer.are_lost(graph)
