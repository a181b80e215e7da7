"""Training: what is written, in which order hooks run, and what ends or refuses it."""

import contextlib
import json
from pathlib import Path

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import Recorder, X, global_step, train_input, v1

from estimator_runtime import Estimator, RunConfig

CLUSTER = {"chief": ["host0:0"], "ps": ["host1:1", "host2:2"], "worker": ["host3:3"]}


class Listener(v1.train.CheckpointSaverListener):
    def __init__(self, calls):
        self.calls = calls

    def begin(self):
        self.calls.append("begin listener")

    def before_save(self, session, step):
        self.calls.append(f"before save {step}")

    def after_save(self, session, step):
        self.calls.append(f"after save {step}")

    def end(self, session, step):
        self.calls.append(f"end listener {step}")


class Each(v1.train.SessionRunHook):
    """Keeps the order of all calls."""

    def __init__(self, name, calls):
        self.name = name
        self.calls = calls

    def begin(self):
        self.calls.append(f"begin {self.name}")

    def after_create_session(self, session, coord):
        self.calls.append(f"created {self.name}")

    def before_run(self, run_context):
        self.calls.append(f"before {self.name}")

    def after_run(self, run_context, run_values):
        self.calls.append(f"after {self.name}")

    def end(self, session):
        self.calls.append(f"end {self.name}")


def events(directory):
    for file in sorted(Path(directory).glob("events.out.tfevents.*")):
        yield from v1.train.summary_iterator(str(file))


def scalars(directory):
    return [
        (event.step, value.tag)
        for event in events(directory)
        for value in event.summary.value
        if value.HasField("simple_value")
    ]


def names(directory, pattern="*"):
    return sorted(path.name for path in Path(directory).glob(pattern))


# Hooks and listeners


def test_order_of_hooks_and_listeners(tmp_path):
    calls = []

    def model_fn(features, labels, mode):
        return linear_model.spec(
            mode,
            linear_model.linear(features["x"]),
            labels,
            training_hooks=[Each("model", calls)],
            training_chief_hooks=[Each("chief", calls)],
        )

    linear_model.estimator(tmp_path, model_fn).train(
        train_input, hooks=[Each("user", calls)], steps=1, saving_listeners=[Listener(calls)]
    )
    of_all = ["chief", "user", "model"]
    assert calls == [
        "begin listener",
        *[f"begin {name}" for name in of_all],
        "before save 0",
        "after save 0",
        *[f"created {name}" for name in of_all],
        *[f"before {name}" for name in of_all],
        *[f"after {name}" for name in of_all],
        "before save 1",
        "after save 1",
        "end listener 1",
        *[f"end {name}" for name in of_all],
    ]


def test_user_hooks_run_before_the_nan_check(tmp_path):
    """A hook of the caller sees the step whose loss is NaN."""
    hook = Recorder()

    def model_fn(features, labels, mode):
        spec = linear_model.model_fn(features, labels, mode)
        return spec._replace(loss=spec.loss * np.nan)

    with pytest.raises(v1.train.NanLossDuringTrainingError):
        linear_model.estimator(tmp_path, model_fn).train(train_input, steps=3, hooks=[hook])
    assert hook.runs == 1


def test_a_listener_that_is_given_twice_hears_a_checkpoint_once(tmp_path):
    calls = []
    listener = Listener(calls)
    estimator = linear_model.estimator(tmp_path)
    estimator.train(train_input, steps=1, saving_listeners=[listener, listener])
    assert calls.count("begin listener") == 1
    assert calls.count("end listener 1") == 1


def test_listeners_hear_a_saver_hook_that_is_there_already(tmp_path):
    hook = v1.train.CheckpointSaverHook(str(tmp_path), save_steps=2)
    estimator = linear_model.estimator(tmp_path)
    first, second = [], []
    estimator.train(train_input, hooks=[hook], steps=4, saving_listeners=[Listener(first)])
    assert [call for call in first if call.startswith("after save")] == [
        "after save 0",
        "after save 2",
        "after save 4",
    ]
    assert names(tmp_path, "model.ckpt-*.index") == [f"model.ckpt-{step}.index" for step in (0, 2, 4)]
    estimator.train(train_input, hooks=[hook], steps=2, saving_listeners=[Listener(second)])
    assert "after save 6" in second
    assert not [call for call in first if "6" in call], "listeners of one call are gone after it"


def test_listeners_without_anything_that_saves(tmp_path):
    estimator = linear_model.estimator(tmp_path, save_checkpoints_steps=None, save_checkpoints_secs=None)
    with pytest.raises(ValueError, match="There should be a CheckpointSaverHook to use saving_listeners"):
        estimator.train(train_input, steps=1, saving_listeners=[Listener([])])


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"steps": 0}, ValueError, "Must specify steps > 0, given: 0"),
        ({"steps": -1}, ValueError, "Must specify steps > 0, given: -1"),
        ({"max_steps": 0}, ValueError, "Must specify max_steps > 0, given: 0"),
        ({"steps": 1, "saving_listeners": ["x"]}, TypeError, "must be a list of CheckpointSaverListener"),
    ],
)
def test_refused_arguments(arguments, error, text, tmp_path):
    with pytest.raises(error, match=text):
        linear_model.estimator(tmp_path).train(train_input, **arguments)
    assert not list(tmp_path.iterdir())


def test_the_order_of_arguments_of_tf_estimator(tmp_path):
    hook = Recorder()
    estimator = linear_model.estimator(tmp_path)
    estimator.train(train_input, [hook], 3)
    assert hook.runs == 3
    estimator.train(train_input, None, 2)
    estimator.train(train_input, 1, [hook])
    assert (hook.runs, global_step(estimator)) == (4, 6)


@pytest.mark.parametrize("task", ["evaluator", "ps"])
def test_tasks_that_do_not_train(task, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": CLUSTER, "task": {"type": task, "index": 0}}))
    with pytest.raises(ValueError, match="Please use tf.estimator.train_and_evaluate"):
        linear_model.estimator(tmp_path).train(train_input, steps=1)


# Checkpoints


def test_checkpoints_by_steps(tmp_path):
    linear_model.estimator(tmp_path, save_checkpoints_steps=3, keep_checkpoint_max=2).train(
        train_input, steps=7
    )
    assert names(tmp_path, "model.ckpt-*.index") == ["model.ckpt-6.index", "model.ckpt-7.index"]
    assert (tmp_path / "checkpoint").read_text().splitlines() == [
        'model_checkpoint_path: "model.ckpt-7"',
        'all_model_checkpoint_paths: "model.ckpt-6"',
        'all_model_checkpoint_paths: "model.ckpt-7"',
    ], "paths are relative: the directory may move"


def test_checkpoints_by_time_are_saved_at_the_start_and_the_end(tmp_path):
    linear_model.estimator(tmp_path, save_checkpoints_steps=None, save_checkpoints_secs=600).train(
        train_input, steps=7
    )
    assert names(tmp_path, "model.ckpt-*.index") == ["model.ckpt-0.index", "model.ckpt-7.index"]


def test_no_checkpoints(tmp_path):
    estimator = linear_model.estimator(tmp_path, save_checkpoints_steps=None, save_checkpoints_secs=None)
    estimator.train(train_input, steps=2)
    assert estimator.latest_checkpoint() is None
    assert names(tmp_path, "*ckpt*") == []


@pytest.mark.parametrize("saved", [True, False])
def test_graph_definitions_beside_checkpoints(saved, tmp_path):
    linear_model.estimator(tmp_path, checkpoint_save_graph_def=saved).train(train_input, steps=1)
    assert bool(names(tmp_path, "*.meta")) is saved
    assert bool(names(tmp_path, "graph.pbtxt")) is saved


def test_a_saver_of_the_model(tmp_path):
    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        saver = v1.train.Saver(max_to_keep=1)
        return linear_model.spec(mode, y, labels, scaffold=v1.train.Scaffold(saver=saver))

    linear_model.estimator(tmp_path, model_fn, save_checkpoints_steps=1).train(train_input, steps=3)
    assert names(tmp_path, "model.ckpt-*.index") == ["model.ckpt-3.index"]


def test_a_checkpoint_that_cannot_be_read_counts_as_step_zero(tmp_path):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-100"\n')
    (tmp_path / "model.ckpt-100.index").write_text("damaged")
    with pytest.raises(tf.errors.OpError):
        linear_model.estimator(tmp_path).train(train_input, max_steps=5)


# Summaries


def test_summaries(tmp_path):
    linear_model.estimator(tmp_path, save_summary_steps=2, log_step_count_steps=3).train(train_input, steps=7)
    assert [step for step, tag in scalars(tmp_path) if tag == "loss"] == [1, 3, 5, 7]
    assert {tag for _, tag in scalars(tmp_path)} == {"loss", "global_step/sec"}


@pytest.mark.parametrize("steps", [0, None])
def test_no_summaries(steps, tmp_path):
    linear_model.estimator(tmp_path, save_summary_steps=steps, log_step_count_steps=None).train(
        train_input, steps=3
    )
    assert scalars(tmp_path) == []


def test_the_models_own_loss_summary_is_the_only_one(tmp_path):
    def model_fn(features, labels, mode):
        spec = linear_model.model_fn(features, labels, mode)
        v1.summary.scalar("loss", spec.loss * 2)
        return spec

    linear_model.estimator(tmp_path, model_fn, save_summary_steps=1).train(train_input, steps=1)
    (loss,) = [value for event in events(tmp_path) for value in event.summary.value if value.tag == "loss"]
    first = X[:4]
    assert loss.simple_value == pytest.approx(2 * np.mean((2 * first) ** 2))


def test_the_loss_is_logged_with_the_step(tmp_path, caplog):
    caplog.set_level("INFO", "tensorflow")
    linear_model.estimator(tmp_path, log_step_count_steps=2).train(train_input, steps=3)
    logged = [record.getMessage() for record in caplog.records]
    assert len([line for line in logged if line.startswith("loss = ") and ", step = " in line]) == 2
    assert any(line.startswith("Loss for final step: ") for line in logged)


# Sessions and placement


class Stop(Exception):
    pass


def sessions_asked_for(monkeypatch, estimator):
    """What Estimator.train asks MonitoredTrainingSession for, and the graph it does so in."""
    asked = {}

    def record(**kwargs):
        asked.update(kwargs, graph=v1.get_default_graph())
        raise Stop

    monkeypatch.setattr(v1.train, "MonitoredTrainingSession", record)
    with pytest.raises(Stop):
        estimator.train(train_input, steps=1)
    return asked


def in_cluster(monkeypatch, task_type, cluster=None):
    document = {"cluster": cluster or CLUSTER, "task": {"type": task_type, "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(document))


def test_variables_are_placed_on_the_parameter_servers(tmp_path, monkeypatch):
    in_cluster(monkeypatch, "worker")
    asked = sessions_asked_for(monkeypatch, linear_model.estimator(tmp_path))
    devices = {v.op.name: v.device for v in asked["graph"].get_collection("variables")}
    assert devices == {"global_step": "/job:ps/task:0", "w": "/job:ps/task:1"}
    matmul = next(op for op in asked["graph"].get_operations() if op.type == "MatMul")
    assert matmul.device == "/job:worker/task:0"
    assert (asked["master"], asked["is_chief"]) == ("grpc://host3:3", False)


def test_a_device_function_of_the_configuration(tmp_path):
    placed = []

    def device_fn(op):
        placed.append(op.type)
        return "/cpu:0"

    linear_model.estimator(tmp_path, device_fn=device_fn).train(train_input, steps=1)
    assert "MatMul" in placed


def test_session_options_of_the_configuration(tmp_path, monkeypatch):
    options = v1.ConfigProto(intra_op_parallelism_threads=1)
    estimator = linear_model.estimator(
        tmp_path, session_config=options, session_creation_timeout_secs=7, checkpoint_save_graph_def=False
    )
    asked = sessions_asked_for(monkeypatch, estimator)
    assert asked["config"] == options
    assert asked["checkpoint_dir"] == str(tmp_path)
    assert (asked["max_wait_secs"], asked["save_graph_def"], asked["save_checkpoint_secs"]) == (7, False, 0)
    assert (asked["save_summaries_steps"], asked["log_step_count_steps"]) == (100, 100)


def test_default_session_options(tmp_path):
    options = Estimator(linear_model.model_fn, str(tmp_path), RunConfig()).config.session_config
    assert options.allow_soft_placement
    assert options.graph_options.rewrite_options.meta_optimizer_iterations == 1


@pytest.mark.parametrize(
    ("task", "hooks"), [("master", []), ("worker", [v1.train.SummarySaverHook, v1.train.StepCounterHook])]
)
def test_beside_a_master_the_first_worker_writes_the_summaries(task, hooks, tmp_path, monkeypatch):
    in_cluster(monkeypatch, task, {"master": ["host0:0"], "worker": ["host3:3"], "ps": ["host1:1"]})
    asked = sessions_asked_for(monkeypatch, linear_model.estimator(tmp_path))
    assert (asked["save_summaries_steps"], asked["log_step_count_steps"]) == (0, None)
    reports = (v1.train.SummarySaverHook, v1.train.StepCounterHook)
    assert [type(hook) for hook in asked["hooks"] if isinstance(hook, reports)] == hooks


def test_a_listener_that_the_saver_hook_has_already_is_called_once(tmp_path):
    calls = []
    listener = Listener(calls)
    hook = v1.train.CheckpointSaverHook(str(tmp_path), save_steps=2, listeners=[listener])
    linear_model.estimator(tmp_path).train(train_input, hooks=[hook], steps=2, saving_listeners=[listener])
    assert calls.count("begin listener") == 1
    assert calls.count("end listener 2") == 1


def test_each_step_is_one_of_the_profilers(tmp_path, monkeypatch):
    traced = []

    def trace(name, **fields):
        traced.append((name, fields["step_num"]))
        return contextlib.nullcontext()

    monkeypatch.setattr(tf.profiler.experimental, "Trace", trace)
    linear_model.estimator(tmp_path).train(train_input, steps=3)
    assert traced == [("train", 1), ("train", 2), ("train", 3)]
