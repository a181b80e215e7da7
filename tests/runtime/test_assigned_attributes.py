"""Attributes of an Estimator that programs assign are what its loops go by from then on."""

import copy

import pytest
import tensorflow as tf

from estimator_runtime import Estimator, EstimatorSpec, RunConfig, WarmStartSettings

v1 = tf.compat.v1


def model_fn(features, labels, mode):
    weight = v1.get_variable("w", [], tf.float32, v1.ones_initializer())
    loss = tf.reduce_mean(tf.square(weight * features - labels))
    train_op = v1.train.GradientDescentOptimizer(0.1).minimize(loss, v1.train.get_global_step())
    return EstimatorSpec(mode, predictions=weight * features, loss=loss, train_op=train_op)


def batches():
    return tf.data.Dataset.from_tensors((tf.ones([2]), tf.zeros([2]))).repeat()


def made(directory, **fields):
    return Estimator(model_fn, config=RunConfig(str(directory), **fields))


def test_what_the_loops_go_by_is_one_object_until_something_is_assigned(tmp_path):
    estimator = made(tmp_path)
    bound = estimator._bound
    estimator.train(batches, steps=1)
    assert estimator._bound is bound
    estimator._warm_start_settings = WarmStartSettings(str(tmp_path))
    assert estimator._bound is not bound
    assert estimator._bound is estimator._bound
    assert estimator._bound.warm_start is estimator._warm_start_settings


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_goes_by_its_own_attributes(tmp_path, copied):
    estimator = made(tmp_path / "one")
    other = copied(estimator)
    other._model_dir = str(tmp_path / "other")
    other._params = {"of": "the copy"}
    other.train(batches, steps=2)
    estimator.train(batches, steps=1)
    assert (other.get_variable_value("global_step"), estimator.get_variable_value("global_step")) == (2, 1)
    assert (other._bound.copy_of_params(), estimator._bound.copy_of_params()) == ({"of": "the copy"}, {})
    assert other._bound is other._bound


def test_a_configuration_keeps_the_directory_and_the_session_of_the_estimator(tmp_path):
    """As in tf.estimator, where each has an attribute of its own."""
    session_config = v1.ConfigProto(intra_op_parallelism_threads=1)
    estimator = made(tmp_path / "one", session_config=session_config)
    estimator._config = RunConfig(str(tmp_path / "other"), save_checkpoints_steps=3)
    assert estimator.model_dir == str(tmp_path / "one")
    config = estimator._bound.config
    assert (config.model_dir, config.save_checkpoints_steps) == (estimator.model_dir, 3)
    assert config.session_config.intra_op_parallelism_threads == 1


def test_no_session_config_is_the_default_one(tmp_path):
    estimator = made(tmp_path)
    default = estimator._session_config
    estimator._session_config = None
    assert estimator._bound.config.session_config == default
