"""Heads, and what canned Estimators are given: weights, vocabularies, optimizers of Keras, columns of all kinds."""

import os

import models
import numpy as np
import tensorflow as tf
from catalogue import KERAS_2, program
from models import v1
from programs_canned import FTRL_SLOTS, LABELS, OTHER_SLOTS, SLOTS, FixedValues, columns, worked

KERAS_SLOTS = {**SLOTS, **{f"*/{name}*": OTHER_SLOTS for name in ("Adam", "Momentum", "RMSProp", "beta")}}
KERAS_IS_2 = tf.__version__.startswith("2.15") or os.environ.get("TF_USE_LEGACY_KERAS") == "1"
WEIGHTS = np.array([[1.0], [2.0], [0.5], [1.0], [0.0], [1.5], [1.0], [3.0]], np.float32)
MANY = np.array(
    [[1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 1], [1, 1, 0]], np.int64
)


@program("heads", "DNN", differs=SLOTS)
def heads(directory):
    te, dense = tf.estimator, columns()["dense"]
    made = {
        "binary": (te.BinaryClassHead(), "binary"),
        "classes": (te.MultiClassHead(3), "classes"),
        "regression": (te.RegressionHead(), "regression"),
        "poisson": (te.PoissonRegressionHead(), "regression"),
    }
    return {
        name: worked(
            lambda head=head, **kw: te.DNNEstimator(head, [3], dense, **kw), labels, f"{directory}/{name}"
        )
        for name, (head, labels) in made.items()
    }


def weighted_input(labels):
    def input_fn():
        data = {"x": models.X, "word": models.WORDS, "weight": WEIGHTS, "positive": WEIGHTS + 0.5}
        return tf.data.Dataset.from_tensor_slices((data, labels)).batch(4)

    return input_fn


def keras_optimizers():
    """The optimizers of Keras that a head took: from TensorFlow 2.11 to 2.15 they were those called legacy."""
    made = tf.keras.optimizers
    return made.legacy if KERAS_IS_2 else made


def gradient_descent(rate):
    """An optimizer as a model function gives it to a head."""
    optimizer = keras_optimizers().SGD(rate)
    if KERAS_IS_2:  # that of Keras 3 cannot be set
        optimizer.iterations = v1.train.get_or_create_global_step()
    return optimizer


def trained(estimator, input_fn):
    """Trains, evaluates and predicts."""
    estimator.train(lambda: input_fn().repeat(), hooks=[FixedValues()], steps=6)
    return {
        "variables": models.variables(estimator),
        "metrics": estimator.evaluate(input_fn),
        "predictions": list(estimator.predict(input_fn)),
    }


def weights(variables):
    """The variables without those of the optimizer."""
    return {name: value for name, value in variables.items() if not name.startswith("training/")}


def at(directory, name):
    return {"model_dir": os.path.join(directory, name), "config": models.config()}


@program("heads", "DNN", differs=SLOTS)
def weighted_heads(directory):
    te, dense = tf.estimator, columns()["dense"]
    half = {"weight_column": "weight", "loss_reduction": "sum"}
    words = {"label_vocabulary": ["n", "y"], "weight_column": "weight", "thresholds": [0.3, 0.7]}
    made = {
        "words": (te.BinaryClassHead(**words), LABELS["words"]),
        "named": (te.BinaryClassHead(name="tail", **half), LABELS["binary"]),
        "classes": (te.MultiClassHead(3, **half), LABELS["classes"]),
        "pair": (te.RegressionHead(2, **half), np.concatenate([models.Y, 1 - models.Y], 1)),
        "chance": (te.LogisticRegressionHead(**half), np.minimum(models.Y / 5, 1)),
        "counts": (te.PoissonRegressionHead(2, **half), np.concatenate([models.Y, models.X], 1)),
        "labels": (
            te.MultiLabelHead(
                3, thresholds=[0.4], classes_for_class_based_metrics=[0, 2], weight_column="weight"
            ),
            MANY,
        ),
    }
    return {
        name: trained(te.DNNEstimator(head, [3], dense, **at(directory, name)), weighted_input(labels))
        for name, (head, labels) in made.items()
    }


@program("heads", "DNN", "export outputs", differs={"*/Adagrad*": OTHER_SLOTS, "*/training_*": OTHER_SLOTS})
def several_heads(directory):
    te, dense = tf.estimator, columns()["dense"]
    head = te.MultiHead(
        [te.BinaryClassHead(name="sign"), te.RegressionHead(name="size"), te.MultiClassHead(3, name="kind")],
        [1.0, 0.5, 2.0],
    )
    labels = {"sign": LABELS["binary"], "size": models.Y, "kind": LABELS["classes"]}
    estimator = te.DNNEstimator(head, [3], dense, **at(directory, "model"))
    results = trained(estimator, weighted_input(labels))
    results["predictions"] = [
        {"/".join(key): value for key, value in one.items()} for one in results["predictions"]
    ]
    spec = tf.feature_column.make_parse_example_spec(dense)
    estimator.export_saved_model(
        os.path.join(directory, "export"), te.export.build_parsing_serving_input_receiver_fn(spec)
    )
    return {**results, "name": head.name, "dimension": head.logits_dimension, "keys": sorted(head.metrics())}


@program("heads", differs={"*/training/*": OTHER_SLOTS}, repeated={KERAS_2: {}})
def heads_by_hand(directory):
    """A model_fn of one's own that ends in a head."""
    te = tf.estimator
    heads = {
        "sums": te.RegressionHead(loss_fn=lambda labels, logits: tf.abs(labels - logits), name="abs"),
        "sparse": te.MultiLabelHead(3, label_vocabulary=["a", "b", "c"]),
    }
    results = {}

    def model_with(head):
        def model_fn(features, labels, mode):
            logits = tf.matmul(features["x"], models.variable("w", [1, head.logits_dimension], 0.1))
            variables = v1.trainable_variables()
            return head.create_estimator_spec(
                features,
                mode,
                logits,
                labels,
                optimizer=gradient_descent(0.1),
                trainable_variables=variables,
                regularization_losses=[0.01 * tf.reduce_sum(tf.square(v)) for v in variables],
            )

        return model_fn

    def numbers():
        return tf.data.Dataset.from_tensor_slices(models.Y[:, 0])

    def words():
        return tf.data.Dataset.from_tensor_slices(
            tf.sparse.from_dense([["a", ""], ["b", "c"], ["", ""], ["c", ""]] * 2)
        )

    for (name, head), labels in zip(heads.items(), (numbers, words), strict=True):

        def input_fn(labels=labels):
            features = tf.data.Dataset.from_tensor_slices({"x": models.X})
            return tf.data.Dataset.zip((features, labels())).batch(4)

        estimator = te.Estimator(model_with(head), os.path.join(directory, name), models.config())
        estimator.train(lambda made=input_fn: made().repeat(), steps=6)
        results[name] = {
            "variables": weights(models.variables(estimator)),
            "metrics": estimator.evaluate(input_fn),
            "predictions": list(estimator.predict(input_fn)),
        }
    return results


@program("heads")
def what_heads_compute(directory):
    logits = np.array([[0.3], [-1.2], [2.0]], np.float32)
    wide = np.array([[0.3, 1.0, -1.0], [0.0, 0.2, 0.1], [2.0, -2.0, 0.5]], np.float32)
    te = tf.estimator
    made = {
        "binary": (te.BinaryClassHead(), logits, [[1], [0], [1]]),
        "classes": (te.MultiClassHead(3), wide, [[1], [0], [2]]),
        "labels": (te.MultiLabelHead(3), wide, [[1, 0, 0], [0, 1, 1], [0, 0, 0]]),
        "number": (te.RegressionHead(), logits, [[1.0], [0.5], [1.5]]),
        "counts": (te.PoissonRegressionHead(), logits, [[1.0], [0.0], [3.0]]),
        "partial": (te.PoissonRegressionHead(compute_full_loss=False), logits, [[1.0], [0.0], [3.0]]),
    }
    with tf.Graph().as_default(), v1.Session() as session:
        tensors = {
            name: {
                "loss": head.loss(tf.constant(labels), tf.constant(values), {}, "eval"),
                "predictions": head.predictions(tf.constant(values)),
            }
            for name, (head, values, labels) in made.items()
        }
        session.run(v1.tables_initializer())
        results = session.run(tensors)
    return {
        "computed": results,
        "keys": {name: sorted(head.metrics()) for name, (head, _, _) in made.items()},
        "reductions": {name: head.loss_reduction for name, (head, _, _) in made.items()},
    }


@program("DNN", "Linear", differs=KERAS_SLOTS, repeated={KERAS_2: {"*named/*": OTHER_SLOTS}})
def optimizers_of_keras(directory):
    te, dense = tf.estimator, columns()["embedded"]
    keras = keras_optimizers()
    input_fn = weighted_input(LABELS["binary"])
    decayed = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    made = {
        "adam": keras.Adam(0.01),
        "momentum": keras.SGD(0.05, momentum=0.9, nesterov=True),
        "rms": keras.RMSprop(0.01, momentum=0.5),
        "schedule": keras.SGD(decayed),
        "clipped": keras.SGD(0.1, clipvalue=0.01),
        "called": lambda: keras.Adagrad(0.1),
        "named": "Adam",
    }
    results = {
        name: trained(
            te.DNNClassifier(
                [3], dense, optimizer=optimizer, batch_norm=name == "momentum", **at(directory, name)
            ),
            input_fn,
        )
        for name, optimizer in made.items()
    }
    for one in results.values():
        one["variables"] = weights(one["variables"])
    return results


@program("Linear", "DNNLinearCombined", differs={**SLOTS, **FTRL_SLOTS})
def columns_of_all_kinds(directory):
    fc, te = tf.feature_column, tf.estimator
    words = fc.categorical_column_with_hash_bucket("word", 5)
    buckets = fc.bucketized_column(fc.numeric_column("x"), [0.5, 1.0])
    crossed = fc.crossed_column([buckets, "word"], 7)
    wide = [words, buckets, crossed, fc.weighted_categorical_column(words, "positive")]
    deep = [fc.embedding_column(words, 2), fc.indicator_column(buckets), fc.numeric_column("x")]
    input_fn = weighted_input(LABELS["binary"])
    both = {"linear_feature_columns": wide, "dnn_feature_columns": deep, "dnn_hidden_units": [3]}
    made = {
        "wide": te.LinearClassifier(wide[:3], weight_column="weight", **at(directory, "wide")),
        "both": te.DNNLinearCombinedClassifier(**both, **at(directory, "both")),
        "v1": v1.estimator.DNNLinearCombinedClassifier(**both, **at(directory, "v1")),
        "linear": te.DNNLinearCombinedRegressor(linear_feature_columns=wide, **at(directory, "linear")),
    }
    results = {name: trained(estimator, input_fn) for name, estimator in made.items()}
    for one in results.values():
        one["variables"] = weights(one["variables"])
    return results


@program("DNN", "WarmStartSettings")
def canned_warm_start(directory):
    dense = columns()["dense"]
    make = v1.estimator.DNNClassifier
    input_fn = weighted_input(LABELS["binary"])
    first = make([3], dense, **at(directory, "first"))
    trained(first, input_fn)
    second = make([3], dense, warm_start_from=first.model_dir, optimizer="SGD", **at(directory, "second"))
    second.train(lambda: input_fn().repeat(), steps=2)
    return {"variables": models.variables(second), "metrics": second.evaluate(input_fn)}


@program("DNN", "Linear", differs={"*/training/*": OTHER_SLOTS}, repeated={KERAS_2: {}})
def logit_fn_builders(directory):
    dense = columns()["dense"]
    experimental = v1.estimator.experimental
    deep = experimental.dnn_logit_fn_builder(2, [3], dense, tf.nn.relu, None, None, False)
    wide = experimental.linear_logit_fn_builder(2, columns()["sparse"], "mean")

    def model_fn(features, labels, mode):
        logits = deep(features=features, mode=mode) + wide(features=features)
        head = tf.estimator.RegressionHead(2)
        return head.create_estimator_spec(
            features,
            mode,
            logits,
            labels,
            optimizer=gradient_descent(0.05),
            trainable_variables=v1.trainable_variables(),
        )

    estimator = tf.estimator.Estimator(model_fn, **at(directory, "model"))
    return trained(estimator, weighted_input(np.concatenate([models.Y, models.X], 1)))
