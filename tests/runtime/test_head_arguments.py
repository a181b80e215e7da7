"""What heads take for logits, weight columns and loss functions, and what they make of it."""

import numpy as np
import pytest
import tensorflow as tf
from canned_data import v1

import estimator_runtime as er
from estimator_runtime import ModeKeys

LOGITS = np.array([[0.0], [2.0], [-1.0]], np.float32)


@pytest.fixture
def session():
    with tf.Graph().as_default(), v1.Session() as session:
        v1.train.create_global_step()
        yield session


@pytest.mark.parametrize("dtype", [tf.float16, tf.float64, tf.int32])
@pytest.mark.parametrize("head", [er.BinaryClassHead(), er.RegressionHead(), er.PoissonRegressionHead()])
def test_logits_of_every_dtype_are_float32_from_there_on(session, head, dtype):
    logits, labels = tf.constant([[1], [0], [2]], dtype), tf.constant([[1], [0], [1]])
    expected = tf.cast(logits, tf.float32)
    for name, value in head.predictions(logits).items():
        assert value.dtype == head.predictions(expected)[name].dtype, name
    assert head.predictions(logits)[next(iter(head.predictions(logits)))].dtype == tf.float32
    losses = session.run([head.loss(labels, logits), head.loss(labels, expected)])
    assert losses[0] == losses[1]


def test_logits_that_are_words_are_refused():
    with pytest.raises(ValueError, match="logits must be numbers"):
        er.RegressionHead().predictions(tf.constant([["a"]]))


def test_a_weight_column_must_be_numeric(session):
    column = tf.feature_column.categorical_column_with_identity("w", 3)
    head = er.RegressionHead(weight_column=column)
    with pytest.raises(TypeError, match="Weight column must be either a string or NumericColumn"):
        head.loss(tf.constant(LOGITS), tf.constant(LOGITS), {"w": tf.constant([[1], [0], [2]])})


def test_a_loss_function_may_return_an_array(session):
    head = er.RegressionHead(loss_fn=lambda labels, logits: np.full([3, 1], 2.0, np.float32))
    assert session.run(head.loss(tf.constant(LOGITS), tf.constant(LOGITS))) == 2.0


@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size"])
def test_a_loss_function_keeps_its_precision(session, reduction):
    head = er.RegressionHead(
        loss_fn=lambda labels, logits: tf.cast(logits, tf.float64),
        loss_reduction=reduction,
        weight_column="w",
    )
    features = {"w": tf.ones([3, 1])}
    loss = head.loss(tf.constant(LOGITS), tf.constant(LOGITS), features, ModeKeys.TRAIN)
    assert loss.dtype == tf.float64
    made = head.update_metrics(head.metrics(), features, tf.constant(LOGITS), tf.constant(LOGITS))
    assert set(made) == {"average_loss", "prediction/mean", "label/mean"}


@pytest.mark.parametrize(
    ("head", "metrics"),
    [
        (
            er.BinaryClassHead(thresholds=[0.5, 0.3, 0.5]),
            {"accuracy/positive_threshold_0.5": 1 / 3, "accuracy/positive_threshold_0.3": 0.0},
        ),
        # Both are 0.880797 in the name, and the chance of the second logit lies between them: the last one counts.
        (
            er.BinaryClassHead(thresholds=[0.8807969, 0.8807972]),
            {"accuracy/positive_threshold_0.880797": 2 / 3},
        ),
        (
            er.MultiLabelHead(2, label_vocabulary=["a", "b"], classes_for_class_based_metrics=["a", 0, "a"]),
            {"probability_mean/a": 0.5499128},
        ),
    ],
)
def test_what_is_named_twice_among_thresholds_or_classes_is_measured_once(session, head, metrics):
    columns = head.logits_dimension
    labels = tf.constant([[0], [0], [1]]) if columns == 1 else tf.constant([[1, 0], [0, 1], [0, 0]])
    logits = tf.constant(np.repeat(LOGITS, columns, 1))
    made = head.update_metrics(head.metrics(), {}, logits, labels)
    session.run(v1.local_variables_initializer())
    session.run([metric.updates for metric in made.values()])
    found = session.run({name: made[name].result() for name in metrics})
    assert found == pytest.approx(metrics)


def test_a_loss_function_that_returns_nothing_is_refused(session):
    head = er.RegressionHead(loss_fn=lambda labels, logits: None)
    with pytest.raises(ValueError, match="None"):
        head.loss(tf.constant(LOGITS), tf.constant(LOGITS))


@pytest.mark.parametrize(
    "head",
    [
        er.BinaryClassHead(label_vocabulary=["a", "b"]),
        er.MultiClassHead(3, label_vocabulary=["a", "b", "c"]),
    ],
)
def test_words_of_classes_come_of_a_table_that_is_in_the_collection(session, head):
    """Exports have the collection, and programs that make sessions of their own run what is in it."""
    classes = head.predictions(tf.eye(3, head.logits_dimension))["classes"]
    (initializer,) = v1.get_collection(v1.GraphKeys.TABLE_INITIALIZERS)
    session.run(initializer)
    assert {row[0].decode() for row in session.run(classes)} == set(head._classes.vocabulary)


def test_the_default_comes_before_the_head_that_it_is_of(session):
    head = er.MultiHead([er.RegressionHead(name="a"), er.RegressionHead(name="b")])
    outputs = head.export_outputs(head.predictions(tf.eye(3, 2)))
    assert list(outputs)[:2] == ["serving_default", "a"]


@pytest.mark.parametrize(
    ("head", "shapes"),
    [
        (er.BinaryClassHead(), []),
        (er.MultiClassHead(3), [[2]]),
        (er.MultiLabelHead(3), [[2, 3]]),
        (er.RegressionHead(weight_column="w"), [[2, 1]]),
        (er.RegressionHead(loss_fn=lambda labels, logits: logits - labels), []),
        (er.PoissonRegressionHead(), []),
        (er.LogisticRegressionHead(), []),
    ],
)
def test_losses_of_examples_are_in_the_collection_where_tf_estimator_has_them(session, head, shapes):
    labels = tf.zeros([2, 3 if isinstance(head, er.MultiLabelHead) else 1])
    if isinstance(head, er.MultiClassHead):
        labels = tf.cast(labels, tf.int64)
    head.loss(labels, tf.zeros([2, head.logits_dimension]), {"w": tf.ones([2, 1])}, ModeKeys.TRAIN)
    assert [loss.shape.as_list() for loss in v1.losses.get_losses()] == shapes
