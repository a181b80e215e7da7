"""What people give as an input function and let it return: it works, or one sentence names input_fn."""

import functools

import linear_model
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from linear_model import X, Y, eval_input, train_input, v1

from estimator_runtime import Estimator, EvalSpec, TrainSpec, experimental

EAGER = {"x": tf.constant(X)}, tf.constant(Y)
OUTSIDE = eval_input()


def in_another_graph():
    with tf.Graph().as_default():
        return {"x": tf.constant(X)}, tf.constant(Y)


MADE_OUTSIDE = {
    "a dataset": lambda: OUTSIDE,
    "a dataset made of one": lambda: OUTSIDE.map(lambda features, labels: (features, labels)).repeat(),
    "eager tensors": lambda: EAGER,
    "eager features": lambda: (EAGER[0], Y),
    "tensors of another graph": in_another_graph,
    "a dataset that uses an eager tensor": lambda: eval_input().map(
        lambda features, labels: (features, labels + EAGER[1][0])
    ),
}


def train(estimator, input_fn):
    estimator.train(input_fn, steps=1)


def evaluate(estimator, input_fn):
    estimator.evaluate(input_fn, steps=1)


def predict(estimator, input_fn):
    next(estimator.predict(input_fn))


def evaluate_in_memory(estimator, input_fn):
    hook = experimental.InMemoryEvaluatorHook(estimator, input_fn, steps=1)
    estimator.train(train_input, hooks=[hook], steps=1)


CALLS = [train, evaluate, predict, evaluate_in_memory]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("model")
    linear_model.estimator(directory).train(train_input, steps=1)
    return directory


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("what", MADE_OUTSIDE)
def test_what_was_made_outside_of_input_fn_is_refused_by_that_name(what, call, model_dir):
    estimator = linear_model.estimator(model_dir)
    with pytest.raises(
        ValueError, match=r"input_fn .* made outside of input_fn.*make it inside input_fn"
    ) as raised:
        call(estimator, MADE_OUTSIDE[what])
    assert isinstance(raised.value, RuntimeError)  # what TensorFlow raises for some of them


def test_a_dataset_made_outside_is_refused_under_a_strategy_as_well(tmp_path):
    strategy = v1.distribute.MirroredStrategy(["/cpu:0"])
    estimator = linear_model.estimator(tmp_path, train_distribute=strategy)
    with pytest.raises(ValueError, match=r"made outside of input_fn.*inside input_fn"):
        estimator.train(lambda: OUTSIDE, steps=1)


def test_eager_labels_that_predict_drops_are_no_obstacle(model_dir):
    batch = next(linear_model.estimator(model_dir).predict(lambda: ({"x": X}, EAGER[1])))
    assert set(batch) == {"y", "twice"}


@pytest.mark.parametrize(
    "result",
    [
        ({"x": X}, Y),
        ({"x": X.tolist()}, Y.tolist()),
        [{"x": X}, Y],
        (pd.DataFrame({"x": X[:, 0]}), Y),
    ],
    ids=["arrays", "lists", "a list of two", "a DataFrame"],
)
def test_what_a_model_function_can_use_is_taken(result, tmp_path):
    def model_fn(features, labels, mode):
        x = np.reshape(features["x"], [-1, 1]).astype(np.float32)
        return linear_model.model_fn({"x": x}, labels, mode)

    estimator = linear_model.estimator(tmp_path, model_fn)
    estimator.train(lambda: result, steps=2)
    assert estimator.evaluate(lambda: result, steps=1)["global_step"] == 2
    assert len([one for one, _ in zip(estimator.predict(lambda: result), range(3), strict=False)]) == 3


def test_features_that_are_none_are_the_model_functions_affair(tmp_path):
    def model_fn(features, labels, mode):
        assert features is None
        return linear_model.spec(mode, linear_model.linear(tf.constant(X)), tf.constant(Y))

    estimator = linear_model.estimator(tmp_path, model_fn).train(lambda: None, steps=1)
    assert estimator.evaluate(lambda: None, steps=1)["global_step"] == 1


@pytest.mark.parametrize(
    "result",
    [None, (row for row in X), eval_input, iter([1])],
    ids=["None", "generator", "function", "iterator"],
)
def test_an_error_of_the_model_function_over_odd_features_tells_what_they_were(result, model_dir):
    with pytest.raises(TypeError) as raised:
        linear_model.estimator(model_dir).train(lambda: result, steps=1)
    (note,) = raised.value.__notes__
    assert note.startswith(f"input_fn returned features that are a {type(result).__name__}. It should return")


@pytest.mark.parametrize("call", [train, evaluate, predict])
def test_a_tf_function_is_an_input_function(call, model_dir):
    @tf.function
    def input_fn(mode):
        assert mode
        return {"x": tf.constant(X)}, tf.constant(Y)

    call(linear_model.estimator(model_dir), input_fn)


NO_FUNCTIONS = {
    "a dataset": OUTSIDE,
    "a dict of arrays": {"x": X},
    "an array": X,
    "a DataFrame": pd.DataFrame({"x": X[:, 0]}),
    "a pair": ({"x": X}, Y),
    "a generator": (x for x in [X]),
    "an iterator": iter(OUTSIDE),
}


@pytest.mark.parametrize(
    "call", [*CALLS, lambda _, given: TrainSpec(given), lambda _, given: EvalSpec(given)]
)
@pytest.mark.parametrize("what", NO_FUNCTIONS)
def test_what_is_no_function_is_refused_in_one_sentence(what, call, model_dir):
    with pytest.raises(
        TypeError, match=r"`input_fn` must be callable, given: .*put what makes them inside it"
    ):
        call(linear_model.estimator(model_dir), NO_FUNCTIONS[what])


# Functions of every kind


class Calls:
    def __call__(self, features, labels, mode):
        return linear_model.model_fn(features, labels, mode)

    def method(self, features, labels, mode):
        return linear_model.model_fn(features, labels, mode)

    @classmethod
    def of_class(cls, features, labels, mode):
        return linear_model.model_fn(features, labels, mode)

    @tf.function
    def traced(self, features, labels, mode):
        return linear_model.model_fn(features, labels, mode)


def scaled(features, labels, mode, scale):
    return linear_model.model_fn({"x": scale * features["x"]}, labels, mode)


@pytest.mark.parametrize(
    "model_fn",
    [
        Calls(),
        Calls().method,
        Calls.of_class,
        functools.partial(scaled, scale=1.0),
        functools.partial(Calls()),
        functools.partial(Calls().method),
        lambda features, labels, mode: scaled(features, labels, mode, 1.0),
    ],
    ids=["object", "method", "class method", "partial", "partial of object", "partial of method", "lambda"],
)
def test_every_kind_of_function_is_a_model_function(model_fn, tmp_path):
    estimator = linear_model.estimator(tmp_path, model_fn).train(train_input, steps=2)
    assert estimator.evaluate(eval_input)["global_step"] == 2
    assert len(list(estimator.predict(eval_input))) == 8


@pytest.mark.parametrize(
    "model_fn",
    [
        tf.function(linear_model.model_fn),
        Calls().traced,
        functools.partial(tf.function(linear_model.model_fn)),
    ],
    ids=["function", "method", "partial"],
)
def test_a_tf_function_as_model_function_is_refused_when_the_estimator_is_made(model_fn, tmp_path):
    with pytest.raises(ValueError, match=r"model_fn must not be a tf.function.*without the decorator"):
        Estimator(model_fn, str(tmp_path))
