"""The head of a sequence of logits, against numbers worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf
from rnn_data import v1

import estimator_runtime as er
from estimator_runtime import ModeKeys
from estimator_runtime.canned.rnn.sequential_head import SequentialHeadWrapper

MASK = np.array([[True, True, False], [True, False, False]])
LOGITS = np.array([[[0.5], [1.0], [9.0]], [[2.0], [9.0], [9.0]]], np.float32)
LABELS = np.array([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]], np.float32)
WEIGHTS = np.array([[1.0, 2.0, 7.0], [3.0, 7.0, 7.0]], np.float32)
SQUARES = np.array([0.25, 1.0, 4.0])  # of the three steps


@pytest.fixture
def session():
    with tf.Graph().as_default(), v1.Session() as session:
        v1.train.create_global_step()
        yield session


def features(**more):
    return {name: tf.constant(value) for name, value in {"sequence_length_mask": MASK, **more}.items()}


def head(columns=None, **given):
    return SequentialHeadWrapper(er.RegressionHead(**given), feature_columns=columns)


def loss(made, labels=LABELS, given=None):
    return made.loss(
        logits=tf.constant(LOGITS), labels=labels, features=features() if given is None else given
    )


def test_padding_counts_in_no_loss(session):
    assert session.run(loss(head())) == pytest.approx(SQUARES.mean())
    assert session.run(loss(head(loss_reduction="sum"))) == pytest.approx(SQUARES.sum())
    assert session.run(loss(head(), LABELS[..., 0])) == pytest.approx(SQUARES.mean())


def test_weights_are_those_of_steps(session):
    weighted = loss(head("w", weight_column="w", loss_reduction="sum"), given=features(w=WEIGHTS))
    assert session.run(weighted) == pytest.approx((SQUARES * [1, 2, 3]).sum())


def test_labels_may_be_sparse_and_have_one_for_each_step(session):
    def sparse(values):
        return tf.SparseTensor([[0, 0], [0, 1], [1, 0], [1, 1]][: len(values)], values, [2, 3])

    assert session.run(loss(head(), sparse([1.0, 2.0, 4.0]))) == pytest.approx(SQUARES.mean())
    for values in ([1.0, 2.0], [1.0, 2.0, 4.0, 5.0]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(loss(head(), sparse(values)))


def test_metrics_are_of_steps(session):
    made = head("w", weight_column="w", name="n")
    spec = made.create_estimator_spec(
        features(w=WEIGHTS), ModeKeys.EVAL, tf.constant(LOGITS), tf.constant(LABELS)
    )
    session.run(v1.local_variables_initializer())
    session.run([update for _, update in spec.eval_metric_ops.values()])
    found = session.run({name: value for name, (value, _) in spec.eval_metric_ops.items()})
    assert found["average_loss/n"] == pytest.approx((SQUARES * [1, 2, 3]).sum() / 6)
    assert found["label/mean/n"] == pytest.approx((1 + 2 * 2 + 3 * 4) / 6)
    assert found["prediction/mean/n"] == pytest.approx((0.5 + 2 * 1 + 3 * 2) / 6)


def test_predictions_are_of_all_steps_and_say_which_are_padding(session):
    spec = head().create_estimator_spec(features(), ModeKeys.PREDICT, tf.constant(LOGITS))
    found = session.run(spec.predictions)
    assert set(found) == {"predictions", "sequence_length_mask"}
    np.testing.assert_array_equal(found["predictions"], LOGITS)
    np.testing.assert_array_equal(found["sequence_length_mask"], MASK)
    assert set(spec.export_outputs["predict"].outputs) == {"predictions"}


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (
            lambda: SequentialHeadWrapper(er.MultiHead([er.RegressionHead(name="a")])),
            ValueError,
            "MultiHead",
        ),
        (lambda: SequentialHeadWrapper(er.RegressionHead(), 3), TypeError, "must be a string"),
        (lambda: head(3), TypeError, "either a string or an iterable of strings"),
        (lambda: head([3]), TypeError, "Column must a string"),
        (lambda: loss(head(), given={"a": tf.ones([2])}), ValueError, "key `sequence_length_mask` should be"),
        (lambda: loss(head(), given=tf.ones([2])), ValueError, "should be a dictionary"),
        (lambda: loss(head("w"), given=features()), ValueError, "`w` column expected in features"),
        (lambda: loss(head(), given=features(sequence_length_mask=MASK[0])), ValueError, "two dimensions"),
        (lambda: loss(head(), LABELS[:, :2]), ValueError, "incompatible"),
        (lambda: loss(head(), None), ValueError, "labels must be a `Tensor`"),
    ],
)
def test_what_does_not_fit_is_refused(session, make, kind, message):
    with pytest.raises(kind, match=message):
        make()
