"""AdaNet's Estimators on a made-up line: the search of simple networks, and an ensemble of canned Estimators."""

import adanet
import numpy as np
import tensorflow as tf
from adanet.examples import simple_dnn

X = np.linspace(-1, 1, 32, dtype="float32").reshape(-1, 1)


def points():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, 2 * X)).batch(16)


def columns():
    return [tf.feature_column.numeric_column("x")]


def lived(estimator):
    """Trains for two iterations, evaluates, predicts."""
    estimator.train(lambda: points().repeat(), max_steps=8)
    result = estimator.evaluate(points, steps=2)
    assert result["global_step"] == 8
    assert result["iteration"] == 1
    assert np.isfinite(result["loss"])
    predicted = list(estimator.predict(points))
    assert len(predicted) == len(X)
    return result


def searching(directory, **more):
    """An Estimator that searches among networks of one layer, two iterations of four steps."""
    generator = simple_dnn.Generator(
        feature_columns=columns(),
        optimizer=tf.compat.v1.train.GradientDescentOptimizer(0.01),
        layer_size=4,
        seed=1,
    )
    return adanet.Estimator(
        head=tf.estimator.RegressionHead(),
        subnetwork_generator=generator,
        max_iteration_steps=4,
        max_iterations=2,
        model_dir=str(directory),
        config=tf.estimator.RunConfig(tf_random_seed=1),
        **more,
    )


def test_search_of_simple_networks(tmp_path):
    lived(searching(tmp_path))


def test_evaluator_and_reports(tmp_path):
    evaluator = adanet.Evaluator(input_fn=points, steps=2)
    reports = adanet.ReportMaterializer(input_fn=points, steps=2)
    lived(searching(tmp_path, evaluator=evaluator, report_materializer=reports))


def test_ensemble_of_canned_estimators(tmp_path):
    head = tf.estimator.RegressionHead()
    pool = {
        "linear": tf.estimator.LinearEstimator(head=head, feature_columns=columns(), optimizer="Ftrl"),
        "dnn": tf.estimator.DNNEstimator(
            head=head,
            feature_columns=columns(),
            hidden_units=[4],
            optimizer="Adagrad",
        ),
    }
    estimator = adanet.AutoEnsembleEstimator(
        head=head,
        candidate_pool=pool,
        max_iteration_steps=4,
        max_iterations=2,
        model_dir=str(tmp_path),
        config=tf.estimator.RunConfig(tf_random_seed=1),
    )
    lived(estimator)
