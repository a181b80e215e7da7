"""Canned Estimators on two devices: whose gradients are added up, and whose averaged, as in tf.estimator 2.15.

The values are those of tf.estimator 2.15.0 on TensorFlow 2.15.1 after two steps of `tf.keras.optimizers.legacy.SGD(0.01)`.
"""

import numpy as np
import pytest
import replicated
import tensorflow as tf
import tf_keras

import estimator_runtime as er

X = np.arange(8, dtype=np.float32).reshape(8, 1) / 4
CLASSES = (3 * X).astype(np.int64)
RATE = 0.01
OPTIMIZERS = {
    "Keras 2": lambda: tf_keras.optimizers.legacy.SGD(RATE),
    "Keras 3": lambda: tf.keras.optimizers.SGD(RATE),
}
COLUMNS = [tf.feature_column.numeric_column("x")]
OF_CLASSES = [0.013244, -0.006622, -0.006622, 0.013244, -0.006622, -0.006622]


def several(reduction):
    return er.MultiHead([er.RegressionHead(name=name, loss_reduction=reduction) for name in "ab"])


def linear(head):
    return lambda optimizer, **given: er.LinearEstimator(head, COLUMNS, optimizer=optimizer, **given)


def wide(kind, **more):
    def make(optimizer, **given):
        return kind(linear_feature_columns=COLUMNS, linear_optimizer=optimizer, **more, **given)

    return make


# Estimator by name, its bias, and what it is in 2.15.
LINEAR, BASELINE = "linear/linear_model/bias_weights", "baseline/bias"
CASES = {
    "mean": (linear(er.RegressionHead()), LINEAR, [0.088181]),
    "sum": (linear(er.RegressionHead(loss_reduction="sum")), LINEAR, [0.6036]),
    "several": (linear(several("sum_over_batch_size")), LINEAR, [0.088181, 0.034267]),
    "several sums": (linear(several("sum")), LINEAR, [0.6036, 0.2331]),
    "baseline": (er.BaselineRegressor, BASELINE, [0.0891]),
    "baseline, sum": (
        lambda optimizer, **given: er.BaselineRegressor(optimizer=optimizer, loss_reduction="sum", **given),
        BASELINE,
        [0.3456],
    ),
    "baseline with a head, sum": (
        lambda optimizer, **given: er.BaselineEstimator(
            er.RegressionHead(loss_reduction="sum"), optimizer=optimizer, **given
        ),
        BASELINE,
        [0.3456],
    ),
    "baseline of classes, sum": (
        lambda optimizer, **given: er.BaselineClassifier(
            optimizer=optimizer, n_classes=6, loss_reduction="sum", **given
        ),
        BASELINE,
        OF_CLASSES,
    ),
    "wide": (wide(er.DNNLinearCombinedRegressor), LINEAR, [0.088181]),
    "wide, sum": (wide(er.DNNLinearCombinedRegressor, loss_reduction="sum"), LINEAR, [0.3309]),
    "wide with a head, sum": (
        wide(er.DNNLinearCombinedEstimator, head=er.RegressionHead(loss_reduction="sum")),
        LINEAR,
        [0.3309],
    ),
    "wide of classes, sum": (
        wide(er.DNNLinearCombinedClassifier, n_classes=6, loss_reduction="sum"),
        LINEAR,
        [0.013352, -0.006545, -0.006573, 0.013117, -0.006661, -0.00669],
    ),
}


def trained(directory, name, optimizer):
    make, bias, _ = CASES[name]

    def input_fn():
        numbers = 2 * X + 0.5
        labels = CLASSES if "classes" in name else {"a": numbers, "b": X} if "several" in name else numbers
        return tf.data.Dataset.from_tensor_slices(({"x": X}, labels)).batch(4).repeat()

    strategy = tf.distribute.MirroredStrategy(replicated.DEVICES)
    config = er.RunConfig(train_distribute=strategy)
    estimator = make(optimizer=OPTIMIZERS[optimizer], model_dir=str(directory), config=config)
    return estimator.train(input_fn, steps=2).get_variable_value(bias)


@pytest.fixture(scope="module")
def two_devices():
    with replicated.executor() as executor:
        yield lambda *arguments: executor.submit(trained, *arguments).result()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", CASES)
def test_gradients_of_two_devices(two_devices, tmp_path, name, optimizer):
    np.testing.assert_allclose(two_devices(tmp_path, name, optimizer), CASES[name][2], rtol=2e-4)
