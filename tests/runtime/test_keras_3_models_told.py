"""`model_to_estimator` of Keras 3 models: what a program has told a model, its optimizer or its metrics holds here too."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimator_runtime as er
from estimator_runtime import model_to_estimator

X = np.sin(np.arange(128, dtype=np.float32)).reshape(32, 4)
A, B = X[:, :2], X[:, 2:]
SIZE = X[:, :1] * 2 + 0.5


@pytest.fixture(autouse=True)
def names_begin_anew():
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)


def batches(features=X, labels=SIZE, size=8):
    return lambda: tf.data.Dataset.from_tensor_slices((features, labels)).batch(size)


def estimator(model, directory):
    return model_to_estimator(model, model_dir=str(directory), config=er.RunConfig(tf_random_seed=1))


def shared():
    """Two outputs of one layer."""
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    layer = keras.Sequential([keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(1)], name="enc")
    model = keras.Model([a, b], [layer(a), layer(b)])
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    return model


def test_two_outputs_of_one_layer_are_two_predictions(tmp_path):
    model = shared()
    made = estimator(model, tmp_path)
    rows = list(made.predict(batches({"a": A, "b": B}, SIZE)))
    expected = dict(zip(("enc", "enc_1"), model.predict([A, B], verbose=0), strict=True))
    assert set(rows[0]) == set(expected)
    receiver = er.export.build_raw_serving_input_receiver_fn({"a": tf.constant(A), "b": tf.constant(B)})
    path = made.export_saved_model(str(tmp_path / "export"), receiver)
    served = tf.saved_model.load(path).signatures["serving_default"](a=tf.constant(A), b=tf.constant(B))
    assert set(served) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(np.stack([row[name] for row in rows]), values, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(served[name], values, rtol=1e-5, atol=1e-6)


def test_states_beside_an_output_have_names_of_their_own(tmp_path):
    x = keras.Input((4, 1), name="x")
    model = keras.Model(x, keras.layers.LSTM(2, return_state=True, name="past")(x))
    model.compile("sgd", loss=["mse", None, None])
    rows = list(estimator(model, tmp_path).predict(batches(X[..., None])))
    expected = dict(zip(("past", "past_1", "past_2"), model.predict(X[..., None], verbose=0), strict=True))
    assert set(rows[0]) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(np.stack([row[name] for row in rows]), values, rtol=1e-5, atol=1e-6)


def two():
    """Two outputs of two layers."""
    x = keras.Input((4,), name="x")
    model = keras.Model(x, [keras.layers.Dense(1, name="near")(x), keras.layers.Dense(1, name="far")(x)])
    model.compile(keras.optimizers.SGD(0.1), loss="mse", weighted_metrics=[["mae"], ["mae"]])
    return model


WEIGHTS = np.linspace(0, 2, 32, dtype=np.float32), np.linspace(3, 0, 32, dtype=np.float32)


@pytest.mark.parametrize(
    ("make", "given", "names"),
    [(two, {"x": X}, ("near", "far")), (shared, {"a": A, "b": B}, ("enc", "enc_1"))],
)
def test_labels_and_sample_weights_go_by_the_names_of_the_outputs(make, given, names, tmp_path):
    labels = SIZE, -2 * SIZE
    # In another order than that of the outputs.
    targets, weights = (dict(reversed(list(zip(names, values, strict=True)))) for values in (labels, WEIGHTS))
    features = {"features": given, "sample_weights": weights}
    made = estimator(make(), tmp_path).train(batches(features, targets))
    result = made.evaluate(batches(features, targets, 32))
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    model = make()
    inputs = list(given.values()) if len(given) > 1 else X
    told = {"x": inputs, "y": list(labels), "sample_weight": list(WEIGHTS)}
    model.fit(**told, batch_size=8, shuffle=False, verbose=0)
    expected = model.evaluate(**told, batch_size=32, verbose=0, return_dict=True)
    for name in set(result) - {"global_step"}:
        assert result[name] == pytest.approx(expected[name], rel=1e-4)
    assert len(result) == (4 if make is two else 2)


def test_sample_weights_of_one_output_may_have_its_name(tmp_path):
    results = {}
    for name, weights in {"alone": WEIGHTS[0], "named": {"y": WEIGHTS[0]}}.items():
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(1, name="y", kernel_initializer="ones")]
        )
        model.compile("sgd", "mse", weighted_metrics=["mae"])
        made = estimator(model, tmp_path / name)
        results[name] = made.evaluate(batches({"features": X, "sample_weights": weights}, SIZE, 32))
    assert results["named"] == pytest.approx(results["alone"])


class Least(keras.metrics.Metric):
    """The least value that was predicted."""

    def __init__(self, name="least", **kwargs):
        super().__init__(name=name, **kwargs)
        self.least = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(1e9), name="least", dtype="float32"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.least.assign(keras.ops.minimum(self.least, keras.ops.min(y_pred) + 7))

    def result(self):
        return self.least + 0


class Counted(keras.metrics.Metric):
    """A count that `reset_state` begins at a number of its own."""

    def __init__(self, name="counted", **kwargs):
        super().__init__(name=name, **kwargs)
        self.count = self.add_weight(shape=(), initializer="zeros", name="count", dtype="int32")

    def reset_state(self):
        self.count.assign(100)

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign_add(keras.ops.shape(y_pred)[0])

    def result(self):
        return self.count + 0


@pytest.mark.parametrize("is_used", [False, True])
def test_metrics_begin_with_what_keras_would_begin_with(is_used, tmp_path):
    """That is what their initialisers give, and once Keras has evaluated the model what they are reset to."""

    def model():
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        made.compile("sgd", "mse", metrics=[Least(), Counted(), "mae"])
        if is_used:
            made.evaluate(X, SIZE, verbose=0)
        return made

    expected = model().evaluate(X, SIZE, batch_size=8, verbose=0, return_dict=True)
    given = model()
    before = [variable.numpy() for variable in given.metrics_variables]
    made = estimator(given, tmp_path).train(batches(), steps=1)
    for _ in range(2):
        result = estimator(given, tmp_path / "untrained").evaluate(batches())
        assert {name: result[name] for name in expected} == pytest.approx(expected, rel=1e-5)
        assert made.evaluate(batches())["counted"] == expected["counted"] == (132 if is_used else 32)
    if is_used:
        np.testing.assert_array_equal([variable.numpy() for variable in given.metrics_variables], before)


def decayed(optimizer, tell):
    """A model whose gradients are 0, so that its weights change by decay alone."""
    ones = {"kernel_initializer": "ones", "bias_initializer": "ones"}
    hidden = keras.layers.Dense(2, name="hidden", **ones)
    model = keras.Sequential([keras.Input((4,), name="x"), hidden, keras.layers.Dense(1, name="out", **ones)])
    tell(getattr(optimizer, "inner_optimizer", optimizer), hidden)
    model.compile(optimizer, loss=lambda y, predicted: keras.ops.sum(predicted * 0))
    return model


EXCLUDED = {
    "names": lambda optimizer, hidden: optimizer.exclude_from_weight_decay(var_names=["bias"]),
    "a list": lambda optimizer, hidden: optimizer.exclude_from_weight_decay(var_list=[hidden.bias]),
    "both": lambda optimizer, hidden: optimizer.exclude_from_weight_decay([hidden.kernel], ["bias"]),
    "a path": lambda optimizer, hidden: optimizer.exclude_from_weight_decay(var_names=["hidden/k"]),
}
DECAYING = {
    "AdamW": lambda: keras.optimizers.AdamW(0.5, weight_decay=0.5),
    "Adam": lambda: keras.optimizers.Adam(0.5, weight_decay=0.5),
    "a scaled loss": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.AdamW(0.5, 0.5)),
}


@pytest.mark.parametrize(
    ("optimizer", "told"), [*(("AdamW", told) for told in EXCLUDED), *((name, "both") for name in DECAYING)]
)
def test_variables_that_are_excluded_from_weight_decay_keep_their_values(optimizer, told, tmp_path):
    made = estimator(decayed(DECAYING[optimizer](), EXCLUDED[told]), tmp_path).train(batches())
    keras.utils.clear_session()
    model = decayed(DECAYING[optimizer](), EXCLUDED[told])
    model.fit(X, SIZE, batch_size=8, shuffle=False, verbose=0)
    seen = {}
    for variable in model.variables:
        seen[variable.path] = made.get_variable_value(variable.path)
        np.testing.assert_allclose(seen[variable.path], variable.numpy(), rtol=1e-5, err_msg=variable.path)
    assert any((value == 1).all() for value in seen.values())
    assert any((value < 1).all() for value in seen.values())


class Falling(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule without a config."""

    def __call__(self, step):
        return 0.1 / (1.0 + tf.cast(step, tf.float32))


RATES = {
    "a schedule": lambda: keras.optimizers.AdamW(Falling()),
    "a function": lambda: keras.optimizers.Nadam(lambda: 0.07),
    "of a scaled loss": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Lion(Falling())),
}


@pytest.mark.parametrize("name", RATES)
def test_a_learning_rate_of_the_programs_own_needs_no_config(name, tmp_path):
    def model():
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        made = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(1, name="y")])
        made.compile(RATES[name](), "mse")
        return made

    trained = estimator(model(), tmp_path)
    for steps in (2, 4):  # each call has a graph of its own
        trained.train(lambda: batches()().repeat(), steps=steps)
    other = model()
    for steps in (2, 4):
        rows = steps * 8
        other.fit(X[:rows], SIZE[:rows], batch_size=8, shuffle=False, verbose=0)
    kernel = other.layers[-1].kernel
    np.testing.assert_allclose(trained.get_variable_value(kernel.path), kernel.numpy(), rtol=1e-4)


class Tripled(keras.Sequential):
    """A loss of its own, as before Keras told it whether the model is trained."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return 3 * super().compute_loss(x, y, y_pred, sample_weight)


def test_a_loss_of_the_models_own_need_not_be_told_of_training(tmp_path):
    model = Tripled([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    made = estimator(model, tmp_path)
    first = made.evaluate(batches(size=32))["loss"]
    expected = keras.ops.mean((model.predict(X, verbose=0) - SIZE) ** 2)
    assert first == pytest.approx(3 * float(expected), rel=1e-5)
    made.train(batches())
    assert made.evaluate(batches(size=32))["loss"] < first
