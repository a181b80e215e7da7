"""`tf.keras.layers.DenseFeatures` for Keras 3, after compat.install()."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimator_runtime as er
from estimator_runtime.keras.former.dense_features import DenseFeatures

fc, v1 = tf.feature_column, tf.compat.v1
WORDS = np.array([["a"], ["b"], ["z"], ["c"]])
X = np.arange(8, dtype=np.float32).reshape(4, 2) / 8
FEATURES = {"x": X, "word": WORDS, "z": np.array([[0.5], [2.0], [-1.0], [0.1]], np.float32)}
Y = X[:, :1]
TABLE = "dense_features/word_embedding/embedding_weights"


def columns():
    words = fc.categorical_column_with_vocabulary_list("word", ["a", "b", "c"])
    return [
        fc.numeric_column("x", shape=(2,)),
        fc.embedding_column(words, 2, initializer=v1.constant_initializer(0.2)),
        fc.indicator_column(words),
        fc.bucketized_column(fc.numeric_column("z"), [0.0, 1.0]),
    ]


def batches():
    return tf.data.Dataset.from_tensors((FEATURES, Y)).repeat()


def features_only():
    return tf.data.Dataset.from_tensors(FEATURES)


def trained(directory, make, steps=3, optimizer=None):
    def model_fn(features, labels, mode):
        y = make()(features)
        if mode == er.ModeKeys.PREDICT:
            return er.EstimatorSpec(mode, predictions={"y": y})
        loss = tf.reduce_mean((y - labels) ** 2)
        adagrad = optimizer or v1.train.AdagradOptimizer(0.1)
        return er.EstimatorSpec(mode, loss=loss, train_op=adagrad.minimize(loss, v1.train.get_global_step()))

    return er.Estimator(model_fn, str(directory)).train(batches, steps=steps)


def in_a_row(**given):
    return keras.Sequential([DenseFeatures(columns(), name="dense_features", **given), keras.layers.Dense(1)])


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.features, self.out = DenseFeatures(columns(), name="dense_features"), keras.layers.Dense(1)

    def call(self, features):
        return self.out(self.features(features))


def test_what_columns_make_is_concatenated_in_the_order_of_their_names(tmp_path):
    made = {}

    class Seen(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.features = DenseFeatures(columns())

        def call(self, features):
            return tf.reduce_sum(self.features(features, cols_to_output_tensors=made), 1, keepdims=True)

    def model_fn(features, mode):
        made.clear()
        layer = DenseFeatures(columns())
        found = layer(features, cols_to_output_tensors=made)
        step = v1.assign_add(v1.train.get_or_create_global_step(), 1)
        return er.EstimatorSpec(mode, predictions=found, loss=tf.reduce_sum(found), train_op=step)

    estimator = er.Estimator(model_fn, str(tmp_path)).train(features_only, max_steps=1)
    rows = np.stack(list(estimator.predict(features_only)))
    table, indicator = [0.2, 0.2], np.eye(3)
    buckets = np.eye(3)[[1, 2, 0, 1]]
    expected = [
        [
            *(table if word in "abc" else [0.0, 0.0]),
            *(indicator["abc".index(word)] if word in "abc" else [0] * 3),
            *x,
            *bucket,
        ]
        for word, x, bucket in zip(WORDS[:, 0], X, buckets, strict=True)
    ]
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    assert [column.name for column in made] == ["word_embedding", "word_indicator", "x", "z_bucketized"]
    assert Seen().features._state.size == rows.shape[1]


@pytest.mark.parametrize(("make", "scope"), [(in_a_row, "sequential"), (Own, "own")], ids=["row", "own"])
def test_its_variables_are_trained_and_found_by_the_names_of_keras_2(tmp_path, make, scope):
    made = trained(tmp_path, make)
    table = made.get_variable_value(f"{scope}/{TABLE}")
    assert table.shape == (3, 2)
    assert (table != np.float32(0.2)).all()
    assert np.isfinite([one["y"] for one in made.predict(features_only)]).all()
    assert trained(tmp_path, make).get_variable_value("global_step") == 6


def test_keras_optimizers_train_it(tmp_path):
    class Step:
        def minimize(self, loss, step):
            optimizer = keras.optimizers.SGD(0.5)
            optimizer.iterations = step
            (table,) = [one for one in v1.trainable_variables() if "embedding_weights" in one.name]
            return optimizer.get_updates(loss, [table])[0]

    made = trained(tmp_path, in_a_row, optimizer=Step())
    assert (made.get_variable_value(f"sequential/{TABLE}") != np.float32(0.2)).all()


def test_a_layer_that_is_not_trainable_keeps_its_tables(tmp_path):
    made = trained(tmp_path, lambda: in_a_row(trainable=False))
    np.testing.assert_array_equal(
        made.get_variable_value(f"sequential/{TABLE}"), np.full((3, 2), 0.2, np.float32)
    )


def test_a_keras_model_with_it_becomes_an_estimator(tmp_path):
    model = keras.Sequential(
        [DenseFeatures(columns(), name="dense_features"), keras.layers.Dense(1, name="y")]
    )
    model.compile(keras.optimizers.Adagrad(0.1), "mse")
    made = er.model_to_estimator(model, model_dir=str(tmp_path), config=er.RunConfig())
    before = made.train(batches, steps=1).evaluate(batches, steps=1)["loss"]
    assert made.train(batches, steps=20).evaluate(batches, steps=1)["loss"] < before
    (table,) = [name for name in made.get_variable_names() if name.endswith("embedding_weights")]
    assert (made.get_variable_value(table) != np.float32(0.2)).all()
    assert len(list(made.predict(features_only))) == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "feature_columns must not be empty"),
        ({"a": columns()[0]}, "found dict"),
        ([fc.categorical_column_with_identity("word", 3)], "must be a DenseColumn.*indicator_column"),
        ([columns()[0], columns()[0]], "Duplicate feature column name"),
    ],
    ids=["none", "dict", "categorical", "twice"],
)
def test_columns_that_do_not_fit_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        DenseFeatures(given)


def test_features_that_are_no_dict_are_refused():
    with tf.Graph().as_default(), pytest.raises(ValueError, match="expected a dictionary"):
        DenseFeatures(columns())(tf.constant(X))
