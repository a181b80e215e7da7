"""The model function of neural collaborative filtering in TensorFlow's official models, on made-up ratings."""

import numpy as np
import tensorflow as tf
from official.recommendation import constants, movielens, neumf_model

USERS, ITEMS = 2, 12
# For each user one item that it took and 999 that it did not, as the model's metrics have it.
CHOICE = constants.NUM_EVAL_NEGATIVES + 1
ROWS = USERS * CHOICE
PARAMETERS = {
    "num_users": USERS,
    "num_items": ITEMS,
    "model_layers": [8, 4],
    "mf_dim": 2,
    "mf_regularization": 0.0,
    "mlp_reg_layers": [0.0, 0.0],
    "learning_rate": 0.01,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "num_neg": 4,
    "match_mlperf": False,
    "use_tpu": False,
    "use_seed": False,
}


def ratings(training):
    """A data set of one batch."""
    random = np.random.default_rng(0)
    features = {
        movielens.USER_COLUMN: np.repeat(np.arange(USERS, dtype="int32"), CHOICE)[:, None],
        movielens.ITEM_COLUMN: random.integers(0, ITEMS, (ROWS, 1)).astype("int32"),
    }
    if not training:
        features[constants.DUPLICATE_MASK] = np.zeros((ROWS,), "float32")
        return tf.data.Dataset.from_tensor_slices(features).batch(ROWS, drop_remainder=True)
    features[constants.VALID_POINT_MASK] = np.ones((ROWS, 1), "bool")
    labels = random.integers(0, 2, (ROWS, 1)).astype("bool")
    return tf.data.Dataset.from_tensor_slices((features, labels)).batch(ROWS, drop_remainder=True)


def test_neumf(tmp_path):
    estimator = tf.estimator.Estimator(neumf_model.neumf_model_fn, model_dir=str(tmp_path), params=PARAMETERS)
    estimator.train(lambda: ratings(training=True).repeat(), steps=3)
    result = estimator.evaluate(lambda: ratings(training=False))
    assert result["global_step"] == 3
    assert 0 <= result[constants.HR_KEY] <= 1
    assert 0 <= result[constants.NDCG_KEY] <= 1
