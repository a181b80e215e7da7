"""Neural Structured Learning's wrappers, which replace the model function of an Estimator, on a made-up line.

Its own tests name `tf.Session` and run on TensorFlow 1 alone.
"""

import neural_structured_learning as nsl
import neural_structured_learning.estimator as nsl_estimator
import numpy as np
import pytest
import tensorflow as tf

X = np.linspace(-1, 1, 32, dtype="float32").reshape(-1, 1)
NEIGHBOUR, WEIGHT = "NL_nbr_0_x", "NL_nbr_0_weight"


def points():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, 2 * X)).batch(16)


def points_with_neighbours():
    features = {"x": X, NEIGHBOUR: np.roll(X, 1), WEIGHT: np.ones_like(X)}
    return tf.data.Dataset.from_tensor_slices((features, 2 * X)).batch(16)


def columns():
    return [tf.feature_column.numeric_column("x")]


def sgd():
    return tf.compat.v1.train.GradientDescentOptimizer(0.05)


def weight_of(estimator):
    return float(np.squeeze(estimator.get_variable_value("linear/linear_model/x/weights")))


def trained(estimator, inputs=points):
    estimator.train(lambda: inputs().repeat(), steps=4)
    result = estimator.evaluate(points)
    assert result["global_step"] == 4
    assert np.isfinite(result["loss"])
    assert len(list(estimator.predict(points))) == len(X)
    return estimator


def regressor(directory, **more):
    return tf.estimator.LinearRegressor(columns(), model_dir=str(directory), optimizer="SGD", **more)


@pytest.mark.parametrize("iterations", [1, 3])
def test_adversarial_regularization(iterations, tmp_path):
    config = nsl.configs.make_adv_reg_config(
        multiplier=1.0, adv_step_size=0.1, pgd_iterations=iterations, pgd_epsilon=0.25
    )
    adversarial = nsl_estimator.add_adversarial_regularization(
        regressor(tmp_path / "adversarial"), optimizer_fn=sgd, adv_config=config
    )
    plain = nsl_estimator.add_adversarial_regularization(
        regressor(tmp_path / "plain"),
        optimizer_fn=sgd,
        adv_config=nsl.configs.make_adv_reg_config(multiplier=0.0, adv_step_size=0.1),
    )
    # Both begin at 0, and the adversarial neighbour adds its loss.
    assert abs(weight_of(trained(adversarial))) != pytest.approx(abs(weight_of(trained(plain))), abs=1e-4)


def test_adversarial_regularization_of_a_network_with_batch_norm(tmp_path):
    # Its layers put their updates into the collection that the wrapper takes them from.
    estimator = tf.compat.v1.estimator.DNNClassifier(
        [4],
        columns(),
        model_dir=str(tmp_path),
        batch_norm=True,
        config=tf.estimator.RunConfig(tf_random_seed=1),
    )
    estimator = nsl_estimator.add_adversarial_regularization(estimator, optimizer_fn=sgd)

    def classes():
        return tf.data.Dataset.from_tensor_slices(({"x": X}, (X > 0).astype("int64"))).batch(16)

    estimator.train(lambda: classes().repeat(), steps=4)
    mean = estimator.get_variable_value("dnn/hiddenlayer_0/batchnorm_0/moving_mean")
    assert np.abs(mean).max() > 0
    assert np.isfinite(estimator.evaluate(classes)["loss"])


def test_graph_regularization(tmp_path):
    def embedding(features, mode, params=None):
        del mode, params
        with tf.compat.v1.variable_scope("linear/linear_model/x", reuse=True):
            weights = tf.compat.v1.get_variable("weights", shape=(1, 1))
        return features["x"] @ weights

    config = nsl.configs.make_graph_reg_config(
        max_neighbors=1, multiplier=1.0, distance_type=nsl.configs.DistanceType.L2
    )
    regularized = nsl_estimator.add_graph_regularization(
        regressor(tmp_path / "graph"), embedding, optimizer_fn=sgd, graph_reg_config=config
    )
    plain = nsl_estimator.add_graph_regularization(
        regressor(tmp_path / "plain"),
        embedding,
        optimizer_fn=sgd,
        graph_reg_config=nsl.configs.make_graph_reg_config(max_neighbors=1, multiplier=0.0),
    )
    found = [weight_of(trained(each, points_with_neighbours)) for each in (regularized, plain)]
    # The distance of the outputs of neighbours holds the weight back.
    assert 0 < found[0] < found[1]
