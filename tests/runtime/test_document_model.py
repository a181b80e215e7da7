"""The document's sentences about the constructor, the model function and the variables."""

import json
from pathlib import Path

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from document import SENTENCES, cites, parameters, with_defaults
from linear_model import X, eval_input, global_step, train_input, v1

from estimator_runtime import Estimator, EstimatorSpec, ModeKeys, RunConfig


@cites("Estimator(model_fn=None, model_dir=None, config=None, params=None)")
def test_constructor_signature():
    assert parameters(Estimator)[:4] == with_defaults("model_fn", "model_dir", "config", "params")


@cites(
    "Estimator class is the basic TensorFlow model trainer/evaluator.",
    "Constructs an `Estimator` instance.",
    "Returns: `EstimatorSpec`",
)
def test_a_model_that_is_trained_and_evaluated(trained):
    result = trained.evaluate(eval_input)
    assert isinstance(trained, Estimator)
    assert result["loss"] < 0.1


@cites("Returns: `EstimatorSpec`")
def test_a_model_function_that_returns_something_else(tmp_path):
    estimator = linear_model.estimator(tmp_path, lambda features, labels, mode: {"loss": 1})
    with pytest.raises(ValueError, match="model_fn should return an EstimatorSpec"):
        estimator.train(train_input, steps=1)


def seen_by(declaration, tmp_path, *, params=None, labels=True):
    """What a model function with the declared arguments is called with, by mode."""
    seen = {}
    names = [name.strip() for name in declaration.strip("`()").split(",")]

    def record(**kwargs):
        mode = kwargs.get("mode", ModeKeys.TRAIN)
        seen[mode] = kwargs
        x = kwargs["features"]["x"] if isinstance(kwargs["features"], dict) else kwargs["features"]
        return linear_model.spec(mode, linear_model.linear(x), kwargs.get("labels"))

    namespace = {"record": record}
    source = f"def model_fn({', '.join(names)}):\n    return record({', '.join(f'{n}={n}' for n in names)})"
    exec(source, namespace)
    estimator = linear_model.estimator(tmp_path, namespace["model_fn"], params=params)
    estimator.train(train_input, steps=1)
    if "mode" in names:
        estimator.evaluate(eval_input)
        next(estimator.predict(eval_input))
    return estimator, seen


@cites(
    "Model function. Follows the signature:",
    "Supports next three signatures for the function:",
    "`(features, labels, mode)`",
    "`(features, labels, mode, params)`",
    "`(features, labels, mode, params, config)`",
    "`(features, labels, mode, params, config, model_dir)`",
    "Will receive what is passed to Estimator in `params` parameter.",
    "Will receive what is passed to Estimator in `config` parameter, or the default `config`.",
    "Will receive what is passed to Estimator in `model_dir` parameter, or the default `model_dir`.",
    "If mode is `ModeKeys.PREDICT`, `labels=None` will be passed.",
    "`mode`: Specifies if this training, evaluation or prediction. See `ModeKeys`.",
    "`dict` of hyper parameters that will be passed into `model_fn`.",
)
@pytest.mark.parametrize(
    "declaration",
    [
        "`(features, labels, mode)`",
        "`(features, labels, mode, params)`",
        "`(features, labels, mode, params, config)`",
        "`(features, labels, mode, params, config, model_dir)`",
    ],
)
def test_signatures_of_the_model_function(declaration, tmp_path):
    assert declaration in SENTENCES
    params = {"depth": 3} if "params" in declaration else None
    estimator, seen = seen_by(declaration, tmp_path, params=params)
    assert set(seen) == {ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT} == {"train", "eval", "infer"}
    for mode, arguments in seen.items():
        assert tf.is_tensor(arguments["features"]["x"])
        assert (arguments["labels"] is None) == (mode == ModeKeys.PREDICT)
        if "params" in arguments:
            assert arguments["params"] == params
        if "config" in arguments:
            assert isinstance(arguments["config"], RunConfig)
            assert arguments["config"].save_checkpoints_steps == 5
            assert arguments["config"].model_dir == str(tmp_path)
        if "model_dir" in arguments:
            assert arguments["model_dir"] == estimator.model_dir == str(tmp_path)


@cites(
    "If the `model_fn`'s signature does not accept `mode`, "
    "the `model_fn` must still be able to handle `labels=None`."
)
def test_without_mode_the_labels_are_none_in_prediction(tmp_path):
    seen = []

    def model_fn(features, labels):
        seen.append(labels)
        y = linear_model.linear(features["x"])
        loss = tf.reduce_mean(tf.square(y))
        step = v1.assign_add(v1.train.get_global_step(), 1)
        mode = ModeKeys.PREDICT if labels is None else ModeKeys.TRAIN
        return EstimatorSpec(mode, predictions=y, loss=loss, train_op=step)

    estimator = linear_model.estimator(tmp_path, model_fn).train(train_input, steps=1)
    assert next(estimator.predict(eval_input)) == [0]
    assert seen[0] is not None
    assert seen[1] is None


@cites(
    "`features`: single `Tensor` or `dict` of `Tensor`s (depending on data passed to `fit`),",
    "`labels`: `Tensor` or `dict` of `Tensor`s (for multi-head models).",
    "Input function returning a tuple of: features - `Tensor` or dictionary of string feature name to `Tensor`.",
    "labels - `Tensor` or dictionary of `Tensor` with labels.",
    "features - Dictionary of string feature name to `Tensor` or `Tensor`.",
)
@pytest.mark.parametrize("several_labels", [False, True])
@pytest.mark.parametrize("several_features", [False, True])
def test_single_tensors_and_dicts(several_features, several_labels, tmp_path):
    def input_fn():
        x, y = tf.constant(X), tf.constant(2 * X)
        return ({"x": x} if several_features else x), ({"a": y, "b": y} if several_labels else y)

    def model_fn(features, labels, mode):
        assert isinstance(features, dict) is several_features
        assert isinstance(labels, dict) is several_labels
        y = linear_model.linear(features["x"] if several_features else features)
        return linear_model.spec(mode, y, labels["a"] if several_labels else labels)

    estimator = linear_model.estimator(tmp_path, model_fn).train(input_fn, steps=2)
    assert estimator.evaluate(input_fn, steps=1)["global_step"] == 2


@cites(
    "`params`: Optional `dict` of hyperparameters.",
    "This allows to configure Estimators from hyper parameter tuning.",
    "Keys are names of parameters, values are basic python types.",
)
def test_params_configure_the_model(tmp_path):
    def model_fn(features, labels, mode, params):
        y = linear_model.linear(features["x"])
        return linear_model.spec(mode, y, labels, predictions={"offset": tf.ones_like(y) * params["offset"]})

    for offset in (1.5, 4.0):
        params = {"offset": offset, "name": "trial", "layers": [1, 2], "on": True}
        estimator = linear_model.estimator(tmp_path / str(offset), model_fn, params=params)
        assert estimator.params == params
        estimator.train(train_input, steps=1)
        assert next(estimator.predict(eval_input))["offset"] == [offset]
    assert linear_model.estimator(tmp_path).params == {}


@cites("parameters of `model_fn` don't match `params`.")
def test_params_that_the_model_function_does_not_take(tmp_path):
    with pytest.raises(ValueError, match="does not include params argument"):
        linear_model.estimator(tmp_path, params={"depth": 1})
    with pytest.raises(ValueError, match=r"has following not expected args: \['depth'\]"):
        linear_model.estimator(tmp_path, lambda features, labels, mode, depth: None)


@cites(
    "`config`: Optional configuration object.",
    "Configuration object.",
    "Allows updating things in your model_fn based on configuration such as `num_ps_replicas`.",
)
def test_config_reaches_the_model_function(tmp_path, monkeypatch):
    replicas = []

    def model_fn(features, labels, mode, config):
        replicas.append(config.num_ps_replicas)
        return linear_model.model_fn(features, labels, mode)

    Estimator(model_fn, str(tmp_path)).train(train_input, steps=1)
    cluster = {"chief": ["host0:0"], "ps": ["host1:1", "host2:2"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "chief", "index": 0}}))
    estimator = Estimator(model_fn, str(tmp_path))
    with tf.Graph().as_default():
        estimator.model_fn({"x": tf.constant(X)}, None, ModeKeys.PREDICT, estimator.config)
    assert replicas == [0, 2]


@cites(
    "`model_dir`: Optional directory where model parameters, graph etc are saved.",
    "Directory to save model parameters, graph and etc.",
)
def test_model_dir_holds_parameters_and_graph(trained, tmp_path):
    files = {path.name for path in Path(trained.model_dir).iterdir()}
    assert {"checkpoint", "graph.pbtxt", "model.ckpt-10.index", "model.ckpt-10.meta"} <= files
    without = Estimator(linear_model.model_fn)
    assert Path(without.model_dir).is_dir()


@cites("Allows updating things in your model_fn that expect model_dir, such as training hooks.")
def test_model_dir_for_a_training_hook(tmp_path):
    def model_fn(features, labels, mode, params, config, model_dir):
        hook = v1.train.ProfilerHook(save_steps=1, output_dir=model_dir)
        return linear_model.spec(mode, linear_model.linear(features["x"]), labels, training_hooks=[hook])

    linear_model.estimator(tmp_path, model_fn, params={}).train(train_input, steps=2)
    assert list(tmp_path.glob("timeline-*.json"))


@cites(
    "This can also be used to load checkpoints from the directory into a estimator "
    "to continue training a previously saved model."
)
def test_training_continues_from_the_directory(tmp_path):
    linear_model.estimator(tmp_path).train(train_input, steps=3)
    again = linear_model.estimator(tmp_path)
    before = again.get_variable_value("w")
    again.train(train_input, steps=2)
    assert global_step(again) == 5
    assert abs(again.get_variable_value("w") - 2) < abs(before - 2)


@cites(
    "Returns value of the variable given by name.",
    "string, name of the tensor.",
    "Numpy array - value of the tensor.",
    "Returns list of all variable names in this model.",
    "List of names.",
)
def test_variables(trained):
    names = trained.get_variable_names()
    assert isinstance(names, list)
    assert sorted(names) == ["global_step", "w"]
    value = trained.get_variable_value("w")
    assert isinstance(value, np.ndarray)
    assert value.shape == (1, 1)
    np.testing.assert_array_equal(trained.get_variable_value("global_step"), 10)
