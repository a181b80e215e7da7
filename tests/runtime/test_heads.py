"""Heads: what they compute, held against numbers worked out by hand, and what they refuse."""

import numpy as np
import pytest
import tensorflow as tf
from canned_data import v1

import estimator_runtime as er
from estimator_runtime import ModeKeys

LOGITS = np.array([[0.0], [2.0], [-1.0]], np.float32)
WIDE = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]], np.float32)


@pytest.fixture
def session():
    with tf.Graph().as_default(), v1.Session() as session:
        v1.train.create_global_step()
        yield session


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cross_entropy(labels, logits):
    return -labels * np.log(sigmoid(logits)) - (1 - labels) * np.log(1 - sigmoid(logits))


def computed(session, tensor):
    session.run(
        [v1.global_variables_initializer(), v1.local_variables_initializer(), v1.tables_initializer()]
    )
    return session.run(tensor)


def loss_of(session, head, labels, logits, features=None):
    return computed(session, head.loss(labels, tf.constant(logits), features))


def evaluated(session, head, labels, logits, features=None):
    metrics = head.update_metrics(head.metrics(), features or {}, tf.constant(logits), labels)
    session.run([v1.local_variables_initializer(), v1.tables_initializer()])
    session.run([update for metric in metrics.values() for update in metric.updates])
    return session.run({name: metric.result() for name, metric in metrics.items()})


# Losses


def test_binary_cross_entropy(session):
    labels = np.array([[1], [0], [1]])
    expected = cross_entropy(labels, LOGITS).mean()
    assert loss_of(session, er.BinaryClassHead(), tf.constant(labels), LOGITS) == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [tf.bool, tf.int32, tf.int64, tf.uint8, tf.float32, tf.float64])
def test_labels_of_every_dtype_and_of_unknown_shape(session, dtype):
    labels = np.array([[1], [0], [1]])
    expected = cross_entropy(labels, LOGITS).mean()
    given = v1.placeholder_with_default(tf.cast(tf.constant(labels), dtype), None)
    logits = v1.placeholder_with_default(tf.constant(LOGITS), [None, None])
    loss = er.BinaryClassHead().loss(given, logits)
    assert computed(session, loss) == pytest.approx(expected)
    if dtype.is_integer:
        wide = v1.placeholder_with_default(tf.constant(WIDE), [None, None])
        assert computed(session, er.MultiClassHead(3).loss(given, wide)) > 0


def test_weights_and_reductions(session):
    labels, weights = np.array([[1], [0], [1]]), np.array([[2.0], [0.0], [1.0]], np.float32)
    losses = cross_entropy(labels, LOGITS) * weights
    features = {"w": tf.constant(weights)}
    for reduction, expected in (
        ("sum", losses.sum()),
        ("sum_over_batch_size", losses.sum() / 3),
        ("weighted_sum", losses.sum()),
        ("weighted_mean", losses.sum() / 3),
        ("weighted_sum_by_nonzero_weights", losses.sum() / 2),
    ):
        head = er.BinaryClassHead(weight_column="w", loss_reduction=reduction)
        assert head.loss_reduction == reduction
        assert loss_of(session, head, tf.constant(labels), LOGITS, features) == pytest.approx(expected)


def test_a_weight_column_normalizes(session):
    column = tf.feature_column.numeric_column("w", normalizer_fn=lambda w: 10 * w)
    head = er.RegressionHead(weight_column=column, loss_reduction="sum")
    features = {"w": tf.constant([1, 0, 2])}  # integers without a last dimension
    assert loss_of(session, head, tf.constant([[1.0], [0.0], [0.0]]), LOGITS, features) == pytest.approx(
        10 + 20
    )


@pytest.mark.parametrize("dtype", [tf.float64, tf.float16])
def test_logits_of_another_dtype(session, dtype):
    for head, labels, logits in (
        (er.BinaryClassHead(), [[1], [0], [1]], LOGITS),
        (er.MultiClassHead(3), [[1], [0], [2]], WIDE),
        (er.MultiLabelHead(3), [[True, False, True]] * 3, WIDE),
        (er.RegressionHead(loss_reduction="weighted_sum"), [[1.0], [0.0], [1.0]], LOGITS),
        (er.PoissonRegressionHead(), [[1], [0], [1]], LOGITS),
    ):
        same = loss_of(session, head, tf.constant(labels), logits)
        cast = head.loss(tf.constant(labels), tf.cast(tf.constant(logits), dtype), mode=ModeKeys.TRAIN)
        assert cast.dtype == tf.float32
        assert session.run(cast) == pytest.approx(same, rel=1e-2)


def test_weights_of_bools_and_logits_of_unknown_rank(session):
    logits = v1.placeholder_with_default(tf.constant(LOGITS), None)
    features = {"w": tf.constant([[True], [False], [False]])}
    head = er.RegressionHead(weight_column="w", loss_reduction="sum")
    assert computed(session, head.loss(tf.constant([[2.0], [9.0], [9.0]]), logits, features)) == 4
    with pytest.raises(ValueError, match="SparseTensor is not supported for weights"):
        head.loss(tf.zeros([3, 1]), logits, {"w": tf.sparse.from_dense([[1.0], [0.0], [0.0]])})


def test_only_losses_of_version_1_are_collected(session):
    labels = tf.constant([[1], [0], [1]])
    er.BinaryClassHead().loss(labels, tf.constant(LOGITS))
    assert v1.losses.get_losses() == []
    er.BinaryClassHead(loss_reduction="weighted_sum").loss(labels, tf.constant(LOGITS))
    assert len(v1.losses.get_losses()) == 1


def test_softmax_cross_entropy(session):
    labels = [2, 0, 1]
    exponents = np.exp(WIDE)
    expected = -np.log(exponents[range(3), labels] / exponents.sum(1)).mean()
    assert loss_of(session, er.MultiClassHead(3), tf.constant(labels), WIDE) == pytest.approx(expected)


def test_sets_of_classes(session):
    dense = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0]])
    words = tf.sparse.from_dense([["a", ""], ["b", "c"], ["", ""]])
    ids = tf.SparseTensor(words.indices, tf.constant([0, 1, 2], tf.int64), words.dense_shape)
    expected = cross_entropy(dense, WIDE).mean()
    named = er.MultiLabelHead(3, label_vocabulary=["a", "b", "c"])
    for head, labels in (
        (named, words),
        (er.MultiLabelHead(3), ids),
        (er.MultiLabelHead(3), tf.constant(dense)),
    ):
        assert loss_of(session, head, labels, WIDE) == pytest.approx(expected)


def test_regressions(session):
    labels = tf.constant([1.0, 0.5, 3.0])  # without a last dimension
    squares = np.square(LOGITS[:, 0] - [1, 0.5, 3]).mean()
    assert loss_of(session, er.RegressionHead(), labels, LOGITS) == pytest.approx(squares)
    counts = (np.exp(LOGITS[:, 0]) - LOGITS[:, 0] * [1, 0.5, 3]).mean()
    poisson = er.PoissonRegressionHead(compute_full_loss=False)
    assert loss_of(session, poisson, labels, LOGITS) == pytest.approx(counts)
    chances = np.array([0.2, 1.0, 0.0])
    logistic = cross_entropy(chances, LOGITS[:, 0]).mean()
    labels = tf.constant(chances, tf.float32)
    assert loss_of(session, er.LogisticRegressionHead(), labels, LOGITS) == pytest.approx(logistic)


def test_a_loss_function_of_ones_own(session):
    def absolute(labels, logits, features, loss_reduction):
        assert loss_reduction == "sum"
        return tf.abs(labels - logits) * features["scale"]

    head = er.RegressionHead(loss_fn=absolute, loss_reduction="sum")
    assert loss_of(session, head, tf.zeros([3, 1]), LOGITS, {"scale": 2.0}) == pytest.approx(6)
    wrong = er.RegressionHead(loss_fn=lambda labels, logits: tf.reduce_mean(labels - logits))
    with pytest.raises(ValueError, match="loss_fn must return a Tensor of shape"):
        wrong.loss(tf.zeros([3, 1]), tf.constant(LOGITS))


def test_regularization_is_added(session):
    head = er.RegressionHead()
    loss = head.loss(tf.constant(LOGITS), tf.constant(LOGITS), regularization_losses=[tf.constant(2.0)] * 2)
    assert computed(session, loss) == pytest.approx(4)
    assert "regularization_loss" in head.metrics(regularization_losses=[])


# Metrics


def test_metrics_of_two_classes_with_thresholds(session):
    head = er.BinaryClassHead(thresholds=[0.6], name="tail")
    metrics = evaluated(session, head, tf.constant([[1], [1], [0]]), LOGITS)
    assert metrics["accuracy/tail"] == pytest.approx(2 / 3)  # a logit of 0 counts as class 0
    assert metrics["recall/tail"] == pytest.approx(1 / 2)
    assert metrics["precision/tail"] == 1
    assert metrics["label/mean/tail"] == metrics["accuracy_baseline/tail"] == pytest.approx(2 / 3)
    assert metrics["prediction/mean/tail"] == pytest.approx(sigmoid(LOGITS).mean())
    assert metrics["auc/tail"] == pytest.approx(1)
    assert metrics["accuracy/positive_threshold_0.6/tail"] == pytest.approx(2 / 3)


def test_metrics_of_single_classes(session):
    head = er.MultiLabelHead(3, classes_for_class_based_metrics=[2, "b"], label_vocabulary=["a", "b", "c"])
    metrics = evaluated(session, head, tf.constant([[1, 0, 0], [0, 1, 1], [0, 0, 1]]), WIDE)
    assert metrics["probability_mean/c"] == pytest.approx(sigmoid(WIDE[:, 2]).mean())
    assert metrics["probability_mean/b"] == pytest.approx(sigmoid(WIDE[:, 1]).mean())
    assert {"auc/b", "auc_precision_recall/c"} < set(metrics)
    numbered = er.MultiLabelHead(3, classes_for_class_based_metrics=[1])
    assert "auc/class1" in numbered.metrics()


def test_weighted_accuracy(session):
    head = er.MultiClassHead(3, weight_column="w")
    features = {"w": tf.constant([[1.0], [3.0], [0.0]])}
    metrics = evaluated(session, head, tf.constant([[2], [1], [0]]), WIDE, features)
    assert metrics["accuracy"] == pytest.approx(1 / 4)


def test_a_metric_is_fed_once_and_in_a_graph(session):
    metric = er.RegressionHead().metrics()["average_loss"]
    with pytest.raises(ValueError, match="Call update_state"):
        metric.result()
    metric.update_state(tf.constant([1.0]))
    with pytest.raises(ValueError, match="was fed before"):
        metric.update_state(tf.constant([1.0]))
    with tf.init_scope():
        assert metric.updates


# Several heads


def several():
    return er.MultiHead(
        [er.BinaryClassHead(name="sign"), er.RegressionHead(2, name="pair", loss_reduction="sum")], [1.0, 0.5]
    )


def test_the_losses_of_several_heads(session):
    head = several()
    assert (head.name, head.logits_dimension) == ("sign_pair", 3)
    with pytest.raises(
        ValueError, match=r"must be the same for different heads.*'sum_over_batch_size', 'sum'"
    ):
        _ = head.loss_reduction
    assert er.MultiHead([er.RegressionHead(name="a"), er.RegressionHead(name="b")]).loss_reduction == (
        "sum_over_batch_size"
    )
    labels = {"sign": tf.constant([[1], [0], [1]]), "pair": tf.zeros([3, 2])}
    sign = cross_entropy(np.array([[1], [0], [1]]), WIDE[:, :1]).mean()
    expected = sign + 0.5 * np.square(WIDE[:, 1:]).sum()
    assert loss_of(session, head, labels, WIDE) == pytest.approx(expected)
    split = {"sign": tf.constant(WIDE[:, :1]), "pair": tf.constant(WIDE[:, 1:])}
    assert computed(session, head.loss(labels, split)) == pytest.approx(expected)
    metrics = evaluated(session, head, labels, WIDE)
    assert metrics["loss/sign"] == pytest.approx(sign)
    assert {"accuracy/sign", "average_loss/pair"} < set(metrics)


def test_the_signatures_of_several_heads(session):
    spec = several().create_estimator_spec({}, ModeKeys.PREDICT, tf.constant(WIDE))
    assert set(spec.export_outputs) == {
        *("serving_default", "sign", "sign/classification", "sign/regression", "sign/predict"),
        *("pair", "pair/regression", "pair/predict", "predict"),
    }
    assert spec.export_outputs["serving_default"] is spec.export_outputs["sign"]
    assert ("pair", "predictions") in spec.predictions
    assert set(several().predictions(tf.constant(WIDE), [("sign", "logits")])) == set(spec.predictions)


def test_regularization_losses_of_several_heads_are_a_metric_with_their_names(session):
    metrics = several().metrics(regularization_losses=[tf.constant(1.0)])
    assert [name for name in metrics if "regularization" in name] == ["regularization_loss/sign_pair"]


def test_labels_and_logits_of_all_heads_are_needed(session):
    head = several()
    with pytest.raises(ValueError, match=r"labels of the heads \['pair'\] are missing"):
        head.loss({"sign": tf.constant([[1], [0], [1]])}, tf.constant(WIDE))
    with pytest.raises(ValueError, match="labels must be a dict"):
        head.loss(tf.constant([[1], [0], [1]]), tf.constant(WIDE))
    with pytest.raises(ValueError, match="logits of the heads"):
        head.predictions({"sign": tf.constant(LOGITS)})
    with pytest.raises(ValueError, match="that of all heads together, 3"):
        head.predictions(tf.constant(LOGITS))


# The EstimatorSpec


def test_training_needs_one_way_to_train(session):
    head, labels = er.RegressionHead(), tf.constant(LOGITS)
    descent = v1.train.GradientDescentOptimizer(0.1)
    for given, message in (
        ({}, "cannot both be None"),
        ({"optimizer": descent, "train_op_fn": lambda loss: loss}, "cannot both be set"),
        ({"optimizer": descent, "trainable_variables": {"w"}}, "should be a list or a tuple"),
    ):
        with pytest.raises(ValueError, match=message):
            head.create_estimator_spec({}, ModeKeys.TRAIN, tf.constant(LOGITS), labels, **given)


def test_what_trains_is_run_with_its_updates(session):
    updated = v1.get_variable("updated", initializer=0)
    steps = v1.get_variable("steps", initializer=0)
    spec = er.RegressionHead().create_estimator_spec(
        {},
        ModeKeys.TRAIN,
        tf.constant(LOGITS),
        tf.constant(LOGITS),
        train_op_fn=lambda loss: v1.assign_add(steps, 1),
        update_ops=[v1.assign_add(updated, 10)],
    )
    computed(session, spec.train_op)
    assert session.run([steps, updated]) == [1, 10]
    assert computed(session, spec.loss) == 0


def test_predictions_by_key():
    head = er.MultiClassHead(3, label_vocabulary=["a", "b", "c"])
    made = head.predictions(tf.constant(WIDE), ["classes", "class_ids"])  # eagerly
    assert made["classes"].numpy().tolist() == [[b"c"], [b"a"], [b"a"]]
    assert made["class_ids"].numpy().tolist() == [[2], [0], [0]]
    with pytest.raises(ValueError, match="there are no predictions"):
        head.predictions(tf.constant(WIDE), ["logistic"])


# What is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: er.MultiClassHead(2), "n_classes must be > 2"),
        (lambda: er.MultiClassHead(None), "n_classes cannot be None"),
        (
            lambda: er.MultiClassHead(3, label_vocabulary=["a"]),
            '"label_vocabulary" does not have "n_classes" items',
        ),
        (lambda: er.BinaryClassHead(label_vocabulary="ab"), "label_vocabulary should be a list or a tuple"),
        (lambda: er.BinaryClassHead(thresholds=[0.5, 1.0]), r"thresholds not in \(0, 1\)"),
        (lambda: er.BinaryClassHead(loss_reduction="none"), "Invalid loss_reduction: none"),
        (lambda: er.BinaryClassHead(loss_fn=lambda labels: labels), "loss_fn must contain argument: logits"),
        (lambda: er.RegressionHead(loss_fn=lambda labels, logits, x: x), "loss_fn has unexpected args"),
        (lambda: er.RegressionHead(0), "Invalid label_dimension 0"),
        (lambda: er.MultiLabelHead(1), "n_classes must be > 1"),
        (lambda: er.MultiLabelHead("3"), "n_classes must be an integer. Given: '3'"),
        (lambda: er.MultiClassHead(3.0), "n_classes must be an integer. Given: 3.0"),
        (lambda: er.MultiLabelHead(3, classes_for_class_based_metrics=[3]), r"must be in range \[0, 2\]"),
        (lambda: er.MultiLabelHead(3, classes_for_class_based_metrics=["x"]), "not in the label_vocabulary"),
        (lambda: er.MultiHead([]), "Must specify heads"),
        (lambda: er.MultiHead([er.RegressionHead()]), "must have name specified"),
        (lambda: er.MultiHead([er.RegressionHead(name="a")] * 2), "names of their own"),
        (lambda: er.MultiHead([er.RegressionHead(name="a")], [1, 2]), "must have the same size"),
    ],
)
def test_arguments_that_do_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("head", "labels", "logits", "message"),
    [
        (er.RegressionHead(), None, LOGITS, "You must provide a labels Tensor"),
        (er.RegressionHead(), [[1.0, 2.0]] * 3, LOGITS, "Mismatched label shape"),
        (er.RegressionHead(2), [1.0, 2.0, 3.0], LOGITS.repeat(2, 1), "labels shape must be"),
        (er.RegressionHead(), [[1.0]] * 4, LOGITS, "labels shape must be"),
        (er.RegressionHead(), [[1.0]] * 3, WIDE, "logits shape must be"),
        (er.BinaryClassHead(), [["a"]] * 3, LOGITS, "need a label_vocabulary"),
        (er.BinaryClassHead(label_vocabulary=["a", "b"]), [[1]] * 3, LOGITS, "should be string"),
        (er.MultiClassHead(3), [[1.0]] * 3, WIDE, "Labels dtype should be integer"),
        (
            er.RegressionHead(weight_column="w"),
            [[1.0]] * 3,
            LOGITS,
            "Feature w is not in features dictionary",
        ),
        (er.RegressionHead(weight_column="v"), [[1.0]] * 3, LOGITS, "weights shape must be"),
        (er.RegressionHead(weight_column="s"), [[1.0]] * 3, LOGITS, "castable to float"),
    ],
)
def test_labels_that_do_not_fit(session, head, labels, logits, message):
    features = {"v": tf.ones([3, 2]), "s": tf.constant([["x"]] * 3)}
    with pytest.raises(ValueError, match=message):
        head.loss(None if labels is None else tf.constant(labels), tf.constant(logits), features)


@pytest.mark.parametrize(
    ("head", "labels", "logits"),
    [
        (er.BinaryClassHead(), [[2], [0], [1]], LOGITS),
        (er.MultiClassHead(3), [[-1], [0], [1]], WIDE),
        (er.MultiClassHead(3, label_vocabulary=["a", "b", "c"]), [["a"], ["b"], ["z"]], WIDE),
        (er.MultiLabelHead(3), [[1, 0, 2]] * 3, WIDE),
        (er.LogisticRegressionHead(), [[1.5], [0.0], [0.0]], LOGITS),
    ],
)
def test_labels_out_of_range_end_the_step(session, head, labels, logits):
    with pytest.raises(tf.errors.InvalidArgumentError, match="Labels must be"):
        loss_of(session, head, tf.constant(labels), logits)
