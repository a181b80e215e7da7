"""LinearSDCA called wrongly, and beside what it does not train."""

import models
import tensorflow as tf
from catalogue import misuse
from programs_sdca import CLASSES, NUMBERS, columns, input_of, sdca

fc = tf.feature_column


def te():
    return tf.estimator


def training(make, labels=CLASSES):
    """Trains a linear Estimator for a step."""

    def run(directory):
        make(model_dir=directory, config=models.config()).train(input_of(labels), steps=1)

    return run


def regressing(**settings):
    return training(
        lambda **kw: te().LinearRegressor(columns()["plain"], optimizer=sdca(**settings), **kw), NUMBERS
    )


misuse("LinearSDCA: negative L1", regressing(symmetric_l1_regularization=-1.0))
misuse("LinearSDCA: no L2", regressing(symmetric_l2_regularization=0.0))
misuse(
    "LinearSDCA: three classes",
    lambda directory: te().LinearClassifier(columns()["plain"], directory, n_classes=3, optimizer=sdca()),
)
misuse(
    "LinearSDCA: two numbers",
    lambda directory: te().LinearRegressor(
        columns()["plain"], directory, label_dimension=2, optimizer=sdca()
    ),
)
misuse(
    "LinearSDCA: a mean of several values",
    lambda directory: te().LinearClassifier(
        columns()["plain"], directory, optimizer=sdca(), sparse_combiner="mean"
    ),
)
misuse(
    "LinearSDCA: an indicator column",
    training(
        lambda **kw: te().LinearClassifier(
            [
                fc.indicator_column(fc.categorical_column_with_vocabulary_list("word", ["a", "b"])),
            ],
            optimizer=sdca(),
            **kw,
        )
    ),
)
misuse(
    "LinearSDCA: a head of three classes",
    training(
        lambda **kw: te().LinearEstimator(te().MultiClassHead(3), columns()["plain"], optimizer=sdca(), **kw)
    ),
    wording="goes on to say which heads there are",
)
misuse(
    "LinearSDCA: ids that are not there",
    training(
        lambda **kw: te().LinearRegressor(
            columns()["plain"], optimizer=te().experimental.LinearSDCA("number"), **kw
        ),
        NUMBERS,
    ),
)
misuse(
    "LinearSDCA: ids that are numbers",
    training(
        lambda **kw: te().LinearRegressor(
            columns()["plain"], optimizer=te().experimental.LinearSDCA("weight"), **kw
        ),
        NUMBERS,
    ),
)
misuse("LinearSDCA: no number of partitions", regressing(num_loss_partitions=None))
misuse("LinearSDCA: no partitions", regressing(num_loss_partitions=0))
misuse(
    "LinearSDCA: no shards", regressing(num_table_shards=0), outcome="a ValueError that names the argument"
)
misuse(
    "LinearSDCA: a weight column that is a column",
    training(
        lambda **kw: te().LinearRegressor(
            columns()["plain"], optimizer=sdca(), weight_column=fc.numeric_column("weight"), **kw
        ),
        NUMBERS,
    ),
)
misuse(
    "LinearSDCA: labels that are words",
    training(
        lambda **kw: te().LinearClassifier(
            columns()["plain"], optimizer=sdca(), label_vocabulary=["0", "1"], **kw
        ),
        CLASSES.astype(str),
    ),
    wording="says what labels must be, before the first step",
)
misuse(
    "LinearSDCA: the linear part of a mixture",
    training(
        lambda **kw: te().DNNLinearCombinedClassifier(
            linear_feature_columns=columns()["plain"],
            linear_optimizer=sdca(),
            dnn_feature_columns=[fc.numeric_column("x")],
            dnn_hidden_units=[2],
            **kw,
        )
    ),
    wording="says what may be given",
)
misuse(
    "LinearSDCA: trained by a DNNClassifier",
    training(lambda **kw: te().DNNClassifier([2], [fc.numeric_column("x")], optimizer=sdca(), **kw)),
    wording="says what may be given",
)
