"""What a user's function declares decides what it is called with: decorators and keyword-only arguments."""

import functools

import linear_model
import pytest
from linear_model import eval_input, train_input

from estimator_runtime import BestExporter, Estimator, RunConfig, add_metrics, arguments


def steps_of(model_fn, tmp_path, input_fn=train_input, **kwargs):
    estimator = Estimator(model_fn, tmp_path / "model", **kwargs).train(input_fn, steps=2)
    return estimator.get_variable_value("global_step")


def doubled(features, labels, mode, factor):
    return linear_model.spec(mode, factor * linear_model.linear(features["x"]), labels)


def giving_factor(function):
    @functools.wraps(function)
    def given(features, labels, mode):
        return function(features, labels, mode, factor=2.0)

    return given


def handing_on(function):
    @functools.wraps(function)
    def handed(*args, **kwargs):
        return function(*args, **kwargs)

    return handed


def test_an_argument_that_a_decorator_gives_is_not_the_estimators_to_give(tmp_path):
    assert steps_of(giving_factor(doubled), tmp_path) == 2


def test_a_decorator_that_hands_on_what_it_is_given_has_the_functions_arguments(tmp_path):
    assert steps_of(handing_on(linear_model.model_fn), tmp_path) == 2
    assert arguments.declared(handing_on(linear_model.model_fn)) == ("features", "labels", "mode")


def test_an_input_function_is_not_passed_what_its_decorator_gives(tmp_path):
    def batches(params, mode):
        assert mode == "train"
        return train_input().take(params["batches"])

    @functools.wraps(batches)
    def given(mode):
        return batches({"batches": 5}, mode)

    assert steps_of(linear_model.model_fn, tmp_path, given) == 2


def test_a_keyword_only_argument_with_a_default_is_the_functions_own(tmp_path):
    def model_fn(features, labels, mode, *, factor=2.0):
        return doubled(features, labels, mode, factor)

    assert steps_of(model_fn, tmp_path) == 2

    def metric_fn(predictions, *, name="mean"):
        return {name: linear_model.v1.metrics.mean(predictions["y"])}

    added = add_metrics(Estimator(model_fn, tmp_path / "model"), metric_fn)
    assert "mean" in added.evaluate(eval_input)

    def compare_fn(best_eval_result, current_eval_result, *, metric="loss"):
        return current_eval_result[metric] < best_eval_result[metric]

    assert BestExporter(serving_input_receiver_fn=list, compare_fn=compare_fn).name == "best_exporter"

    def device_fn(op, *, device="/cpu:0"):
        return device

    assert RunConfig(device_fn=device_fn).device_fn is device_fn


def without_default(features, labels, mode, *, factor):
    return doubled(features, labels, mode, factor)


def positional(features, labels, mode, factor=2.0, more=1.0):
    return doubled(features, labels, mode, factor * more)


@pytest.mark.parametrize("model_fn", [without_default, positional, functools.partial(positional, factor=1.0)])
def test_an_argument_that_nobody_fills_is_refused(model_fn):
    with pytest.raises(ValueError, match="has following not expected args"):
        Estimator(model_fn, "/nowhere")
