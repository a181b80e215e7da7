"""What is made of several tensors where one is due: refused by name, as tf.estimator refuses it."""

import pytest
import tensorflow as tf

from estimator_runtime import EstimatorSpec, ModeKeys, export

COMPOSITES = {
    "RaggedTensor": lambda: tf.ragged.constant([[1.0], [2.0, 3.0]]),
    "SparseTensor": lambda: tf.sparse.from_dense([[1.0, 0.0]]),
    "IndexedSlices": lambda: tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([0])),
}
EVERY = pytest.mark.parametrize("kind", COMPOSITES)


def made(kind):
    return COMPOSITES[kind]()


def refused(error, beginning, kind):
    return pytest.raises(error, match=rf"^{beginning}.*{kind}")


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


@EVERY
@pytest.mark.parametrize("in_dict", [True, False])
def test_predictions(kind, in_dict):
    place = r"predictions\[p\]" if in_dict else "predictions"
    with refused(TypeError, f"{place} must be Tensor, given: ", kind):
        EstimatorSpec(ModeKeys.PREDICT, predictions={"p": made(kind)} if in_dict else made(kind))


@EVERY
def test_a_loss(kind):
    with refused(TypeError, "loss must be Tensor, given: ", kind):
        EstimatorSpec(ModeKeys.EVAL, loss=made(kind))


@EVERY
def test_a_train_op(kind):
    with refused(TypeError, "train_op must be Operation or Tensor, given: ", kind):
        EstimatorSpec(ModeKeys.TRAIN, loss=tf.constant(1.0), train_op=made(kind))


@pytest.mark.parametrize(
    ("pair", "beginning"),
    [
        (
            lambda ragged: (ragged, tf.no_op()),
            r"metric_value of eval_metric_ops\[m\] must be Tensor, given: ",
        ),
        (
            lambda ragged: (tf.constant(1.0), ragged),
            r"update_op of eval_metric_ops\[m\] must be Operation or Tensor, given: ",
        ),
    ],
)
def test_a_ragged_metric(pair, beginning):
    """Sparse ones have a graph and can be run: tf.estimator takes them, and so does this."""
    with refused(TypeError, beginning, "RaggedTensor"):
        EstimatorSpec(ModeKeys.EVAL, loss=tf.constant(1.0), eval_metric_ops={"m": pair(made("RaggedTensor"))})
    EstimatorSpec(ModeKeys.EVAL, loss=tf.constant(1.0), eval_metric_ops={"m": pair(made("SparseTensor"))})


@EVERY
@pytest.mark.parametrize(
    ("output", "beginning"),
    [
        (export.PredictOutput, "Prediction output value must be a Tensor; got "),
        (lambda one: export.PredictOutput({"a": one}), "Prediction output value must be a Tensor; got "),
        (export.RegressionOutput, "Regression output value must be a float32 Tensor; got "),
        (
            lambda one: export.ClassificationOutput(scores=one),
            "Classification scores must be a float32 Tensor; got ",
        ),
        (
            lambda one: export.ClassificationOutput(classes=one),
            "Classification classes must be a string Tensor; got ",
        ),
        (lambda one: export.EvalOutput(loss=one), "Loss output value must be a Tensor; got "),
        (lambda one: export.EvalOutput(predictions=one), "Prediction output value must be a Tensor; got "),
        (
            lambda one: export.EvalOutput(metrics={"m": (one, tf.no_op())}),
            r"Metric m must be a Tensor and an update; got \(",
        ),
    ],
)
def test_an_export_output(kind, output, beginning):
    with refused(ValueError, beginning, kind):
        output(made(kind))
