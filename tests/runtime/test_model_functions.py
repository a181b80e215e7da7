"""Model functions of every callable kind, their EstimatorSpec, and Keras layers in them."""

import functools

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import X, eval_input, train_input, v1

from estimator_runtime import Estimator, EstimatorSpec, MetricsError, ModeKeys, RunConfig, export

TRAIN, EVAL, PREDICT = ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT


class Model:
    def method(self, features, labels, mode):
        return linear_model.model_fn(features, labels, mode)

    def __call__(self, features, labels, mode):
        return linear_model.model_fn(features, labels, mode)


def with_an_extra(extra, features, labels, mode):
    assert extra == 3
    return linear_model.model_fn(features, labels, mode)


def any_order(mode, labels, *, features):
    return linear_model.model_fn(features, labels, mode)


@pytest.mark.parametrize(
    "model_fn",
    [Model().method, Model(), functools.partial(with_an_extra, 3), any_order],
    ids=["method", "object", "partial", "keyword"],
)
def test_callables(model_fn, tmp_path):
    estimator = linear_model.estimator(tmp_path, model_fn).train(train_input, steps=1)
    assert estimator.evaluate(eval_input)["global_step"] == 1


def test_a_partial_bound_by_keyword(tmp_path):
    def model_fn(features, labels, mode, extra):
        return with_an_extra(extra, features, labels, mode)

    linear_model.estimator(tmp_path, functools.partial(model_fn, extra=3)).train(train_input, steps=1)


@pytest.mark.parametrize(
    ("model_fn", "params", "text"),
    [
        (None, None, "model_fn must be provided to Estimator."),
        (lambda labels, mode: None, None, "must include features argument"),
        (lambda features, depth: None, None, r"has following not expected args: \['depth'\]"),
        (
            lambda features: None,
            {"a": 1},
            r"does not include params argument, but params \({'a': 1}\) is passed",
        ),
    ],
)
def test_refused_arguments(model_fn, params, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        Estimator(model_fn, str(tmp_path), params=params)


def test_params_that_are_missing_are_warned_about(tmp_path, tf_log):
    Estimator(lambda features, params: None, str(tmp_path))
    assert [line for line in tf_log if "includes params argument, but params are not passed" in line]


def test_params_and_config_are_copies(tmp_path):
    params = {"layers": [1]}
    estimator = Estimator(lambda features, params: None, str(tmp_path), params=params)
    params["layers"].append(2)
    estimator.params["layers"].append(3)
    assert estimator.params == {"layers": [1]}
    assert estimator.config is not estimator.config


@pytest.mark.parametrize(
    ("model_dir", "configured", "expected"),
    [("a", None, "a"), (None, "b", "b"), ("c", "c", "c")],
)
def test_model_dir(model_dir, configured, expected):
    estimator = Estimator(linear_model.model_fn, model_dir, RunConfig(model_dir=configured))
    assert estimator.model_dir == estimator.config.model_dir == expected


def test_two_model_dirs():
    with pytest.raises(ValueError, match="`model_dir` are set both in constructor and `RunConfig`"):
        Estimator(linear_model.model_fn, "a", RunConfig(model_dir="b"))


def test_a_path_object_is_a_model_dir(tmp_path):
    assert Estimator(linear_model.model_fn, tmp_path).model_dir == str(tmp_path)


def test_a_config_that_is_none():
    with pytest.raises(ValueError, match="config must be an instance of `RunConfig`"):
        Estimator(linear_model.model_fn, config={"model_dir": "a"})


def test_members_that_a_subclass_must_not_override(tmp_path):
    class Overrides(Estimator):
        def train(self, input_fn):
            raise AssertionError

    with pytest.raises(ValueError, match=r"Subclasses of Estimator cannot override members.*\['train'\]"):
        Overrides(linear_model.model_fn, str(tmp_path))

    class Extends(Estimator):
        def latest_checkpoint(self):
            return "elsewhere"

        def more(self):
            return 1

    assert Extends(linear_model.model_fn, str(tmp_path)).latest_checkpoint() == "elsewhere"


def test_directories_of_evaluations():
    estimator = Estimator(linear_model.model_fn, "m")
    assert (estimator.eval_dir(), estimator.eval_dir("a"), estimator.eval_dir("")) == (
        "m/eval",
        "m/eval_a",
        "m/eval",
    )


def test_a_variable_that_is_not_there(trained, tmp_path):
    with pytest.raises(tf.errors.NotFoundError, match="missing"):
        trained.get_variable_value("missing")
    for read in (Estimator.get_variable_names, lambda estimator: estimator.get_variable_value("w")):
        with pytest.raises(ValueError, match=f"Could not find trained model in model_dir: {tmp_path}."):
            read(linear_model.estimator(tmp_path))


def test_values_of_a_model_that_is_kept_in_memory(tmp_path):
    """To TensorFlow's file system in memory the prefix of a checkpoint is a directory."""
    estimator = Estimator(linear_model.model_fn, f"ram:/{tmp_path}/model").train(train_input, steps=1)
    assert estimator.get_variable_names() == ["global_step", "w"]
    assert estimator.get_variable_value("global_step") == estimator.get_variable_value("global_step:0") == 1


@pytest.mark.parametrize("params", [None, 0, [], {}])
def test_no_params_are_an_empty_dict(params):
    def model_fn(features, labels, mode, params):
        raise NotImplementedError

    assert Estimator(model_fn, "/nowhere", params=params).params == {}


# EstimatorSpec


def scalar():
    return tf.constant(1.0)


def complete(mode, **changed):
    """A spec that is good for every mode, with fields replaced; callables are called in the graph."""
    fields = {"loss": scalar, "train_op": tf.no_op, "predictions": scalar, **changed}
    with tf.Graph().as_default():
        return EstimatorSpec(mode, **{k: v() if callable(v) else v for k, v in fields.items()})


@pytest.mark.parametrize(
    ("mode", "fields", "error", "text"),
    [
        (TRAIN, {"loss": None}, ValueError, "Missing loss."),
        (EVAL, {"loss": None}, ValueError, "Missing loss."),
        (TRAIN, {"train_op": None}, ValueError, "Missing train_op."),
        (PREDICT, {"predictions": None}, ValueError, "Missing predictions."),
        (TRAIN, {"loss": "x"}, TypeError, "loss must be Tensor, given: x"),
        (EVAL, {"loss": lambda: tf.constant([1.0, 2.0])}, ValueError, "Loss must be scalar"),
        (TRAIN, {"train_op": "x"}, TypeError, "train_op must be Operation or Tensor"),
        (EVAL, {"predictions": {"a": 1}}, TypeError, r"predictions\[a\] must be Tensor"),
        (EVAL, {"predictions": 1}, TypeError, "predictions must be Tensor"),
        (EVAL, {"eval_metric_ops": [1]}, MetricsError, "eval_metric_ops must be a dict"),
        (EVAL, {"eval_metric_ops": {"a": 1}}, MetricsError, "must be .metric_value, update_op. tuples"),
        (EVAL, {"eval_metric_ops": {"a": (1, 2)}}, MetricsError, r"metric_value of eval_metric_ops\[a\]"),
        (
            EVAL,
            {"eval_metric_ops": lambda: {"a": (scalar(), 2)}},
            MetricsError,
            r"update_op of eval_metric_ops\[a\]",
        ),
        (TRAIN, {"training_hooks": [1]}, TypeError, "All hooks must be SessionRunHook instances"),
        (TRAIN, {"training_chief_hooks": [1]}, TypeError, "All hooks must be SessionRunHook instances"),
        (TRAIN, {"evaluation_hooks": [1]}, TypeError, "All hooks must be SessionRunHook instances"),
        (TRAIN, {"prediction_hooks": [1]}, TypeError, "All hooks must be SessionRunHook instances"),
        (TRAIN, {"scaffold": 1}, TypeError, "scaffold must be tf.train.Scaffold. Given: 1"),
        (PREDICT, {"export_outputs": [1]}, TypeError, "`export_outputs` must be dict, received"),
        (PREDICT, {"export_outputs": {"a": 1}}, TypeError, "must be ExportOutput objects, received"),
    ],
)
def test_refused_specs(mode, fields, error, text):
    with pytest.raises(error, match=text):
        complete(mode, **fields)


@pytest.mark.parametrize("mode", [TRAIN, EVAL])
def test_what_another_mode_needs_may_be_missing(mode):
    assert complete(mode, predictions=None).predictions == {}
    assert complete(mode, export_outputs={"a": 1}).export_outputs == {"a": 1}, "looked at in PREDICT only"


def test_defaults_of_a_spec():
    spec = complete(PREDICT, loss=lambda: tf.constant([1.0]))
    assert spec.loss.shape == []
    assert spec.eval_metric_ops == {}
    assert isinstance(spec.scaffold, v1.train.Scaffold)
    assert spec.training_hooks == spec.evaluation_hooks == spec.prediction_hooks == ()
    assert list(spec.export_outputs) == ["serving_default"]
    assert spec._fields[:5] == ("mode", "predictions", "loss", "train_op", "eval_metric_ops")


@pytest.mark.parametrize(
    ("field", "described"),
    [
        ("loss", 'loss with "Const:0"'),
        ("train_op", 'train_op with "Const:0"'),
        ("predictions", 'prediction values with "Const:0"'),
    ],
)
def test_tensors_of_another_graph(field, described):
    with tf.Graph().as_default():
        foreign = scalar()
    with pytest.raises(ValueError, match=f"{described} must be from the default graph"):
        complete(TRAIN, **{field: foreign})
    with pytest.raises(
        ValueError, match='prediction values with "a: Const:0" must be from the default graph'
    ):
        complete(TRAIN, predictions={"a": foreign})
    with pytest.raises(ValueError, match='eval_metric_ops with "a: Const:0" must be from the default graph'):
        complete(TRAIN, eval_metric_ops={"a": (foreign, foreign)})


def test_an_eager_tensor_is_of_no_graph():
    for caught in (ValueError, AttributeError):
        with pytest.raises(caught, match="must be from the default graph"):
            complete(TRAIN, loss=tf.constant(1.0))


def test_replacing_fields_of_a_spec():
    with tf.Graph().as_default():
        spec = EstimatorSpec(EVAL, loss=scalar())
        other = scalar()
        assert spec._replace(loss=other, mode=EVAL).loss is other
        with pytest.raises(ValueError, match="mode of EstimatorSpec cannot be changed"):
            spec._replace(mode=TRAIN)
        with pytest.raises(ValueError, match="no fields"):
            spec._replace(losses=other)
        with pytest.raises(TypeError, match="loss must be Tensor"):
            spec._replace(loss=1)


# Keras layers


def test_keras_layers_keep_their_names_over_the_graphs(tmp_path):
    def model_fn(features, labels, mode):
        y = tf.keras.layers.Dense(1)(tf.keras.layers.Dense(2)(features["x"]))
        return linear_model.spec(mode, y, labels)

    estimator = linear_model.estimator(tmp_path, model_fn).train(train_input, steps=1)
    estimator.train(train_input, steps=1)
    kernels = [name for name in estimator.get_variable_names() if "kernel" in name]
    assert sorted(kernels) == ["dense/kernel", "dense_1/kernel"]
    assert estimator.evaluate(eval_input)["global_step"] == 2
    assert next(estimator.predict(eval_input))["y"].shape == (1,)
    path = estimator.export_savedmodel(str(tmp_path / "export"), linear_model.raw_receiver)
    loaded = tf.saved_model.load(path).signatures["serving_default"]
    expected = [prediction["y"] for prediction in estimator.predict(eval_input)]
    np.testing.assert_allclose(loaded(x=tf.constant(X))["y"], expected, rtol=1e-4, atol=1e-6)


def test_keras_layers_outside_an_estimators_graph_are_left_alone(tmp_path):
    def model_fn(features, labels, mode):
        return linear_model.spec(mode, tf.keras.layers.Dense(1)(features["x"]), labels)

    linear_model.estimator(tmp_path, model_fn).train(train_input, steps=1)
    assert tf.keras.layers.Dense(2, name="eager")(tf.zeros([3, 1])).shape == (3, 2)
    with tf.Graph().as_default() as graph:
        tf.keras.layers.Dense(2, name="mine")(tf.zeros([3, 1]))
        assert any(operation.name.startswith("mine_1/") for operation in graph.get_operations())


def test_the_policy_of_keras_stays(tmp_path):
    tf.keras.config.set_dtype_policy("float64")
    try:
        linear_model.estimator(tmp_path).train(train_input, steps=1)
        assert tf.keras.config.dtype_policy().name == "float64"
    finally:
        tf.keras.config.set_dtype_policy("float32")


def test_an_export_output_of_a_model(trained):
    spec = complete(PREDICT, export_outputs=lambda: {"a": export.PredictOutput(scalar())})
    assert sorted(spec.export_outputs) == ["a", "serving_default"]


@pytest.mark.parametrize("mode", [None, "one of my own"])
def test_a_spec_of_no_known_mode_requires_nothing(mode):
    """As in tf.estimator: a model function that declares no mode has none to give."""
    with tf.Graph().as_default():
        assert EstimatorSpec(mode, loss=tf.constant(1.0)).mode == mode


def test_a_model_function_without_a_mode_trains_evaluates_and_predicts(tmp_path):
    def model(features, labels):
        y = linear_model.linear(features["x"])
        if labels is None:
            return EstimatorSpec(None, predictions={"y": y})
        loss = tf.reduce_mean(tf.square(y - labels))
        step = v1.train.get_global_step()
        return EstimatorSpec(
            None,
            predictions={"y": y},
            loss=loss,
            train_op=v1.train.GradientDescentOptimizer(0.1).minimize(loss, step),
            eval_metric_ops={"none": (tf.no_op(), tf.no_op())},
        )

    estimator = linear_model.estimator(tmp_path, model).train(linear_model.train_input, steps=2)
    result = estimator.evaluate(linear_model.eval_input)
    assert result["none"] is None, "an Operation has no value"
    assert result["global_step"] == 2
    assert "y" in next(estimator.predict(lambda: tf.data.Dataset.from_tensors({"x": linear_model.X})))
