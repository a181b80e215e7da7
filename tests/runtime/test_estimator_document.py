"""Every sentence of the Estimator's API document, held by a test that cites it.

`estimator_document.txt` is the table of the sentences. Its words for older things are read as their successors:
"fit" is train, "BaseMonitor" is SessionRunHook, and "`x`" and "`y`" are the features and labels of an input function.
"""

import inspect
import json
from pathlib import Path

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import X, eval_input, global_step, raw_receiver, train_input, v1
from tensorflow.core.protobuf import saved_model_pb2

from estimator_runtime import Estimator, EstimatorSpec, ModeKeys, RunConfig, export

SENTENCES = Path(__file__).with_name("estimator_document.txt").read_text().splitlines()
CITED = {}


def cites(*sentences):
    def mark(test):
        for sentence in sentences:
            CITED.setdefault(sentence, []).append(test.__name__)
        return test

    return mark


def test_every_sentence_is_cited_and_every_citation_is_a_sentence():
    assert sorted(set(CITED) - set(SENTENCES)) == []
    assert sorted(set(SENTENCES) - set(CITED)) == []


def parameters(function):
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]


def with_defaults(*names):
    return [(name, None) for name in names]


# The constructor and the model function


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


# Training


@cites(
    "train(self, input_fn=None, steps=None, hooks=None, max_steps=None)",
    "evaluate(self, input_fn=None, steps=None, hooks=None, checkpoint_path=None, name=None)",
    "predict(self, input_fn=None, predict_keys=None, hooks=None, checkpoint_path=None)",
    "get_variable_value(self, name)",
    "get_variable_names(self)",
)
def test_method_signatures():
    def starts(method, *names):
        expected = [("self", inspect.Parameter.empty), *with_defaults(*names)]
        assert parameters(method)[: len(expected)] == expected

    starts(Estimator.train, "input_fn", "steps", "hooks", "max_steps")
    starts(Estimator.evaluate, "input_fn", "steps", "hooks", "checkpoint_path", "name")
    starts(Estimator.predict, "input_fn", "predict_keys", "hooks", "checkpoint_path")
    assert [name for name, _ in parameters(Estimator.get_variable_value)] == ["self", "name"]
    assert [name for name, _ in parameters(Estimator.get_variable_names)] == ["self"]


@cites(
    "Trains a model given training data `x` predictions and `y` labels.",
    "Number of steps for which to train model.",
    "`self`, for chaining.",
    "'steps' works incrementally.",
    "If you call two times fit(steps=10) then training occurs in total 20 steps.",
    "Two calls to `fit(steps=100)` means 200 training iterations.",
)
@pytest.mark.parametrize("steps", [10, 100])
def test_steps_add_up(steps, tmp_path):
    estimator = linear_model.estimator(tmp_path, save_checkpoints_steps=1000)
    hook = linear_model.Recorder()
    same = estimator.train(train_input, steps, [hook]).train(train_input, steps, [hook])
    assert same is estimator
    assert hook.runs == 2 * steps == global_step(estimator)
    np.testing.assert_allclose(estimator.get_variable_value("w"), [[2]], rtol=0.05)


@cites(
    "If you don't want to have incremental behaviour please set `max_steps` instead.",
    "Number of total steps for which to train model.",
    "On the other hand, two calls to `fit(max_steps=100)` means that the second call will not do any "
    "iteration since first call did all 100 steps.",
)
def test_max_steps_is_a_total(tmp_path, tf_log):
    estimator = linear_model.estimator(tmp_path, save_checkpoints_steps=1000)
    hook = linear_model.Recorder()
    estimator.train(train_input, max_steps=100, hooks=[hook])
    assert hook.runs == global_step(estimator) == 100
    assert estimator.train(train_input, max_steps=100, hooks=[hook]) is estimator
    assert hook.runs == 100
    assert "Skipping training since max_steps has already saved." in tf_log


@cites("If set, `max_steps` must be `None`.", "If set, `steps` must be `None`.")
def test_steps_and_max_steps_exclude_each_other(tmp_path):
    with pytest.raises(ValueError, match="Can not provide both steps and max_steps"):
        linear_model.estimator(tmp_path).train(train_input, steps=1, max_steps=1)


@cites("If `None`, train forever.")
def test_without_a_number_of_steps_only_something_else_ends_training(tmp_path):
    class Stop(v1.train.SessionRunHook):
        runs = 0

        def after_run(self, run_context, run_values):
            self.runs += 1
            if self.runs == 37:
                run_context.request_stop()

    estimator = linear_model.estimator(tmp_path).train(train_input, hooks=[Stop()])
    assert global_step(estimator) == 37


@cites("List of `BaseMonitor` subclass instances.", "Used for callbacks inside the training loop.")
def test_training_hooks(tmp_path):
    hook = linear_model.Recorder()
    estimator = linear_model.estimator(tmp_path)
    estimator.train(train_input, steps=3, hooks=[hook])
    assert (hook.runs, hook.calls) == (3, [("begin", "recorder"), ("end", "recorder")])
    with pytest.raises(TypeError, match="Hooks must be a SessionRunHook"):
        estimator.train(train_input, steps=3, hooks=["no hook"])


# Evaluation


@cites(
    "Evaluates given model with provided evaluation data.",
    "Returns `dict` with evaluation results.",
    "The return value is a dict containing the metrics specified in `metrics`, as well as an entry `global_step` "
    "which contains the value of the global step for which this evaluation was performed.",
    "If `x` is provided, and all items in `x` have been processed.",
    "If `None`, evaluate until `x` is consumed or `input_fn` raises an end-of-input exception.",
)
def test_evaluation_of_all_items(trained):
    result = trained.evaluate(eval_input)
    w = trained.get_variable_value("w")
    assert set(result) == {"mae", "loss", "global_step"}
    assert result["global_step"] == 10
    np.testing.assert_allclose(result["mae"], np.mean(np.abs(2 * X - w * X)), rtol=1e-5)
    np.testing.assert_allclose(result["loss"], np.mean((2 * X - w * X) ** 2), rtol=1e-5)


@cites(
    "Stop conditions - we evaluate on the given input data until one of the following:",
    "If `steps` is provided, and `steps` batches of size `batch_size` are processed.",
    "Number of steps for which to evaluate model.",
    'See "Stop conditions" above for specifics.',
)
def test_evaluation_of_some_batches(trained):
    hook = linear_model.Recorder()
    result = trained.evaluate(lambda: eval_input().repeat(), steps=1, hooks=[hook])
    first = X[:4]
    w = trained.get_variable_value("w")
    assert hook.runs == 1
    np.testing.assert_allclose(result["mae"], np.mean(np.abs(2 * first - w * first)), rtol=1e-5)


def until_out_of_range():
    """Three batches of a queue, which then raises OutOfRangeError."""
    x = v1.train.batch([v1.train.input_producer(X, num_epochs=3, shuffle=False).dequeue()], 8)
    return {"x": x}, 2 * x


def until_stop_iteration():
    """Three batches of a Python source, which then raises StopIteration."""
    batches = iter([X, X, X])
    x = v1.py_func(lambda: next(batches), [], tf.float32)
    x.set_shape([8, 1])
    return {"x": x}, 2 * x


ENDING = [until_out_of_range, until_stop_iteration]


@cites(
    "If `input_fn` is provided, and it raises an end-of-input exception (`OutOfRangeError` or `StopIteration`).",
    "If `steps` is not provided, this should raise `OutOfRangeError` or `StopIteration` after the desired amount of "
    "data (e.g., one epoch) has been provided.",
)
@pytest.mark.parametrize("input_fn", ENDING)
def test_evaluation_ends_with_the_input(input_fn, trained):
    hook = linear_model.Recorder()
    result = trained.evaluate(input_fn, hooks=[hook])
    assert hook.runs == 3
    assert result["global_step"] == 10


@cites(
    "Name of the evaluation if user needs to run multiple evaluations on different data sets, "
    "such as on training data vs test data."
)
def test_named_evaluations_are_kept_apart(trained):
    for name in (None, "train", "test"):
        trained.evaluate(eval_input, name=name)
        directory = Path(trained.model_dir, f"eval_{name}" if name else "eval")
        assert str(directory) == trained.eval_dir(name)
        assert list(directory.glob("events.out.tfevents.*"))


@cites(
    "Path of a specific checkpoint to evaluate.", "If `None`, the latest checkpoint in `model_dir` is used."
)
def test_evaluation_of_a_given_checkpoint(trained):
    older = trained.evaluate(eval_input, checkpoint_path=f"{trained.model_dir}/model.ckpt-5")
    latest = trained.evaluate(eval_input)
    assert (older["global_step"], latest["global_step"]) == (5, 10)
    assert older["loss"] > latest["loss"]


@cites("List of `SessionRunHook` subclass instances.", "Used for callbacks inside the evaluation call.")
def test_evaluation_hooks(trained):
    hook = linear_model.Recorder()
    trained.evaluate(eval_input, hooks=[hook])
    assert (hook.runs, hook.calls) == (2, [("begin", "recorder"), ("end", "recorder")])
    with pytest.raises(TypeError, match="Hooks must be a SessionRunHook"):
        trained.evaluate(eval_input, hooks=[object()])


@cites("If `metrics` is not `None` or `dict`.")
def test_metrics_that_are_no_dict(trained):
    model = linear_model.model_with(eval_metric_ops=[1, 2])
    with pytest.raises(ValueError, match="eval_metric_ops must be a dict"):
        linear_model.estimator(trained.model_dir, model).evaluate(eval_input)
    without = linear_model.estimator(trained.model_dir, linear_model.model_with(eval_metric_ops=None))
    assert set(without.evaluate(eval_input)) == {"loss", "global_step"}


# Prediction


@cites(
    "Returns predictions for given features.",
    "Evaluated values of `predictions` tensors.",
    "If `None`, returns all.",
    "If it returns a tuple, first item is extracted as features.",
)
def test_predictions(trained):
    w = trained.get_variable_value("w")
    for input_fn in (eval_input, lambda: eval_input().map(lambda features, labels: features)):
        predictions = list(trained.predict(input_fn))
        assert len(predictions) == len(X)
        for x, prediction in zip(X, predictions, strict=True):
            assert set(prediction) == {"y", "twice"}
            np.testing.assert_allclose(prediction["y"], w[0] * x, rtol=1e-5)


@cites(
    "Input function returning features which is a dictionary of string feature name to `Tensor` or `SparseTensor`."
)
def test_predictions_from_sparse_features(trained):
    def model_fn(features, labels, mode):
        return linear_model.model_fn({"x": tf.sparse.to_dense(features["x"])}, labels, mode)

    def input_fn():
        sparse = tf.sparse.from_dense(tf.constant([[0.0], [3.0]]))
        return tf.data.Dataset.from_tensors({"x": sparse})

    estimator = linear_model.estimator(trained.model_dir, model_fn)
    values = [prediction["y"][0] for prediction in estimator.predict(input_fn)]
    np.testing.assert_allclose(values, [0, 3 * trained.get_variable_value("w")[0, 0]], rtol=1e-5)


@cites(
    "Prediction continues until `input_fn` raises an end-of-input exception "
    "(`OutOfRangeError` or `StopIteration`)."
)
@pytest.mark.parametrize("input_fn", ENDING)
def test_prediction_ends_with_the_input(input_fn, trained):
    assert len(list(trained.predict(input_fn))) == 24


@cites(
    "list of `str`, name of the keys to predict.",
    "It is used if the `EstimatorSpec.predictions` is a `dict`.",
    "If `predict_keys` is used then rest of the predictions will be filtered from the dictionary.",
)
def test_predict_keys(trained):
    assert set(next(trained.predict(eval_input, ["twice"]))) == {"twice"}
    assert set(next(trained.predict(eval_input, predict_keys=["twice", "y", "other"]))) == {"twice", "y"}


@cites(
    "If there is a conflict between `predict_keys` and `predictions`.",
    "For example if `predict_keys` is not `None` but `EstimatorSpec.predictions` is not a `dict`.",
)
def test_predict_keys_that_do_not_fit(trained):
    with pytest.raises(ValueError, match="Expected to run at least one output from"):
        next(trained.predict(eval_input, ["other"]))
    single = linear_model.estimator(
        trained.model_dir, linear_model.model_with(predictions=lambda features: features["x"])
    )
    np.testing.assert_array_equal(list(single.predict(eval_input)), X)
    with pytest.raises(ValueError, match="not valid in case of non-dict predictions"):
        next(single.predict(eval_input, ["y"]))


@cites("Used for callbacks inside the prediction call.")
def test_prediction_hooks(trained):
    hook = linear_model.Recorder()
    assert len(list(trained.predict(eval_input, hooks=[hook]))) == 8
    assert (hook.runs, hook.calls) == (2, [("begin", "recorder"), ("end", "recorder")])


@cites("Path of a specific checkpoint to predict.")
def test_prediction_of_a_given_checkpoint(trained):
    fresh = list(trained.predict(eval_input, checkpoint_path=f"{trained.model_dir}/model.ckpt-0"))
    assert [prediction["y"][0] for prediction in fresh] == [0] * 8


@cites("Could not find a trained model in model_dir.")
def test_prediction_without_a_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="Could not find trained model in model_dir"):
        next(linear_model.estimator(tmp_path).predict(eval_input))


@cites("if batch length of predictions are not same.")
def test_predictions_of_different_lengths(trained):
    model = linear_model.model_with(predictions=lambda features: {"a": features["x"], "b": features["x"][:1]})
    with pytest.raises(ValueError, match="Batch length of predictions should be same. b has different"):
        next(linear_model.estimator(trained.model_dir, model).predict(eval_input))


# Variables


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


# Export


@cites(
    "export_savedmodel(self, export_dir_base, serving_input_receiver_fn, assets_extra=None, as_text=False, "
    "checkpoint_path=None)"
)
def test_export_signature():
    empty = inspect.Parameter.empty
    assert parameters(Estimator.export_savedmodel)[:6] == [
        ("self", empty),
        ("export_dir_base", empty),
        ("serving_input_receiver_fn", empty),
        ("assets_extra", None),
        ("as_text", False),
        ("checkpoint_path", None),
    ]


def answer(path, key="serving_default", x=3.0):
    """What one signature of an export answers to one request."""
    with tf.Graph().as_default(), v1.Session() as session:
        signature = v1.saved_model.load(session, ["serve"], path).signature_def[key]
        (asked,) = signature.inputs.values()
        fetches = {name: info.name for name, info in signature.outputs.items()}
        return session.run(fetches, {asked.name: [[x]]})


@cites(
    "Exports inference graph as a SavedModel into given dir.",
    "It restores the given checkpoint (or, lacking that, the most recent checkpoint) into this graph in a fresh "
    "session.",
    "The checkpoint path to export.",
    "If `None` (the default), the most recent checkpoint found within the model directory is chosen.",
)
def test_export_restores_a_checkpoint(trained, tmp_path):
    latest = trained.export_savedmodel(str(tmp_path / "latest"), raw_receiver)
    older = trained.export_savedmodel(
        str(tmp_path / "older"), raw_receiver, checkpoint_path=f"{trained.model_dir}/model.ckpt-0"
    )
    np.testing.assert_allclose(answer(latest)["y"], 3 * trained.get_variable_value("w"), rtol=1e-5)
    np.testing.assert_array_equal(answer(older)["y"], [[0]])


@cites(
    "This method builds a new graph by first calling the serving_input_receiver_fn to obtain feature `Tensor`s, and "
    "then calling this `Estimator`'s model_fn to generate the model graph based on those features.",
    "A function that takes no argument and returns a `ServingInputReceiver`.",
)
def test_export_builds_a_new_graph(trained, tmp_path):
    calls = []

    def receiver():
        calls.append(("receiver", v1.get_default_graph()))
        return raw_receiver()

    def model_fn(features, labels, mode):
        calls.append(("model", v1.get_default_graph()))
        assert (labels, mode) == (None, ModeKeys.PREDICT)
        assert features["x"].op.name == "x"
        return linear_model.model_fn(features, labels, mode)

    linear_model.estimator(trained.model_dir, model_fn).export_savedmodel(str(tmp_path), receiver)
    (first, graph), (second, same) = calls
    assert (first, second) == ("receiver", "model")
    assert graph is same is not v1.get_default_graph()


@cites(
    "Finally it creates a timestamped export directory below the given export_dir_base, and writes a `SavedModel` "
    "into it containing a single `MetaGraphDef` saved from this session.",
    "A string containing a directory in which to create timestamped subdirectories containing exported SavedModels.",
    "The string path to the exported directory.",
)
def test_export_directory(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1790000000.5)
    path = trained.export_savedmodel(str(tmp_path), raw_receiver)
    assert isinstance(path, str)
    assert path == path.decode() == str(tmp_path / "1790000000")
    assert [entry.name for entry in tmp_path.iterdir()] == ["1790000000"]
    assert len(saved_model_proto(path).meta_graphs) == 1


def saved_model_proto(path):
    # The public loader reads one meta graph; the file itself says how many there are.
    message = saved_model_pb2.SavedModel()
    message.ParseFromString(Path(path, "saved_model.pb").read_bytes())
    return message


@cites(
    "The exported `MetaGraphDef` will provide one `SignatureDef` for each element of the export_outputs dict returned "
    "from the model_fn, named using the same keys.",
    "One of these keys is always signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY, indicating which signature "
    "will be served when a serving request does not specify one.",
    "For each signature, the outputs are provided by the corresponding `ExportOutput`s, and the inputs are always the "
    "input receivers provided by the serving_input_receiver_fn.",
)
def test_export_signatures(trained, tmp_path):
    model = linear_model.model_with(
        export_outputs=lambda features: {
            "serving_default": export.PredictOutput({"x": features["x"]}),
            "plus": export.PredictOutput({"plus": features["x"] + 1}),
        }
    )
    path = linear_model.estimator(trained.model_dir, model).export_savedmodel(
        str(tmp_path / "two"), raw_receiver
    )
    signatures = saved_model_proto(path).meta_graphs[0].signature_def
    assert set(signatures) == {"serving_default", "plus"}
    assert [set(signatures[key].inputs) for key in signatures] == [{"x"}, {"x"}]
    assert answer(path) == {"x": [[3]]}
    assert answer(path, "plus") == {"plus": [[4]]}

    single = linear_model.model_with(export_outputs=lambda f: {"only": export.PredictOutput(f["x"])})
    path = linear_model.estimator(trained.model_dir, single).export_savedmodel(
        str(tmp_path / "single"), raw_receiver
    )
    assert set(saved_model_proto(path).meta_graphs[0].signature_def) == {"only", "serving_default"}

    several = linear_model.model_with(
        export_outputs=lambda f: {"a": export.PredictOutput(f["x"]), "b": export.PredictOutput(f["x"])}
    )
    with pytest.raises(ValueError, match="none of them are specified as the default"):
        linear_model.estimator(trained.model_dir, several).export_savedmodel(
            str(tmp_path / "several"), raw_receiver
        )


@cites(
    "Extra assets may be written into the SavedModel via the extra_assets argument.",
    "This should be a dict, where each key gives a destination path (including the filename) relative to the "
    "assets.extra directory.",
    "The corresponding value gives the full path of the source file to be copied.",
    "For example, the simple case of copying a single file without renaming it is specified as "
    "`{'my_asset_file.txt': '/path/to/my_asset_file.txt'}`.",
    "A dict specifying how to populate the assets.extra directory within the exported SavedModel, or `None` if no "
    "extra assets are needed.",
)
def test_extra_assets(trained, tmp_path):
    source = tmp_path / "my_asset_file.txt"
    source.write_text("warm up")
    path = trained.export_savedmodel(
        str(tmp_path / "with"),
        raw_receiver,
        assets_extra={"my_asset_file.txt": str(source), "deep/er/renamed.txt": str(source)},
    )
    assert Path(path, "assets.extra", "my_asset_file.txt").read_text() == "warm up"
    assert Path(path, "assets.extra", "deep", "er", "renamed.txt").read_text() == "warm up"
    without = trained.export_savedmodel(str(tmp_path / "without"), raw_receiver, assets_extra=None)
    assert not Path(without, "assets.extra").exists()


@cites("whether to write the SavedModel proto in text format.")
def test_export_as_text(trained, tmp_path):
    for as_text, name in ((False, "saved_model.pb"), (True, "saved_model.pbtxt")):
        path = trained.export_savedmodel(str(tmp_path / name), raw_receiver, as_text=as_text)
        assert [entry.name for entry in Path(path).glob("saved_model.*")] == [name]
        np.testing.assert_allclose(answer(path)["y"], 3 * trained.get_variable_value("w"), rtol=1e-5)


@cites(
    "if no serving_input_receiver_fn is provided, no export_outputs are provided, or no checkpoint can be found."
)
def test_exports_that_cannot_be_made(trained, tmp_path):
    base = tmp_path / "exports"
    with pytest.raises(ValueError, match="input_receiver_fn must be defined"):
        trained.export_savedmodel(str(base), None)
    empty = linear_model.estimator(trained.model_dir, linear_model.model_with(export_outputs={}))
    with pytest.raises(ValueError, match="export_outputs must be provided"):
        empty.export_savedmodel(str(base), raw_receiver)
    with pytest.raises(ValueError, match="Couldn't find trained model at"):
        linear_model.estimator(tmp_path / "untrained").export_savedmodel(str(base), raw_receiver)
    assert not base.exists() or not list(base.iterdir())
