"""The names of the tensors behind the signatures of canned Estimators, and of predictions in the graphs of training and
evaluation: clients and hooks fetch them by these names."""

import os

import models
import tensorflow as tf
from catalogue import program
from models import v1
from programs_canned import COLLECTION, FTRL_SLOTS, LABELS, SLOTS, FixedValues, columns, input_with
from programs_heads import MANY

VOCABULARY = ["n", "y"]


class NamedPredictions(v1.train.SessionRunHook):
    """Lists the predictions of the head in the graph, and the logits of a linear model."""

    # Constants and shapes that other operations take are nobody's to ask for.
    _ASKED_FOR = frozenset(
        ("Exp", "Sigmoid", "class_ids", "logistic", "probabilities", "str_classes", "Tile")
    )

    def begin(self):
        self.names = sorted(
            operation.name
            for operation in v1.get_default_graph().get_operations()
            if self._is_prediction(operation.name) or self._is_linear(operation.name)
        )

    def _is_prediction(self, name):
        *_, head, scope, last = ("", "", *name.split("/"))
        # The MultiHead of 2.15 makes all of them a second time, to merge them.
        return head not in ("", "merge_pred") and scope == "predictions" and last in self._ASKED_FOR

    def _is_linear(self, name):
        return name.startswith("linear/linear_model/") and name.endswith("linear_model/weighted_sum")


def named(make, labels, directory):
    """The names that a canned Estimator's graphs have: an export's by signature, the predictions' by mode."""
    # A summary of a variable is its value before or after the step.
    config = models.config(save_summary_steps=None)
    estimator = make(model_dir=os.path.join(directory, "model"), config=config)
    training, evaluation = NamedPredictions(), NamedPredictions()

    def training_input():
        # Those of 2.15 cannot all be trained on datasets, see `programs_canned`.
        features = {"x": tf.constant(models.X), "word": tf.constant(models.WORDS)}
        return features, tf.nest.map_structure(tf.constant, labels)

    estimator.train(training_input, hooks=[FixedValues(), training], steps=1)
    estimator.evaluate(input_with(labels), hooks=[evaluation])
    spec = tf.feature_column.make_parse_example_spec(columns()["sparse"])
    receiver = tf.estimator.export.build_parsing_serving_input_receiver_fn(spec)
    path = estimator.export_saved_model(os.path.join(directory, "export"), receiver)
    return {
        "training": training.names,
        "evaluation": evaluation.names,
        "export": tensors_of(path),
    }


def tensors_of(path):
    """{signature: {"inputs" or "outputs": {key: name of the tensor}}} of an export."""
    with tf.Graph().as_default(), v1.Session() as session:
        meta_graph = v1.saved_model.load(session, ["serve"], tf.compat.as_str_any(path))
    return {
        name: {
            "inputs": {key: info.name for key, info in signature.inputs.items()},
            "outputs": {key: info.name for key, info in signature.outputs.items()},
        }
        for name, signature in meta_graph.signature_def.items()
    }


def of_all(made, directory):
    return {
        name: named(
            make, LABELS[labels] if isinstance(labels, str) else labels, os.path.join(directory, name)
        )
        for name, (make, labels) in made.items()
    }


def of_face(te, directory):
    """The names of a face's Estimators: those of their heads differ by the number of classes, those of logits by model."""
    own = columns()
    deep = {"dnn_feature_columns": own["dense"], "dnn_hidden_units": [3]}
    made = {
        "two": (lambda **kw: te.DNNClassifier([3], own["dense"], **kw), "binary"),
        "three": (lambda **kw: te.DNNClassifier([3], own["dense"], n_classes=3, **kw), "classes"),
        "words": (lambda **kw: te.BaselineClassifier(label_vocabulary=VOCABULARY, **kw), "words"),
        "linear": (lambda **kw: te.LinearRegressor(own["sparse"], **kw), "regression"),
        "combined": (
            lambda **kw: te.DNNLinearCombinedClassifier(linear_feature_columns=own["sparse"], **deep, **kw),
            "binary",
        ),
    }
    return of_all(made, directory)


@program("DNN", "Linear", "Baseline", "DNNLinearCombined", "signatures", differs=COLLECTION)
def names_of_tensors_of_v1(directory):
    return of_face(v1.estimator, directory)


@program(
    "DNN", "Linear", "Baseline", "DNNLinearCombined", "signatures", differs=SLOTS | FTRL_SLOTS | COLLECTION
)
def names_of_tensors(directory):
    return of_face(tf.estimator, directory)


@program("heads", "signatures", differs=FTRL_SLOTS)
def names_of_tensors_of_heads(directory):
    te = tf.estimator
    heads = {
        "named": (te.BinaryClassHead(name="mine"), "binary"),
        "classes": (te.MultiClassHead(3), "classes"),
        "poisson": (te.PoissonRegressionHead(), "regression"),
        "labels": (te.MultiLabelHead(3), MANY),
        "several": (
            te.MultiHead([te.BinaryClassHead(name="one"), te.RegressionHead(name="other")]),
            {"one": LABELS["binary"], "other": LABELS["regression"]},
        ),
    }
    made = {
        name: (lambda head=head, **kw: te.BaselineEstimator(head, **kw), labels)
        for name, (head, labels) in heads.items()
    }
    return of_all(made, directory)
