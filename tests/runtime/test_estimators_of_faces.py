"""The Estimators of `tf.estimator` beside this package's own: one document each."""

import linear_model
import numpy as np
import pytest
import tensorflow as tf

import estimator_runtime
from estimator_runtime import compat

COLUMNS = (tf.feature_column.numeric_column("x"),)


@pytest.fixture(scope="module", params=["v1", "v2"])
def face(request):
    v2 = compat.install()
    return v2 if request.param == "v2" else tf.compat.v1.estimator


def features():
    return tf.data.Dataset.from_tensors({"x": tf.constant([[1.0]])})


def batch():
    return tf.data.Dataset.from_tensors(({"x": tf.constant([[1.0]])}, tf.constant([[2.0]])))


def test_untrained_models_run_by_the_name_of_tf_estimator_and_raise_by_this_packages(face, tmp_path):
    for kind in (face.Estimator, estimator_runtime.Estimator):
        estimator = kind(linear_model.model_fn, str(tmp_path))
        if kind is estimator_runtime.Estimator:
            with pytest.raises(estimator_runtime.EstimatorNotTrainedError):
                estimator.evaluate(linear_model.eval_input)
        else:
            assert estimator.evaluate(linear_model.eval_input)["global_step"] == 0


def test_the_rule_can_be_asked_for_in_either(face, tmp_path):
    estimator = face.Estimator(linear_model.model_fn, str(tmp_path), fresh_variables_if_untrained=False)
    with pytest.raises(estimator_runtime.EstimatorNotTrainedError):
        estimator.evaluate(linear_model.eval_input)


def test_a_model_that_begins_with_a_checkpoint_predicts_from_it_untrained(face, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        session.run(v1.get_variable("w", [], initializer=v1.constant_initializer(5.0)).initializer)
        v1.train.Saver().save(session, str(tmp_path / "given" / "model.ckpt"))

    def model_fn(features, labels, mode):
        weight = v1.get_variable("w", [], initializer=v1.zeros_initializer())
        v1.train.init_from_checkpoint(str(tmp_path / "given"), {"w": "w"})
        return face.EstimatorSpec(mode, predictions=features["x"] * weight)

    np.testing.assert_allclose(list(face.Estimator(model_fn, str(tmp_path / "m")).predict(features)), [[5.0]])


@pytest.mark.parametrize("name", ["DNNRegressor", "LinearRegressor"])
def test_canned_estimators_are_of_their_face(face, name, tmp_path):
    canned = getattr(face, name)
    estimator = canned(
        model_dir=str(tmp_path), feature_columns=COLUMNS, **({"hidden_units": [2]} if name[0] == "D" else {})
    )
    for kind in (canned, face.Estimator, tf.compat.v1.estimator.Estimator, estimator_runtime.Estimator):
        assert isinstance(estimator, kind)
    assert estimator.evaluate(batch)["global_step"] == 0
    added = face.add_metrics(estimator, lambda labels: {"labels": tf.compat.v1.metrics.mean(labels)})
    assert type(added) is tf.compat.v1.estimator.Estimator
    assert added.evaluate(batch)["labels"] == 2
    own = getattr(estimator_runtime, name)
    if face is tf.estimator:
        assert issubclass(canned, own)


def test_a_program_that_replaces_the_guard_overrides_what_it_likes(face, monkeypatch, tmp_path):
    class Trains(face.Estimator):
        def train(self):
            return "its own"

    with pytest.raises(ValueError, match=r"cannot override members.*\['train'\]"):
        Trains(linear_model.model_fn, str(tmp_path))
    for guard in (lambda self: None, staticmethod(lambda _: None)):
        monkeypatch.setattr(face.Estimator, "_assert_members_are_not_overridden", guard)
        assert Trains(linear_model.model_fn, str(tmp_path)).train() == "its own"


def test_the_guard_is_one_of_the_members_that_a_class_may_override(face, tmp_path):
    class Trains(face.Estimator):
        def train(self):
            return "its own"

        def _assert_members_are_not_overridden(self):
            pass

    assert Trains(linear_model.model_fn, str(tmp_path)).train() == "its own"


def test_what_a_class_between_overrides_is_its_own_affair(face, tmp_path):
    class Between(face.Estimator):
        def train(self):
            return "of the class between"

    class Last(Between):
        pass

    assert Last(linear_model.model_fn, str(tmp_path)).train() == "of the class between"


def test_a_tpu_estimator_is_one_of_the_first_faces_estimators(tmp_path):
    v2 = compat.install()
    v1 = tf.compat.v1.estimator

    class Derived(v1.tpu.TPUEstimator):
        """As programs derive theirs."""

    config = v1.tpu.RunConfig(model_dir=str(tmp_path))
    estimator = Derived(lambda features, labels, mode, params: None, config=config, use_tpu=False)
    assert isinstance(estimator, v1.Estimator)
    assert isinstance(estimator, estimator_runtime.Estimator)
    assert not isinstance(estimator, v2.Estimator)
    assert v1.tpu.TPUEstimator.__name__ == "TPUEstimator"


def test_a_converted_keras_model_is_one_of_tf_estimators(tmp_path):
    v2 = compat.install()
    layer = tf.keras.layers.Dense(1)
    model = tf.keras.Sequential([tf.keras.Input([2]), layer])
    model.compile(optimizer="sgd", loss="mse")
    converted = tf.keras.estimator.model_to_estimator(model, model_dir=str(tmp_path / "face"))
    assert isinstance(converted, v2.Estimator)
    assert isinstance(converted, tf.compat.v1.estimator.Estimator)
    own = estimator_runtime.model_to_estimator(model, model_dir=str(tmp_path / "own"))
    assert type(own) is estimator_runtime.Estimator


def test_libraries_read_an_estimators_settings_by_their_old_names(face, tmp_path):
    config = face.RunConfig(
        device_fn=lambda op: "/cpu:0", train_distribute=tf.distribute.MirroredStrategy(["cpu:0"])
    )
    estimator = face.Estimator(linear_model.model_fn, str(tmp_path), config, warm_start_from="/a/model.ckpt")
    assert estimator._model_dir == estimator.model_dir == str(tmp_path)
    assert estimator._device_fn is config.device_fn
    assert estimator._train_distribution is config.train_distribute
    assert estimator._eval_distribution is None
    assert estimator._warm_start_settings == face.WarmStartSettings("/a/model.ckpt")
    assert estimator._session_config == estimator.config.session_config
    assert estimator._model_fn is linear_model.model_fn
    assert (estimator._params, estimator._config.model_dir) == ({}, str(tmp_path))


def test_a_model_without_outputs_is_exported_by_the_name_of_tf_estimator_and_refused_by_this_packages(
    face, tmp_path
):
    def receiver():
        features = {"x": tf.compat.v1.placeholder(tf.float32, [None, 1])}
        return face.export.ServingInputReceiver(features, features)

    for kind in (face.Estimator, estimator_runtime.Estimator):
        estimator = kind(linear_model.model_with(export_outputs={}), str(tmp_path / "model"))
        estimator.train(linear_model.train_input, steps=1)
        if kind is estimator_runtime.Estimator:
            with pytest.raises(ValueError, match="export_outputs must be provided"):
                estimator.export_saved_model(str(tmp_path / "own"), receiver)
        else:
            path = estimator.export_saved_model(str(tmp_path / "face"), receiver)
            assert not dict(tf.saved_model.load(str(path)).signatures)
