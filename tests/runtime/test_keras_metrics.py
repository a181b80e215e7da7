"""Metrics of Keras 3 in `eval_metric_ops`, held against numbers worked out with NumPy."""

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from keras_metrics import (
    BOTH,
    Batches,
    ByName,
    InBranchOfFunction,
    InFunction,
    Order,
    Sum,
    evaluated,
    metrics,
    model,
    predicted,
    updated,
)
from linear_model import X, Y, eval_input, train_input, v1

from estimator_runtime import LinearRegressor, ModeKeys, add_metrics, experimental, export
from estimator_runtime.training.early_stopping import read_eval_metrics

# Values


def test_values_are_those_of_all_batches_of_each_evaluation(trained):
    def make(labels, y):
        return {"mean": updated(metrics.Mean(), y), "mse": updated(metrics.MeanSquaredError(), labels, y)}

    estimator = linear_model.estimator(trained.model_dir, model(make))
    for _ in range(2):
        results = estimator.evaluate(eval_input)
        y = predicted(trained)
        assert results["mean"] == pytest.approx(y.mean())
        assert results["mse"] == pytest.approx(np.square(y - Y).mean())
        assert results["mse"] == pytest.approx(results["loss"])
    assert estimator.evaluate(eval_input, steps=1)["mean"] == pytest.approx(y[:4].mean())


def test_a_metric_that_was_given_to_several_batches_counts_them_in_order(trained):
    results = evaluated(
        trained,
        lambda labels, y: {
            "both": updated(updated(metrics.Mean(), labels), 10 * labels),
            "three times": updated(updated(updated(Sum(), labels), labels), labels),
        },
    )
    assert results["both"] == pytest.approx(5.5 * Y.mean())
    assert results["three times"] == pytest.approx(3 * Y.sum())


def test_what_update_state_does_is_done_in_its_order(trained):
    results = evaluated(trained, lambda labels, y: {"order": updated(Order(), labels)})
    total = half = 0.0
    for batch in (Y[:4], Y[4:]):
        total += batch.sum()
        half = total / 2
        total += half
    assert results["order"] == pytest.approx([total, half])


@pytest.mark.parametrize("steps", [None, 1])
def test_the_end_of_the_input_is_no_batch(trained, steps):
    """What is known without the batch, its size or a weight, is not counted when there is none."""

    def make(labels, y):
        weight = tf.constant([[1.0], [0.0], [2.0], [0.0]])
        return {
            "mean": updated(metrics.Mean(), labels),
            "weighted": updated(metrics.Mean(), labels, sample_weight=weight),
            "batches": updated(Batches(), labels),
        }

    def whole_batches():
        return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(4, drop_remainder=True)

    estimator = linear_model.estimator(trained.model_dir, model(make))
    results = estimator.evaluate(whole_batches, steps=steps)
    seen = Y if steps is None else Y[:4]
    assert results["batches"] == len(seen) / 4
    assert results["mean"] == pytest.approx(seen.mean())
    weights = np.tile([[1.0], [0.0], [2.0], [0.0]], [len(seen) // 4, 1])
    assert results["weighted"] == pytest.approx((weights * seen).sum() / weights.sum())


def test_sample_weights_count(trained):
    results = evaluated(
        trained,
        lambda labels, y: {
            "mean": updated(metrics.Mean(), labels, sample_weight=tf.cast(labels > 1, tf.float32))
        },
    )
    assert results["mean"] == pytest.approx(Y[Y > 1].mean())


def test_metrics_of_many_kinds(trained):
    threshold = 2.0

    def make(labels, y):
        positive, score = labels > threshold, tf.sigmoid(labels - 1.5)
        as_number = tf.cast(positive, tf.float32)
        return {
            "auc": updated(metrics.AUC(), as_number, score),
            "precision": updated(metrics.Precision(thresholds=[0.3, 0.6]), positive, score),
            "recall": updated(metrics.Recall(), positive, 1 - score),
            "iou": updated(metrics.MeanIoU(2), as_number, tf.cast(score > 0.5, tf.int32)),
            "f1": updated(metrics.F1Score(threshold=0.3), as_number, score),
            "accuracy": updated(metrics.BinaryAccuracy(), positive, score),
            "r2": updated(metrics.R2Score(), labels, y),
            "wrapped": updated(
                metrics.MeanMetricWrapper(lambda labels, y: tf.abs(labels - y)[:, 0]), labels, y
            ),
            "called": updated(metrics.RootMeanSquaredError(), labels, y),
        }

    results = evaluated(trained, make)
    y, positive, score = predicted(trained), threshold < Y, 1 / (1 + np.exp(1.5 - Y))
    assert results["auc"] == pytest.approx(1, abs=1e-6)
    assert results["precision"] == pytest.approx([positive[score > at].mean() for at in (0.3, 0.6)])
    assert results["recall"] == pytest.approx((1 - score > 0.5)[positive].mean())
    guessed = score > 0.5
    assert results["iou"] == pytest.approx(
        np.mean(
            [
                np.sum(guessed & positive) / np.sum(guessed | positive),
                np.sum(~guessed & ~positive) / np.sum(~guessed | ~positive),
            ]
        )
    )
    true_positive, guessed = np.sum(positive & (score > 0.3)), np.sum(score > 0.3)
    assert results["f1"] == pytest.approx([2 * true_positive / (guessed + positive.sum())])
    assert results["accuracy"] == pytest.approx(np.mean((score > 0.5) == positive))
    assert results["r2"] == pytest.approx(1 - np.sum((y - Y) ** 2) / np.sum((Y - Y.mean()) ** 2), rel=1e-4)
    assert results["wrapped"] == pytest.approx(np.abs(y - Y).mean())
    assert results["called"] == pytest.approx(np.sqrt(np.square(y - Y).mean()))


@pytest.mark.parametrize(("kind", "counted"), [(Sum, Y), (InFunction, Y), (InBranchOfFunction, Y[4:])])
@pytest.mark.parametrize("times", [1, 2])
def test_metrics_of_the_programs_own(trained, kind, counted, times):
    def make(labels, y):
        metric = kind()
        for _ in range(times):
            metric.update_state(labels)
        return {"own": metric}

    assert Y[:4].sum() < 10 < Y[4:].sum()
    assert evaluated(trained, make)["own"] == pytest.approx(times * counted.sum())


def test_a_result_by_names_is_returned_by_names(trained):
    results = evaluated(trained, lambda labels, y: {"own": updated(ByName(), labels)})
    assert results["own"] == pytest.approx({"sum": Y.sum(), "twice": 2 * Y.sum()})


def test_reset_state_in_a_model_function_is_no_part_of_a_batch(trained):
    def make(labels, y):
        metric = metrics.Mean()
        metric.reset_state()
        return {"mean": updated(metric, labels)}

    assert evaluated(trained, make)["mean"] == pytest.approx(Y.mean())


def test_a_spec_that_is_made_again_counts_no_batch_twice(trained):
    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        order = updated(Order(), labels)
        spec = linear_model.spec(mode, y, labels, eval_metric_ops={"order": order})
        return spec._replace(eval_metric_ops={**spec.eval_metric_ops, "again": order})

    results = linear_model.estimator(trained.model_dir, model_fn).evaluate(eval_input)
    assert results["order"] == pytest.approx(results["again"])
    assert results["order"] == pytest.approx(
        [(Y[:4].sum() * 1.5 + Y[4:].sum()) * 1.5, (Y[:4].sum() * 1.5 + Y[4:].sum()) / 2]
    )


def test_the_update_depends_on_what_the_batch_came_after(trained):
    def make(labels, y):
        with tf.control_dependencies([tf.debugging.assert_less(labels, 3.0)]):
            return {"twice": updated(updated(metrics.Mean(), labels), labels)}

    with pytest.raises(tf.errors.InvalidArgumentError, match="assertion failed"):
        evaluated(trained, make)


# Where the variables are


def test_checkpoints_of_a_model_with_metrics_in_all_modes_have_none_of_their_variables(tmp_path):
    def make(labels, y):
        return {"auc": updated(metrics.AUC(), labels > 1, tf.sigmoid(y))}

    estimator = linear_model.estimator(tmp_path, model(make, BOTH)).train(train_input, steps=2)
    assert estimator.get_variable_names() == ["global_step", "w"]
    assert 0 <= estimator.evaluate(eval_input)["auc"] <= 1
    linear_model.estimator(tmp_path).train(train_input, steps=1)
    estimator.train(train_input, steps=1)
    assert linear_model.global_step(estimator) == 4


def test_metrics_that_only_training_makes_are_in_no_checkpoint(tmp_path):
    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        if mode == ModeKeys.TRAIN:
            v1.summary.scalar("running", updated(metrics.Mean(), labels).result())
        return linear_model.spec(mode, y, labels)

    estimator = linear_model.estimator(tmp_path, model_fn).train(train_input, steps=2)
    assert estimator.get_variable_names() == ["global_step", "w"]


def test_a_saver_of_the_model_function_has_none_of_the_metrics_variables(trained):
    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        ops = {"mean": updated(metrics.Mean(), labels)}
        return linear_model.spec(
            mode, y, labels, eval_metric_ops=ops, scaffold=v1.train.Scaffold(saver=v1.train.Saver())
        )

    results = linear_model.estimator(trained.model_dir, model_fn).evaluate(eval_input)
    assert results["mean"] == pytest.approx(Y.mean())


def test_a_scaffold_with_an_initialiser_of_its_own_initialises_metrics_too(tmp_path):
    def make(labels, y):
        return {"mean": updated(metrics.Mean(), labels)}

    scaffold = {"scaffold": lambda: v1.train.Scaffold(local_init_op=tf.no_op())}
    estimator = linear_model.estimator(tmp_path, model(make, BOTH, **scaffold)).train(train_input, steps=2)
    assert estimator.evaluate(eval_input)["mean"] == pytest.approx(Y.mean())


# Elsewhere than in evaluate


def test_added_metrics(trained):
    def metric_fn(labels, predictions):
        return {"mse": updated(metrics.MeanSquaredError(), labels, predictions["y"])}

    results = add_metrics(trained, metric_fn).evaluate(eval_input)
    assert results["mse"] == pytest.approx(results["loss"])


def test_metrics_added_to_a_canned_estimator(tmp_path):
    columns = [tf.feature_column.numeric_column("x")]
    canned = LinearRegressor(columns, model_dir=str(tmp_path)).train(train_input, steps=2)

    def metric_fn(labels, predictions):
        return {"mse": updated(metrics.MeanSquaredError(), labels, predictions["predictions"])}

    results = add_metrics(canned, metric_fn).evaluate(eval_input)
    assert results["mse"] == pytest.approx(results["average_loss"])


def test_an_evaluation_in_memory_begins_anew_each_time(tmp_path):
    estimator = linear_model.estimator(
        tmp_path, model(lambda labels, y: {"sum": updated(Sum(), labels)}, BOTH)
    )
    hook = experimental.InMemoryEvaluatorHook(estimator, eval_input, every_n_iter=2)
    estimator.train(train_input, hooks=[hook], steps=4)
    in_memory = read_eval_metrics(estimator.eval_dir())
    assert {step: values["sum"] for step, values in in_memory.items()} == {
        step: pytest.approx(Y.sum()) for step in (0, 2, 4)
    }


RECEIVER = experimental.build_raw_supervised_input_receiver_fn(
    {"x": tf.constant([[1.0]])}, tf.constant([[1.0]])
)


@pytest.mark.parametrize("modes", [(ModeKeys.EVAL,), BOTH])
def test_an_exported_evaluation_begins_with_initialised_metrics_and_updates_them(tmp_path, modes):
    def make(labels, y):
        return {"mean": updated(metrics.Mean(), labels), "order": updated(Order(), labels)}

    estimator = linear_model.estimator(tmp_path / "model", model(make, BOTH)).train(train_input, steps=2)
    path = estimator.experimental_export_all_saved_models(
        str(tmp_path / "export"), dict.fromkeys(modes, RECEIVER)
    )
    for tag in ("eval", "train")[: len(modes)]:
        with tf.Graph().as_default(), v1.Session() as session:
            (signature,) = v1.saved_model.load(session, [tag], path).signature_def.values()
            outputs = {key: info.name for key, info in signature.outputs.items()}
            fed = {signature.inputs["x"].name: X, signature.inputs["label"].name: Y}
            assert session.run(outputs["metrics/mean/value"]) == 0
            for _ in range(2):
                session.run([outputs[f"metrics/{name}/update_op"] for name in ("mean", "order")], fed)
            assert session.run(outputs["metrics/mean/value"]) == pytest.approx(Y.mean())
            once = Y.sum() * 1.5
            assert session.run(outputs["metrics/order/value"])[0] == pytest.approx((once + Y.sum()) * 1.5)
            assert {variable.op.name for variable in v1.global_variables()} == {"w", "global_step"}


def test_an_output_for_evaluation_takes_metrics():
    with tf.Graph().as_default():
        output = export.EvalOutput(metrics={"mean": updated(metrics.Mean(), tf.constant([1.0, 2.0]))})
        assert sorted(output.metrics) == ["metrics/mean/update_op", "metrics/mean/value"]


def test_an_export_for_evaluation_has_an_output_for_each_part_of_a_keras_metrics_value():
    with tf.Graph().as_default():
        own, order = updated(ByName(), tf.constant([1.0, 2.0])), updated(Order(), tf.constant([1.0]))
        output = export.EvalOutput(metrics={"own": own, "order": order})
        assert sorted(output.metrics) == [
            "metrics/order/update_op",
            "metrics/order/value",
            "metrics/own/sum/value",
            "metrics/own/twice/value",
            "metrics/own/update_op",
        ]
        listed = (tf.constant(1.0), [tf.constant(2.0), {"a": tf.constant(3.0)}])
        with pytest.raises(ValueError, match="Metric listed must be a Tensor"):
            export.EvalOutput(metrics={"listed": (listed, tf.no_op())})
