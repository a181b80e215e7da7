"""TensorFlow Lattice's canned Estimators on made-up rows: each model, each Estimator, and the graph of an export."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_lattice as tfl

ROWS = 64
RANDOM = np.random.default_rng(0)
TABLE = pd.DataFrame({"age": RANDOM.uniform(20, 80, ROWS), "pressure": RANDOM.uniform(90, 180, ROWS)})
ILL = pd.Series((TABLE["age"] + TABLE["pressure"] > 180).astype("int64"))


def rows(epochs=1):
    return tf.compat.v1.estimator.inputs.pandas_input_fn(
        x=TABLE, y=ILL, batch_size=16, shuffle=False, num_epochs=epochs, num_threads=1
    )


def columns():
    return [tf.feature_column.numeric_column(name) for name in TABLE.columns]


def feature(name, keypoints="uniform", **more):
    return tfl.configs.FeatureConfig(
        name=name,
        lattice_size=2,
        pwl_calibration_input_keypoints=keypoints,
        pwl_calibration_num_keypoints=4,
        **more,
    )


def features(**more):
    return [feature("age", monotonicity="increasing", **more), feature("pressure", **more)]


MODELS = {
    "linear": lambda: tfl.configs.CalibratedLinearConfig(feature_configs=features(), use_bias=True),
    "quantiles": lambda: tfl.configs.CalibratedLinearConfig(feature_configs=features(keypoints="quantiles")),
    "lattice": lambda: tfl.configs.CalibratedLatticeConfig(feature_configs=features()),
    "ensemble": lambda: tfl.configs.CalibratedLatticeEnsembleConfig(
        feature_configs=features(), lattices=[["age", "pressure"], ["pressure", "age"]]
    ),
    "rtl": lambda: tfl.configs.CalibratedLatticeEnsembleConfig(
        feature_configs=features(), lattices="rtl_layer", num_lattices=2, lattice_rank=2
    ),
}


def classifier(model, directory):
    return tfl.estimators.CannedClassifier(
        feature_columns=columns(),
        model_config=MODELS[model](),
        feature_analysis_input_fn=rows(),
        optimizer=tf.keras.optimizers.legacy.Adam(0.01),
        config=tf.estimator.RunConfig(tf_random_seed=1),
        model_dir=str(directory),
    )


@pytest.mark.parametrize("model", ["linear", "quantiles", "lattice", "rtl"])
def test_classifier(model, tmp_path):
    estimator = classifier(model, tmp_path)
    estimator.train(rows(epochs=2))
    result = estimator.evaluate(rows())
    assert result["global_step"] == 8
    assert np.isfinite(result["loss"])
    assert 0 <= result["auc"] <= 1
    assert len(list(estimator.predict(rows()))) == ROWS


def test_ensemble_of_crystals(tmp_path):
    names = ["age", "pressure", "weight"]
    table = TABLE.assign(weight=RANDOM.uniform(50, 120, ROWS))
    inputs = tf.compat.v1.estimator.inputs.pandas_input_fn(
        x=table, y=ILL, batch_size=16, shuffle=False, num_epochs=2, num_threads=1
    )
    estimator = tfl.estimators.CannedClassifier(
        feature_columns=[tf.feature_column.numeric_column(name) for name in names],
        model_config=tfl.configs.CalibratedLatticeEnsembleConfig(
            feature_configs=[feature(name) for name in names],
            lattices="crystals",
            num_lattices=2,
            lattice_rank=2,
        ),
        feature_analysis_input_fn=inputs,
        prefitting_input_fn=inputs,
        optimizer=tf.keras.optimizers.legacy.Adam(0.01),
        prefitting_optimizer=tf.keras.optimizers.legacy.Adam(0.01),
        config=tf.estimator.RunConfig(tf_random_seed=1),
        model_dir=str(tmp_path),
    )
    estimator.train(inputs)
    assert np.isfinite(estimator.evaluate(inputs)["loss"])


@pytest.mark.parametrize("kind", ["regressor", "head"])
def test_regression(kind, tmp_path):
    made = {
        "feature_columns": columns(),
        "model_config": MODELS["lattice"](),
        "feature_analysis_input_fn": rows(),
        "optimizer": tf.keras.optimizers.legacy.Adam(0.01),
        "model_dir": str(tmp_path),
    }
    if kind == "head":
        estimator = tfl.estimators.CannedEstimator(head=tf.estimator.RegressionHead(), **made)
    else:
        estimator = tfl.estimators.CannedRegressor(**made)
    estimator.train(rows(epochs=2))
    assert estimator.evaluate(rows())["average_loss"] >= 0


@pytest.mark.parametrize(("model", "nodes"), [("lattice", 5), ("ensemble", 9)])
def test_graph_of_an_export(model, nodes, tmp_path):
    estimator = classifier(model, tmp_path)
    estimator.train(rows())
    spec = tf.feature_column.make_parse_example_spec(columns())
    receiver = tf.estimator.export.build_parsing_serving_input_receiver_fn(spec)
    exported = estimator.export_saved_model(str(tmp_path / "export"), receiver)
    assert len(tfl.estimators.get_model_graph(exported).nodes) == nodes
