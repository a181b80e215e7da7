"""add_metrics and call_logit_fn."""

import linear_model
import pytest
import tensorflow as tf
from linear_model import eval_input, v1

from estimator_runtime import (
    Estimator,
    EstimatorNotTrainedError,
    ModeKeys,
    RunConfig,
    add_metrics,
    experimental,
)


def test_metrics_are_added_and_replaced(trained):
    def metric_fn(features, labels, predictions, config):
        assert isinstance(config, RunConfig)
        return {
            "mae": v1.metrics.mean(0 * labels),
            "mean_x": v1.metrics.mean(features["x"]),
            "mean_y": v1.metrics.mean(predictions["y"]),
        }

    extended = add_metrics(trained, metric_fn)
    before, after = trained.evaluate(eval_input), extended.evaluate(eval_input)
    assert before["mae"] > 0
    assert after["mae"] == 0
    assert after["mean_x"] == linear_model.X.mean()
    assert after["mean_y"] == pytest.approx(linear_model.X.mean() * trained.get_variable_value("w").item())
    assert {key: after[key] for key in ("loss", "global_step")} == {
        k: before[k] for k in ("loss", "global_step")
    }
    assert len(list(extended.predict(eval_input))) == 8


def test_the_new_estimator_is_like_the_old_one(tmp_path, trained):
    estimator = Estimator(
        linear_model.model_fn,
        str(tmp_path),
        RunConfig(save_checkpoints_steps=3, tf_random_seed=4),
        warm_start_from=trained.model_dir,
    )
    extended = add_metrics(estimator, lambda labels: {"labels": v1.metrics.mean(labels)})
    assert (extended.model_dir, extended.config.save_checkpoints_steps) == (str(tmp_path), 3)
    assert extended.evaluate(eval_input)["labels"] == linear_model.Y.mean()
    extended.train(linear_model.train_input, steps=1)
    assert linear_model.global_step(extended) == 1


def test_whether_fresh_variables_will_do_is_kept(tmp_path):
    for fresh in (True, False):
        estimator = Estimator(linear_model.model_fn, str(tmp_path), fresh_variables_if_untrained=fresh)
        extended = add_metrics(estimator, lambda labels: {})
        if fresh:
            assert extended.evaluate(eval_input)["global_step"] == 0
        else:
            with pytest.raises(EstimatorNotTrainedError):
                extended.evaluate(eval_input)


def test_metric_functions_of_other_arguments(trained):
    with pytest.raises(ValueError, match=r"metric_fn .* has following not expected args: \['weights'\]"):
        add_metrics(trained, lambda labels, weights: {})


def test_a_metric_function_that_returns_nothing(trained):
    with pytest.raises(TypeError, match="metric_fn .* must return a dict of metrics, returned: None"):
        add_metrics(trained, lambda labels: None).evaluate(eval_input)


# Logit functions


def test_a_logit_function_gets_what_it_declares():
    with tf.Graph().as_default():
        x = tf.constant([[1.0]])

        def all_arguments(features, mode, params, config):
            assert (mode, params, config) == (ModeKeys.EVAL, {"a": 1}, "config")
            return {"logits": features}

        assert experimental.call_logit_fn(lambda features: features, x, ModeKeys.EVAL, {}, None) is x
        assert experimental.call_logit_fn(all_arguments, x, ModeKeys.EVAL, {"a": 1}, "config") == {
            "logits": x
        }


@pytest.mark.parametrize("returned", [None, 1.0, {"a": 1.0}, [1.0]])
def test_what_is_no_logits(returned):
    text = "logit_fn should return a Tensor or a dictionary mapping strings to Tensors.  logit_fn returned: "
    with pytest.raises(ValueError, match=text):
        experimental.call_logit_fn(lambda features: returned, None, ModeKeys.EVAL, {}, None)


@pytest.mark.parametrize("kind", ["sparse", "ragged", "variable"])
def test_logits_are_tensors(kind):
    makers = {
        "sparse": lambda: tf.sparse.from_dense([[1.0]]),
        "ragged": lambda: tf.ragged.constant([[1.0]]),
        "variable": lambda: tf.compat.v1.get_variable("v", initializer=1.0),
    }
    with tf.Graph().as_default():
        for returned in (
            makers[kind](),
            {"a": tf.constant(1.0), "b": makers[kind.replace("variable", "sparse")]()},
        ):
            with pytest.raises(ValueError, match="logit_fn should return a Tensor or a dictionary"):
                experimental.call_logit_fn(
                    lambda features, made=returned: made, None, ModeKeys.EVAL, {}, None
                )
