"""The document's sentences about predict."""

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from document import cites
from linear_model import ENDING, X, eval_input


@cites(
    "Returns predictions for given features.",
    "Evaluated values of `predictions` tensors.",
    "If `None`, returns all.",
    "If it returns a tuple, first item is extracted as features.",
)
def test_predictions(trained):
    w = trained.get_variable_value("w")
    for input_fn in (eval_input, lambda: eval_input().map(lambda features, labels: features)):
        predictions = list(trained.predict(input_fn))
        assert len(predictions) == len(X)
        for x, prediction in zip(X, predictions, strict=True):
            assert set(prediction) == {"y", "twice"}
            np.testing.assert_allclose(prediction["y"], w[0] * x, rtol=1e-5)


@cites(
    "Input function returning features which is a dictionary of string feature name to `Tensor` or `SparseTensor`."
)
def test_predictions_from_sparse_features(trained):
    def model_fn(features, labels, mode):
        return linear_model.model_fn({"x": tf.sparse.to_dense(features["x"])}, labels, mode)

    def input_fn():
        sparse = tf.sparse.from_dense(tf.constant([[0.0], [3.0]]))
        return tf.data.Dataset.from_tensors({"x": sparse})

    estimator = linear_model.estimator(trained.model_dir, model_fn)
    values = [prediction["y"][0] for prediction in estimator.predict(input_fn)]
    np.testing.assert_allclose(values, [0, 3 * trained.get_variable_value("w")[0, 0]], rtol=1e-5)


@cites(
    "Prediction continues until `input_fn` raises an end-of-input exception "
    "(`OutOfRangeError` or `StopIteration`)."
)
@pytest.mark.parametrize("input_fn", ENDING)
def test_prediction_ends_with_the_input(input_fn, trained):
    assert len(list(trained.predict(input_fn))) == 24


@cites(
    "list of `str`, name of the keys to predict.",
    "It is used if the `EstimatorSpec.predictions` is a `dict`.",
    "If `predict_keys` is used then rest of the predictions will be filtered from the dictionary.",
)
def test_predict_keys(trained):
    assert set(next(trained.predict(eval_input, ["twice"]))) == {"twice"}
    assert set(next(trained.predict(eval_input, predict_keys=["twice", "y", "other"]))) == {"twice", "y"}


@cites(
    "If there is a conflict between `predict_keys` and `predictions`.",
    "For example if `predict_keys` is not `None` but `EstimatorSpec.predictions` is not a `dict`.",
)
def test_predict_keys_that_do_not_fit(trained):
    with pytest.raises(ValueError, match="Expected to run at least one output from"):
        next(trained.predict(eval_input, ["other"]))
    single = linear_model.estimator(
        trained.model_dir, linear_model.model_with(predictions=lambda features: features["x"])
    )
    np.testing.assert_array_equal(list(single.predict(eval_input)), X)
    with pytest.raises(ValueError, match="not valid in case of non-dict predictions"):
        next(single.predict(eval_input, ["y"]))


@cites("Used for callbacks inside the prediction call.")
def test_prediction_hooks(trained):
    hook = linear_model.Recorder()
    assert len(list(trained.predict(eval_input, hooks=[hook]))) == 8
    assert (hook.runs, hook.calls) == (2, [("begin", "recorder"), ("end", "recorder")])


@cites("Path of a specific checkpoint to predict.")
def test_prediction_of_a_given_checkpoint(trained):
    fresh = list(trained.predict(eval_input, checkpoint_path=f"{trained.model_dir}/model.ckpt-0"))
    assert [prediction["y"][0] for prediction in fresh] == [0] * 8


@cites("Could not find a trained model in model_dir.")
def test_prediction_without_a_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="Could not find trained model in model_dir"):
        next(linear_model.estimator(tmp_path).predict(eval_input))


@cites("if batch length of predictions are not same.")
def test_predictions_of_different_lengths(trained):
    model = linear_model.model_with(predictions=lambda features: {"a": features["x"], "b": features["x"][:1]})
    with pytest.raises(ValueError, match="Batch length of predictions should be same. b has different"):
        next(linear_model.estimator(trained.model_dir, model).predict(eval_input))
