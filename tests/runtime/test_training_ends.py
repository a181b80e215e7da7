"""How a training ends: with its input, without one, with its chief; and that it can be repeated."""

import linear_model
import pytest
import tensorflow as tf
from linear_model import global_step, train_input, v1

from estimator_runtime.cluster import chief_watch
from estimator_runtime.loop import sessions


def test_training_ends_with_the_input(tmp_path):
    estimator = linear_model.estimator(tmp_path).train(linear_model.eval_input, steps=100)
    assert global_step(estimator) == 2


@pytest.mark.parametrize("limit", [{"steps": 100}, {"max_steps": 100}])
@pytest.mark.parametrize("input_fn", [linear_model.eval_input, *linear_model.ENDING])
def test_an_input_that_ends_before_the_last_step_is_said(tmp_path, tf_log, limit, input_fn):
    estimator = linear_model.estimator(tmp_path).train(input_fn, **limit)
    made = global_step(estimator)
    said = [line for line in tf_log if "input ended" in line]
    assert said == [
        f"The input ended after {made} steps of this call, before the last step that was asked for."
    ]


@pytest.mark.parametrize("limit", [{}, {"steps": 2}, {"max_steps": 1}])
def test_an_input_that_may_end_is_not_talked_about(tmp_path, tf_log, limit):
    linear_model.estimator(tmp_path).train(linear_model.eval_input, **limit)
    assert not [line for line in tf_log if "input ended" in line]


def test_training_on_nothing(tmp_path, tf_log):
    estimator = linear_model.estimator(tmp_path)
    estimator.train(lambda: linear_model.eval_input().take(0))
    assert [line for line in tf_log if "made no steps" in line]
    assert global_step(estimator) == 0


def test_training_without_an_input(tmp_path):
    with pytest.raises(ValueError, match="input_fn must be provided"):
        linear_model.estimator(tmp_path).train(steps=1)


def test_the_seed_makes_training_repeatable(tmp_path):
    def model_fn(features, labels, mode):
        weight = v1.get_variable("w", [1, 1], initializer=v1.random_normal_initializer())
        return linear_model.spec(mode, tf.matmul(features["x"], weight), labels)

    def trained(directory, seed):
        estimator = linear_model.estimator(tmp_path / directory, model_fn, tf_random_seed=seed)
        return estimator.train(train_input, steps=1).get_variable_value("w")

    assert trained("a", 1) == trained("b", 1)
    assert trained("c", 2) != trained("a", 1)


def test_a_worker_that_leaves_with_its_chief_does_not_blame_its_input(tmp_path, tf_log, monkeypatch):
    def ended(*arguments, **settings):
        raise chief_watch.TrainingEnded

    monkeypatch.setattr(sessions, "training_session", ended)
    linear_model.estimator(tmp_path).train(train_input, steps=2)
    assert [line for line in tf_log if "The chief has ended the training" in line]
    assert not [line for line in tf_log if "made no steps" in line]
