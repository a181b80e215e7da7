"""Metrics of Keras 3 that cannot be part of an evaluation: refused in words that say what to do."""

import pytest
import tensorflow as tf
from keras_metrics import InBranch, InBranchOfFunction, evaluated, metrics, updated
from linear_model import Y, v1

from estimator_runtime import EstimatorSpec, ModeKeys
from estimator_runtime.errors import MetricsError


def test_a_metric_that_was_not_updated_is_refused(trained):
    with pytest.raises(MetricsError, match=r'Please call update_state\(...\) on the "mean" metric'):
        evaluated(trained, lambda labels, y: {"mean": metrics.Mean()})


@pytest.mark.parametrize("kind", [metrics.Mean, metrics.R2Score])
def test_a_metric_made_outside_of_the_model_function_is_refused_by_name(trained, kind):
    outside = kind(name="outside")
    given = (1,) if kind is metrics.Mean else (2,)

    def make(labels, y):
        return {"outside": updated(outside, *[labels, y][: given[0]])}

    for _ in range(2):
        try:
            evaluated(trained, make)
        except MetricsError as error:
            assert "metric outside was made outside of this call of model_fn" in str(error)  # noqa: PT017
            break
    else:
        raise AssertionError("it was taken twice")


def test_a_metric_of_another_graph_is_refused_by_name():
    with tf.Graph().as_default():
        other = updated(metrics.Mean(name="other"), tf.constant([1.0]))
    with tf.Graph().as_default(), pytest.raises(MetricsError, match="Keras metric other was made outside"):
        EstimatorSpec(ModeKeys.EVAL, loss=tf.constant(1.0), eval_metric_ops={"other": other})


@pytest.mark.parametrize("v2", [True, False])
def test_an_update_in_a_branch_that_no_graph_would_run_is_refused(trained, v2):
    enabled = v1.control_flow_v2_enabled()
    if not v2:
        v1.disable_control_flow_v2()
    try:
        with pytest.raises(
            MetricsError, match=r"assigned in a tf.cond .* Put @tf.function on its update_state"
        ):
            evaluated(trained, lambda labels, y: {"own": updated(InBranch(), labels)})
        if not v2:
            results = evaluated(trained, lambda labels, y: {"own": updated(InBranchOfFunction(), labels)})
            assert results["own"] == pytest.approx(Y[4:].sum())
    finally:
        if enabled:
            v1.enable_control_flow_v2()


def test_a_pair_with_what_update_state_returns_is_told_to_be_the_metric(trained):
    def make(labels, y):
        metric = metrics.Mean()
        return {"mean": (metric.result(), metric.update_state(y))}

    with pytest.raises(MetricsError, match="given: None .*give the metric itself in place of the pair"):
        evaluated(trained, make)


NOT_COUNTED = {
    "no operation": lambda metric, labels: tf.no_op(),
    "its value": lambda metric, labels: metric.result(),
    # Keras assigns, and returns what it has assigned.
    "what an assignment returns": lambda metric, labels: metric.total.assign_add(tf.reduce_sum(labels)),
    "another metric's update": lambda metric, labels: v1.metrics.mean(labels)[1],
}


@pytest.mark.parametrize("update", NOT_COUNTED)
def test_a_pair_whose_update_takes_no_batch_into_the_metric_is_refused(trained, update):
    """Its value would be 0, without a word."""

    def make(labels, y):
        metric = updated(metrics.Mean(), labels)
        return {"mean": (metric.result(), NOT_COUNTED[update](metric, labels))}

    with pytest.raises(MetricsError, match=r"eval_metric_ops\[mean\] .*Give the metric itself in place"):
        evaluated(trained, make)


def test_other_errors_of_a_model_function_are_left_alone(trained):
    def make(labels, y):
        raise ValueError("an error of its own")

    with pytest.raises(ValueError, match=r"^an error of its own$") as raised:
        evaluated(trained, make)
    assert not isinstance(raised.value, MetricsError)
