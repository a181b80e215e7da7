"""Canned Estimators and heads called wrongly."""

import models
import tensorflow as tf
from catalogue import misuse
from programs_canned import LABELS, columns, input_with

SAYS_MORE = "goes on to say what was given"
NAMES = "says what may be given"


def training(make, labels="binary"):
    """Trains a canned Estimator for a step."""

    def run(directory):
        make(model_dir=directory, config=models.config()).train(input_with(LABELS[labels]), steps=1)

    return run


def te():
    return tf.estimator


misuse("MultiClassHead: two classes", lambda directory: te().MultiClassHead(2))
misuse("MultiClassHead: a short vocabulary", lambda directory: te().MultiClassHead(3, label_vocabulary=["a"]))
misuse(
    "MultiClassHead: a vocabulary that is a string",
    lambda directory: te().MultiClassHead(3, label_vocabulary="abc"),
)
misuse(
    "BinaryClassHead: a threshold of 1",
    lambda directory: te().BinaryClassHead(thresholds=[0.5, 1.0]),
    wording="shows the thresholds once",
)
misuse(
    "BinaryClassHead: an unknown reduction",
    lambda directory: te().BinaryClassHead(loss_reduction="median"),
    wording=NAMES,
)
misuse(
    "BinaryClassHead: no reduction",
    lambda directory: te().BinaryClassHead(loss_reduction="none"),
    wording=NAMES,
)
misuse("RegressionHead: no dimension", lambda directory: te().RegressionHead(0))
misuse(
    "RegressionHead: a loss_fn without logits",
    lambda directory: te().RegressionHead(loss_fn=lambda labels: labels),
)
misuse("MultiLabelHead: one class", lambda directory: te().MultiLabelHead(1))
misuse(
    "MultiLabelHead: a class that is not there",
    lambda directory: te().MultiLabelHead(3, classes_for_class_based_metrics=[3]),
)
misuse("MultiHead: no heads", lambda directory: te().MultiHead([]))
misuse(
    "MultiHead: a head without a name",
    lambda directory: te().MultiHead([te().RegressionHead()]),
    wording="shows the names, not the object",
)
misuse(
    "MultiHead: weights for others",
    lambda directory: te().MultiHead([te().RegressionHead(name="a")], [1.0, 2.0]),
)
misuse("DNNLinearCombined: no columns", lambda directory: te().DNNLinearCombinedRegressor(directory))
misuse(
    "DNNLinearCombined: no hidden units",
    training(lambda **kw: te().DNNLinearCombinedRegressor(dnn_feature_columns=columns()["dense"], **kw)),
)
misuse(
    "DNNClassifier: an unknown optimizer",
    training(lambda **kw: te().DNNClassifier([3], columns()["dense"], optimizer="Sgd", **kw)),
)
misuse(
    "DNNClassifier: no optimizer",
    training(lambda **kw: te().DNNClassifier([3], columns()["dense"], optimizer=3, **kw)),
    wording=NAMES,
)
for what, features in {"a tensor": lambda: tf.constant([[1.0]]), "an empty dict": dict}.items():
    misuse(
        f"BaselineRegressor: {what} for features",
        lambda d, features=features: (
            te()
            .BaselineRegressor(d, config=models.config())
            .train(lambda: (features(), tf.constant([[1.0]])), steps=1)
        ),
        wording=NAMES,
    )
misuse(
    "BinaryClassHead: numbers beside the vocabulary of a classifier",
    training(lambda **kw: te().DNNClassifier([3], columns()["dense"], label_vocabulary=["a", "b"], **kw)),
    wording=NAMES,
)
misuse(
    "DNNClassifier: words without a vocabulary",
    training(lambda **kw: te().DNNClassifier([3], columns()["dense"], **kw), "words"),
    wording="says what is missing, before the graph runs",
)
misuse(
    "LinearClassifier: a class too many",
    training(lambda **kw: te().LinearClassifier(columns()["sparse"], **kw), "classes"),
    wording="gives the number",
)
misuse(
    "LinearRegressor: labels of two dimensions",
    training(lambda **kw: te().LinearRegressor(columns()["sparse"], label_dimension=2, **kw), "regression"),
    wording="gives one advice for all heads",
)
misuse(
    "LinearRegressor: a weight column that is not there",
    training(
        lambda **kw: te().LinearRegressor(columns()["sparse"], weight_column="weight", **kw), "regression"
    ),
    wording=SAYS_MORE,
)
misuse(
    "classifier_parse_example_spec: the label is a feature",
    lambda directory: te().classifier_parse_example_spec(columns()["sparse"], "x"),
    wording="lists the names in order",
)
misuse(
    "regressor_parse_example_spec: the weight is a feature",
    lambda directory: te().regressor_parse_example_spec(columns()["sparse"], "y", weight_column="x"),
    wording="lists the names in order",
)
