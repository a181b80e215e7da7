"""`tf.estimator` on a TensorFlow that has none."""

import importlib
import sys

import pytest
import tensorflow as tf

import estimator_runtime
from estimator_runtime import compat


@pytest.fixture
def module():
    before = dict(sys.modules)
    holders = [tf, tf.compat.v1, tf.compat.v2]
    yield compat.install()
    holders += [tf.compat.v1, tf.compat.v2]
    for holder in holders:
        if "estimator" in vars(holder):
            del holder.estimator
    for name in set(sys.modules) - set(before):
        if name.split(".")[0] == "tensorflow_estimator" or ".estimator" in name:
            del sys.modules[name]


def test_every_way_of_importing_it_gives_the_same_module(module):
    import tensorflow.compat.v1 as tf1
    import tensorflow.compat.v2 as tf2
    import tensorflow_estimator as tfe
    from tensorflow import estimator
    from tensorflow.compat.v1 import estimator as estimator1
    from tensorflow.estimator.export import ServingInputReceiver
    from tensorflow_estimator import estimator as estimator2

    for found in (tf.estimator, tf1.estimator, tf2.estimator, tf.compat.v1.estimator, tfe.estimator):
        assert found is module
    assert estimator is estimator1 is estimator2 is module
    assert importlib.import_module("tensorflow.estimator") is module
    assert ServingInputReceiver is estimator_runtime.export.ServingInputReceiver


def test_its_names_are_those_of_estimator_runtime(module):
    for name in compat._NAMES:
        assert getattr(module, name) is getattr(estimator_runtime, name)
    assert module.experimental.stop_if_no_decrease_hook
    assert set(estimator_runtime.__all__) - set(compat._NAMES) == {
        "DistributionNotSupportedError",
        "EstimatorError",
        "EstimatorNotTrainedError",
        "MetricsError",
        "experimental",
        "export",
    }


def test_what_is_not_offered_says_so(module):
    with pytest.raises(
        AttributeError, match=r"tf.estimator.DNNClassifier is not among .* Estimator, EstimatorSpec"
    ):
        tf.estimator.DNNClassifier  # noqa: B018
    assert not hasattr(tf.estimator, "inputs")
    assert not hasattr(tf.estimator, "__wrapped__")


def test_a_second_installation_changes_nothing(module):
    assert compat.install() is module
    assert tf.estimator is module
