"""What of a model function takes a batch into a Keras 3 metric and what only reads it, held against NumPy."""

import linear_model
import pytest
import tensorflow as tf
from keras_metrics import InFunction, Sum, evaluated, metrics, updated
from linear_model import Y, eval_input, v1


def test_a_pair_is_taken_where_something_else_takes_the_batches_into_its_metric(trained):
    def make(labels, y):
        mean, in_function = updated(metrics.Mean(), labels), updated(InFunction(), labels)
        return {
            "mean": mean,
            "twice": (2 * mean.result(), tf.no_op()),
            "in a function": in_function,
            "half of that": (in_function.result() / 2, tf.no_op()),
            "sum": (mean.result() + in_function.result(), tf.no_op()),
        }

    results = evaluated(trained, make)
    assert results["twice"] == pytest.approx(2 * Y.mean())
    assert results["half of that"] == pytest.approx(Y.sum() / 2)
    assert results["sum"] == pytest.approx(Y.mean() + Y.sum())


def test_a_pair_is_taken_where_a_hook_of_the_models_takes_the_batches_into_its_metric(trained):
    class Runs(v1.train.SessionRunHook):
        def __init__(self, operation):
            self.operation = operation

        def before_run(self, run_context):
            return v1.train.SessionRunArgs(self.operation)

    def model_fn(features, labels, mode):
        metric = updated(InFunction(), labels)
        (call,) = [op for op in labels.graph.get_operations() if op.type == "StatefulPartitionedCall"]
        fields = {"own": (metric.result() + 0.0, tf.no_op())}
        return linear_model.spec(
            mode,
            linear_model.linear(features["x"]),
            labels,
            eval_metric_ops=fields,
            evaluation_hooks=[Runs(call)],
        )

    results = linear_model.estimator(trained.model_dir, model_fn).evaluate(eval_input)
    assert results["own"] == pytest.approx(Y.sum())


def read_in_branch(metric):
    return tf.cond(metric.result() > 1.0, lambda: metric.result() * 2, metric.result)


def read_in_case(metric):
    return tf.switch_case(tf.constant(1), [lambda: 0.0, lambda: metric.result() + 0.0])


def read_in_loop(metric):
    return tf.while_loop(lambda i, _: i < 2, lambda i, total: (i + 1, total + metric.result()), (0, 0.0))[1]


def read_in_nested_branch(metric):
    return tf.cond(metric.result() > 1.0, lambda: read_in_loop(metric), lambda: read_in_branch(metric))


def read_in_function(metric):
    return tf.function(lambda: metric.result() + 0.0)()


READ = (read_in_branch, read_in_case, read_in_loop, read_in_nested_branch, read_in_function)


@pytest.mark.parametrize("read", READ)
@pytest.mark.parametrize("v2", [True, False])
@pytest.mark.parametrize("when", ["before", "between"])
def test_a_result_that_is_read_in_a_branch_or_a_loop_is_no_update(trained, read, v2, when):
    """Also where update_state of the metric is called again afterwards."""
    enabled = v1.control_flow_v2_enabled()
    if not v2:
        v1.disable_control_flow_v2()

    def make(labels, y):
        metric = updated(Sum(), labels)
        shown = read(metric)
        if when == "between":
            metric.update_state(labels)
        v1.summary.scalar("shown", shown)
        return {"sum": metric}

    try:
        result = evaluated(trained, make)["sum"]
    finally:
        if enabled:
            v1.enable_control_flow_v2()
    assert result == pytest.approx(Y.sum() * (2 if when == "between" else 1))


class Clipped(Sum):
    """Assigns what a branch makes of its own value."""

    def update_state(self, values):
        more = tf.cond(self.total > 1.0, lambda: self.total + tf.reduce_sum(values), lambda: tf.constant(2.0))
        self.total.assign(more)


def test_an_update_may_assign_what_a_branch_returns(trained):
    results = evaluated(trained, lambda labels, y: {"own": updated(Clipped(), labels)})
    assert results["own"] == pytest.approx(2 + Y[4:].sum())
