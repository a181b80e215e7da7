"""Errors of the runtime's own: programs that catch what tf.estimator raised go on catching."""

import pickle
from pathlib import Path

import linear_model
import pytest
import tensorflow as tf
from linear_model import train_input, v1

from estimator_runtime import checkpoints, errors

# What tf.estimator raises in the same place, its own checks or TensorFlow below it.
CAUGHT_AS = {
    errors.EstimatorNotTrainedError: [ValueError],
    errors.CheckpointMismatchError: [tf.errors.InvalidArgumentError, ValueError],
    errors.CheckpointPathError: [tf.errors.NotFoundError, ValueError],
    errors.EmptyDirectoryError: [tf.errors.NotFoundError, tf.errors.DataLossError, ValueError, TypeError],
    errors.CheckpointDamagedError: [tf.errors.DataLossError, ValueError],
    errors.StorageFullError: [tf.errors.ResourceExhaustedError, OSError],
    errors.ModelDirUnavailableError: [OSError],
    errors.InputGraphError: [ValueError, RuntimeError, AttributeError],
    errors.MetricsError: [TypeError, ValueError, AttributeError],
    errors.ValueKindError: [ValueError, TypeError, AttributeError],
    errors.ClusterKindError: [ValueError, TypeError, AttributeError],
    errors.NumberOfClassesError: [ValueError, TypeError, tf.errors.InvalidArgumentError],
    errors.LabelKindError: [ValueError, TypeError, tf.errors.UnimplementedError],
    errors.NoRowsError: [ValueError, ZeroDivisionError],
    errors.QueueSizeError: [ValueError, TypeError, IndexError, ZeroDivisionError],
    errors.ScalarPredictionError: [ValueError, IndexError],
    errors.MetricNotFoundError: [KeyError],
    errors.MissingNameError: [KeyError],
    errors.LegacyKerasError: [AttributeError],
    errors.TPUNotSupportedError: [ValueError, RuntimeError],
    errors.PeerLostError: [RuntimeError],
    errors.DistributionNotSupportedError: [ValueError, AttributeError],
}


def test_every_error_of_our_own_is_in_the_table():
    own = set(errors.EstimatorError.__subclasses__())
    assert own <= set(CAUGHT_AS) <= own | {below for kind in own for below in kind.__subclasses__()}


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


ON_ANOTHER_SHAPE = {
    "evaluate": lambda estimator, directory: estimator.evaluate(linear_model.eval_input),
    "predict": lambda estimator, directory: next(estimator.predict(linear_model.eval_input)),
    "export": lambda estimator, directory: estimator.export_saved_model(directory, linear_model.raw_receiver),
}


def summed(features, labels, mode):
    """Computes with a value of any shape."""
    weights = v1.get_variable("w", [1, 2], initializer=v1.zeros_initializer())
    return linear_model.spec(mode, features["x"] * tf.reduce_sum(weights), labels)


@pytest.mark.parametrize("call", ON_ANOTHER_SHAPE)
def test_no_model_is_measured_or_exported_with_values_of_another_shape(call, tmp_path):
    """A resource variable takes them, and so would the model."""
    model_dir = tmp_path / "model"
    linear_model.estimator(model_dir).train(train_input, steps=1)
    with pytest.raises(errors.CheckpointMismatchError, match=r"The variable w has shape \[1, 2\], and in"):
        ON_ANOTHER_SHAPE[call](linear_model.estimator(model_dir, summed), str(tmp_path / "e"))


def test_a_saver_of_the_models_own_restores_what_it_likes(trained):
    path = trained.latest_checkpoint()
    with tf.Graph().as_default():
        saver = v1.train.Saver({"other": v1.get_variable("w", [1, 2])})
        checkpoints.check_trained(path, saver)
        with pytest.raises(errors.CheckpointMismatchError):
            checkpoints.check_trained(path, None)
        v1.add_to_collection(v1.GraphKeys.SAVERS, saver)
        checkpoints.check_trained(path, None)


def test_a_checkpoint_that_is_too_short_to_tell_its_step_is_damaged(tmp_path):
    linear_model.estimator(tmp_path).train(train_input, steps=1)
    for data in Path(tmp_path).glob("*.data-*"):
        data.write_bytes(data.read_bytes()[:3])
    with pytest.raises(
        tf.errors.DataLossError, match="is damaged .* has no other one that is whole"
    ) as raised:
        linear_model.estimator(tmp_path).train(train_input, steps=1)
    assert isinstance(raised.value, errors.CheckpointDamagedError)
