"""A checkpoint of `tf.train.Checkpoint` in a model directory: one line that says what it is and what to do."""

import linear_model
import pytest
import tensorflow as tf
from linear_model import eval_input, raw_receiver, train_input

from estimator_runtime import Estimator, errors

OBJECTS = {
    "other names": lambda: {"dense": tf.Variable([1.0, 2.0])},
    "the names of the model": lambda: {
        "w": tf.Variable([[7.0]], name="w"),
        "step": tf.Variable(3, dtype=tf.int64, name="global_step"),
    },
}


@pytest.fixture(params=OBJECTS)
def estimator(request, tmp_path):
    checkpoint = tf.train.Checkpoint(**OBJECTS[request.param]())
    tf.train.CheckpointManager(checkpoint, str(tmp_path / "model"), max_to_keep=3).save()
    return linear_model.estimator(tmp_path / "model")


CALLS = {
    "train": lambda estimator, given: estimator.train(train_input, steps=1),
    "evaluate": lambda estimator, given: estimator.evaluate(eval_input, checkpoint_path=given),
    "predict": lambda estimator, given: next(estimator.predict(eval_input, checkpoint_path=given)),
    "value": lambda estimator, given: estimator.get_variable_value("w"),
}


@pytest.mark.parametrize("call", CALLS)
def test_it_is_called_by_its_kind_in_one_line(call, estimator):
    path = estimator.latest_checkpoint()
    for given in (None, path):
        with pytest.raises(errors.CheckpointPathError) as raised:
            CALLS[call](estimator, given)
        assert isinstance(raised.value, tf.errors.NotFoundError)
        text = str(raised.value)
        assert text.startswith(
            f"The checkpoint {path} cannot be restored: it was written by tf.train.Checkpoint"
        )
        assert "warm_start_from" in text
        assert "\n" not in text


def test_an_export_that_lacks_variables_says_why(tmp_path):
    tf.train.CheckpointManager(tf.train.Checkpoint(a=tf.Variable(1.0)), str(tmp_path / "model"), 3).save()
    with pytest.raises(
        ValueError, match=r"it has not global_step, w, for it was written by tf.train.Checkpoint"
    ):
        linear_model.estimator(tmp_path / "model").export_saved_model(str(tmp_path / "e"), raw_receiver)


def test_what_the_error_says_works(tmp_path):
    checkpoint = tf.train.Checkpoint(**OBJECTS["the names of the model"]())
    path = tf.train.CheckpointManager(checkpoint, str(tmp_path / "objects"), max_to_keep=3).save()
    estimator = Estimator(
        linear_model.model_fn, tmp_path / "model", linear_model.config(), warm_start_from=path
    )
    estimator.train(train_input, steps=1)
    assert tf.train.load_variable(f"{estimator.model_dir}/model.ckpt-0", "w") == 7


def test_a_checkpoint_of_an_estimators_is_none(trained, tmp_path):
    with pytest.raises(tf.errors.NotFoundError, match="Key no such variable not found") as raised:
        trained.get_variable_value("no such variable")
    assert not isinstance(raised.value, errors.CheckpointPathError)
