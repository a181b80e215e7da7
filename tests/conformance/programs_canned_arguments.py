"""The arguments of canned Estimators, of both faces: one step of training in a graph, and the predictions after it."""

import inspect

import numpy as np
import tensorflow as tf
from catalogue import program
from computations import initialize, outcome
from models import v1

fc = tf.feature_column
X = np.array([[0.5], [2.0], [-1.0]], np.float32)
Y = 2 * X + 1
CLASSES = np.array([[1], [0], [1]])
WEIGHTS = np.array([[1.0], [2.0], [0.0]], np.float32)
FACES = {"v1": lambda: v1.estimator, "v2": lambda: tf.estimator}


def x():
    return [fc.numeric_column("x")]


def both(make, **labels):
    """{face: what `stepped` finds of the Estimator that `make` makes of the face}"""
    return {name: outcome(lambda face=face: stepped(make(face()), **labels)) for name, face in FACES.items()}


def features():
    return {"x": tf.constant(X), "w": tf.constant(WEIGHTS), "word": tf.constant([["a"], ["b"], ["z"]])}


def stepped(estimator, labels=CLASSES, make_features=features):
    """Loss, variables and predictions of the model after a step of training.

    Summaries are there by the last part of their names: scopes before it count the summaries before them.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(3)
        step = v1.train.get_or_create_global_step()
        spec = estimator.model_fn(make_features(), tf.constant(labels), "train", estimator.config)
        trained = v1.trainable_variables()
        summaries = sorted(tensor.op.name for tensor in v1.get_collection(v1.GraphKeys.SUMMARIES))
        initialize(session)
        loss = session.run(spec.loss)
        session.run(spec.train_op)
        after = {
            "step": step,
            "variables": {variable.op.name: variable for variable in trained},
            "predictions": spec.predictions,
        }
        return {"loss": loss, "summaries": summaries, **session.run(after)}


def optimizer(face):
    """A plain gradient descent that the Estimators of the face take."""
    if face is v1.estimator:
        return v1.train.GradientDescentOptimizer(0.1)
    made = tf.keras.optimizers
    return (made.legacy if tf.__version__.startswith("2.15") else made).SGD(0.1)


@program("DNN")
def hidden_units_of_networks(directory):
    units = {
        "tuple": (3,),
        "two": [2, 1],
        "none": [],
        "numpy": np.array([2, 2]),
        "a number": 3,
    }
    return {
        name: both(lambda face, given=given: face.DNNClassifier(given, x(), optimizer=optimizer(face)))
        for name, given in units.items()
    }


NAMES_OF_ACTIVATIONS = ("LeakyReLU", "gelu", "hard_sigmoid", "selu", "softmax", "softsign", "swish")


@program("DNN")
def activations_of_networks(directory):
    functions = {
        "none": None,
        "tanh": tf.nn.tanh,
        "elu": tf.nn.elu,
        "lambda": lambda net: 2 * net,
        "a name": "relu",
        "leaky": lambda net: tf.nn.leaky_relu(net, alpha=0.3),
        **{f"named {name}": name for name in NAMES_OF_ACTIVATIONS},
    }
    return {
        name: both(
            lambda face, given=given: face.DNNRegressor(
                [2], x(), activation_fn=given, optimizer=optimizer(face)
            ),
            labels=Y,
        )
        for name, given in functions.items()
    }


@program("DNN")
def dropout_and_normalization_of_networks(directory):
    arguments = {
        "no dropout": {"dropout": 0.0},
        "all dropped": {"dropout": 1.0},
        "too much": {"dropout": 1.5},
        "normalized": {"batch_norm": True},
        "normalized layers": {"batch_norm": True, "hidden_units": [2, 2]},
    }
    return {
        name: both(
            lambda face, given=given: face.DNNRegressor(
                **{"hidden_units": [2], "feature_columns": x(), "optimizer": optimizer(face), **given}
            ),
            labels=Y,
        )
        for name, given in arguments.items()
    }


@program("DNN", "DNNLinearCombined", "Linear")
def partitioners_of_inputs(directory):
    face = v1.estimator
    words = fc.categorical_column_with_vocabulary_list("word", ["a", "b", "c", "d"])
    split = v1.fixed_size_partitioner(2)
    made = {
        "linear": lambda: face.LinearRegressor([words], partitioner=split, optimizer=optimizer(face)),
        "network": lambda: face.DNNRegressor(
            [2],
            [fc.embedding_column(words, 2)],
            input_layer_partitioner=split,
            optimizer=optimizer(face),
        ),
        "both": lambda: face.DNNLinearCombinedRegressor(
            linear_feature_columns=[words],
            dnn_feature_columns=[fc.embedding_column(words, 2)],
            dnn_hidden_units=[2],
            input_layer_partitioner=split,
            linear_optimizer=optimizer(face),
            dnn_optimizer=optimizer(face),
        ),
    }
    return {name: outcome(lambda make=make: stepped(make(), Y)) for name, make in made.items()}


WAYS = {
    "object": optimizer,
    "function": lambda face: lambda: optimizer(face),
    "class": lambda face: v1.train.AdamOptimizer if face is v1.estimator else type(optimizer(face)),
    "name": lambda face: "SGD",
    "small letters": lambda face: "sgd",
    "unknown": lambda face: "Momentum",
    "none": lambda face: None,
    "returns none": lambda face: lambda: None,
    "returns a name": lambda face: lambda: "SGD",
    "takes an argument": lambda face: lambda rate: optimizer(face),
}


@program("DNN")
def optimizers_of_networks_by_every_way(directory):
    return {
        name: both(lambda face, way=way: face.DNNRegressor([2], x(), optimizer=way(face)), labels=Y)
        for name, way in WAYS.items()
    }


@program("Linear")
def optimizers_of_linear_models_by_every_way(directory):
    return {
        name: both(lambda face, way=way: face.LinearRegressor(x(), optimizer=way(face)), labels=Y)
        for name, way in WAYS.items()
    }


@program("DNN", "Linear", "Baseline")
def learning_rates_by_name(directory):
    made = {
        name: lambda face, name=name: face.DNNRegressor([], x(), optimizer=name)
        for name in ("Adam", "RMSProp")
    }
    made |= {
        name: lambda face, name=name: face.BaselineRegressor(optimizer=name) for name in ("Adagrad", "Ftrl")
    }
    made["SGD"] = lambda face: face.LinearRegressor(x(), optimizer="SGD")
    return {name: both(make, labels=Y) for name, make in made.items()}


@program("Linear", "DNNLinearCombined")
def learning_rates_of_many_columns(directory):
    """From 26 columns on, the rate is less than 0.2."""

    def many():
        return [fc.numeric_column("x"), *(fc.bucketized_column(x()[0], [float(i)]) for i in range(25))]

    made = {
        "linear": lambda face: face.LinearRegressor(many()),
        "both": lambda face: face.DNNLinearCombinedRegressor(
            linear_feature_columns=many(), dnn_feature_columns=x(), dnn_hidden_units=[2]
        ),
    }
    return {name: both(make, labels=Y) for name, make in made.items()}


NAMES_OF_BOTH = {
    "result/sum/v1*": "heads of both faces are one class, which takes the names of both versions of TensorFlow"
}
PAIR = np.concatenate([Y, X], 1)
DIMENSIONS = {
    "two": ({"label_dimension": 2}, PAIR),
    "zero": ({"label_dimension": 0}, PAIR),
    "none": ({"label_dimension": None}, Y),
    "a float": ({"label_dimension": 1.0}, Y),
    "weights": ({"weight_column": "w"}, Y),
    "integers": ({}, np.int64(Y)),
    "rank 1": ({}, Y[:, 0]),
    "sum": ({"loss_reduction": "sum"}, Y),
}


@program("Linear", "heads", differs=NAMES_OF_BOTH)
def dimensions_of_linear_regressors(directory):
    return {
        name: both(
            lambda face, given=given: face.LinearRegressor(x(), optimizer=optimizer(face), **given),
            labels=labels,
        )
        for name, (given, labels) in DIMENSIONS.items()
    }


@program("Baseline", "heads", differs=NAMES_OF_BOTH)
def dimensions_of_baseline_regressors(directory):
    return {
        name: both(
            lambda face, given=given: face.BaselineRegressor(optimizer=optimizer(face), **given),
            labels=labels,
        )
        for name, (given, labels) in DIMENSIONS.items()
    }


def words():
    return [fc.categorical_column_with_vocabulary_list("word", ["a", "b"])]


def wide_and_deep(arguments):
    def make(face, given):
        return face.DNNLinearCombinedRegressor(
            linear_optimizer=optimizer(face), dnn_optimizer=optimizer(face), **given
        )

    return {
        name: both(lambda face, given=given: make(face, given), labels=Y) for name, given in arguments.items()
    }


@program("DNNLinearCombined")
def parts_of_a_wide_and_deep_model(directory):
    arguments = {
        "wide": {"linear_feature_columns": words()},
        "deep": {"dnn_feature_columns": x(), "dnn_hidden_units": [2]},
        "both": {
            "linear_feature_columns": words(),
            "dnn_feature_columns": x(),
            "dnn_hidden_units": [2],
            "dnn_activation_fn": None,
        },
        "normalized": {"dnn_feature_columns": x(), "dnn_hidden_units": [2], "batch_norm": True},
        "mean": {"linear_feature_columns": words(), "linear_sparse_combiner": "mean"},
    }
    return wide_and_deep(arguments)


@program("DNNLinearCombined")
def parts_of_a_wide_and_deep_model_that_are_empty(directory):
    arguments = {
        "empty and deep": {"linear_feature_columns": [], "dnn_feature_columns": x(), "dnn_hidden_units": [2]},
        "wide and empty": {"linear_feature_columns": words(), "dnn_feature_columns": []},
        "hidden units alone": {"linear_feature_columns": words(), "dnn_hidden_units": [2]},
        "no hidden units": {"dnn_feature_columns": x()},
        "empty hidden units": {"dnn_feature_columns": x(), "dnn_hidden_units": []},
        "nothing": {},
    }
    return wide_and_deep(arguments)


@program("Baseline")
def features_of_baselines(directory):
    kinds = {
        "words": lambda: {"word": tf.constant(["a", "b", "c"])},
        "sparse": lambda: {"x": tf.sparse.from_dense(X)},
        "arrays": lambda: {"x": X},
        "empty": dict,
        "none": lambda: None,
        "a tensor": lambda: tf.constant(X),
        "ragged": lambda: {"x": tf.ragged.constant([[1.0], [], [2.0, 3.0]])},
        "batches that differ": lambda: {"x": tf.constant(X), "y": tf.ones([2, 1])},
        "a scalar": lambda: {"x": tf.constant(1.0)},
    }
    return {
        name: both(
            lambda face: face.BaselineRegressor(optimizer=optimizer(face)), labels=Y, make_features=make
        )
        for name, make in kinds.items()
    }


@program(
    "DNN",
    "Linear",
    "Baseline",
    "DNNLinearCombined",
    "subclass",
    differs={
        "result/*/DNNLinearCombinedEstimator/arguments/*": "all that are trained can be warm-started: warm_start_from is added at the end"
    },
)
def signatures_of_canned_estimators(directory):
    names = [
        f"{kind}{what}"
        for kind in ("DNN", "Linear", "Baseline", "DNNLinearCombined")
        for what in ("Classifier", "Regressor", "Estimator")
    ]

    def arguments(face, name):
        found = inspect.signature(getattr(face, name).__init__).parameters.values()
        return [[one.name, one.default is not inspect.Parameter.empty] for one in found]

    return {
        face_name: {
            name: {
                "arguments": arguments(face(), name),
                "is an Estimator": issubclass(getattr(face(), name), face().Estimator),
            }
            for name in names
        }
        for face_name, face in FACES.items()
    }


@program("DNN", "Linear", "properties")
def properties_of_canned_estimators(directory):
    estimator = tf.estimator.LinearRegressor(x(), model_dir=f"{directory}/model", config=None)
    return {
        "params": outcome(lambda: dict(estimator.params)),
        "directory": estimator.model_dir,
        "steps": estimator.config.save_summary_steps,
        "config": outcome(lambda: tf.estimator.LinearRegressor(x(), config="x").model_dir),
        "by position": outcome(
            lambda: stepped(tf.estimator.LinearClassifier(x(), None, 3, "w", None, optimizer(tf.estimator)))
        ),
        "an unknown argument": outcome(lambda: tf.estimator.LinearClassifier(x(), classes=3)),
    }
