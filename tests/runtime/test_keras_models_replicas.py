"""Keras models as Estimators on two devices: a step is that of one device on the batches of both."""

import numpy as np
import pytest
import replicated
import tensorflow as tf

from estimator_runtime import model_to_estimator

X = np.sin(np.arange(64, dtype=np.float32)).reshape(16, 4)
Y = X[:, :1] * 2 + 0.5


@pytest.fixture(scope="module")
def process():
    with replicated.executor() as executor:
        yield executor


def made(package, directory, strategy, optimizer="SGD"):
    import importlib

    keras = importlib.import_module(package)
    keras.backend.clear_session()
    optimizers = keras.optimizers.legacy if package == "tf_keras" else keras.optimizers
    x = keras.Input((4,), name="x")
    net = keras.layers.Dense(3, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.05), name="a")(
        x
    )
    model = keras.Model(x, keras.layers.Dense(1, name="y")(net))
    model.set_weights([np.cos(np.arange(value.size)).reshape(value.shape) for value in model.get_weights()])
    model.compile(getattr(optimizers, optimizer)(0.1), loss="mse", metrics=["mae"])
    return model_to_estimator(model, model_dir=directory, config=replicated.config(strategy, strategy))


def run(package, directory, strategy):
    size = 8 if strategy is None else 4  # of each replica

    def batches():
        return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(size)

    estimator = made(package, directory, strategy).train(lambda: batches().repeat(3))
    result = estimator.evaluate(batches)
    return (
        {name: float(value) for name, value in result.items()},
        replicated.values(estimator),
        replicated.reported_losses(directory),
    )


@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_two_replicas_train_as_one_device_with_both_batches(package, process, tmp_path):
    one = process.submit(run, package, str(tmp_path / "one"), None).result()
    two = process.submit(run, package, str(tmp_path / "two"), "mirrored").result()
    assert one[0]["global_step"] == two[0]["global_step"] == 6
    assert one[1].keys() == two[1].keys()
    for name, value in one[1].items():
        np.testing.assert_allclose(two[1][name], value, rtol=1e-5, atol=1e-6, err_msg=name)
    assert two[0] == pytest.approx(one[0], rel=1e-5)
    assert two[2] == pytest.approx(one[2], rel=1e-5)


def refused(directory):
    def batches():
        return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(4)

    with pytest.raises(ValueError, match="Lion of Keras has no counterpart.*train_distribute"):
        made("keras", directory, "mirrored", "Lion").train(batches)


def test_an_optimizer_that_runs_on_one_device_alone_is_refused_by_name(process, tmp_path):
    process.submit(refused, str(tmp_path)).result()


def counted(directory, strategy):
    """What an evaluation says of a metric that begins with another number than 0."""
    import keras

    keras.backend.clear_session()

    class Counted(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="counted")
            self.count = self.add_weight(shape=(), initializer=keras.initializers.Constant(8.0))

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.count.assign_add(keras.ops.cast(keras.ops.shape(y_pred)[0], "float32"))

        def result(self):
            return self.count + 0

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[Counted()])
    made = model_to_estimator(model, model_dir=directory, config=replicated.config(None, strategy))
    result = made.evaluate(lambda: tf.data.Dataset.from_tensor_slices((X, Y)).batch(4))
    return float(result["counted"])


@pytest.mark.parametrize("strategy", [None, "mirrored"])
def test_what_a_metric_begins_with_counts_once(strategy, process, tmp_path):
    assert process.submit(counted, str(tmp_path), strategy).result() == 8 + len(X)
