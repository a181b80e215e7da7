"""LinearSDCA: it finds the least regularized loss, which numpy knows, whatever its state is divided into."""

import numpy as np
import pytest
import stretched
import tensorflow as tf
from linear_model import v1

from estimator_runtime import (
    BinaryClassHead,
    LinearClassifier,
    LinearEstimator,
    LinearRegressor,
    MultiClassHead,
    RunConfig,
    faces,
)
from estimator_runtime.errors import LabelKindError
from estimator_runtime.experimental import LinearSDCA

fc = tf.feature_column
X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(12, 1)
WORDS = np.array([["a"], ["b"], ["c"], ["other"]] * 3)
WEIGHTS = np.linspace(0.5, 2, 12, dtype=np.float32).reshape(12, 1)
IDS = np.array([f"example {number}" for number in range(12)])
# By columns, in the order of their names: "word" as three indicators, x, and the bias.
DESIGN = np.concatenate([WORDS == ["a", "b", "c"], X, np.ones([12, 1])], axis=1)
LABELS = {"regression": 2 * X - 0.5, "binary": (X > 0.1).astype(np.int64)}
STEPS = 400


def columns():
    return [fc.numeric_column("x"), fc.categorical_column_with_vocabulary_list("word", ["a", "b", "c"])]


def input_of(labels, batch=4):
    features = {"x": X, "word": WORDS, "weight": WEIGHTS, "id": IDS}
    return lambda: tf.data.Dataset.from_tensor_slices((features, labels)).batch(batch).repeat()


def weights(estimator):
    """In the order of DESIGN."""
    names = ("word/weights", "x/weights", "bias_weights")
    return np.concatenate(
        [estimator.get_variable_value(f"linear/linear_model/{name}").reshape(-1) for name in names]
    )


def regressor(directory, **settings):
    sdca = LinearSDCA("id", **settings)
    return LinearRegressor(columns(), str(directory), optimizer=sdca, weight_column="weight")


@pytest.mark.parametrize("l2", [0.5, 3.0])
def test_a_regression_is_ridge_regression(tmp_path, l2):
    estimator = regressor(tmp_path, symmetric_l2_regularization=l2)
    estimator.train(input_of(LABELS["regression"]), steps=STEPS)
    weighted = DESIGN * WEIGHTS
    solution = np.linalg.solve(weighted.T @ DESIGN + l2 * np.eye(5), weighted.T @ LABELS["regression"])
    np.testing.assert_allclose(weights(estimator), solution[:, 0], atol=1e-3)


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_classification_is_where_the_gradient_is_zero(tmp_path, adaptive):
    estimator = LinearClassifier(columns(), str(tmp_path), optimizer=LinearSDCA("id", adaptive=adaptive))
    estimator.train(input_of(LABELS["binary"]), steps=STEPS)
    found = weights(estimator)
    error = 1 / (1 + np.exp(-DESIGN @ found)) - LABELS["binary"][:, 0]
    np.testing.assert_allclose(DESIGN.T @ error + found, 0, atol=2e-3)


def test_l1_makes_zeros(tmp_path):
    l1, l2 = 1.0, 1.0
    estimator = regressor(tmp_path, symmetric_l1_regularization=l1, symmetric_l2_regularization=l2)
    estimator.train(input_of(LABELS["regression"]), steps=STEPS)
    found = weights(estimator)
    slope = (DESIGN * WEIGHTS).T @ (DESIGN @ found - LABELS["regression"][:, 0]) + l2 * found
    assert 0 < np.sum(found == 0) < 5
    # Zero is least where the slope is within the kink of the absolute value.
    assert np.all(np.abs(slope[found == 0]) <= l1)
    np.testing.assert_allclose(slope[found != 0], -l1 * np.sign(found[found != 0]), atol=5e-3)


def test_shards_hold_the_state_of_one_table(tmp_path):
    found = {}
    for shards in (None, 1, 3):
        estimator = regressor(tmp_path / str(shards), num_table_shards=shards)
        # One example in a batch: the kernel visits those of a batch in an order that nobody can give.
        found[shards] = weights(estimator.train(input_of(LABELS["regression"], 1), steps=20))
        tables = [name for name in estimator.get_variable_names() if name.endswith("-keys")]
        number = shards or 1
        assert tables == [f"ShardedMutableHashTable-{n}-of-{number}-keys" for n in range(1, number + 1)]
    np.testing.assert_allclose(found[1], found[None], atol=1e-6)
    np.testing.assert_allclose(found[3], found[None], atol=1e-6)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_parts_of_variables_are_trained_as_one(tmp_path, parts):
    kind = faces.OWN_V1.resolve("LinearRegressor")
    settings = {"optimizer": LinearSDCA("id"), "weight_column": "weight"}
    divided = kind(columns(), str(tmp_path / "v1"), partitioner=v1.fixed_size_partitioner(parts), **settings)
    divided.train(input_of(LABELS["regression"], 1), steps=20)
    whole = LinearRegressor(columns(), str(tmp_path / "v2"), **settings)
    whole.train(input_of(LABELS["regression"], 1), steps=20)
    assert np.abs(weights(whole)).max() > 0.1
    np.testing.assert_allclose(weights(divided), weights(whole), atol=1e-6)
    slots = [name for name in divided.get_variable_names() if name.endswith("_unshrunk")]
    assert f"linear/linear/linear_model/word/weights/part_{parts - 1}_unshrunk" in slots


def test_training_goes_on_with_the_examples_it_has_seen(tmp_path):
    config = RunConfig(tf_random_seed=1)

    def made(name):
        return LinearClassifier(columns(), str(tmp_path / name), optimizer=LinearSDCA("id"), config=config)

    for steps in (3, 3):
        made("twice").train(input_of(LABELS["binary"], 12), steps=steps)
    once = made("once").train(input_of(LABELS["binary"], 12), steps=6)
    table = "ShardedMutableHashTable-1-of-1"
    rows = {name: made(name).get_variable_value(f"{table}-values") for name in ("twice", "once")}
    assert np.sum(rows["twice"][:, 3]) == np.sum(rows["once"][:, 3]) == 12
    assert once.get_variable_value("global_step") == made("twice").get_variable_value("global_step") == 6


def test_the_steps_may_be_made_in_the_graph(tmp_path, monkeypatch):
    stretches = stretched.watch(monkeypatch)
    config = RunConfig(steps_per_loop=10, **stretched.PERIODS)
    estimator = LinearRegressor(
        columns(), str(tmp_path), optimizer=LinearSDCA("id"), weight_column="weight", config=config
    )
    estimator.train(input_of(LABELS["regression"]), steps=STEPS)
    assert stretches[0].made > 0
    weighted = DESIGN * WEIGHTS
    solution = np.linalg.solve(weighted.T @ DESIGN + np.eye(5), weighted.T @ LABELS["regression"])
    np.testing.assert_allclose(weights(estimator), solution[:, 0], atol=1e-3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LinearSDCA("id", symmetric_l1_regularization=-1.0), "should be non-negative"),
        (lambda: LinearSDCA("id", symmetric_l2_regularization=0.0), "should be positive"),
        (lambda: LinearSDCA("id", num_table_shards=0), "at least 1, or None"),
        (lambda: LinearClassifier(columns(), n_classes=3, optimizer=LinearSDCA("id")), "multi-class setting"),
        (
            lambda: LinearRegressor(columns(), label_dimension=2, optimizer=LinearSDCA("id")),
            "one-dimensional",
        ),
        (
            lambda: LinearEstimator(
                BinaryClassHead(), columns(), optimizer=LinearSDCA("id"), sparse_combiner="mean"
            ),
            'must be "sum"',
        ),
    ],
)
def test_arguments_that_do_not_fit(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("make", "labels", "error", "words"),
    [
        (
            lambda **kw: LinearClassifier([fc.indicator_column(columns()[1])], **kw),
            LABELS["binary"],
            ValueError,
            "IndicatorColumn has rank 2",
        ),
        (
            lambda **kw: LinearEstimator(MultiClassHead(3), columns(), **kw),
            LABELS["binary"],
            ValueError,
            "Unsupported head type",
        ),
        (
            lambda **kw: LinearClassifier(columns(), label_vocabulary=["n", "y"], **kw),
            np.where(X > 0, "y", "n"),
            LabelKindError,
            "labels that are numbers",
        ),
    ],
)
def test_models_that_it_does_not_train(tmp_path, make, labels, error, words):
    with pytest.raises(error, match=words):
        make(model_dir=str(tmp_path), optimizer=LinearSDCA("id")).train(input_of(labels), steps=1)


def test_an_id_column_that_is_not_there(tmp_path):
    estimator = LinearClassifier(columns(), str(tmp_path), optimizer=LinearSDCA("number"))
    with pytest.raises(KeyError, match="number"):
        estimator.train(input_of(LABELS["binary"]), steps=1)
