"""What libraries on tf.estimator do beside calling it, each once, on a made-up line; `make test` runs it as well.

The internal names are those that they import: Neural Structured Learning replaces a model function, TensorFlow Hub's
exporter calls it, Optuna's hook reads evaluations, TensorFlow Privacy has heads of its own in the canned model functions.
"""

import inspect

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_estimator.python.estimator import estimator as estimator_lib
from tensorflow_estimator.python.estimator import model_fn as model_fn_lib
from tensorflow_estimator.python.estimator.canned import dnn
from tensorflow_estimator.python.estimator.early_stopping import read_eval_metrics
from tensorflow_estimator.python.estimator.head import base_head, binary_class_head
from tensorflow_estimator.python.estimator.mode_keys import ModeKeys

X = np.linspace(-1, 1, 32, dtype="float32").reshape(-1, 1)


def points():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, 2 * X)).batch(16)


def classes():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, (X > 0).astype("int64"))).batch(16)


def columns():
    return [tf.feature_column.numeric_column("x")]


def regressor(directory):
    return tf.estimator.LinearRegressor(columns(), model_dir=str(directory), optimizer="SGD")


def with_shifted_loss(estimator, multiplier):
    """The Estimator with a model function that adds the loss of shifted points."""
    base = estimator._model_fn
    named = inspect.signature(base).parameters

    def model_fn(features, labels, mode, params=None, config=None):
        given = {"mode": mode, "params": params, "config": config}
        more = {name: value for name, value in given.items() if name in named}
        scope = tf.compat.v1.get_variable_scope()
        with tf.compat.v1.variable_scope(scope, reuse=tf.compat.v1.AUTO_REUSE, auxiliary_name_scope=False):
            spec = base(features, labels, **more)
            if mode != ModeKeys.TRAIN:
                return spec
            shifted = base({"x": features["x"] + 0.5}, labels, **more)
            loss = spec.loss + multiplier * shifted.loss
            optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.1)
            train_op = optimizer.minimize(loss, global_step=tf.compat.v1.train.get_global_step())
        return spec._replace(loss=loss, train_op=train_op)

    estimator._model_fn = model_fn
    return estimator


def test_a_model_function_is_replaced_in_its_estimator(tmp_path):
    weights = []
    for multiplier in (0.0, 1.0):
        estimator = with_shifted_loss(regressor(tmp_path / str(multiplier)), multiplier)
        estimator.train(points, steps=1)
        weights.append(np.squeeze(estimator.get_variable_value("linear/linear_model/x/weights")))
        assert estimator.evaluate(points)["global_step"] == 1
    # The first 16 points: the gradient is -4 E[x^2], and with the shifted ones -4 E[x^2] - 4 E[(x + 0.5) x].
    first = X[:16, 0]
    plain = 0.4 * np.mean(first**2)
    assert weights == pytest.approx([plain, plain + 0.4 * np.mean((first + 0.5) * first)], rel=1e-4)


class HookOfEvaluations(tf.estimator.SessionRunHook):
    """Reads the evaluations that are written beside the training."""

    def __init__(self, estimator):
        self.estimator = estimator
        self.seen = []

    def begin(self):
        self.step = tf.compat.v1.train.get_global_step()

    def after_run(self, run_context, run_values):
        step = int(run_context.session.run(self.step))
        metrics = read_eval_metrics(self.estimator.eval_dir())
        self.seen.append((step, list(metrics)))
        if step == 5:
            run_context.request_stop()


def test_a_hook_reads_evaluations_and_ends_a_training(tmp_path):
    estimator = regressor(tmp_path)
    hook = HookOfEvaluations(estimator)
    estimator.train(lambda: points().repeat(), steps=2, hooks=[hook])
    estimator.evaluate(points)
    estimator.train(lambda: points().repeat(), steps=100, hooks=[hook])
    assert hook.seen == [(1, []), (2, []), (3, [2]), (4, [2]), (5, [2])]


class WeightsExporter(tf.estimator.Exporter):
    """Makes the graph of predictions as an Estimator does, restores a checkpoint and writes one variable."""

    name = "weights"

    def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
        with tf.Graph().as_default() as graph:
            tf.compat.v1.train.create_global_step(graph)
            tf.compat.v1.set_random_seed(estimator.config.tf_random_seed)
            features = {"x": tf.compat.v1.placeholder(tf.float32, [None, 1])}
            spec = estimator._call_model_fn(features, None, ModeKeys.PREDICT, estimator.config)
            creator = tf.compat.v1.train.ChiefSessionCreator(
                scaffold=spec.scaffold or tf.compat.v1.train.Scaffold(),
                checkpoint_filename_with_path=checkpoint_path or estimator.latest_checkpoint(),
                config=estimator._session_config,
            )
            with tf.compat.v1.train.MonitoredSession(session_creator=creator) as session:
                found = session.run(spec.predictions["predictions"], {features["x"]: [[1.0]]})
        tf.io.gfile.makedirs(export_path)
        with tf.io.gfile.GFile(f"{export_path}/one.txt", "w") as file:
            file.write(str(float(found[0, 0])))
        return export_path


def test_an_exporter_calls_the_model_function_itself(tmp_path):
    estimator = regressor(tmp_path)
    tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(lambda: points().repeat(), max_steps=2),
        tf.estimator.EvalSpec(points, steps=1, exporters=WeightsExporter(), start_delay_secs=0),
    )
    weight, bias = (
        np.squeeze(estimator.get_variable_value(f"linear/linear_model/{name}"))
        for name in ("x/weights", "bias_weights")
    )
    assert float((tmp_path / "export" / "weights" / "one.txt").read_text()) == pytest.approx(weight + bias)


class SquaredHead(binary_class_head.BinaryClassHead):
    """A head with a spec of its own, made of the parts of head.base_head."""

    def _create_tpu_estimator_spec(
        self,
        features,
        mode,
        logits,
        labels=None,
        optimizer=None,
        trainable_variables=None,
        train_op_fn=None,
        update_ops=None,
        regularization_losses=None,
    ):
        logits = base_head.check_logits_final_dim(logits, self.logits_dimension)
        probabilities = tf.sigmoid(logits)
        if mode == ModeKeys.PREDICT:
            return model_fn_lib._TPUEstimatorSpec(mode, predictions={"p": probabilities})
        labels = tf.cast(labels, tf.float32)
        loss = tf.reduce_mean((probabilities - labels) ** 2)
        if mode == ModeKeys.EVAL:
            metrics = {"error": tf.compat.v1.metrics.mean_absolute_error(labels, probabilities)}
            return model_fn_lib._TPUEstimatorSpec(mode, loss=loss, eval_metrics=(lambda: metrics, {}))
        train_op = base_head.create_estimator_spec_train_op(
            head_name=self.name or "squared",
            optimizer=optimizer,
            train_op_fn=train_op_fn,
            update_ops=update_ops,
            trainable_variables=trainable_variables,
            regularized_training_loss=loss,
            loss_reduction=self._loss_reduction,
        )
        return model_fn_lib._TPUEstimatorSpec(mode, loss=loss, train_op=train_op)


class SquaredClassifier(estimator_lib.EstimatorV2):
    """A network with that head, by the model function of the canned ones."""

    def __init__(self, model_dir):
        def model_fn(features, labels, mode, config):
            return dnn.dnn_model_fn_v2(
                features=features,
                labels=labels,
                mode=mode,
                head=SquaredHead(),
                hidden_units=[4],
                feature_columns=columns(),
                optimizer="Adagrad",
                config=config,
            )

        super().__init__(model_fn=model_fn, model_dir=model_dir)
        estimator_lib._canned_estimator_api_gauge.get_cell("Classifier").set("DNN")


def test_a_head_with_a_spec_of_its_own_in_a_canned_model_function(tmp_path):
    estimator = SquaredClassifier(str(tmp_path))
    estimator.train(lambda: classes().repeat(), steps=4)
    result = estimator.evaluate(classes)
    assert set(result) == {"loss", "error", "global_step"}
    assert result["global_step"] == 4
    assert 0 <= result["error"] <= 1
    assert all(0 <= float(row["p"][0]) <= 1 for row in estimator.predict(classes))
