"""Input functions over arrays and frames, and what is added to models, called wrongly."""

import models
import numpy as np
import tensorflow as tf
from catalogue import misuse
from models import v1

fc = tf.feature_column
SAYS = "names what does not fit and what was given"


def inputs():
    return v1.estimator.inputs


def arrays(x, y=None, **given):
    """Calls the input function, in a graph of its own."""

    def run(directory):
        with tf.Graph().as_default():
            inputs().numpy_input_fn(x, y, **{"shuffle": False, **given})()

    return run


def frames(make_x, make_y=None, **given):
    def run(directory):
        import pandas as pd

        with tf.Graph().as_default():
            y = None if make_y is None else make_y(pd)
            inputs().pandas_input_fn(make_x(pd), y, **{"shuffle": False, **given})()

    return run


A = np.arange(4)
misuse("numpy_input_fn: nothing", arrays(None))
misuse(
    "numpy_input_fn: a list of labels",
    arrays({"a": A}, [1, 2, 3, 4]),
    wording="says what may be given",
)
misuse("numpy_input_fn: a number for labels", arrays({"a": A}, 3), wording="says what may be given")


def series_of_labels(directory):
    import pandas as pd

    def model_fn(features, labels, mode):
        y = models.line(tf.cast(features["x"], tf.float32)[:, tf.newaxis])
        return models.regression(mode, y, tf.cast(labels, tf.float32)[:, tf.newaxis])

    input_fn = inputs().numpy_input_fn({"x": A}, pd.Series(A), batch_size=2, num_epochs=2, shuffle=False)
    assert models.estimator(directory, model_fn).train(input_fn).get_variable_value("global_step") == 4


misuse("numpy_input_fn: a Series of labels", series_of_labels)
misuse(
    "pandas_input_fn: no rows", frames(lambda pd: pd.DataFrame({"a": A[:0]})), wording="says what is empty"
)
misuse("numpy_input_fn: lengths", arrays({"a": A, "b": A[:2]}))
misuse("numpy_input_fn: no rows", arrays({"a": A[:0]}), wording="says what is empty")
misuse("numpy_input_fn: shuffle of a number", arrays({"a": A}, shuffle=1))
misuse("pandas_input_fn: a dict", frames(lambda pd: {"a": A}), wording=SAYS)
misuse("pandas_input_fn: shuffle left open", frames(lambda pd: pd.DataFrame({"a": A}), shuffle=None))
misuse(
    "pandas_input_fn: a target column that is a number",
    frames(lambda pd: pd.DataFrame({"a": A}), lambda pd: pd.Series(A), target_column=1),
    wording=SAYS,
)
misuse(
    "pandas_input_fn: the target column is there",
    frames(lambda pd: pd.DataFrame({"target": A}), lambda pd: pd.Series(A)),
    wording=SAYS,
)
misuse(
    "pandas_input_fn: another index",
    frames(lambda pd: pd.DataFrame({"a": A}), lambda pd: pd.Series(A, index=A + 1)),
)


def logits(returned):
    def run(directory):
        with tf.Graph().as_default():
            v1.estimator.experimental.call_logit_fn(lambda features: returned(), {}, "train", {}, None)

    return run


misuse("call_logit_fn: a number", logits(lambda: 1.0))
misuse("call_logit_fn: a dict with a number", logits(lambda: {"a": tf.constant(1.0), "b": 2.0}))
misuse("call_logit_fn: a dict with other keys", logits(lambda: {1: tf.constant(1.0)}))
misuse(
    "dnn_logit_fn_builder: units",
    lambda directory: v1.estimator.experimental.dnn_logit_fn_builder(
        2.0, [2], [fc.numeric_column("x")], None, None, None, False
    ),
    wording=SAYS,
)


def in_memory(**given):
    def run(directory):
        v1.estimator.experimental.InMemoryEvaluatorHook(models.estimator(directory), models.once, **given)

    return run


misuse("InMemoryEvaluatorHook: no steps between", in_memory(every_n_iter=0))
misuse("InMemoryEvaluatorHook: nothing between", in_memory(every_n_iter=None))
misuse("InMemoryEvaluatorHook: no batches", in_memory(steps=0))
misuse("InMemoryEvaluatorHook: a hook that is none", in_memory(hooks=[3]))


def in_memory_of(fields):
    def run(directory):
        def model_fn(features, labels, mode):
            made = fields() if mode == "eval" else {}
            return models.regression(mode, models.line(features["x"]), labels, **made)

        estimator = models.estimator(directory, model_fn)
        hook = v1.estimator.experimental.InMemoryEvaluatorHook(estimator, models.once)
        estimator.train(models.batches, hooks=[hook], steps=1)

    return run


misuse(
    "InMemoryEvaluatorHook: a saver of the model's",
    in_memory_of(lambda: {"scaffold": v1.train.Scaffold(saver=v1.train.Saver())}),
)
misuse(
    "InMemoryEvaluatorHook: an init_fn of the model's",
    in_memory_of(lambda: {"scaffold": v1.train.Scaffold(init_fn=lambda scaffold, session: None)}),
)
misuse(
    "classifier_parse_example_spec: a label that is no string",
    lambda directory: tf.estimator.classifier_parse_example_spec([fc.numeric_column("x")], 3),
)
misuse(
    "regressor_parse_example_spec: a weight that is no column",
    lambda directory: tf.estimator.regressor_parse_example_spec(
        [fc.numeric_column("x")], "y", weight_column=3
    ),
    wording=SAYS,
)
misuse(
    "classifier_parse_example_spec: the label is the weight",
    lambda directory: tf.estimator.classifier_parse_example_spec(
        [fc.numeric_column("x")], "y", weight_column="y"
    ),
    wording=SAYS,
)
