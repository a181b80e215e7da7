"""Errors of the runtime's own: programs that catch what tf.estimator raised go on catching."""

import pickle
from pathlib import Path

import linear_model
import pytest
import tensorflow as tf
from linear_model import train_input, v1

from estimator_runtime import errors

# What tf.estimator raises in the same place, its own checks or TensorFlow below it.
CAUGHT_AS = {
    errors.EstimatorNotTrainedError: [ValueError],
    errors.CheckpointMismatchError: [tf.errors.InvalidArgumentError, ValueError],
    errors.CheckpointPathError: [tf.errors.NotFoundError, ValueError],
    errors.CheckpointDamagedError: [tf.errors.DataLossError, ValueError],
    errors.StorageFullError: [tf.errors.ResourceExhaustedError, OSError],
    errors.InputGraphError: [ValueError, RuntimeError, AttributeError],
    errors.MetricsError: [TypeError, ValueError, AttributeError],
    errors.ValueKindError: [ValueError, TypeError, AttributeError],
    errors.LabelKindError: [ValueError, TypeError, tf.errors.UnimplementedError],
    errors.NoRowsError: [ValueError, ZeroDivisionError],
    errors.ScalarPredictionError: [ValueError, IndexError],
    errors.MetricNotFoundError: [KeyError],
    errors.LegacyKerasError: [AttributeError],
    errors.DistributionNotSupportedError: [ValueError, AttributeError],
}


def test_every_error_of_our_own_is_in_the_table():
    assert set(errors.EstimatorError.__subclasses__()) == set(CAUGHT_AS)


@pytest.mark.parametrize("kind", CAUGHT_AS)
def test_handlers_written_for_tf_estimator_catch_our_errors(kind):
    for caught in (*CAUGHT_AS[kind], errors.EstimatorError):
        with pytest.raises(caught, match="^what happened$") as raised:
            raise kind("what happened")
        assert str(raised.value) == "what happened"
    again = pickle.loads(pickle.dumps(kind("what happened")))
    assert (type(again), str(again)) == (kind, "what happened")


def two_weights(features, labels, mode):
    weights = v1.get_variable("w", [1, 2], initializer=v1.zeros_initializer())
    return linear_model.spec(mode, tf.matmul(features["x"], weights), labels)


def test_a_checkpoint_of_another_shape_is_what_tensorflow_says_of_one(tmp_path):
    linear_model.estimator(tmp_path).train(train_input, steps=1)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"^Restoring from checkpoint failed. This is most likely due to a mismatch between the current graph and "
        r"the graph from the checkpoint. Please ensure .* The variable w has shape \[1, 2\], and in the checkpoint",
    ) as raised:
        linear_model.estimator(tmp_path, two_weights).train(train_input, steps=1)
    assert isinstance(raised.value, errors.CheckpointMismatchError)


def test_a_checkpoint_that_is_too_short_to_tell_its_step_is_damaged(tmp_path):
    linear_model.estimator(tmp_path).train(train_input, steps=1)
    for data in Path(tmp_path).glob("*.data-*"):
        data.write_bytes(data.read_bytes()[:3])
    with pytest.raises(
        tf.errors.DataLossError, match="is damaged .* has no other one that is whole"
    ) as raised:
        linear_model.estimator(tmp_path).train(train_input, steps=1)
    assert isinstance(raised.value, errors.CheckpointDamagedError)
