"""Estimators that libraries make with heads of their own, of tf.estimator's internal classes."""

import tempfile

import numpy as np
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import X, once, v1
from programs_former_heads import CLASSES, HEADS, WIDE, of
from programs_internal_names import deep


def library_heads():
    """Heads as libraries make them of the old ones: by the method that makes the spec, and by the loss."""
    former = deep("canned.head")
    tpu_spec = deep("model_fn", "_TPUEstimatorSpec")

    class OfParts(former._MultiClassHeadWithSoftmaxCrossEntropyLoss):
        def _create_tpu_estimator_spec(
            self,
            features,
            mode,
            logits,
            labels=None,
            optimizer=None,
            train_op_fn=None,
            regularization_losses=None,
        ):
            logits = former._check_logits_final_dim(logits, self.logits_dimension)
            ids = tf.expand_dims(tf.argmax(logits, -1), -1)
            chances = tf.nn.softmax(logits)
            predictions = {
                "ids": ids,
                "all": former._all_classes(logits, self._n_classes, label_vocabulary=self._label_vocabulary),
            }
            if mode == "infer":
                output = former._classification_output(chances, self._n_classes, self._label_vocabulary)
                keys = (former._DEFAULT_SERVING_KEY, former._CLASSIFY_SERVING_KEY)
                return tpu_spec(mode, predictions=predictions, export_outputs=dict.fromkeys(keys, output))
            loss, unreduced, weights, label_ids = self.create_loss(
                features=features, mode=mode, logits=logits, labels=labels
            )
            if mode == "eval":
                given = {
                    "labels": label_ids,
                    "class_ids": ids,
                    "weights": weights,
                    "unreduced_loss": unreduced,
                    "regularization_loss": None,
                }
                metrics = former._create_eval_metrics_tuple(self._eval_metric_ops, given)
                return tpu_spec(mode, predictions=predictions, loss=loss, eval_metrics=metrics)
            step = optimizer.minimize(tf.reduce_mean(unreduced), global_step=v1.train.get_global_step())
            return tpu_spec(
                mode, predictions=predictions, loss=loss, train_op=former._append_update_ops(step)
            )

    class OfLoss(former._Head):
        @property
        def name(self):
            return None

        @property
        def logits_dimension(self):
            return 3

        def create_loss(self, features, mode, logits, labels):
            labels = tf.one_hot(tf.squeeze(labels, -1), 3)
            return v1.losses.softmax_cross_entropy(labels, logits)

        def create_estimator_spec(
            self, features, mode, logits, labels=None, optimizer=None, train_op_fn=None, **more
        ):
            predictions = {"logits": logits}
            if mode == "infer":
                return tf.estimator.EstimatorSpec(mode, predictions=predictions)
            loss = self.create_loss(features, mode, logits, labels)
            step = None
            if mode == "train":
                step = optimizer.minimize(loss, global_step=v1.train.get_global_step())
            return tf.estimator.EstimatorSpec(mode, predictions=predictions, loss=loss, train_op=step)

    class OfNothing(former._Head):
        name = None
        logits_dimension = 3

        def create_loss(self, features, mode, logits, labels):
            return None

    return {
        "parts": lambda: OfParts(3, label_vocabulary=["a", "b", "c"], name="own"),
        "parts, unreduced": lambda: OfParts(3, loss_reduction=v1.losses.Reduction.SUM),
        "loss": OfLoss,
        "nothing": OfNothing,
    }


def batches_of_classes(words):
    labels = np.array([["a"], ["b"], ["c"], ["a"]]) if words else np.array([[0], [1], [2], [0]])
    return tf.data.Dataset.from_tensors(({"x": X[:4]}, labels)).repeat(3)


def variables(estimator):
    """The names of the model's variables; those of Keras optimizers are others here."""
    return sorted(name for name in estimator.get_variable_names() if not name.startswith("training/"))


def trained(estimator, words):
    estimator.train(lambda: batches_of_classes(words))
    result = estimator.evaluate(lambda: batches_of_classes(words))
    names = [name for name in estimator.get_variable_names() if "bias" in name or "kernel" in name]
    first = next(estimator.predict(lambda: batches_of_classes(words)))
    return {
        "evaluated": {name: float(value) for name, value in result.items()},
        "variables": variables(estimator),
        "values": {name: estimator.get_variable_value(name) for name in sorted(names)},
        "predicted": sorted(first),
    }


@program("heads", "subclass", "Linear", "DNN")
def estimators_with_heads_of_libraries(directory):
    column = tf.feature_column.numeric_column("x")

    def linear(head):
        def model_fn(features, labels, mode, config):
            return deep("canned.linear", "_linear_model_fn")(
                features=features,
                labels=labels,
                mode=mode,
                head=head,
                feature_columns=(column,),
                optimizer=v1.train.GradientDescentOptimizer(0.1),
                partitioner=None,
                config=config,
                sparse_combiner="sum",
            )

        return tf.estimator.Estimator(model_fn, f"{directory}/{type(head).__name__}-{head.name}")

    made = {}
    for name, make in library_heads().items():
        words = name == "parts"
        made[name] = outcome(lambda m=make, w=words: trained(linear(m()), w))
    return made


@program("heads", "subclass", "DNN", "DNNLinearCombined", "Linear", "Baseline")
def public_estimators_with_former_heads(directory):
    column = tf.feature_column.numeric_column("x")
    estimator = v1.estimator

    def linear(head, name):
        return estimator.LinearEstimator(
            head, [column], f"{directory}/{name}", optimizer=v1.train.GradientDescentOptimizer(0.1)
        )

    def mixed(head, name):
        return estimator.DNNLinearCombinedEstimator(
            head,
            f"{directory}/{name}",
            linear_feature_columns=[column],
            linear_optimizer=v1.train.GradientDescentOptimizer(0.1),
        )

    many = HEADS["classes"][0]
    return {
        "linear": outcome(lambda: trained(linear(many(), "linear"), False)),
        "mixed": outcome(lambda: trained(mixed(many(), "mixed"), False)),
        "numbers": outcome(
            lambda: float(
                linear(of("_regression_head"), "numbers").train(once).evaluate(once)["average_loss"]
            )
        ),
    }


@program("heads", "DNN", "Linear", "DNNLinearCombined")
def canned_model_functions(directory):
    column = tf.feature_column.numeric_column("x")
    sgd = lambda: v1.train.GradientDescentOptimizer(0.1)
    heads = {True: tf.estimator.RegressionHead, False: lambda: of("_regression_head")}

    def of_module(module, name, **given):
        def model_fn(features, labels, mode, config):
            made = {key: value() if callable(value) else value for key, value in given.items()}
            return deep(module, name)(
                features=features,
                labels=labels,
                mode=mode,
                head=heads[name.endswith("v2")](),
                config=config,
                **made,
            )

        return tf.estimator.Estimator(model_fn, tempfile.mkdtemp())

    def seen(estimator):
        estimator.train(once)
        result = estimator.evaluate(once)
        return {
            "names": [name for name in variables(estimator) if not name.endswith(("Adagrad", "Ftrl", "_1"))],
            "metrics": sorted(result),
            "step": int(result["global_step"]),
        }

    dnn = {"hidden_units": [2], "feature_columns": [column]}
    line = {"feature_columns": [column]}
    return {
        "dnn": outcome(lambda: seen(of_module("canned.dnn", "_dnn_model_fn", **dnn, optimizer=sgd))),
        "dnn, tpu": outcome(lambda: seen(of_module("canned.dnn", "_dnn_model_fn", **dnn, use_tpu=True))),
        "dnn v2": outcome(lambda: seen(of_module("canned.dnn", "dnn_model_fn_v2", **dnn, optimizer="SGD"))),
        "linear": outcome(
            lambda: seen(
                of_module("canned.linear", "_linear_model_fn", **line, optimizer=sgd, partitioner=None)
            )
        ),
        "linear v2": outcome(
            lambda: seen(of_module("canned.linear", "_linear_model_fn_v2", **line, optimizer="SGD"))
        ),
        "both": outcome(
            lambda: seen(
                of_module(
                    "canned.dnn_linear_combined",
                    "_dnn_linear_combined_model_fn",
                    linear_feature_columns=[column],
                    dnn_feature_columns=[column],
                    dnn_hidden_units=[2],
                )
            )
        ),
        "both v2": outcome(
            lambda: seen(
                of_module(
                    "canned.dnn_linear_combined",
                    "_dnn_linear_combined_model_fn_v2",
                    linear_feature_columns=[column],
                    dnn_feature_columns=[column],
                    dnn_hidden_units=[2],
                )
            )
        ),
    }


@program("heads", "subclass")
def public_heads_with_specs_of_their_own(directory):
    """A subclass of a public head makes the spec by `_create_tpu_estimator_spec`, of the parts that it has inherited."""
    base = deep("head.base_head")
    tpu_spec = deep("model_fn", "_TPUEstimatorSpec")

    class Own(tf.estimator.MultiClassHead):
        def loss(self, labels, logits, features=None, mode=None, regularization_losses=None):
            logits = base.check_logits_final_dim(logits, self.logits_dimension)
            labels = self._processed_labels(logits, labels)
            losses, weights = self._unweighted_loss_and_weights(logits, labels, features)
            return 2.0 * tf.squeeze(losses * weights, -1)

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
            predictions = self.predictions(logits)
            if mode == "infer":
                output = base.classification_output(
                    scores=predictions["probabilities"],
                    n_classes=self._n_classes,
                    label_vocabulary=self._label_vocabulary,
                )
                return tpu_spec(
                    mode, predictions=predictions, export_outputs={base.DEFAULT_SERVING_KEY: output}
                )
            loss = self.loss(labels, logits, features, mode, regularization_losses)
            scalar = tf.reduce_mean(loss)
            if mode == "eval":
                given = {
                    "eval_metrics": self.metrics(regularization_losses=regularization_losses),
                    "features": features,
                    "logits": logits,
                    "labels": labels,
                    "regularization_losses": regularization_losses,
                }
                metrics = base.create_eval_metrics_tuple(self.update_metrics, given)
                return tpu_spec(mode, predictions=predictions, loss=scalar, eval_metrics=metrics)
            step = base.create_estimator_spec_train_op(
                head_name=self._name,
                optimizer=optimizer,
                train_op_fn=train_op_fn,
                update_ops=update_ops,
                trainable_variables=trainable_variables,
                regularized_training_loss=scalar,
                loss_reduction=self._loss_reduction,
            )
            base.create_estimator_spec_summary(
                regularized_training_loss=scalar, summary_key_fn=self._summary_key
            )
            return tpu_spec(mode, predictions=predictions, loss=scalar, train_op=step)

    column = tf.feature_column.numeric_column("x")
    words = ["a", "b", "c"]
    made = tf.estimator.LinearEstimator(
        Own(3, label_vocabulary=words, name="own"), [column], tempfile.mkdtemp(), optimizer="SGD"
    )
    plain = tf.estimator.MultiClassHead(3)

    def of_plain(mode):
        with tf.Graph().as_default():
            spec = plain._create_tpu_estimator_spec(
                {}, mode, tf.constant(WIDE), tf.constant(CLASSES), train_op_fn=lambda loss: tf.no_op()
            )
            as_spec = spec.as_estimator_spec()
            return {
                "metrics": sorted(as_spec.eval_metric_ops or {}),
                "exports": sorted(as_spec.export_outputs or {}),
                "deferred": None if spec.eval_metrics is None else callable(spec.eval_metrics[0]),
            }

    return {
        "trained": outcome(lambda: trained(made, True)),
        "plain": {mode: outcome(lambda m=mode: of_plain(m)) for mode in ("train", "eval", "infer")},
    }
