"""A batch has a Keras 3 model's inputs by their names, and those without a name by the names that Keras 2 gave them."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimator_runtime as er
from estimator_runtime import model_to_estimator

X = np.arange(8, dtype=np.float32).reshape(8, 1)
ROWS = np.concatenate([X, 10 * X], 1)


def in_a_row(*first):
    return lambda: keras.Sequential([*(one() for one in first), keras.layers.Dense(1, name="line")])


def with_inputs(*names):
    """A model that subtracts its second input, and all after it, from the first."""

    def make():
        inputs = [keras.Input((1,), name=name) for name in names]
        total = inputs[0]
        for one in inputs[1:]:
            total = keras.layers.Subtract()([total, one])
        kernel = keras.initializers.Ones()
        return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer=kernel, name="line")(total))

    return make


def shaped():
    with warnings.catch_warnings():
        # As programs of Keras 2 have it.
        warnings.filterwarnings("ignore", "Do not pass an `input_shape`")
        return keras.layers.Dense(1, input_shape=(2,), name="first")


def predicted(directory, make, features):
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    model = make()
    model.compile("sgd", "mse")
    made = model_to_estimator(model, model_dir=str(directory), config=er.RunConfig())
    made.train(lambda: tf.data.Dataset.from_tensors((features, X)), steps=1)
    found = made.predict(lambda: tf.data.Dataset.from_tensors(features))
    return np.concatenate([one["line"] for one in found])


FOUND = {
    "first layer": (in_a_row(shaped), {"first_input": ROWS}),
    "first layer after an input": (
        in_a_row(lambda: keras.Input((2,)), lambda: keras.layers.Dense(3, name="a")),
        {"a_input": ROWS},
    ),
    "number": (in_a_row(lambda: keras.Input((2,))), {"input_1": ROWS}),
    "a later number": (in_a_row(lambda: keras.layers.InputLayer(shape=(2,))), {"input_7": ROWS}),
    "name": (in_a_row(lambda: keras.Input((2,), name="rows")), {"rows": ROWS, "input_1": ROWS[::-1]}),
}


@pytest.mark.parametrize("name", FOUND)
def test_an_input_of_layers_in_a_row_is_found(tmp_path, name):
    make, features = FOUND[name]
    (rows, *_) = features.values()
    np.testing.assert_allclose(
        predicted(tmp_path / "by name", make, features), predicted(tmp_path / "alone", make, rows), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("names", "features"),
    [
        ((None, None), {"input_2": 2 * X, "input_1": X}),
        ((None, None), {"input_10": 2 * X, "input_9": X}),
        ((None, "b"), {"b": 2 * X, "input_1": X, "more": X}),
        (("a", "b"), {"b": 2 * X, "a": X, "input_1": 5 * X}),
    ],
    ids=["numbers", "later numbers", "a number and a name", "names"],
)
def test_several_inputs_are_found_in_their_order(tmp_path, names, features):
    found = predicted(tmp_path, with_inputs(*names), features)
    # X - 2 X, whatever the one step has made of weight and bias.
    assert found[0] != found[1]
    np.testing.assert_allclose(np.diff(found), np.diff(found)[0], rtol=1e-4)
    assert (found[1] - found[0]) * -1 > 0


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict, all keys")
@pytest.mark.parametrize("names", [("first", "second"), ("b", "a")], ids=["keys", "names"])
def test_inputs_in_a_dict_are_found_by_its_keys_and_by_their_names(tmp_path, names):
    """Keras 2 knew the names alone."""

    def make():
        a, b = keras.Input((1,), name="b"), keras.Input((1,), name="a")
        kernel = keras.initializers.Ones()
        line = keras.layers.Dense(1, kernel_initializer=kernel, name="line")
        return keras.Model({"first": a, "second": b}, line(keras.layers.Subtract()([a, b])))

    found = predicted(tmp_path, make, dict(zip(names, (X, 2 * X), strict=True)))
    assert found[1] < found[0]


@pytest.mark.parametrize(
    ("make", "features", "expected"),
    [
        (in_a_row(shaped), {"rows": ROWS}, r"\['first_input'\], features keys: \['rows'\]"),
        (with_inputs(None, None), {"input_1": X, "b": X}, r"\['input_1', 'input_2'\]"),
        (with_inputs("a", None), {"a": X, "b": X}, r"\['a', 'input_1'\], .* missed keys: \['input_1'\]"),
    ],
    ids=["another", "too few", "not a number"],
)
def test_what_is_missing_is_told_by_the_names_of_keras_2(tmp_path, make, features, expected):
    with pytest.raises(KeyError, match=f"Expected keys: {expected}"):
        predicted(tmp_path, make, features)
