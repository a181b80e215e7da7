"""Hyperparameters of a TPUEstimator: functions are given an object of the class that the program gave, and what it is told."""

import linear_model
import pytest
import tensorflow as tf
from linear_model import X, Y

from estimator_runtime import tpu

v1 = tf.compat.v1


class Attributes(dict):
    """A dict whose items are attributes as well."""

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)


class HParams:
    """What tf.contrib.training.HParams was, and what its successors are, to those who read and set values."""

    def __init__(self, **values):
        vars(self).update(values)

    def __contains__(self, name):
        return name in vars(self)

    def add_hparam(self, name, value):
        if name in self:
            raise ValueError(f"{name} is there")
        setattr(self, name, value)

    def set_hparam(self, name, value):
        if name not in self:
            raise ValueError(f"{name} is not there")
        setattr(self, name, value)


@pytest.mark.parametrize("kind", [Attributes, HParams])
def test_functions_are_given_the_programs_own_kind_of_hyperparameters(kind, tmp_path):
    seen = []

    def input_fn(params):
        seen.append(("input", type(params), params.batch_size))
        return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(params.batch_size)

    def model_fn(features, labels, mode, params):
        seen.append((mode, type(params), getattr(params, "batch_size", None), params.use_tpu))
        y = linear_model.linear(features["x"])
        if mode == "infer":
            return tpu.TPUEstimatorSpec(mode, predictions={"y": y})
        loss = tf.reduce_mean(tf.square(y - labels))
        optimizer = v1.train.GradientDescentOptimizer(params.rate)
        step = optimizer.minimize(loss, v1.train.get_global_step()) if mode == "train" else None
        return tpu.TPUEstimatorSpec(mode, loss=loss, train_op=step)

    params = kind(rate=0.1, use_tpu=True)
    made = tpu.TPUEstimator(
        model_fn,
        config=tpu.RunConfig(model_dir=str(tmp_path)),
        params=params,
        use_tpu=False,
        train_batch_size=4,
        eval_batch_size=3,
        predict_batch_size=5,
    )
    made.train(input_fn, steps=1)
    made.evaluate(input_fn, steps=1)
    list(made.predict(input_fn))
    assert seen == [
        ("input", kind, 4), ("train", kind, 4, False),
        ("input", kind, 3), ("eval", kind, 3, False),
        ("input", kind, 5), ("infer", kind, 5, False),
    ]  # fmt: skip
    assert type(made.params) is kind
    assert params.use_tpu
    assert "batch_size" not in params
