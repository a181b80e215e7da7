"""TPUConfig and the RunConfig around it."""

import copy
import json

import pytest
import tensorflow as tf

import estimator_runtime
from estimator_runtime import tpu
from estimator_runtime.tpu import tpu_config


@pytest.mark.parametrize("value", [1, 1000, "7", "30s", "5m", "1h"])
def test_iterations_are_a_number_or_a_time(value):
    assert tpu.TPUConfig(value).iterations_per_loop == value


@pytest.mark.parametrize("value", [0, -1, 1.5, None, True, "0s", "1d", "x", "", "030s", " 3s", "1.5s", [1]])
def test_other_iterations_are_refused(value):
    with pytest.raises(ValueError, match="Invalid TPUConfig `iterations_per_loop` value.*60m.*given"):
        tpu.TPUConfig(value)


def test_steps_and_seconds_of_iterations():
    assert [tpu_config.steps_of(value) for value in (5, "6", "30s")] == [5, 6, None]
    assert [tpu_config.seconds_of(value) for value in ("30s", "5m", "1h")] == [30, 300, 3600]


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"num_shards": 0}, ValueError, "num_shards must be positive, got 0"),
        ({"num_shards": "2"}, TypeError, "num_shards must be int"),
        ({"num_cores_per_replica": 3}, ValueError, "must be 1, 2, 4, 8, 16, 32, 64, 128; got 3"),
        ({"initial_infeed_sleep_secs": -1}, ValueError, "must be positive, got -1"),
        ({"eval_training_input_configuration": 1}, ValueError, "PER_HOST_V1 or SLICED; got 1"),
        ({"input_partition_dims": [[1]]}, ValueError, "only supported in PER_HOST_V2"),
        ({"input_partition_dims": []}, ValueError, "one or two elements"),
    ],
)
def test_fields_that_do_not_fit_are_refused(given, error, said):
    with pytest.raises(error, match=said):
        tpu.TPUConfig(**given)


def test_a_bool_stands_for_where_inputs_are_made():
    kinds = tpu.InputPipelineConfig
    made = [tpu.TPUConfig(per_host_input_for_training=value) for value in (True, False, kinds.BROADCAST)]
    assert [one.per_host_input_for_training for one in made] == [
        kinds.PER_HOST_V1,
        kinds.PER_SHARD_V1,
        kinds.BROADCAST,
    ]


def test_a_run_config_is_one_of_an_estimator():
    config = tpu.RunConfig(tpu.TPUConfig(5), model_dir="/m", steps_per_loop=3)
    assert isinstance(config, estimator_runtime.RunConfig)
    assert (config.tpu_config.iterations_per_loop, config.model_dir, config.steps_per_loop) == (5, "/m", 3)
    changed = config.replace(tpu_config=tpu.TPUConfig(7), model_dir="/n")
    assert (changed.tpu_config.iterations_per_loop, changed.model_dir) == (7, "/n")
    assert isinstance(config.replace(model_dir="/n"), tpu.RunConfig)
    assert copy.deepcopy(config).tpu_config == config.tpu_config


@pytest.mark.parametrize(
    ("given", "masters"),
    [
        ({}, ("", "")),
        ({"master": "a"}, ("a", "a")),
        ({"master": "a", "evaluation_master": ""}, ("a", "")),
        ({"evaluation_master": "e"}, ("", "e")),
    ],
)
def test_evaluations_have_the_same_master_unless_there_is_another(given, masters):
    config = tpu.RunConfig(**given)
    assert (config.master, config.evaluation_master) == masters


def test_an_evaluator_evaluates_in_its_own_process(monkeypatch):
    task = {"type": "evaluator", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"chief": ["a:1"]}, "task": task}))
    assert tpu.RunConfig(master="grpc://a:1").evaluation_master == ""


def test_a_cluster_resolver_says_where_the_master_is():
    spec = tf.train.ClusterSpec({"worker": ["localhost:1"]})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(spec, master="grpc://localhost:1")
    config = tpu.RunConfig(cluster=resolver)
    assert config.master == config.evaluation_master == "grpc://localhost:1"
    assert config.cluster is config.replace(model_dir="/m").cluster is resolver
    assert config.session_config.isolate_session_state
    assert config.session_config.cluster_def.job[0].name == "worker"
    with pytest.raises(ValueError, match="Both master and cluster are set"):
        tpu.RunConfig(cluster=resolver, master="a")
