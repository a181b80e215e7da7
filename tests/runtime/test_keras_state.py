"""Keras 3 layers with state of their own, in a model function."""

import numpy as np
import pytest
import tensorflow as tf

from estimator_runtime import Estimator, EstimatorSpec, ModeKeys, RunConfig, SessionRunArgs, SessionRunHook

ONES = np.ones([8, 16], np.float32)


class Recorded(SessionRunHook):
    """Fetches a tensor at every step."""

    def __init__(self, name):
        self.name = name
        self.values = []

    def before_run(self, run_context):
        return SessionRunArgs(tf.compat.v1.get_default_graph().get_tensor_by_name(self.name))

    def after_run(self, run_context, run_values):
        self.values.append(run_values.results)


def input_fn():
    return tf.data.Dataset.from_tensors({"x": ONES}).repeat()


def spec(mode, loss, **more):
    weight = tf.compat.v1.get_variable("weight", [])
    own = tf.compat.v1.get_variable("own", [], initializer=tf.zeros_initializer(), trainable=False)
    tf.compat.v1.assign(own, 1.0, name="nobody_asks_for_this")
    step = tf.compat.v1.train.get_global_step()
    train_op = tf.compat.v1.train.GradientDescentOptimizer(0.1).minimize(loss + weight, step)
    return EstimatorSpec(mode, loss=loss, train_op=train_op, **more)


def dropout_model(features, mode):
    dropped = tf.keras.layers.Dropout(0.5)(features["x"], training=mode == ModeKeys.TRAIN)
    return spec(mode, tf.reduce_mean(tf.identity(dropped, name="dropped")))


def normalized_model(features, mode):
    training = mode == ModeKeys.TRAIN
    layer = tf.keras.layers.BatchNormalization(momentum=0.5)
    normalized = layer(features["x"] * 4.0, training=training)
    return spec(mode, tf.reduce_mean(normalized))


def test_dropout_draws_another_mask_at_every_step(tmp_path):
    masks = Recorded("dropped:0")
    Estimator(dropout_model, tmp_path, RunConfig(tf_random_seed=1)).train(input_fn, hooks=[masks], steps=3)
    assert len({mask.tobytes() for mask in masks.values}) == 3
    assert all(0 < np.count_nonzero(mask) < mask.size for mask in masks.values)


def test_dropout_goes_on_with_its_masks_from_a_checkpoint(tmp_path):
    masks = Recorded("dropped:0")
    for _ in range(2):
        Estimator(dropout_model, tmp_path, RunConfig(tf_random_seed=1)).train(
            input_fn, hooks=[masks], steps=2
        )
    assert len({mask.tobytes() for mask in masks.values}) == 4


def test_batch_normalization_keeps_moving_averages(tmp_path):
    estimator = Estimator(normalized_model, tmp_path)
    estimator.train(input_fn, steps=2)
    name = next(one for one in estimator.get_variable_names() if one.endswith("moving_mean"))
    # From 0, half of the way to 4 at each step.
    np.testing.assert_allclose(estimator.get_variable_value(name), np.full(16, 3.0))


def test_assignments_of_the_model_function_are_left_alone(tmp_path):
    estimator = Estimator(dropout_model, tmp_path).train(input_fn, steps=1)
    assert estimator.get_variable_value("own") == 0.0


def test_a_model_function_may_import_a_graph_that_assigns(tmp_path):
    with tf.Graph().as_default() as other:
        tf.compat.v1.assign(tf.compat.v1.get_variable("far", [], use_resource=True), 1.0)

    def model_fn(features, mode):
        imported = tf.import_graph_def(
            other.as_graph_def(), return_elements=["far", "far/Initializer/random_uniform:0"]
        )
        tf.raw_ops.AssignVariableOp(resource=imported[0].outputs[0], value=imported[1])
        return dropout_model(features, mode)

    assert Estimator(model_fn, tmp_path).train(input_fn, steps=1).get_variable_value("global_step") == 1


def layered_model(features, mode, params):
    y = tf.keras.layers.Dense(1, kernel_initializer=tf.keras.initializers.Constant(0.5))(features["x"])
    if params.get("from"):
        variables = {one.op.name: one for one in tf.compat.v1.trainable_variables()}
        tf.compat.v1.train.init_from_checkpoint(params["from"], variables)
    loss = tf.reduce_mean(tf.square(y - 3.0))
    step = tf.compat.v1.train.get_global_step()
    train_op = tf.compat.v1.train.GradientDescentOptimizer(0.001).minimize(loss, step)
    return EstimatorSpec(mode, loss=loss, train_op=train_op)


@pytest.mark.parametrize("by", ["warm_start_from", "init_from_checkpoint"])
def test_layers_that_begin_with_the_values_of_a_checkpoint_are_trained(tmp_path, by):
    first = Estimator(layered_model, tmp_path / "first", params={}).train(input_fn, steps=4)
    whole = Estimator(layered_model, tmp_path / "whole", params={}).train(input_fn, steps=6)
    begun = str(tmp_path / "first")
    more = {"warm_start_from": begun} if by == "warm_start_from" else {}
    params = {} if more else {"from": begun}
    second = Estimator(layered_model, tmp_path / "second", params=params, **more).train(input_fn, steps=2)
    for name in ("dense/kernel", "dense/bias"):
        found = second.get_variable_value(name)
        assert not np.allclose(found, first.get_variable_value(name))
        np.testing.assert_allclose(found, whole.get_variable_value(name), rtol=1e-6)
