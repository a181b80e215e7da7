"""Libraries wrap the model function of an Estimator that is there: what they put in its place is called from then on."""

import linear_model
import pytest
import tensorflow as tf

from estimator_runtime import compat


@pytest.fixture(params=["v1", "v2"])
def face(request):
    v2 = compat.install()
    return v2 if request.param == "v2" else tf.compat.v1.estimator


def wrapped(estimator, calls):
    """The Estimator with a model function of other arguments, that notes its modes."""
    base = estimator._model_fn

    def model_fn(features, labels, mode):
        calls.append(mode)
        return base(features, labels, mode)

    estimator._model_fn = model_fn
    return estimator


def test_every_call_builds_the_model_that_was_put_in_its_place(face, tmp_path):
    def base(features, labels, mode):
        return linear_model.model_fn(features, labels, mode)

    calls = []
    estimator = wrapped(face.Estimator(base, str(tmp_path / "model")), calls)
    estimator.train(linear_model.train_input, steps=2)
    estimator.evaluate(linear_model.eval_input, steps=1)
    next(estimator.predict(linear_model.eval_input))
    assert calls == ["train", "eval", "infer"]
    with tf.Graph().as_default():
        tf.compat.v1.train.create_global_step()
        features = {"x": tf.compat.v1.placeholder(tf.float32, [None, 1])}
        estimator.model_fn(features, None, "infer", estimator.config)
    assert calls == ["train", "eval", "infer", "infer"]


def test_a_canned_estimator_is_wrapped_too(face, tmp_path):
    calls = []
    estimator = face.LinearRegressor([tf.feature_column.numeric_column("x")], str(tmp_path))
    base = estimator._model_fn

    def model_fn(features, labels, mode, params=None, config=None):
        calls.append((mode, config is not None))
        spec = base(features, labels, mode, config=config)
        return spec._replace(loss=spec.loss * 2) if mode != "infer" else spec

    loss = estimator.train(linear_model.train_input, steps=1).evaluate(linear_model.eval_input, steps=1)[
        "loss"
    ]
    estimator._model_fn = model_fn
    again = estimator.evaluate(linear_model.eval_input, steps=1)
    assert again["loss"] == pytest.approx(2 * loss)
    assert calls == [("eval", True)]
