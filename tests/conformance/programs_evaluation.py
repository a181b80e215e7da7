"""Evaluation and prediction: results, what is written, which checkpoint is read."""

import os

import models
import numpy as np
import tensorflow as tf
from catalogue import V1, program
from models import Recorder, v1
from tensorflow.python.training import evaluation as slim


def trained(directory, model_fn=models.linear, **config):
    return models.estimator(directory, model_fn, **config).train(models.batches, steps=5)


@program("evaluate", "evaluate steps", "evaluate name", "evaluate summaries", "eval_dir", "checkpoint_path")
def evaluations(directory):
    estimator = trained(directory)
    first = os.path.join(estimator.model_dir, "model.ckpt-0")
    with models.logged("Saving dict", "Saving 'checkpoint_path'", "Evaluation [") as lines:
        results = {
            "all": estimator.evaluate(models.once),
            "one step": estimator.evaluate(models.batches, steps=1),
            "named": estimator.evaluate(models.once, name="other"),
            "first checkpoint": estimator.evaluate(models.once, checkpoint_path=first, name="first"),
            "order": estimator.evaluate(models.batches, 3, None, None, "positional"),
        }
    lines = [line for line in lines if "Evaluation" in line or "positional" in line]
    directories = [estimator.eval_dir(), estimator.eval_dir("other")]
    return {"results": results, "directories": directories, "log": lines}


@program("evaluate summaries", repeated={V1: {}})
def metrics_of_all_kinds(directory):
    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        if mode != "eval":
            return models.regression(mode, y, labels)
        picture = v1.summary.image("picture", tf.reshape(tf.range(4, dtype=tf.float32), [1, 2, 2, 1]))
        update = tf.no_op()
        metrics = {
            "mean": v1.metrics.mean(y),
            "rmse": v1.metrics.root_mean_squared_error(labels, y),
            "auc": v1.metrics.auc(labels > 2, tf.sigmoid(y)),
            "accuracy": v1.metrics.accuracy(labels > 2, y > 0),
            "mean_tensor": v1.metrics.mean_tensor(tf.constant([[1.0], [2.0]])),
            "picture": (picture, update),
            "text": (v1.summary.text("text", tf.constant("hello")), update),
            "int": (tf.constant(3, tf.int32), update),
            "long": (tf.constant(4, tf.int64), update),
            "double": (tf.constant(4.5, tf.float64), update),
            "vector": (tf.constant([1.0, 2.0]), update),
        }
        return models.regression(mode, y, labels, eval_metric_ops=metrics)

    results = trained(directory, model_fn).evaluate(models.once)
    return {name: len(value) if isinstance(value, bytes) else value for name, value in results.items()}


@program(
    "evaluate summaries",
    differs={
        "events/model/eval/values/flag *": "a bool as a metric is written as 0 or 1; tf.estimator drops it"
    },
)
def bool_metric(directory):
    model_fn = models.linear_in("eval", eval_metric_ops=lambda y: {"flag": (tf.constant(True), tf.no_op())})
    return trained(directory, model_fn).evaluate(models.once)


@program("evaluate")
def nested_metric(directory):
    def metrics(y):
        mean, update = v1.metrics.mean(y)
        return {"nested": ((mean, {"twice": 2 * mean}), update)}

    return trained(directory, models.linear_in("eval", eval_metric_ops=metrics)).evaluate(models.once)


@program("evaluate hooks", "evaluate steps")
def hooks_and_counters_of_tf_slim(directory):
    """tf_slim hands these on as StopAfterNEvalsHook and get_or_create_eval_step."""

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        if mode != "eval":
            return models.regression(mode, y, labels)
        counted = tf.cast(v1.convert_to_tensor(slim._get_or_create_eval_step()), tf.float32)  # noqa: SLF001
        metrics = {"counted": v1.metrics.mean(tf.zeros_like(counted)), "all": (counted, tf.no_op())}
        return models.regression(mode, y, labels, eval_metric_ops=metrics)

    estimator = trained(directory, model_fn)
    results = {}
    with models.logged("Evaluation [") as lines:
        for batches in (1, 3):
            hook = slim._StopAfterNEvalsHook(batches)  # noqa: SLF001
            results[batches] = estimator.evaluate(models.batches, hooks=[hook], name=f"of_{batches}")
        results["both"] = estimator.evaluate(
            models.batches,
            2,
            hooks=[slim._StopAfterNEvalsHook(4)],
            name="both",  # noqa: SLF001
        )
    return {"results": results, "log": lines}


@program("evaluate hooks", "evaluate steps")
def order_of_evaluation_hooks(directory):
    calls = []
    model_fn = models.linear_in("eval", evaluation_hooks=[Recorder("model", calls)])
    trained(directory, model_fn).evaluate(
        models.batches, steps=2, hooks=[Recorder("first", calls), Recorder("second", calls)]
    )
    return calls


@program("evaluate untrained")
def evaluate_without_checkpoint(directory):
    return models.estimator(directory).evaluate(models.once)


@program("predict untrained")
def predict_without_checkpoint(directory):
    return list(models.estimator(directory).predict(models.features_only))


@program("scaffold", "evaluate", repeated={V1: {}})
def tables_and_local_variables(directory):
    def model_fn(features, labels, mode):
        table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer([0, 1], [1.0, 3.0], tf.int64, tf.float32), -1.0
        )
        factor = v1.get_local_variable("factor", initializer=tf.constant(2.0))
        looked_up = table.lookup(tf.constant(1, tf.int64))
        local_init = tf.group(v1.tables_initializer(), factor.initializer)
        y = models.line(features["x"]) * looked_up * factor
        return models.regression(mode, y, labels, scaffold=v1.train.Scaffold(local_init_op=local_init))

    estimator = trained(directory, model_fn)
    path = estimator.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
    return {
        "metrics": estimator.evaluate(models.once),
        "predictions": list(estimator.predict(models.features_only)),
        "served": models.served(path),
    }


@program("predict", "predict keys", "predict batches", "checkpoint_path")
def predictions(directory):
    estimator = trained(directory)
    first = os.path.join(estimator.model_dir, "model.ckpt-0")
    return {
        "examples": list(estimator.predict(models.features_only)),
        "labels are dropped": list(estimator.predict(models.once)),
        "one key": list(estimator.predict(models.features_only, predict_keys=["twice"])),
        "a string as keys": list(estimator.predict(models.features_only, predict_keys="twice")),
        "unknown key beside": list(estimator.predict(models.features_only, predict_keys=["y", "z"])),
        "batches": list(estimator.predict(models.features_only, yield_single_examples=False)),
        "first checkpoint": list(estimator.predict(models.features_only, None, None, first)),
        "one tensor": list(
            models.estimator(directory, models.linear_with(predictions=lambda y: y)).predict(
                models.features_only
            )
        ),
    }


@program("predict hooks", "predict")
def order_of_prediction_hooks(directory):
    calls = []
    model_fn = models.linear_in("infer", prediction_hooks=[Recorder("model", calls)])
    predictions = trained(directory, model_fn).predict(models.features_only, hooks=[Recorder("given", calls)])
    before = len(calls)
    got = [next(predictions)]
    after_the_first = len(calls)
    got += predictions
    return {"before": before, "after the first": after_the_first, "calls": calls, "got": got}


@program("predict")
def prediction_without_end(directory):
    def forever():
        return {"x": tf.constant(models.X)}

    with models.logged("Input graph") as lines:
        predictions = trained(directory).predict(forever)
        got = [next(predictions) for _ in range(10)]
    predictions.close()
    return {"got": got, "warned": len(lines)}


@program("predict")
def predictions_of_all_types(directory):
    def made(y):
        return {
            "text": tf.strings.as_string(y),
            "long": tf.cast(y * 10, tf.int64),
            "bool": y > 1,
            "matrix": tf.matmul(y, [[1.0, 2.0]]),
            "sparse": tf.sparse.from_dense(y).values,
        }

    model_fn = models.linear_in(
        "infer", predictions=lambda y: {k: v for k, v in made(y).items() if k != "sparse"}
    )
    return list(trained(directory, model_fn).predict(models.features_only))


@program("evaluate", "train hooks")
def seeds_and_modes_in_the_model(directory):
    seen = []

    def model_fn(features, labels, mode, params, config):
        seen.append([mode, labels is None, params, v1.get_default_graph().seed, config.tf_random_seed])
        return models.linear(features, labels, mode)

    estimator = models.estimator(directory, model_fn, params={"a": [1]}, tf_random_seed=5)
    estimator.train(models.batches, steps=1)
    estimator.evaluate(models.once)
    list(estimator.predict(models.once))
    estimator.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
    return seen


@program("evaluate summaries")
def array_metrics(directory):
    def metrics(y):
        return {"precision": v1.metrics.precision_at_thresholds(y > 1, tf.sigmoid(y), [0.3, 0.6])}

    result = trained(directory, models.linear_in("eval", eval_metric_ops=metrics)).evaluate(models.once)
    assert isinstance(result["precision"], np.ndarray)
    return result
