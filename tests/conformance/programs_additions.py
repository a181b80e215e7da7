"""What is added to models that exist: add_metrics, logit functions, evaluations in memory, parsing specifications."""

import functools
import os

import models
import numpy as np
import tensorflow as tf
from catalogue import program
from computations import evaluated, initialize, outcome, values
from models import v1

fc = tf.feature_column


def evaluated_with(estimator, metric_fn):
    """The metrics of one batch with a metric_fn, or the kind of error."""

    def metrics():
        added = tf.estimator.add_metrics(estimator, metric_fn)
        v1.train.get_or_create_global_step()
        features = {"x": tf.constant(models.X)}
        return added.model_fn(features, tf.constant(models.Y), "eval", added.config).eval_metric_ops

    return evaluated(metrics)


@program("add_metrics")
def arguments_of_metric_functions(directory):
    estimator = models.estimator(directory)
    seen = {}

    def mean(value):
        return {"added": v1.metrics.mean(value)}

    def takes_all(features, labels, predictions, config):
        seen["all"] = [sorted(features), str(labels.shape), sorted(predictions), config.tf_random_seed]
        return mean(labels)

    class Called:
        def __call__(self, labels):
            return mean(labels)

        def method(self, predictions):
            return mean(predictions["y"])

    made = {
        "all": takes_all,
        "none": lambda: mean(tf.constant(3.0)),
        "labels": lambda labels: mean(2 * labels),
        "an object": Called(),
        "a method": Called().method,
        "partial": functools.partial(lambda labels, scale: mean(scale * labels), scale=2.0),
        "default": lambda labels, features=None: mean(labels if features is None else features["x"]),
        "same name as a metric": lambda labels: {"mae": v1.metrics.mean(labels)},
        "the name of the loss": lambda labels: {"loss": v1.metrics.mean(labels)},
        "keyword arguments": lambda labels, **kwargs: mean(labels),
        "mode": lambda labels, mode: mean(labels),
        "empty": lambda labels: {},
        "nothing": lambda labels: None,
        "a tensor": lambda labels: {"added": labels},
        "a pair alone": lambda labels: v1.metrics.mean(2 * labels),
        "not a function": 3,
    }
    return {name: evaluated_with(estimator, metric_fn) for name, metric_fn in made.items()} | {"seen": seen}


@program("add_metrics", "subclass")
def estimators_with_added_metrics(directory):
    def first(labels):
        return {"first": v1.metrics.mean(labels)}

    def second(predictions):
        return {"second": v1.metrics.mean(predictions["y"])}

    plain = models.estimator(
        directory,
        params={"a": 1},
        model_fn=lambda features, labels, mode, params: models.linear(features, labels, mode),
    )
    added = tf.estimator.add_metrics(tf.estimator.add_metrics(plain, first), second)
    added.train(models.batches, steps=2)
    return {
        "metrics": added.evaluate(models.once),
        "of the first": plain.evaluate(models.once),
        "same directory": added.model_dir == plain.model_dir,
        "kind": type(added).__name__,
        "predictions": list(added.predict(models.features_only)),
        "params": outcome(lambda: dict(added.params)),
        "seed": added.config.tf_random_seed,
    }


@program("add_metrics", "Linear")
def metrics_added_to_a_canned_estimator(directory):
    estimator = v1.estimator.LinearRegressor([fc.numeric_column("x")], os.path.join(directory, "model"))
    added = tf.estimator.add_metrics(
        estimator,
        lambda labels, predictions: {
            "rmse": v1.metrics.root_mean_squared_error(labels, predictions["predictions"])
        },
    )
    added.train(models.batches, steps=2)
    return {"metrics": added.evaluate(models.once)}


@program("call_logit_fn")
def arguments_of_logit_functions(directory):
    call = v1.estimator.experimental.call_logit_fn
    x = np.ones([2, 1], np.float32)

    class Called:
        def __call__(self, features, mode):
            return 2 * features

    fns = {
        "features": lambda features: features,
        "mode": lambda features, mode: features * (2 if mode == "train" else 1),
        "all": lambda features, mode, params, config: features * params["scale"] + config,
        "an object": Called(),
        "default": lambda features, params=None: features + (0 if params is None else 1),
        "keyword arguments": lambda features, **kwargs: features + len(kwargs),
        "dict": lambda features: {"a": features, "b": 2 * features},
        "dict of numbers": lambda features: {"a": 1.0},
        "dict with other keys": lambda features: {1: features},
        "empty dict": lambda features: {},
        "a number": lambda features: 1.0,
        "an array": lambda features: x,
        "nothing": lambda features: None,
        "a list": lambda features: [features],
        "a variable": lambda features: v1.get_variable("v", initializer=1.0),
        "sparse": lambda features: tf.sparse.from_dense(2 * features),
        "ragged": lambda features: tf.RaggedTensor.from_tensor(2 * features),
        "without features": lambda mode: tf.constant(1.0),
        "another argument": lambda features, other: features,
    }

    def called(fn):
        made = call(fn, tf.constant(x), "train", {"scale": 3.0}, 4.0)
        return made if made != {} else {"empty": tf.constant(0)}

    def kind(fn):
        with tf.Graph().as_default():
            return type(call(fn, tf.constant(x), "train", {"scale": 3.0}, 4.0)).__name__

    taken = {
        name: values(lambda fn=fn: called(fn)) for name, fn in fns.items() if name not in ("sparse", "ragged")
    }
    return taken | {
        name: outcome(lambda fn=fn: kind(fn)) for name, fn in fns.items() if name in ("sparse", "ragged")
    }


@program("DNN", "Linear", "feature columns")
def logit_functions_of_all_arguments(directory):
    experimental = v1.estimator.experimental
    columns = [fc.numeric_column("x")]

    def deep(mode="eval", features=None, **given):
        def run():
            fn = experimental.dnn_logit_fn_builder(
                **{
                    "units": 2,
                    "hidden_units": [2],
                    "feature_columns": columns,
                    "activation_fn": tf.nn.relu,
                    "dropout": None,
                    "input_layer_partitioner": None,
                    "batch_norm": False,
                    **given,
                }
            )
            with tf.Graph().as_default(), v1.Session() as session:
                logits = fn(
                    features={"x": tf.constant(models.X)} if features is None else features(), mode=mode
                )
                initialize(session)
                return {
                    "logits": session.run(logits),
                    "variables": [variable.op.name for variable in v1.global_variables()],
                    "updates": len(v1.get_collection(v1.GraphKeys.UPDATE_OPS)),
                    "summaries": sorted(op.op.name for op in v1.get_collection(v1.GraphKeys.SUMMARIES)),
                }

        return outcome(run)

    return {
        "plain": deep(),
        "training with norm": deep("train", batch_norm=True),
        "norm": deep(batch_norm=True),
        "no layers": deep(hidden_units=[]),
        "tanh": deep(activation_fn=tf.nn.tanh),
        "units as text": deep(units="2"),
        "units as float": deep(units=2.0),
        "units as bool": deep(units=True),
        "units of numpy": deep(units=np.int64(2)),
        "partitioned": deep(input_layer_partitioner=v1.fixed_size_partitioner(1)),
        "features of a list": deep(features=lambda: [tf.constant(models.X)]),
    }


@program("InMemoryEvaluatorHook", "evaluate name")
def evaluations_in_memory(directory):
    make = v1.estimator.experimental.InMemoryEvaluatorHook
    seen = []

    class Seen(v1.train.SessionRunHook):
        def end(self, session):
            seen.append(session.run(v1.train.get_global_step()).item())

    def trained(name, **given):
        estimator = models.estimator(directory, name=name)
        hook = make(estimator, given.pop("input_fn", models.once), **given)
        estimator.train(models.batches, hooks=[hook], steps=5)
        return models.variables(estimator)

    arguments = {
        "every step": {"every_n_iter": 1},
        "every second": {"every_n_iter": 2, "hooks": [Seen()]},
        "named": {"every_n_iter": 3, "name": "held_out"},
        "one batch": {"every_n_iter": 10, "steps": 1},
        "tensors": {
            "every_n_iter": 10,
            "steps": 2,
            "input_fn": lambda: ({"x": tf.constant(models.X)}, tf.constant(models.Y)),
        },
    }
    return {
        name: outcome(lambda name=name, given=given: trained(name, **given))
        for name, given in arguments.items()
    } | {"seen": seen}


@program("InMemoryEvaluatorHook", "end of input")
def evaluations_in_memory_of_what_ends(directory):
    make = v1.estimator.experimental.InMemoryEvaluatorHook
    estimator = models.estimator(directory)
    hook = make(estimator, models.once, every_n_iter=3)
    estimator.train(models.once, hooks=[hook])
    estimator.train(models.once, hooks=[make(estimator, models.once, every_n_iter=3)])
    return models.variables(estimator)


@program("parse_example_spec")
def arguments_of_parsing_specifications(directory):
    te = tf.estimator
    x, words = fc.numeric_column("x"), fc.categorical_column_with_vocabulary_list("word", ["a", "b"])

    def sorted_spec(make):
        return outcome(lambda: {name: str(value) for name, value in sorted(make().items(), key=str)})

    weights = {
        "none": None,
        "name": "w",
        "column": fc.numeric_column("w", dtype=tf.float64, shape=2),
        "default": fc.numeric_column("w", default_value=1.0),
        "a feature": "x",
        "categorical": words,
        "number": 3,
    }
    labels = {
        "name": "y",
        "a feature": "x",
        "number": 3,
        "none": None,
        "bytes": b"y",
    }
    classifier, regressor = te.classifier_parse_example_spec, te.regressor_parse_example_spec
    return {
        "weights": {
            name: [
                sorted_spec(lambda w=w: classifier([x, words], "y", weight_column=w)),
                sorted_spec(lambda w=w: regressor([x, words], "y", weight_column=w)),
            ]
            for name, w in weights.items()
        },
        "labels": {
            name: [
                sorted_spec(lambda key=key: classifier([x], key)),
                sorted_spec(lambda key=key: regressor([x], key)),
            ]
            for name, key in labels.items()
        },
        "defaults": [
            sorted_spec(lambda: classifier([x], "y", tf.string, "none")),
            sorted_spec(lambda: classifier([x], "y", tf.int32, 1)),
            sorted_spec(lambda: regressor([x], "y", tf.int64, 3, 2)),
            sorted_spec(lambda: regressor([x], "y", label_default=[1.0, 2.0], label_dimension=2)),
            sorted_spec(lambda: regressor([x], "y", label_dimension=0)),
        ],
        "weight and label": sorted_spec(lambda: classifier([x], "y", weight_column="y")),
    }


@program("parse_example_spec", "feature columns")
def parsing_specifications_of_columns(directory):
    words = fc.categorical_column_with_vocabulary_list("word", ["a", "b"])
    columns = {
        "embedding": [fc.embedding_column(words, 2)],
        "crossed": [fc.crossed_column(["p", words], 5)],
        "weighted": [fc.weighted_categorical_column(words, "weight")],
        "buckets": [fc.bucketized_column(fc.numeric_column("x", shape=2, default_value=0.5), [1.0])],
        "hashed": [fc.categorical_column_with_hash_bucket("n", 5, tf.int64)],
        "same name": [fc.numeric_column("x"), fc.numeric_column("x", shape=2)],
        "empty": [],
        "one": fc.numeric_column("x"),
        "names": ["x"],
        "none": None,
        "generator": (column for column in [fc.numeric_column("x")]),
    }
    return {
        name: outcome(
            lambda given=given: {
                key: str(value)
                for key, value in sorted(tf.estimator.classifier_parse_example_spec(given, "label").items())
            }
        )
        for name, given in columns.items()
    }
