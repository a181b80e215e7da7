"""`tf.keras.experimental.SequenceFeatures` for Keras 3, after compat.install()."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimator_runtime as er
from estimator_runtime.keras.former.sequence_features import SequenceFeatures

fc, v1 = tf.feature_column, tf.compat.v1
WORDS = [["a", "b", "z"], ["c"]]
X = [[1.0, 2.0, 3.0], [4.0]]
TABLE = "sequence_features/word_embedding/embedding_weights"


def columns():
    words = fc.sequence_categorical_column_with_vocabulary_list("word", ["a", "b", "c"])
    return [
        fc.sequence_numeric_column("x"),
        fc.embedding_column(words, 2, initializer=v1.constant_initializer(0.2)),
        fc.indicator_column(words),
    ]


def features(x=X):
    return {"x": tf.ragged.constant(x).to_sparse(), "word": tf.ragged.constant(WORDS).to_sparse()}


def batches():
    return tf.data.Dataset.from_tensors((features(), [[1.0], [2.0]])).repeat()


def test_columns_are_concatenated_step_by_step():
    made, steps = SequenceFeatures(columns())(features())
    table, indicator = [0.2, 0.2], np.eye(3)
    np.testing.assert_allclose(
        made,
        [
            [[*table, *indicator[0], 1.0], [*table, *indicator[1], 2.0], [0.0] * 5 + [3.0]],
            [[*table, *indicator[2], 4.0], [0.0] * 6, [0.0] * 6],
        ],
        rtol=1e-6,
    )
    np.testing.assert_array_equal(steps, [3, 1])
    assert SequenceFeatures(columns()).compute_output_shape(None) == ((None, None, 6), (None,))


def test_its_tables_are_trained_and_found_by_the_names_of_keras_2(tmp_path):
    def model_fn(features, labels, mode):
        made, steps = SequenceFeatures(columns())(features)
        state = keras.layers.SimpleRNN(3)(made, mask=tf.sequence_mask(steps))
        loss = tf.reduce_mean((keras.layers.Dense(1)(state) - labels) ** 2)
        step = v1.train.AdagradOptimizer(0.1).minimize(loss, v1.train.get_global_step())
        return er.EstimatorSpec(mode, loss=loss, train_op=step)

    made = er.Estimator(model_fn, str(tmp_path)).train(batches, steps=3)
    assert made.get_variable_value(TABLE).shape == (3, 2)
    assert (made.get_variable_value(TABLE) != np.float32(0.2)).all()


def test_columns_of_different_steps_are_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError, match="Condition x == y did not hold"):
        SequenceFeatures(columns())(features([[1.0], [4.0]]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "feature_columns must not be empty"),
        ([fc.numeric_column("x")], "must be a SequenceDenseColumn"),
        ([columns()[0], columns()[0]], "Duplicate feature column name"),
    ],
    ids=["none", "no sequence", "twice"],
)
def test_columns_that_do_not_fit_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        SequenceFeatures(given)


def test_features_that_are_no_dict_are_refused():
    with pytest.raises(ValueError, match="expected a dictionary"):
        SequenceFeatures(columns())(tf.constant(X[:1]))
