"""Metrics of Keras 3 on a strategy's replicas: over all of them, as on one device."""

import pytest
import replicated
import tensorflow as tf
from replicated import X, Y, v1

from estimator_runtime import Estimator, EstimatorSpec

REPLICATED = ("mirrored", "mirrored v1", "mirrored on one", "one", "one v1")
CENTRAL = ("central", "central v1")


@pytest.fixture(scope="module")
def in_two_devices():
    """Calls a function in a process that has two CPU devices."""
    with replicated.executor() as executor:
        yield lambda function, *args, **kwargs: executor.submit(function, *args, **kwargs).result()


def updated(metric, *arguments):
    metric.update_state(*arguments)
    return metric


def model_fn(features, labels, mode):
    y = replicated.by_get_variable(features["x"])
    loss = replicated.mean(labels, y)
    metrics = tf.keras.metrics
    positive, score = tf.cast(labels > 12, tf.float32), tf.sigmoid(labels - 11)
    twice = updated(updated(metrics.Mean(), labels), 3 * labels)
    return EstimatorSpec(
        mode,
        loss=loss,
        train_op=replicated.descent(loss),
        eval_metric_ops={
            "mae": updated(metrics.MeanAbsoluteError(), labels, y),
            "reference": v1.metrics.mean_absolute_error(labels, y),
            "twice": twice,
            "sum": updated(metrics.Sum(), labels),
            "recall": updated(metrics.Recall(), positive, score),
            "auc": updated(metrics.AUC(), positive, score),
            "iou": updated(metrics.MeanIoU(2), positive, tf.cast(score > 0.5, tf.int32)),
            "r2": updated(metrics.R2Score(), labels, y),
        },
    )


def trained_and_evaluated(model_dir, train, evaluate):
    estimator = Estimator(model_fn, str(model_dir), replicated.config(train, evaluate))
    estimator.train(replicated.train_input, steps=2)
    results = [estimator.evaluate(replicated.batches_of_two) for _ in range(2)]
    names = estimator.get_variable_names()
    return [{name: float(value) for name, value in result.items()} for result in results], names


@pytest.mark.parametrize("strategy", REPLICATED)
def test_values_are_over_all_replicas(in_two_devices, tmp_path, strategy):
    (alone, _), _ = in_two_devices(trained_and_evaluated, tmp_path / "alone", None, None)
    assert alone["mae"] == pytest.approx(alone["reference"])
    assert alone["twice"] == pytest.approx(2 * Y.mean())
    assert alone["sum"] == pytest.approx(Y.sum())
    results, _ = in_two_devices(trained_and_evaluated, tmp_path / "replicated", None, strategy)
    for result in results:
        assert result == pytest.approx(alone)


@pytest.mark.parametrize("strategy", REPLICATED)
def test_checkpoints_of_a_training_on_replicas_have_no_variables_of_metrics(
    in_two_devices, tmp_path, strategy
):
    results, names = in_two_devices(trained_and_evaluated, tmp_path, strategy, strategy)
    assert names == ["global_step", "w"]
    assert results[0]["global_step"] == 2
    assert results[0]["mae"] == pytest.approx(results[0]["reference"])
    assert len(X) == 8


def trained_on(model_dir, strategy):
    estimator = Estimator(model_fn, str(model_dir), replicated.config(strategy))
    estimator.train(replicated.train_input, steps=2)
    result = estimator.evaluate(replicated.batches_of_two)
    return {name: float(value) for name, value in result.items()}, estimator.get_variable_names()


@pytest.mark.parametrize("strategy", CENTRAL)
def test_a_training_on_central_storage_is_evaluated_on_one_device(in_two_devices, tmp_path, strategy):
    result, names = in_two_devices(trained_on, tmp_path, strategy)
    assert names == ["global_step", "w"]
    assert result["mae"] == pytest.approx(result["reference"])
    assert result["sum"] == pytest.approx(Y.sum())


def refused_on(model_dir, strategy):
    estimator = Estimator(model_fn, str(model_dir), replicated.config("mirrored", strategy))
    estimator.train(replicated.train_input, steps=2)
    with pytest.raises(
        ValueError, match="variables the 2 replicas of a CentralStorageStrategy share"
    ) as raised:
        estimator.evaluate(replicated.batches_of_two)
    return type(raised.value).__name__


@pytest.mark.parametrize("strategy", CENTRAL)
def test_an_evaluation_on_central_storage_is_refused(in_two_devices, tmp_path, strategy):
    """The variables would be assigned the sum over the replicas of all batches so far, at each batch."""
    assert in_two_devices(refused_on, tmp_path, strategy) == "MetricsError"
