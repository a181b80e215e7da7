"""The document's sentences about train and evaluate."""

import inspect
from pathlib import Path

import linear_model
import numpy as np
import pytest
from document import cites, parameters, with_defaults
from linear_model import ENDING, X, eval_input, global_step, train_input, v1

from estimator_runtime import Estimator


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
