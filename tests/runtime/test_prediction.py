"""Prediction: when it runs, what it yields, and what it leaves alone."""

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import Recorder, X, eval_input, v1

from estimator_api.estimator import PredictSection
from estimator_runtime import Estimator, EstimatorNotTrainedError, EstimatorSpec, ModeKeys
from estimator_runtime.job.modes import predict_mode


def predicting(trained, **fields):
    return linear_model.estimator(trained.model_dir, linear_model.model_with(**fields))


def test_nothing_runs_before_the_first_prediction_is_asked_for(trained):
    called = []

    def input_fn():
        called.append(True)
        return eval_input()

    predictions = trained.predict(input_fn)
    assert not called
    next(predictions)
    assert called


def test_whole_batches(trained):
    batches = list(trained.predict(eval_input, yield_single_examples=False))
    assert [batch["y"].shape for batch in batches] == [(4, 1), (4, 1)]
    (batch,) = predicting(
        trained, predictions=lambda features: {"total": tf.reduce_sum(features["x"])}
    ).predict(lambda: eval_input().take(1), yield_single_examples=False)
    assert batch == {"total": X[:4].sum()}


def test_a_scalar_has_no_examples(trained):
    total = predicting(trained, predictions=lambda features: {"total": tf.reduce_sum(features["x"])})
    with pytest.raises(ValueError, match="Batch length of predictions should be same"):
        next(total.predict(eval_input))


def test_one_name_may_be_given_for_a_list_of_one(trained):
    assert set(next(trained.predict(eval_input, predict_keys="y"))) == {"y"}
    assert set(next(trained.predict(eval_input, predict_keys=[]))) == {"y", "twice"}


def test_generators_read_in_turn(trained):
    first, second = trained.predict(eval_input), trained.predict(eval_input)
    pairs = [(next(first)["y"], next(second)["y"]) for _ in X]
    assert all(one == other for one, other in pairs)
    assert len(pairs) == len(X)


def test_the_callers_graph_stays_the_callers(trained):
    with tf.Graph().as_default() as graph:
        predictions = trained.predict(eval_input)
        next(predictions)
        assert v1.get_default_graph() is graph
        assert graph.get_operations() == []
        predictions.close()
        assert v1.get_default_graph() is graph


def test_input_that_never_ends_is_warned_about(trained, tf_log):
    predictions = trained.predict(lambda: {"x": tf.constant(X)})
    next(predictions)
    assert [line for line in tf_log if "That means predict yields forever" in line]
    for _ in range(20):
        next(predictions)


def test_without_a_checkpoint(tmp_path):
    predictions = linear_model.estimator(tmp_path).predict(eval_input)
    with pytest.raises(EstimatorNotTrainedError):
        next(predictions)
    fresh = Estimator(linear_model.model_fn, str(tmp_path), fresh_variables_if_untrained=True)
    assert [prediction["y"] for prediction in fresh.predict(eval_input)] == [0] * 8


def test_hooks_of_the_model(trained):
    calls = []
    estimator = predicting(trained, prediction_hooks=[Recorder("model", calls)])
    list(estimator.predict(eval_input, hooks=[Recorder("user", calls)]))
    assert calls == [("begin", "user"), ("begin", "model"), ("end", "user"), ("end", "model")]
    with pytest.raises(TypeError, match="Hooks must be a SessionRunHook"):
        next(estimator.predict(eval_input, hooks=["no hook"]))


@pytest.mark.parametrize(
    "input_fn",
    [
        lambda: {"x": tf.constant(X)},
        lambda: ({"x": tf.constant(X)}, tf.constant(X)),
        lambda: [{"x": tf.constant(X)}, tf.constant(X)],
        lambda: tf.data.Dataset.from_tensors({"x": X}),
        lambda: v1.data.Dataset.from_tensors(({"x": X}, X)),
        lambda mode: {"x": tf.constant(X if mode == ModeKeys.PREDICT else None)},
        lambda params, config: {"x": tf.constant(X * (params == {}) * config.save_checkpoints_steps / 5)},
    ],
)
def test_what_an_input_function_may_take_and_return(input_fn, trained):
    prediction = [next(iter_) for iter_ in [trained.predict(input_fn)] for _ in X]
    expected = X * trained.get_variable_value("w")
    np.testing.assert_allclose(prediction[0]["y"], expected[0], rtol=1e-5)


@pytest.mark.parametrize("returned", [(1, 2, 3), [1]])
def test_what_an_input_function_must_not_return(returned, trained):
    with pytest.raises(ValueError, match=r"input_fn should return \(features, labels\) as a len 2 tuple"):
        next(trained.predict(lambda: returned))


def test_labels_that_the_model_does_not_take(trained):
    estimator = linear_model.estimator(
        trained.model_dir, lambda features, mode: linear_model.model_fn(features, None, mode)
    )
    assert next(estimator.predict(eval_input))["y"].shape == (1,)
    with pytest.raises(ValueError, match="model_fn does not take labels, but input_fn returns labels"):
        estimator.evaluate(eval_input)


def of_two_heads(features):
    y = linear_model.linear(features["x"])
    return {("a", "y"): y, ("b", "y"): 2 * y}


def test_predictions_of_several_heads_are_chosen_by_one_name(trained):
    def two_heads(features, mode):
        return EstimatorSpec(mode, predictions=of_two_heads(features))

    estimator = linear_model.estimator(trained.model_dir, two_heads)
    for one in estimator.predict(eval_input, predict_keys="b/y"):
        assert list(one) == [("b", "y")]
    for one in estimator.predict(eval_input, predict_keys=[("a", "y")]):
        assert list(one) == [("a", "y")]


def test_a_job_writes_predictions_of_several_heads_under_one_name_each():
    section = PredictSection(input_fn="program:input_fn", predict_keys=["a/y"])
    (named,) = predict_mode._named(iter([{("a", "y"): np.array([1.0])}]), section)
    assert list(named) == ["a/y"]
