"""train_and_evaluate: evaluation beside training in one process, and the part of each task in a cluster."""

import json
import time
from unittest import mock

import linear_model
import pytest
import tensorflow as tf
from linear_model import eval_input, raw_receiver, train_input, v1

from estimator_runtime import (
    Estimator,
    EvalSpec,
    Exporter,
    FinalExporter,
    LatestExporter,
    RunConfig,
    TrainSpec,
    interruption,
    train_and_evaluate,
)
from estimator_runtime.cluster import finished

CLUSTER = {"chief": ["host0:0"], "ps": ["host1:1"], "worker": ["host2:2", "host3:3"]}


class Record(Exporter):
    """Keeps what it is called with; may export only at the end."""

    name = "record"

    def __init__(self, only_final=False):
        self.only_final = only_final
        self.calls = []

    def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
        self.calls.append(
            (export_path, checkpoint_path, int(eval_result["global_step"]), is_the_final_export)
        )
        return None if self.only_final and not is_the_final_export else f"export {len(self.calls)}"


def eval_spec(**kwargs):
    return EvalSpec(eval_input, **{"steps": None, "throttle_secs": 0, **kwargs})


# In one process


def test_an_evaluation_after_each_checkpoint_but_the_first(tmp_path, tf_log):
    record = Record()
    estimator = linear_model.estimator(tmp_path)
    metrics, exports = train_and_evaluate(
        estimator, TrainSpec(train_input, max_steps=12), eval_spec(exporters=record)
    )
    assert record.calls == [
        (f"{tmp_path}/export/record", f"{tmp_path}/model.ckpt-{step}", step, step == 12)
        for step in (5, 10, 12)
    ]
    assert metrics["global_step"] == 12
    assert set(metrics) == {"loss", "mae", "global_step"}
    assert exports == ["export 3"]
    assert finished.read(str(tmp_path)) == finished.Finished(12, "max_steps", 12)
    # Of the last checkpoint nothing is left to do, which is no warning.
    assert not [line for line in tf_log if line.startswith("No new checkpoint")]


def test_evaluations_are_throttled_but_the_last_is_always_made(tmp_path, tf_log):
    record = Record()
    estimator = linear_model.estimator(tmp_path)
    train_and_evaluate(
        estimator, TrainSpec(train_input, max_steps=16), eval_spec(throttle_secs=10_000, exporters=record)
    )
    assert [step for _, _, step, _ in record.calls] == [5, 16]
    assert tf_log.count("Skip the current checkpoint eval due to throttle secs (10000 secs).") == 3


def test_the_end_of_the_input_is_the_end_of_training(tmp_path):
    record = Record(only_final=True)
    estimator = linear_model.estimator(tmp_path)
    metrics, exports = train_and_evaluate(
        estimator, TrainSpec(eval_input, max_steps=None), eval_spec(exporters=record)
    )
    assert metrics["global_step"] == 2
    assert [call[2:] for call in record.calls] == [(2, False), (2, True)]
    assert exports == ["export 2"]
    assert finished.read(str(tmp_path)).reason == "stopped"


def test_a_run_that_has_finished_does_nothing(tmp_path):
    estimator = linear_model.estimator(tmp_path)
    specs = TrainSpec(train_input, max_steps=5), eval_spec()
    train_and_evaluate(estimator, *specs)
    assert train_and_evaluate(estimator, *specs) == (None, None)


def test_hooks_listeners_and_eval_spec_are_passed_on(tmp_path):
    calls = []

    class Listener(v1.train.CheckpointSaverListener):
        def after_save(self, session, step):
            calls.append(int(step))

    train_hook, eval_hook = linear_model.Recorder(), linear_model.Recorder()
    train_and_evaluate(
        linear_model.estimator(tmp_path),
        TrainSpec(train_input, max_steps=5, hooks=[train_hook], saving_listeners=[Listener()]),
        EvalSpec(eval_input, steps=1, name="held_out", hooks=[eval_hook], throttle_secs=0),
    )
    assert (train_hook.runs, eval_hook.runs, calls) == (5, 1, [0, 5])
    assert list((tmp_path / "eval_held_out").glob("events*"))


def test_exporters_make_their_directories(tmp_path):
    exporters = [FinalExporter("final", raw_receiver), LatestExporter("latest", raw_receiver)]
    _, exports = train_and_evaluate(
        linear_model.estimator(tmp_path, save_checkpoints_steps=None, save_checkpoints_secs=600),
        TrainSpec(train_input, max_steps=4),
        eval_spec(exporters=exporters),
    )
    assert [path.rsplit("/", 2)[1] for path in exports] == ["final", "latest"]


def test_training_without_checkpoints_cannot_be_evaluated(tmp_path):
    estimator = linear_model.estimator(tmp_path, save_checkpoints_steps=None, save_checkpoints_secs=None)
    with pytest.raises(ValueError, match="There should be a CheckpointSaverHook to use saving_listeners"):
        train_and_evaluate(estimator, TrainSpec(train_input, max_steps=5), eval_spec())


def test_an_interrupted_run_is_not_evaluated_to_its_end(tmp_path):
    class Interrupt(v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            interruption.request()
            run_context.request_stop()

    record = Record()
    try:
        result = train_and_evaluate(
            linear_model.estimator(tmp_path),
            TrainSpec(train_input, max_steps=50, hooks=[Interrupt()]),
            eval_spec(exporters=record),
        )
    finally:
        interruption.clear()
    assert result == (None, None)
    assert record.calls == []
    assert finished.read(str(tmp_path)) is None
    assert linear_model.global_step(linear_model.estimator(tmp_path)) == 1, "the last checkpoint is saved"


# What is refused


def test_wrong_types(tmp_path):
    estimator, train_spec = linear_model.estimator(tmp_path), TrainSpec(train_input)
    for arguments, name in (
        ((None, None, None), "`eval_spec` must have type `tf.estimator.EvalSpec`"),
        ((None, None, eval_spec()), "`train_spec` must have type `tf.estimator.TrainSpec`"),
        ((None, train_spec, eval_spec()), "`estimator` must have type `tf.estimator.Estimator`"),
        ((estimator, train_spec, train_spec), "`eval_spec` must have type"),
    ):
        with pytest.raises(TypeError, match=name):
            train_and_evaluate(*arguments)


class Config(RunConfig):
    """A configuration whose task is said by a subclass, as programs do in tests."""

    cluster_spec = tf.train.ClusterSpec(CLUSTER)

    def __init__(self, task_type, task_id=0):
        super().__init__()
        self._type, self._id = task_type, task_id

    task_type = property(lambda self: self._type)
    task_id = property(lambda self: self._id)


def stand_in(tmp_path, config):
    estimator = mock.create_autospec(Estimator, instance=True)
    estimator.model_dir = str(tmp_path)
    estimator.config = config
    return estimator


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (("", 0), "must have task_type set"),
        (("local", 0), "`task.type` in TF_CONFIG cannot be `local`"),
        (
            ("gardener", 0),
            "Task type gardener is not supported. Supported task types are .'chief', 'evaluator'",
        ),
        (("evaluator", 1), "there can only be one `evaluator` task"),
    ],
)
def test_tasks_that_are_refused(task, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        train_and_evaluate(stand_in(tmp_path, Config(*task)), TrainSpec(train_input), eval_spec())


# In a cluster


@pytest.fixture
def servers(monkeypatch):
    """Servers that are asked for, none of which is real."""
    made = []

    def make(cluster_spec, **kwargs):
        server = mock.Mock(cluster=cluster_spec.as_dict(), kwargs=kwargs)
        made.append(server)
        return server

    monkeypatch.setattr(tf.distribute, "Server", make)
    return made


@pytest.fixture
def sleeps(monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.fixture
def in_cluster(monkeypatch, tmp_path):
    def make(task_type, index=0, cluster=None, environment=None, **kwargs):
        document = {"cluster": cluster or CLUSTER, "task": {"type": task_type, "index": index}}
        if environment:
            document["environment"] = environment
        monkeypatch.setenv("TF_CONFIG", json.dumps(document))
        return stand_in(tmp_path, RunConfig(model_dir=str(tmp_path), **kwargs))

    return make


class Listener(v1.train.CheckpointSaverListener):
    pass


@pytest.mark.parametrize(
    ("task", "index", "kwargs", "delay"),
    [
        ("chief", 0, {}, []),
        ("worker", 0, {}, [5]),
        ("worker", 1, {}, [10]),
        ("worker", 1, {"experimental_max_worker_delay_secs": 7}, [7]),
        ("worker", 1, {"experimental_max_worker_delay_secs": 0}, []),
    ],
)
def test_tasks_that_train(task, index, kwargs, delay, in_cluster, servers, sleeps):
    estimator = in_cluster(task, index, **kwargs)
    hook, listener = linear_model.Recorder(), Listener()
    spec = TrainSpec(train_input, max_steps=7, hooks=[hook], saving_listeners=[listener])
    assert train_and_evaluate(estimator, spec, eval_spec()) is None
    estimator.train.assert_called_once_with(
        input_fn=train_input,
        max_steps=7,
        hooks=[hook],
        saving_listeners=(listener,) if task == "chief" else None,
    )
    estimator.evaluate.assert_not_called()
    (server,) = servers
    assert server.cluster == CLUSTER
    asked = dict(server.kwargs)
    assert not asked.pop("config").log_device_placement
    assert asked == {"job_name": task, "task_index": index, "start": False, "protocol": None}
    server.start.assert_called_once_with()
    assert sleeps == delay


def test_a_parameter_server_serves_until_it_is_stopped(in_cluster, servers):
    estimator = in_cluster("ps")
    train_and_evaluate(estimator, TrainSpec(train_input), eval_spec())
    (server,) = servers
    server.start.assert_called_once_with()
    server.join.assert_called_once_with()
    estimator.train.assert_not_called()


def test_a_parameter_server_that_is_interrupted_returns(in_cluster, servers, monkeypatch):
    estimator = in_cluster("ps")
    interruption.request()
    try:
        train_and_evaluate(estimator, TrainSpec(train_input), eval_spec())
    finally:
        interruption.clear()


def test_a_master_also_evaluates(in_cluster, servers):
    cluster = {"master": ["host0:0"], "worker": ["host1:1"], "ps": ["host2:2"]}
    estimator = in_cluster("master", cluster=cluster)
    listener = Listener()
    train_and_evaluate(estimator, TrainSpec(train_input, saving_listeners=[listener]), eval_spec())
    first, second = estimator.train.call_args.kwargs["saving_listeners"]
    assert first is listener
    second.begin()
    estimator.latest_checkpoint.return_value = "checkpoint"
    estimator.evaluate.return_value = {"global_step": 3, "loss": 1.0}
    second.after_save(None, 0)
    estimator.evaluate.assert_not_called()
    second.after_save(None, 3)
    assert estimator.evaluate.call_args.kwargs == {
        "input_fn": eval_input,
        "steps": None,
        "name": None,
        "checkpoint_path": "checkpoint",
        "hooks": (),
    }


def test_a_cluster_of_one_needs_no_server(in_cluster, servers, tf_log):
    train_and_evaluate(
        in_cluster("chief", cluster={"chief": ["host0:0"]}), TrainSpec(train_input), eval_spec()
    )
    assert servers == []
    assert "Skip starting Tensorflow server as there is only one node in the cluster." in tf_log


def test_a_platform_that_starts_servers_itself(in_cluster, servers):
    train_and_evaluate(in_cluster("chief", environment="google"), TrainSpec(train_input), eval_spec())
    assert servers == []


@pytest.mark.parametrize("missing", ["cluster_spec", "task_type", "task_id", "master"])
def test_a_server_needs_to_know_its_task(missing, in_cluster, servers):
    from estimator_runtime.cluster import server

    complete = RunConfig()
    config = mock.Mock(
        cluster_spec=tf.train.ClusterSpec(CLUSTER),
        task_type="worker",
        task_id=0,
        master="grpc://host2:2",
        session_config=complete.session_config,
    )
    setattr(config, missing, None)
    with pytest.raises(RuntimeError, match="Could not start server; be sure to specify"):
        server.start(config)
    assert servers == []
