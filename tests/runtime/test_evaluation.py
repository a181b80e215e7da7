"""Evaluation: what it returns, what it writes, which variables it uses."""

import re
from pathlib import Path

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import Recorder, X, eval_input, v1
from tensorflow.python.training import evaluation as internals

from estimator_runtime import BestExporter, Estimator, EstimatorNotTrainedError, ModeKeys


class Failing(v1.train.SessionRunHook):
    """Fails at the first batch."""

    def before_run(self, run_context):
        raise ZeroDivisionError


def model_with_metrics(make):
    """A model function whose evaluation has the metrics that `make(labels, y)` returns."""

    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        metrics = make(labels, y) if mode == ModeKeys.EVAL else None
        return linear_model.spec(mode, y, labels, eval_metric_ops=metrics)

    return model_fn


def evaluated(trained, model_fn, **kwargs):
    return linear_model.estimator(trained.model_dir, model_fn).evaluate(eval_input, **kwargs)


def summary_values(directory):
    values = []
    for file in sorted(Path(directory).glob("events.out.tfevents.*")):
        for event in v1.train.summary_iterator(str(file)):
            values += [(event.step, value) for value in event.summary.value]
    return values


def test_the_loss_is_the_mean_over_batches(trained):
    def unequal():
        return tf.data.Dataset.from_tensor_slices(({"x": X}, 2 * X)).batch(6)

    result = trained.evaluate(unequal)
    squared = ((2 - trained.get_variable_value("w")) * X) ** 2
    assert result["loss"] == pytest.approx((squared[:6].mean() + squared[6:].mean()) / 2)


@pytest.mark.parametrize(("name", "quoted"), [("loss", '"loss"'), ("global_step", "`global_step`")])
def test_names_that_a_metric_must_not_have(name, quoted, trained):
    model_fn = model_with_metrics(lambda labels, y: {name: v1.metrics.mean(y)})
    with pytest.raises(ValueError, match=f"Metric with name {quoted} is not allowed"):
        evaluated(trained, model_fn)


def test_the_result_is_written_as_summaries(trained, tf_log):
    def metrics(labels, y):
        inner = v1.summary.scalar("inner", tf.constant(3.0))
        return {
            "number": v1.metrics.mean(y),
            "count": (tf.constant(3), tf.no_op()),
            "vector": (tf.constant([1.0, 2.0]), tf.no_op()),
            "summary": (inner, tf.no_op()),
            "pair": ((tf.constant(1.0), tf.constant(2.0)), tf.no_op()),
        }

    result = evaluated(trained, model_with_metrics(metrics), name="kinds")
    assert list(result) == ["count", "loss", "number", "pair", "summary", "vector", "global_step"]
    assert result["pair"] == (1, 2)
    directory = trained.eval_dir("kinds")
    written = {value.tag: value for step, value in summary_values(directory) if step == 10}
    assert list(written) == ["count", "loss", "number", "summary/0", "vector", "checkpoint_path"]
    assert written["count"].simple_value == 3
    assert written["summary/0"].simple_value == 3
    np.testing.assert_array_equal(tf.make_ndarray(written["vector"].tensor), [1, 2])
    (path,) = tf.make_ndarray(written["checkpoint_path"].tensor).reshape(-1)
    assert path.decode() == trained.latest_checkpoint()
    assert [line for line in tf_log if line.startswith("Skipping summary for pair, must be a float")]


def test_the_result_is_logged_in_the_order_of_names(trained, tf_log):
    result = trained.evaluate(eval_input)
    assert (
        f"Saving dict for global step 10: global_step = 10, loss = {result['loss']!s}, mae = {result['mae']!s}"
        in (tf_log)
    )


def test_progress_is_logged(trained, tf_log):
    trained.evaluate(lambda: eval_input().repeat(), steps=20)
    assert [line for line in tf_log if line.startswith("Evaluation [")] == [
        f"Evaluation [{step}/20]" for step in range(2, 21, 2)
    ]


def test_begin_and_end_are_logged_in_tf_estimators_words(trained, tf_log):
    trained.evaluate(eval_input)
    words = [line.partition(" at ")[0].partition(" : ")[0] for line in tf_log]
    told = [one for one in words if "valuation" in one or one == "Inference Time"]
    assert told == ["Starting evaluation", "Inference Time", "Finished evaluation"]
    begin, end = (line.partition(" at ")[2] for line in tf_log if " evaluation at " in line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", begin)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d", end)


def test_an_evaluation_that_fails_has_not_finished(trained, tf_log):
    with pytest.raises(ZeroDivisionError):
        trained.evaluate(eval_input, hooks=[Failing()])
    assert [line for line in tf_log if "Starting evaluation" in line]
    assert not [line for line in tf_log if "Finished evaluation" in line]


def test_without_a_checkpoint(tmp_path, tf_log):
    with pytest.raises(EstimatorNotTrainedError, match="Could not find trained model in model_dir"):
        linear_model.estimator(tmp_path).evaluate(eval_input)
    fresh = Estimator(linear_model.model_fn, str(tmp_path), fresh_variables_if_untrained=True)
    result = fresh.evaluate(eval_input)
    assert (result["global_step"], result["mae"]) == (0, np.mean(2 * X))
    assert (
        f"Could not find trained model in model_dir: {tmp_path}, running initialization to evaluate."
        in tf_log
    )


def test_a_checkpoint_that_is_not_there(trained):
    with pytest.raises((tf.errors.OpError, ValueError)):
        trained.evaluate(eval_input, checkpoint_path=f"{trained.model_dir}/model.ckpt-7")


@pytest.mark.parametrize("steps", [0, -3])
def test_a_number_of_batches_is_positive(steps, trained):
    with pytest.raises(ValueError, match=f"Must specify steps > 0, given: {steps}"):
        trained.evaluate(eval_input, steps=steps)


def test_hooks_of_the_model(trained):
    calls = []
    model_fn = linear_model.model_with(evaluation_hooks=[Recorder("model", calls)])
    evaluated(trained, model_fn, hooks=[Recorder("user", calls)])
    assert calls == [("begin", "user"), ("begin", "model"), ("end", "user"), ("end", "model")]


def test_hooks_and_counters_that_tf_slim_hands_on(trained):
    """StopAfterNEvalsHook and get_or_create_eval_step there."""
    counters, seen = [], []

    class Batches(v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            seen.append(run_values)

    def model_fn(features, labels, mode):
        counters.append(internals._get_or_create_eval_step())
        return linear_model.spec(mode, linear_model.linear(features["x"]), labels)

    hooks = [internals._StopAfterNEvalsHook(3), Batches()]
    Estimator(model_fn, trained.model_dir).evaluate(lambda: eval_input().repeat(), hooks=hooks)
    assert len(seen) == 3
    assert counters[0].graph.get_collection(v1.GraphKeys.EVAL_STEP) == counters


def test_two_counters_of_batches_are_refused(trained):
    def model_fn(features, labels, mode):
        for name in "ab":
            v1.add_to_collection(v1.GraphKeys.EVAL_STEP, v1.get_variable(name, [], collections=["mine"]))
        return linear_model.spec(mode, linear_model.linear(features["x"]), labels)

    with pytest.raises(ValueError, match=r"Multiple tensors added to tf.GraphKeys.EVAL_STEP"):
        evaluated(trained, model_fn)


def test_a_local_init_op_of_the_model_is_run_beside_the_default_one(trained):
    def model_fn(features, labels, mode):
        offset = v1.get_variable("offset", [], trainable=False, collections=["mine"])
        y = linear_model.linear(features["x"])
        scaffold = v1.train.Scaffold(local_init_op=v1.assign(offset, 5.0))
        metrics = {"offset": (offset.read_value(), tf.no_op()), "mean": v1.metrics.mean(y)}
        return linear_model.spec(mode, y, labels, scaffold=scaffold, eval_metric_ops=metrics)

    result = evaluated(trained, model_fn)
    assert (result["offset"], result["global_step"]) == (5, 10)


def test_several_evaluations_of_one_directory_have_an_event_file_each(trained):
    for number in (1, 2):
        trained.evaluate(eval_input, name="twice")
        assert len(list(Path(trained.eval_dir("twice")).glob("events*"))) == number
    assert [value.tag for _, value in summary_values(trained.eval_dir("twice"))].count("mae") == 2


# Metrics of Keras


class LegacyMetric:
    """What a metric of legacy Keras looks like to the Estimator."""

    def __init__(self, called=True):
        self.total = v1.get_variable("legacy_total", [], initializer=v1.zeros_initializer(), trainable=False)
        self.variables = [self.total]
        self.updates = [v1.assign_add(self.total, 1.0)] if called else []

    def update_state(self, value):
        raise AssertionError("already called by the model function")

    def result(self):
        return self.total * 10


def test_a_metric_of_legacy_keras(trained):
    """Its state is local: it is initialised for the evaluation, not looked for in the checkpoint."""

    def metrics(labels, y):
        with v1.variable_scope("", reuse=v1.AUTO_REUSE):
            metric = LegacyMetric()
        v1.get_default_graph().get_collection_ref(v1.GraphKeys.GLOBAL_VARIABLES).remove(metric.total)
        return {"legacy": metric}

    assert evaluated(trained, model_with_metrics(metrics), steps=2)["legacy"] == 20


def test_a_metric_of_legacy_keras_that_is_not_updated(trained):
    model_fn = model_with_metrics(lambda labels, y: {"legacy": LegacyMetric(called=False)})
    with pytest.raises(ValueError, match="Please call update_state"):
        evaluated(trained, model_fn)


def test_a_metric_that_is_a_string_is_returned_and_no_summary(trained, tf_log):
    model = linear_model.model_with(
        eval_metric_ops=lambda features: {"note": (tf.constant("hello world"), tf.no_op())}
    )
    evaluated = linear_model.estimator(trained.model_dir, model)
    result = evaluated.evaluate(linear_model.eval_input)
    assert result["note"] == b"hello world"
    assert "loss" in result
    (line,) = [line for line in tf_log if "Skipping summary for note" in line]
    assert "serialized Summary" in line


def nothing():
    return eval_input().take(0)


def test_an_evaluation_of_nothing_is_said_and_writes_no_metrics(tmp_path, tf_log):
    estimator = linear_model.estimator(tmp_path).train(linear_model.train_input, steps=5)
    result = estimator.evaluate(nothing)
    # Programs index the result, so the names and the metrics' first values are there as in tf.estimator.
    assert result == {"loss": 0.0, "mae": 0.0, "global_step": 5}
    assert [line for line in tf_log if "The evaluation ran no batch" in line]
    assert summary_values(estimator.eval_dir()) == []


def test_an_evaluation_of_nothing_is_never_the_best(tmp_path):
    estimator = linear_model.estimator(tmp_path).train(linear_model.train_input, steps=5)
    exporter = BestExporter("best", linear_model.raw_receiver)
    path = str(tmp_path / "export" / "best")

    def exported(input_fn):
        return exporter.export(
            estimator, path, estimator.latest_checkpoint(), estimator.evaluate(input_fn), False
        )

    assert exported(nothing) is None
    assert exported(eval_input)
    assert exported(nothing) is None


@pytest.mark.parametrize("name", [3, b"a"])
def test_a_name_that_is_no_string_is_refused_before_anything_is_read(trained, name):
    with pytest.raises(TypeError, match="^The name of an evaluation is a string, given: "):
        trained.evaluate(lambda: pytest.fail("read"), name=name)
