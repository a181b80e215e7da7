"""Names of tf.keras that Keras 3 does not have, after compat.install()."""

import importlib
import importlib.util
import subprocess
import sys

import keras
import linear_model
import numpy as np
import pytest
import tensorflow as tf

import estimator_runtime as er
from estimator_runtime import compat
from estimator_runtime.compat.keras_names import NAMES
from estimator_runtime.keras.former import losses

v1 = tf.compat.v1
PATHS = [f"{path}.{name}" for path, names in NAMES.items() for name in names]
TRUE = np.array([[0.1, 0.6, 0.3], [0.0, 1.0, 0.0]], np.float32)
MADE = np.array([[0.2, 0.5, 0.3], [0.25, 0.5, 0.25]], np.float32)


@pytest.fixture(scope="module", autouse=True)
def _installed():
    compat.install()


@pytest.mark.parametrize(
    "root", ["tensorflow.keras", "tensorflow.compat.v1.keras", "tensorflow.compat.v2.keras"]
)
def test_all_names_are_there_however_they_are_imported(root):
    for path in PATHS:
        parent, _, name = path.rpartition(".")
        module = importlib.import_module(f"{root}.{parent}")
        assert importlib.util.find_spec(f"{root}.{parent}") is not None
        of_tf = tf.keras
        for part in parent.split("."):
            of_tf = getattr(of_tf, part)
        assert getattr(module, name) is getattr(of_tf, name), path


def test_what_keras_has_stays_as_it_is():
    assert tf.keras.optimizers is keras.optimizers
    assert tf.keras.losses.mse is keras.losses.mean_squared_error
    assert tf.keras.optimizers.experimental.Adam is keras.optimizers.Adam
    assert tf.keras.saving.register_keras_serializable is keras.saving.register_keras_serializable
    assert tf.losses.mean_squared_error is tf.metrics.mean_squared_error is losses.mean_squared_error


BEFORE = """
from estimator_runtime import compat
compat.install()
from tensorflow.keras.layers import Dense, DenseFeatures
from tensorflow.keras.losses import mean_squared_error
from tensorflow.keras.layers.experimental import preprocessing
import tensorflow.keras.experimental as experimental
import tensorflow.compat.v1 as tf1
import tensorflow as tf
"""
AFTER = """
from tensorflow.keras.layers import Dense
import tensorflow.keras.optimizers
import tensorflow as tf
import tensorflow.compat.v1 as tf1
from estimator_runtime import compat
compat.install()
from tensorflow.keras.layers import DenseFeatures
from tensorflow.keras.losses import mean_squared_error
from tensorflow.keras.layers.experimental import preprocessing
import tensorflow.keras.experimental as experimental
assert tf.keras.optimizers is tensorflow.keras.optimizers
"""
SAME = """
from tensorflow.compat.v1.keras.layers import DenseFeatures as of_1
from tensorflow.compat.v1.layers import dense
assert callable(dense)
assert tf.keras.layers.Dense is Dense
assert DenseFeatures is of_1 is tf.keras.layers.DenseFeatures is tf1.keras.layers.DenseFeatures
assert mean_squared_error is tf.losses.mean_squared_error is tf.keras.losses.mean_squared_error
assert preprocessing.Hashing is tf.keras.layers.Hashing
assert experimental.SequenceFeatures is tf1.keras.experimental.SequenceFeatures
tf.keras.optimizers.experimental.SGD, tf1.keras.optimizers.experimental.SGD
"""


@pytest.mark.parametrize("program", [BEFORE, AFTER], ids=["before", "after"])
def test_imports_before_and_after_an_installation_find_one_module(program):
    """An import below tensorflow.keras made another `tf.keras.layers`, in which the names lacked."""
    done = subprocess.run([sys.executable, "-c", program + SAME], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


EXPECTED = {
    "mean_squared_error": ((MADE - TRUE) ** 2).mean(-1),
    "mean_absolute_error": abs(MADE - TRUE).mean(-1),
    "mean_absolute_percentage_error": 100 * (abs(MADE - TRUE) / np.maximum(TRUE, 1e-7)).mean(-1),
    "mean_squared_logarithmic_error": (
        (np.log1p(np.maximum(MADE, 1e-7)) - np.log1p(np.maximum(TRUE, 1e-7))) ** 2
    ).mean(-1),
    "kl_divergence": (np.maximum(TRUE, 1e-7) * np.log(np.maximum(TRUE, 1e-7) / np.maximum(MADE, 1e-7))).sum(
        -1
    ),
    "log_cosh": np.log(np.cosh(MADE - TRUE)).mean(-1),
    "cosine_proximity": -(MADE * TRUE).sum(-1)
    / np.linalg.norm(MADE, axis=-1)
    / np.linalg.norm(TRUE, axis=-1),
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_values_of_losses_in_graphs_and_out_of_them(name):
    function = getattr(tf.keras.losses, name)
    np.testing.assert_allclose(function(TRUE, MADE), EXPECTED[name], rtol=1e-4, atol=1e-6)
    with tf.Graph().as_default(), v1.Session() as session:
        true, made = v1.placeholder(tf.float32), v1.placeholder(tf.float32)
        found = session.run(function(true, made), {true: TRUE, made: MADE})
    np.testing.assert_allclose(found, EXPECTED[name], rtol=1e-4, atol=1e-6)


def test_labels_of_another_rank_are_broadcast_as_in_keras_2():
    found = tf.keras.losses.mean_squared_error(
        np.array([0.0, 1.0], np.float32), np.array([[1.0], [3.0]], np.float32)
    )
    np.testing.assert_array_equal(found, [0.5, 6.5])


def test_a_difference_of_which_no_float_has_the_cosine():
    assert tf.keras.losses.log_cosh([0.0], [1000.0]).numpy() == pytest.approx(1000 - np.log(2))


def test_labels_of_any_number_are_taken():
    assert tf.keras.losses.mean_absolute_error([1, 2], [0.5, 2.0]).numpy() == 0.25


def test_a_model_with_such_a_loss_becomes_an_estimator_and_can_be_saved(tmp_path):
    model = keras.Sequential([keras.Input((1,), name="x"), keras.layers.Dense(1, name="y")])
    model.compile("sgd", tf.keras.losses.mean_squared_error, metrics=[tf.keras.metrics.mean_absolute_error])
    saved = model.get_compile_config()
    assert keras.saving.deserialize_keras_object(saved["loss"]) is losses.mean_squared_error
    made = er.model_to_estimator(model, model_dir=str(tmp_path), config=er.RunConfig())
    found = made.train(linear_model.train_input, steps=1).evaluate(linear_model.eval_input, steps=1)
    assert {"loss", "mean_absolute_error"} <= set(found)
