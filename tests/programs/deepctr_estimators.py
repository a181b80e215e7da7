"""DeepCTR's Estimators on made-up clicks: each trains, evaluates and predicts."""

import numpy as np
import pytest
import tensorflow as tf
from deepctr.estimator import models

ROWS = 32
NAMES = ("user", "item")
ESTIMATORS = sorted(name for name in vars(models) if name.endswith("Estimator"))


def clicks():
    random = np.random.default_rng(0)
    features = {name: random.integers(0, 5, ROWS) for name in NAMES} | {
        "price": random.random((ROWS, 1)).astype("float32")
    }
    labels = (features["user"] > 2).astype("float32")
    return tf.data.Dataset.from_tensor_slices((features, labels)).batch(16)


def columns():
    column = tf.feature_column
    ids = [column.categorical_column_with_identity(name, 5) for name in NAMES]
    price = column.numeric_column("price")
    return [*ids, price], [*(column.embedding_column(each, 4) for each in ids), price]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimator(name, tmp_path):
    linear, deep = columns()
    config = tf.estimator.RunConfig(tf_random_seed=1)
    estimator = getattr(models, name)
    if name == "PNNEstimator":
        made = estimator(deep, model_dir=str(tmp_path), config=config)
    else:
        made = estimator(linear, deep, model_dir=str(tmp_path), config=config)
    made.train(lambda: clicks().repeat(), steps=3)
    result = made.evaluate(clicks)
    assert result["global_step"] == 3
    assert np.isfinite(result["loss"])
    assert {"AUC", "LogLoss"} <= set(result)
    predicted = list(made.predict(clicks))
    assert len(predicted) == ROWS
    assert all(0 <= float(np.squeeze(row["pred"])) <= 1 for row in predicted)
