"""Sequence and context columns as the input of a recurrent layer, against values worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf
from rnn_data import fc, v1

from estimator_runtime.canned.rnn import sequence_input

WORDS = [["a", "b"], [], ["c", "a", "z"]]
NUMBERS = [[1.0, 2.0], [], [3.0, 4.0, 5.0]]


def words(key="word"):
    return fc.sequence_categorical_column_with_vocabulary_list(key, ["a", "b", "c"])


def ragged():
    return {
        "word": tf.ragged.constant(WORDS),
        "twin": tf.ragged.constant([row[::-1] for row in WORDS]),
        "x": tf.ragged.constant(NUMBERS),
    }


def sparse():
    return {name: value.to_sparse() for name, value in ragged().items()}


def made(columns, features=sparse, weights=None):
    """(values, lengths) of the columns; every variable has the value `weights`."""
    with tf.Graph().as_default(), v1.Session() as session:
        checked = sequence_input.checked_sequence_columns(columns)
        tensors = sequence_input.sequence_input(features(), checked)
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        if weights is not None:
            session.run([v1.assign(variable, weights) for variable in v1.global_variables()])
        return *session.run(tensors), {v.op.name for v in v1.global_variables()}


@pytest.mark.parametrize("features", [sparse, ragged])
def test_numbers_and_words_side_by_side(features):
    """In the order of their names: word_indicator before x."""
    columns = [fc.sequence_numeric_column("x"), fc.indicator_column(words())]
    values, lengths, variables = made(columns, features)
    assert lengths.tolist() == [2, 0, 3]
    assert values.tolist() == [
        [[1, 0, 0, 1], [0, 1, 0, 2], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
        [[0, 0, 1, 3], [1, 0, 0, 4], [0, 0, 0, 5]],
    ]
    assert variables == set()


def test_an_embedding_has_a_row_for_each_word():
    values, lengths, variables = made(
        [fc.embedding_column(words(), 2)], weights=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    )
    assert lengths.tolist() == [2, 0, 3]
    assert values.tolist() == [
        [[1, 2], [3, 4], [0, 0]],
        [[0, 0], [0, 0], [0, 0]],
        [[5, 6], [1, 2], [0, 0]],
    ]
    assert variables == {"sequence_features/word_embedding/embedding_weights"}


def test_shared_embeddings_have_one_table():
    with tf.Graph().as_default():  # it refuses to be made eagerly
        columns = fc.shared_embeddings([words(), words("twin")], 1)
    values, lengths, variables = made(columns, weights=[[1.0], [2.0], [3.0]])
    assert lengths.tolist() == [2, 0, 3]
    # twin_shared_embedding comes before word_shared_embedding.
    assert values[0].tolist() == [[2, 1], [1, 2], [0, 0]]
    assert values[2].tolist() == [[0, 3], [1, 1], [3, 0]]
    assert variables == {"twin_word_shared_embedding"}


def test_a_shape_groups_numbers_and_a_normalizer_changes_them():
    column = fc.sequence_numeric_column("x", shape=(2,), default_value=-1.0, normalizer_fn=lambda x: x * 2.0)

    def features():
        return {"x": tf.sparse.from_dense([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 0.0, 0.0]])}

    values, lengths, _ = made([column], features)
    assert lengths.tolist() == [2, 1]
    assert values.tolist() == [[[2, 4], [6, 8]], [[10, 12], [-1, -1]]]


def test_columns_of_other_lengths_are_an_error_that_names_them():
    columns = [fc.sequence_numeric_column("x"), fc.indicator_column(words())]

    def features():
        return {**sparse(), "x": tf.sparse.from_dense([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0], [4.0, 5.0, 6.0]])}

    with pytest.raises(
        tf.errors.InvalidArgumentError, match="columns word_indicator and x differ in their numbers of steps"
    ):
        made(columns, features)


def test_context_is_at_every_step():
    kind = fc.categorical_column_with_vocabulary_list("kind", ["p", "q"])
    columns = sequence_input.checked_context_columns([fc.numeric_column("c"), fc.embedding_column(kind, 1)])
    features = {"c": [[1.0], [2.0]], "kind": [["q"], ["p"]]}
    with tf.Graph().as_default(), v1.Session() as session:
        context = sequence_input.context_input(features, columns)
        both = sequence_input.at_every_step(context, tf.zeros([2, 3, 1]))
        assert both.shape.as_list()[-1] == 3
        (variable,) = v1.trainable_variables()
        assert variable.op.name == "dense_features/kind_embedding/embedding_weights"
        session.run(v1.tables_initializer())
        session.run(v1.assign(variable, [[7.0], [8.0]]))
        assert session.run(both).tolist() == [3 * [[0, 1, 8]], 3 * [[0, 2, 7]]]


def test_vocabularies_of_two_columns_are_two_tables():
    """And one that two columns look up is one."""
    columns = [
        fc.indicator_column(words()),
        fc.embedding_column(words(), 2),
        fc.indicator_column(words("twin")),
    ]
    with tf.Graph().as_default() as graph:
        checked = sequence_input.checked_sequence_columns(columns)
        sequence_input.sequence_input(sparse(), checked)
        assert sum(op.type == "HashTableV2" for op in graph.get_operations()) == 2


PLAIN = fc.categorical_column_with_vocabulary_list("word", ["a"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([], "feature_columns must not be empty"),
        ("x", "feature_columns must be a list of feature columns"),
        ([fc.numeric_column("x")], "Items of feature_columns must be a .*SequenceDenseColumn.* Given: .*x"),
        ([words()], "Items of feature_columns must be a .*SequenceDenseColumn"),
        (2 * [fc.sequence_numeric_column("x")], "Duplicate feature column name"),
        ([fc.embedding_column(PLAIN, 2)], "Use one of sequence_categorical_column_with_"),
        ([fc.sequence_numeric_column("y")], "Feature y is not in features dictionary"),
    ],
)
def test_columns_that_make_no_sequence(columns, message):
    with pytest.raises(ValueError, match=message):
        made(columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([fc.sequence_numeric_column("x")], "Items of feature_columns must be a .*DenseColumn.* Given: .*x"),
        ([fc.embedding_column(words(), 2)], "use a non-sequence categorical_column_with_"),
        ([PLAIN], "Items of feature_columns must be a .*DenseColumn"),
    ],
)
def test_context_that_is_a_sequence(columns, message):
    with tf.Graph().as_default(), pytest.raises(ValueError, match=message):
        sequence_input.context_input(sparse(), sequence_input.checked_context_columns(columns))


def test_a_number_for_a_whole_batch_is_no_feature():
    with pytest.raises(ValueError, match=r"Feature \(key: x\) cannot have rank 0"):
        made([fc.sequence_numeric_column("x")], lambda: {"x": tf.constant(1.0)})


def test_steps_in_the_midst_that_are_missing_are_padding():
    """A SparseTensor may have holes: its numbers of steps reach to the last value."""

    def features():
        return {"x": tf.SparseTensor([[0, 0], [0, 2]], [1.0, 3.0], [1, 4])}

    values, lengths, _ = made([fc.sequence_numeric_column("x")], features)
    assert lengths.tolist() == [3]
    np.testing.assert_array_equal(values[0, :, 0], [1, 0, 3, 0])
