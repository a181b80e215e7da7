"""Which strategies a RunConfig takes, and what becomes of them in its copies."""

import copy
import ctypes
import json
import signal
import types

import linear_model
import pytest
import tensorflow as tf

from estimator_runtime import (
    CheckpointInputPipelineHook,
    DistributionNotSupportedError,
    Estimator,
    RunConfig,
    interruption,
)
from estimator_runtime.config import strategies

FIELDS = ["train_distribute", "eval_distribute"]


@pytest.fixture(scope="module")
def strategy():
    return tf.distribute.MirroredStrategy(["/cpu:0"])


def model_fn(features):
    raise AssertionError("not called")


def in_cluster(monkeypatch, cluster, task_type):
    document = {"cluster": cluster, "task": {"type": task_type, "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(document))


@pytest.mark.parametrize("field", FIELDS)
def test_copies_share_the_strategy(strategy, field, tmp_path):
    config = RunConfig(str(tmp_path), **{field: strategy})
    estimator = Estimator(model_fn, config=config)
    for same in (config, copy.deepcopy(config), config.replace(tf_random_seed=1), estimator.config):
        assert getattr(same, field) is strategy
    assert config.replace(**{field: None}).train_distribute is None


def test_a_copy_of_a_subclass_has_copies_of_its_other_attributes(strategy):
    class Configuration(RunConfig):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.more = ["a"]

    config = Configuration(train_distribute=strategy)
    copied = copy.deepcopy(config)
    copied.more.append("b")
    assert type(copied) is Configuration
    assert copied.train_distribute is strategy
    assert config.more == ["a"]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("make", [tf.distribute.get_strategy, object], ids=["default", "object"])
def test_other_strategies_are_refused_with_the_way_out(field, make):
    with pytest.raises(DistributionNotSupportedError) as error:
        RunConfig(**{field: make()})
    assert str(error.value).startswith(f"{field} may be a MirroredStrategy")
    assert "chief, worker and ps with None here, or chief and worker with" in str(error.value)


def synchronous():
    """As programs make it where nothing may be started: a server of TF_CONFIG's own address, and all others awaited."""
    with tf.Graph().as_default():
        return tf.distribute.MultiWorkerMirroredStrategy()


def parameter_server():
    with tf.Graph().as_default():
        return tf.compat.v1.distribute.experimental.ParameterServerStrategy()


PAIR = {"chief": ["a:1"], "worker": ["b:1"]}


@pytest.mark.parametrize("task_type", ["chief", "worker"])
def test_synchronous_workers_have_a_leader_and_look_at_their_own_devices(monkeypatch, tmp_path, task_type):
    in_cluster(monkeypatch, PAIR, task_type)
    config = Estimator(model_fn, str(tmp_path), RunConfig(train_distribute=synchronous())).config
    assert config.session_config.experimental.collective_group_leader == "/job:chief/replica:0/task:0"
    assert list(config.session_config.device_filters) == [f"/job:{task_type}/task:0"]
    assert config.master == f"grpc://{PAIR[task_type][0]}"


def test_a_cluster_of_one_task_has_a_session_where_the_strategy_places_its_variables(monkeypatch, tmp_path):
    in_cluster(monkeypatch, {"chief": ["a:1"]}, "chief")
    assert RunConfig().master == ""
    assert (
        Estimator(model_fn, str(tmp_path), RunConfig(train_distribute=synchronous())).config.master
        == "grpc://a:1"
    )


@pytest.mark.parametrize(
    ("cluster", "service", "message"),
    [
        ({**PAIR, "ps": ["c:1"]}, {}, "Leave out ps"),
        ({"master": ["a:1"], "worker": ["b:1"]}, {}, "Leave out master, and name the master chief"),
        (PAIR, {"elastic": True}, "this job's workers come and go"),
    ],
)
def test_synchronous_workers_are_refused_where_they_cannot_be(
    monkeypatch, tmp_path, cluster, service, message
):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    strategy = synchronous()
    document = {"cluster": cluster, "task": {"type": "worker", "index": 0}, "service": service}
    monkeypatch.setenv("TF_CONFIG", json.dumps(document))
    with pytest.raises(DistributionNotSupportedError, match=message):
        Estimator(model_fn, str(tmp_path), RunConfig(train_distribute=strategy))


def test_one_task_evaluates_what_several_train_together(monkeypatch, tmp_path):
    in_cluster(monkeypatch, PAIR, "chief")
    strategy = synchronous()
    assert strategies.evaluating(strategy) is None
    config = RunConfig(train_distribute=strategy, eval_distribute=strategy)
    assert Estimator(model_fn, str(tmp_path), config).config.eval_distribute is strategy


# TensorFlow's own word about its iterator over one host.
@pytest.mark.filterwarnings("ignore:To make it possible to preserve tf.data options")
def test_without_a_cluster_it_is_a_strategy_of_this_host(monkeypatch, tmp_path):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    assert strategies.evaluating(strategy) is strategy
    both = {"train_distribute": strategy, "eval_distribute": strategy}
    estimator = linear_model.estimator(tmp_path, **both).train(linear_model.train_input, steps=3)
    assert estimator.evaluate(linear_model.eval_input, steps=1)["global_step"] == 3


def test_sigterm_ends_a_program_without_a_handler_though_the_strategy_took_it(monkeypatch, tmp_path):
    """TensorFlow takes the signal behind Python's back, so does this test."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    libc = ctypes.CDLL(None)
    libc.signal.restype = ctypes.c_void_p
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        libc.signal(signal.SIGTERM, signal.SIG_IGN)
        RunConfig(str(tmp_path), train_distribute=strategy)
        assert (libc.signal(signal.SIGTERM, signal.SIG_DFL) or 0) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("field", [*FIELDS, "experimental_distribute"])
def test_the_handler_is_kept_whichever_way_the_strategy_is_given(monkeypatch, field):
    kept = []
    monkeypatch.setattr(interruption, "keep_handler", lambda: kept.append(True))
    with tf.Graph().as_default():
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    both = types.SimpleNamespace(train_distribute=strategy, eval_distribute=strategy)
    given = {field: strategy if field in FIELDS else both}
    config = RunConfig()
    assert not kept, "TensorFlow takes the signal with such a strategy only"
    config.replace(**given)
    assert len(kept) == 1
    RunConfig(**given)
    assert len(kept) == 2


@pytest.mark.parametrize("task_type", ["chief", "worker", "ps"])
def test_a_parameter_server_strategy_is_what_the_cluster_does_anyhow(monkeypatch, tmp_path, task_type):
    in_cluster(monkeypatch, {**PAIR, "ps": ["c:1"]}, task_type)
    strategy = parameter_server()
    config = Estimator(model_fn, str(tmp_path), RunConfig(train_distribute=strategy)).config
    assert config.train_distribute is strategy
    assert strategies.replicating(strategy) is None


def test_a_parameter_server_strategy_of_several_devices_is_refused(monkeypatch):
    devices = types.SimpleNamespace(worker_devices=("/gpu:0", "/gpu:1"))
    strategy = parameter_server()
    monkeypatch.setattr(type(strategy), "extended", devices)
    with pytest.raises(DistributionNotSupportedError, match="2 devices in this task"):
        RunConfig(train_distribute=strategy)


def test_a_property_of_a_subclass_is_checked_too(tmp_path):
    class Configuration(RunConfig):
        @property
        def train_distribute(self):
            return "mirrored"

    with pytest.raises(DistributionNotSupportedError, match="train_distribute may be a MirroredStrategy"):
        Estimator(model_fn, str(tmp_path), Configuration())


@pytest.mark.parametrize("field", FIELDS)
def test_experimental_distribute_stands_for_the_two_fields(strategy, field):
    both = {"train_distribute": None, "eval_distribute": None, field: strategy}
    experimental = types.SimpleNamespace(**both, remote_cluster=None)
    config = RunConfig(experimental_distribute=experimental)
    assert {name: getattr(config, name) for name in FIELDS} == both
    assert getattr(config.replace(tf_random_seed=1), field) is strategy
    with pytest.raises(ValueError, match=f"Either `{field}` or`experimental_distribute.{field}` can be set"):
        RunConfig(experimental_distribute=experimental, **{field: strategy})


def test_a_remote_cluster_is_refused(strategy):
    experimental = types.SimpleNamespace(
        train_distribute=strategy, eval_distribute=None, remote_cluster={"worker": ["host:1"]}
    )
    with pytest.raises(DistributionNotSupportedError, match="remote_cluster is not supported"):
        RunConfig(experimental_distribute=experimental)


@pytest.mark.parametrize("task_type", ["chief", "worker", "ps"])
def test_training_on_replicas_in_several_tasks_is_refused(monkeypatch, strategy, tmp_path, task_type):
    in_cluster(monkeypatch, {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}, task_type)
    config = RunConfig(train_distribute=strategy)
    with pytest.raises(DistributionNotSupportedError, match="cluster has several tasks") as error:
        Estimator(model_fn, str(tmp_path), config)
    assert "'worker': 1" in str(error.value)


@pytest.mark.parametrize(
    ("cluster", "task_type", "field"),
    [
        ({"chief": ["a:1"]}, "chief", "train_distribute"),
        ({"chief": ["a:1"]}, "evaluator", "train_distribute"),
        ({"chief": ["a:1"], "worker": ["b:1"]}, "evaluator", "eval_distribute"),
        ({"chief": ["a:1"], "worker": ["b:1"]}, "chief", "eval_distribute"),
    ],
)
def test_one_task_of_its_kind_may_have_replicas(monkeypatch, strategy, tmp_path, cluster, task_type, field):
    in_cluster(monkeypatch, cluster, task_type)
    estimator = Estimator(model_fn, str(tmp_path), RunConfig(**{field: strategy}))
    assert getattr(estimator.config, field) is strategy


@pytest.mark.parametrize("nothing", [0, False, "", []], ids=repr)
@pytest.mark.parametrize("field", [*FIELDS, "experimental_distribute"])
def test_what_is_false_is_no_strategy(monkeypatch, tmp_path, field, nothing):
    """A program passes on the 0 or "" of a command line; so it did with tf.estimator, alone and in a cluster."""
    in_cluster(monkeypatch, {"chief": ["a:1"], "worker": ["b:1"]}, "worker")
    config = RunConfig(**{field: nothing})
    assert Estimator(model_fn, str(tmp_path), config).config.task_type == "worker"


@pytest.mark.parametrize("field", FIELDS)
def test_what_is_false_leaves_the_choice_to_experimental_distribute(strategy, field):
    both = {"train_distribute": 0, "eval_distribute": 0, field: strategy}
    experimental = types.SimpleNamespace(**both, remote_cluster=None)
    assert getattr(RunConfig(experimental_distribute=experimental, **{field: 0}), field) is strategy


def test_a_model_is_trained_and_evaluated_when_the_strategies_are_false(tmp_path):
    nothing = {"train_distribute": 0, "eval_distribute": False, "experimental_distribute": ""}
    estimator = linear_model.estimator(tmp_path, **nothing).train(linear_model.train_input, steps=1)
    hook = CheckpointInputPipelineHook(estimator)
    estimator.train(linear_model.train_input, steps=1, hooks=[hook])
    assert estimator.evaluate(linear_model.eval_input, steps=1)["global_step"] == 2
