"""Heads that libraries make of tf.estimator's internal classes train in the Estimators of both faces."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_runtime as er
from estimator_runtime import faces
from estimator_runtime.compat.internals import former_heads, head_parts, optimizers
from estimator_runtime.model.deferred_spec import DeferredSpec

v1 = tf.compat.v1
COLUMN = tf.feature_column.numeric_column("x")


def input_fn():
    x = np.linspace(0, 1, 8, dtype=np.float32)[:, None]
    return tf.data.Dataset.from_tensors(({"x": x}, (x > 0.5).astype(np.int64))).repeat(4)


class OwnLoss(former_heads.BinaryLogisticHeadWithSigmoidCrossEntropyLoss):
    def create_loss(self, features, mode, logits, labels):
        spec = super().create_loss(features, mode, logits, labels)
        return spec._replace(training_loss=2 * spec.training_loss)


class OfLibrary(former_heads.FormerHead):
    """As libraries write them: with fewer arguments than public heads take."""

    name = None
    logits_dimension = 1

    def create_estimator_spec(self, features, mode, logits, labels=None, optimizer=None, train_op_fn=None):
        if mode == "infer":
            return er.EstimatorSpec(mode, predictions=logits)
        loss = tf.reduce_mean(tf.square(logits - tf.cast(labels, tf.float32)))
        step = None
        if mode == "train":
            step = train_op_fn(loss) if train_op_fn else optimizer.minimize(loss, v1.train.get_global_step())
        return er.EstimatorSpec(mode, predictions=logits, loss=loss, train_op=step)


@pytest.mark.parametrize(
    "kind", ["LinearEstimator", "DNNEstimator", "BaselineEstimator", "DNNLinearCombinedEstimator"]
)
@pytest.mark.parametrize("head", [OwnLoss, OfLibrary, former_heads.regression_head])
def test_an_estimator_of_the_old_face_takes_it(tmp_path, kind, head):
    columns = {
        "LinearEstimator": {"feature_columns": [COLUMN]},
        "DNNEstimator": {"feature_columns": [COLUMN], "hidden_units": [2], "batch_norm": True},
        "DNNLinearCombinedEstimator": {"linear_feature_columns": [COLUMN]},
    }
    estimator = faces.V1.resolve(kind)(head(), model_dir=str(tmp_path), **columns.get(kind, {}))
    assert estimator.train(input_fn).evaluate(input_fn)["global_step"] == 4


def test_a_loss_of_its_own_is_trained_on():
    def losses(head):
        with tf.Graph().as_default(), v1.Session() as session:
            given = {"x": tf.zeros([2, 1])}, "eval", tf.constant([[0.5], [1.0]]), tf.constant([[0], [1]])
            return session.run(head.create_estimator_spec(*given).loss)

    assert losses(OwnLoss()) == pytest.approx(2 * losses(former_heads.binary_logistic_head()))


def test_a_public_head_with_a_spec_of_its_own_is_asked_for_that(tmp_path):
    class Own(er.BinaryClassHead):
        def _create_tpu_estimator_spec(self, features, mode, logits, labels=None, *more):
            made = super()._create_tpu_estimator_spec(features, mode, logits, labels, *more)
            assert isinstance(made, DeferredSpec)
            if mode != "eval":
                return made
            function, given = made.eval_metrics
            metrics = head_parts.create_eval_metrics_tuple(function, given)
            return made._replace(eval_metrics=metrics, loss=made.loss + 100.0)

    estimator = er.LinearEstimator(Own(), [COLUMN], str(tmp_path)).train(input_fn)
    result = estimator.evaluate(input_fn)
    assert result["loss"] == pytest.approx(result["average_loss"] + 100.0, rel=1e-5)
    assert "auc" in result


def test_an_optimizer_by_name_needs_a_learning_rate():
    with pytest.raises(ValueError, match="learning_rate must be specified"):
        optimizers.get_optimizer_instance("Adam")
    with pytest.raises(ValueError, match="Unsupported optimizer name"):
        optimizers.get_optimizer_instance("None")
    assert isinstance(optimizers.get_optimizer_instance("Adam", 0.1), v1.train.AdamOptimizer)
