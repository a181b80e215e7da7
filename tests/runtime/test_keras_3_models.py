"""`model_to_estimator` of Keras 3 models: what they compute, train and leave behind is what Keras would."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimator_runtime as er
from estimator_runtime import model_to_estimator

X = np.sin(np.arange(128, dtype=np.float32)).reshape(32, 4)
CLASS = (X.sum(1) > 0).astype(np.int64)
SIZE = X[:, :1] * 2 + 0.5


def functional(optimizer="sgd", **compiled):
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    x = keras.Input((4,), name="x")
    net = keras.layers.Dense(5, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.01))(x)
    net = keras.layers.BatchNormalization(momentum=0.8)(net)
    model = keras.Model(x, keras.layers.Dense(2, name="classes")(net))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, **{"loss": loss, "metrics": ["accuracy"], **compiled})
    return model


def batches(features=None, labels=CLASS, size=8):
    def input_fn():
        given = {"x": X} if features is None else features
        return tf.data.Dataset.from_tensor_slices((given, labels)).batch(size)

    return input_fn


def estimator(model, directory, **given):
    return model_to_estimator(
        model,
        model_dir=str(directory),
        config=er.RunConfig(tf_random_seed=1, save_checkpoints_steps=100),
        **given,
    )


def predicted(made, input_fn, name):
    return np.stack([one[name] for one in made.predict(input_fn)])


OPTIMIZERS = {
    "Adam": lambda: keras.optimizers.Adam(0.05),
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.2, 2, 0.5)),
    "AdamW": lambda: keras.optimizers.AdamW(0.05, weight_decay=0.1),
    "Lion": lambda: keras.optimizers.Lion(0.01),
    "accumulated": lambda: keras.optimizers.Adam(0.05, gradient_accumulation_steps=2),
    "a scaled loss": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.05), 4.0, 2),
    "amsgrad": lambda: keras.optimizers.Adam(0.05, amsgrad=True, clipnorm=0.5),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_trains_as_fit_does(name, tmp_path):
    made = estimator(functional(OPTIMIZERS[name]()), tmp_path).train(batches())
    result = made.evaluate(batches())
    model = functional(OPTIMIZERS[name]())
    model.fit(X, CLASS, batch_size=8, shuffle=False, verbose=0)
    expected = model.evaluate(X, CLASS, batch_size=8, verbose=0, return_dict=True)
    assert result["global_step"] == 4
    assert result["accuracy"] == pytest.approx(expected["accuracy"])
    assert result["loss"] == pytest.approx(expected["loss"], abs=1e-5)
    np.testing.assert_allclose(
        predicted(made, batches(), "classes"), model.predict(X, verbose=0), rtol=1e-3, atol=1e-5
    )


def test_it_begins_with_the_weights_of_the_model_and_leaves_them_alone(tmp_path):
    model = functional()
    model.set_weights([value + 0.25 for value in model.get_weights()])
    before = model.get_weights()
    made = estimator(model, tmp_path)
    np.testing.assert_allclose(
        predicted(made, batches(), "classes"), model(X, training=False), rtol=1e-5, atol=1e-6
    )
    receiver = er.export.build_raw_serving_input_receiver_fn({"x": tf.constant(X[:1])})
    served = tf.saved_model.load(made.export_saved_model(str(tmp_path / "export"), receiver))
    answer = served.signatures["serving_default"](x=tf.constant(X))["classes"]
    np.testing.assert_allclose(answer, model(X, training=False), rtol=1e-5, atol=1e-6)
    made.train(batches())
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.allclose(made.get_variable_value("dense/kernel"), before[0])


def test_its_checkpoints_have_the_names_of_the_model_and_training_goes_on_with_them(tmp_path):
    estimator(functional("adam"), tmp_path).train(batches(), max_steps=2)
    made = estimator(functional("adam"), tmp_path)
    made.train(batches(), max_steps=4)
    whole = estimator(functional("adam"), tmp_path / "whole").train(batches(), max_steps=4)
    names = made.get_variable_names()
    assert {"dense/kernel", "batch_normalization/moving_mean", "classes/bias", "global_step"} <= set(names)
    assert names == whole.get_variable_names()
    # The second call begins with the first batch again, which shows that it has not begun anew.
    assert made.get_variable_value("global_step") == 4
    assert not np.allclose(made.get_variable_value("dense/kernel"), whole.get_variable_value("dense/kernel"))


def several():
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    net = keras.layers.Dense(4, activation="relu")(keras.layers.Concatenate()([a, b]))
    model = keras.Model(
        [a, b], [keras.layers.Dense(2, name="kind")(net), keras.layers.Dense(1, name="size")(net)]
    )
    model.compile(
        keras.optimizers.SGD(0.1),
        loss={"kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "size": "mse"},
        loss_weights={"kind": 1.0, "size": 0.5},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
    )
    return model


def test_several_inputs_and_outputs_go_by_their_names(tmp_path):
    features = {"b": X[:, 2:], "a": X[:, :2]}
    labels = {"size": SIZE, "kind": CLASS}
    made = estimator(several(), tmp_path).train(batches(features, labels))
    result = made.evaluate(batches(features, labels))
    model = several()
    data = ([X[:, :2], X[:, 2:]], [CLASS, SIZE])
    model.fit(*data, batch_size=8, shuffle=False, verbose=0)
    expected = model.evaluate(*data, batch_size=8, verbose=0, return_dict=True)
    assert set(result) == {"kind_accuracy", "size_mae", "loss", "global_step"}
    for name in set(result) - {"global_step"}:
        assert result[name] == pytest.approx(expected[name], abs=1e-5)
    assert set(next(made.predict(batches(features, labels)))) == {"kind", "size"}


def test_sample_weights_count_in_the_loss_and_in_weighted_metrics(tmp_path):
    weights = np.linspace(0, 2, 32, dtype=np.float32)
    given = {"weighted_metrics": [keras.metrics.MeanSquaredError(name="weighted")]}
    features = {"features": {"x": X}, "sample_weights": weights}

    def model():
        return functional(keras.optimizers.SGD(0.1), **given)

    def labels():
        return np.stack([SIZE[:, 0], -SIZE[:, 0]], 1)

    given |= {"loss": "mse", "metrics": ["mse"]}
    made = estimator(model(), tmp_path).train(batches(features, labels()))
    result = made.evaluate(batches(features, labels(), 32))
    of_keras = model()
    of_keras.fit(X, labels(), sample_weight=weights, batch_size=8, shuffle=False, verbose=0)
    expected = of_keras.evaluate(
        X, labels(), sample_weight=weights, batch_size=32, verbose=0, return_dict=True
    )
    for name in ("loss", "weighted", "mse"):
        assert result[name] == pytest.approx(expected[name], abs=1e-5)


class Own(keras.Model):
    """A model without a config, with a mask."""

    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(8, activation="relu")
        self.drop = keras.layers.Dropout(0.5, seed=7)
        self.out = keras.layers.Dense(2)

    def call(self, x, training=False):
        return self.out(self.drop(self.hidden(x), training=training))


def test_a_model_of_an_own_class_is_built_by_the_first_batch(tmp_path):
    model = Own()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    made = estimator(model, tmp_path).train(batches(X))
    result = made.evaluate(batches(X))
    assert result["global_step"] == 4
    np.testing.assert_array_equal(
        predicted(made, batches(X), "output_1"), predicted(made, batches(X), "output_1")
    )
    assert made.evaluate(batches(X))["loss"] == result["loss"]


def test_a_model_that_is_called_built_and_is_not_begins_with_weights(tmp_path):
    """Keras 3 says after `build` of a model of an own class that it is built, and its layers have no weights yet."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    model = Own()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a `build")
        model.build((None, 4))
    made = estimator(model, tmp_path)
    np.testing.assert_allclose(
        predicted(made, batches(X), "output_1"), model(X, training=False), rtol=1e-5, atol=1e-6
    )
    assert np.ptp(predicted(made, batches(X), "output_1")) > 0.1


class Two(keras.Model):
    def __init__(self):
        super().__init__()
        self.kind, self.size = keras.layers.Dense(2), keras.layers.Dense(1)

    def call(self, x):
        return self.kind(x), self.size(x)


def two_by_keys():
    x = keras.Input((4,), name="x")
    return keras.Model(x, {"k": keras.layers.Dense(2)(x), "s": keras.layers.Dense(1)(x)})


@pytest.mark.parametrize(
    ("make", "named"), [(Two, tuple), (two_by_keys, lambda pair: dict(zip("ks", pair, strict=True)))]
)
def test_parts_of_the_loss_are_no_metrics_of_an_evaluation(make, named, tmp_path):
    """Keras reports them under names of functions, or the keys of the outputs."""
    keras.utils.clear_session()
    model = make()
    losses = keras.losses.SparseCategoricalCrossentropy(from_logits=True), keras.losses.MeanSquaredError()
    model.compile("sgd", loss=named(losses))
    made = estimator(model, tmp_path).train(batches(X, named((CLASS, SIZE))))
    assert set(made.evaluate(batches(X, named((CLASS, SIZE))))) == {"loss", "global_step"}


def test_masks_differ_from_step_to_step(tmp_path):
    keras.utils.clear_session()
    model = keras.Sequential(
        [keras.Input((4,), name="x"), keras.layers.Dropout(0.5, seed=7), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.0), "mse")
    made = estimator(model, tmp_path)
    losses = []

    class Loss(tf.compat.v1.train.SessionRunHook):
        def before_run(self, context):
            return tf.compat.v1.train.SessionRunArgs(tf.compat.v1.get_collection("losses")[0])

        def after_run(self, context, values):
            losses.append(float(values.results))

    made.train(lambda: batches(labels=SIZE, size=32)().repeat(4), hooks=[Loss()])
    assert len(set(losses)) == 4


def test_layers_that_keep_tensors_are_run_and_those_with_tables_refused(tmp_path):
    keras.utils.clear_session()
    normal = keras.layers.Normalization()
    normal.adapt(X)
    model = keras.Sequential([keras.Input((4,), name="x"), normal, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    made = estimator(model, tmp_path)
    np.testing.assert_allclose(
        predicted(made, batches(), "dense"), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5
    )
    made.train(batches(labels=SIZE))
    words = keras.Sequential(
        [
            keras.Input((1,), dtype="string"),
            keras.layers.StringLookup(vocabulary=["a", "b"]),
            keras.layers.Embedding(4, 1),
        ]
    )
    words.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"StringLookup\) cannot be run .* Call it in the input_fn"):
        estimator(words, tmp_path / "words")


def test_signatures_are_those_of_export_outputs(tmp_path):
    kinds = {"classes": er.export.RegressionOutput}
    made = estimator(functional(), tmp_path, export_outputs=kinds)
    receiver = er.export.build_parsing_serving_input_receiver_fn(
        {"x": tf.io.FixedLenFeature([4], tf.float32)}
    )
    path = made.export_saved_model(str(tmp_path / "export"), receiver)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signatures = tf.compat.v1.saved_model.load(session, ["serve"], path).signature_def
        methods = {name: signature.method_name for name, signature in signatures.items()}
    assert methods == {
        "serving_default": "tensorflow/serving/predict",
        "classes": "tensorflow/serving/regress",
    }


def test_metrics_go_by_the_names_that_they_are_given(tmp_path):
    made = estimator(functional(), tmp_path, metric_names_map={"accuracy": "right"})
    assert set(made.evaluate(batches())) == {"right", "loss", "global_step"}
    for renamed, message in (({"other": "a"}, "unexpected keys"), ({}, None)):
        made = estimator(functional(), tmp_path, metric_names_map=renamed)
        if message is None:
            assert "accuracy" in made.evaluate(batches())
            continue
        with pytest.raises(ValueError, match=message):
            made.evaluate(batches())


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras' own, as it saves
def test_a_saved_model_is_taken_by_its_path(tmp_path):
    model = functional()
    model.save(tmp_path / "model.keras")
    made = model_to_estimator(keras_model_path=tmp_path / "model.keras", model_dir=tmp_path / "model")
    np.testing.assert_allclose(
        predicted(made, batches(), "classes"), model(X, training=False), rtol=1e-5, atol=1e-6
    )


REFUSED = {
    "nothing": (model_to_estimator, ValueError, "Either `keras_model` or `keras_model_path`"),
    "both": (lambda: model_to_estimator(functional(), "path"), ValueError, "but not both"),
    "not compiled": (
        lambda: model_to_estimator(keras.Sequential([keras.layers.Dense(1)])),
        ValueError,
        "has not been compiled yet",
    ),
    "a bucket": (
        lambda: model_to_estimator(keras_model_path="gs://b/m.keras"),
        ValueError,
        "not a local path",
    ),
    "no path": (lambda: model_to_estimator(keras_model_path=7), TypeError, "must be a path, given: 7"),
    "a name": (lambda: model_to_estimator("model"), AttributeError, "must be a model of Keras"),
    "a layer": (lambda: model_to_estimator(keras.layers.Dense(1)), TypeError, "must be a model of Keras"),
    "a format": (
        lambda: model_to_estimator(functional(), checkpoint_format="h5"),
        ValueError,
        'must be one of "checkpoint" or "saver". Got h5',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_compiled_model_is_refused(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize(
    ("features", "labels", "kind", "message"),
    [
        ({"y": X}, CLASS, KeyError, r"Expected keys: \['x'\], features keys: \['y'\]"),
        ({"x": X}, None, ValueError, "needs labels, and there are none"),
    ],
    ids=["another feature", "no labels"],
)
def test_a_batch_that_does_not_fit_is_refused_by_name(features, labels, kind, message, tmp_path):
    made = estimator(functional(), tmp_path)
    with pytest.raises(kind, match=message):
        made.train(lambda: tf.data.Dataset.from_tensors(features if labels is None else (features, labels)))


def test_an_optimizer_that_no_graph_runs_is_refused_with_those_that_are(tmp_path):
    made = estimator(functional(keras.optimizers.Adafactor()), tmp_path)
    with pytest.raises(ValueError, match="Adafactor of Keras cannot be run in a graph .* Adam, AdamW"):
        made.train(batches())
