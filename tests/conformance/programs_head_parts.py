"""The parts of which libraries make heads of their own."""

import numpy as np
import tensorflow as tf
from catalogue import program
from computations import evaluated, outcome, values
from models import v1
from programs_internal_names import deep


@program(
    "export outputs",
    differs={
        **{
            f"result/{path}": "a shape that cannot fit is refused when the graph is made"
            for path in ("weights/too many", "losses/wrong size")
        },
        "result/train/optimizer*": "heads take optimizers of tf.compat.v1.train too",
    },
)
def parts_of_heads(directory):
    base = deep("head.base_head")
    logits = np.array([[1.0, 2.0, 0.5], [0.1, 0.2, 0.3]], np.float32)
    words = ["a", "b", "c"]

    def loss_fn(labels, logits):
        return tf.reduce_sum(tf.square(logits - tf.cast(labels, tf.float32)), -1, keepdims=True)

    def wide_loss_fn(labels, logits):
        return tf.square(logits - tf.cast(labels, tf.float32))

    key, tensors = None, None
    with tf.Graph().as_default():
        function, tensors = base.create_eval_metrics_tuple(
            lambda **given: sorted(given), {"a": tf.constant(1.0), "b": 2, "c": None}
        )
        key = function(**tensors)

    def weighted(weights):
        def metrics():
            metric = tf.estimator.RegressionHead().metrics()["average_loss"]
            weights_ = None if weights is None else tf.constant(weights)
            base.update_metric_with_broadcast_weights(metric, tf.constant([[1.0, 2.0], [3.0, 4.0]]), weights_)
            return {"m": metric}

        return metrics

    def trained(**given):
        v = v1.get_variable("v", initializer=2.0)
        v1.train.get_or_create_global_step()
        op = base.create_estimator_spec_train_op(
            "name", trainable_variables=[v], regularized_training_loss=v**2, **given
        )
        return [op, v] if isinstance(op, tf.Tensor) else [tf.group(op), v]

    def train(make):
        def run():
            with tf.Graph().as_default(), v1.Session() as session:
                op, v = trained(**make())
                session.run(v1.global_variables_initializer())
                session.run(op)
                return session.run(v)

        return outcome(run)

    def summary(**given):
        with tf.Graph().as_default():
            base.create_estimator_spec_summary(tf.constant(1.0), **given)
            return sorted(tensor.op.name for tensor in v1.get_collection(v1.GraphKeys.SUMMARIES))

    return {
        "logits": {
            "fine": values(lambda: base.check_logits_final_dim(tf.constant(logits), 3)),
            "another size": values(lambda: base.check_logits_final_dim(tf.constant(logits), 2)),
            "none": values(lambda: base.check_logits_final_dim(None, 2)),
        },
        "labels": {
            "fine": values(
                lambda: base.check_dense_labels_match_logits_and_reshape(
                    tf.constant([1, 2]), tf.constant(logits), 1
                )
            ),
            "another size": values(
                lambda: base.check_dense_labels_match_logits_and_reshape(
                    tf.constant([[1, 2], [1, 2]]), tf.constant(logits), 1
                )
            ),
            "none": values(
                lambda: base.check_dense_labels_match_logits_and_reshape(None, tf.constant(logits), 1)
            ),
        },
        "weights": {
            "none": values(
                lambda: tf.convert_to_tensor(
                    base.get_weights_and_check_match_logits({}, None, tf.constant(logits))
                )
            ),
            "one each": values(
                lambda: base.get_weights_and_check_match_logits(
                    {"w": tf.constant([1.0, 2.0])}, "w", tf.constant(logits)
                )
            ),
            "too many": values(
                lambda: base.get_weights_and_check_match_logits(
                    {"w": tf.ones([2, 3])}, "w", tf.constant(logits)
                )
            ),
            "one for each logit": values(
                lambda: base.get_weights_and_check_match_logits(
                    {"w": tf.ones([2, 3])}, "w", tf.constant(logits), allow_per_logit_weights=True
                )
            ),
        },
        "range": {
            "fine": values(lambda: base.check_label_range(tf.constant([0, 2]), 3)),
            "outside": values(lambda: base.check_label_range(tf.constant([0, 3]), 3)),
            "outside, in words": values(lambda: base.check_label_range(tf.constant([-1]), 3, "so")),
        },
        "classes": {
            "ids": values(lambda: base.all_class_ids(tf.constant(logits), 3)),
            "names": values(lambda: base.all_classes(tf.constant(logits), 3)),
            "words": values(lambda: base.all_classes(tf.constant(logits), 3, words)),
            "output": values(
                lambda: base.classification_output(tf.constant(logits), 3, label_vocabulary=words).classes
            ),
        },
        "checks": {
            "loss_fn": outcome(lambda: base.validate_loss_fn_args(loss_fn)),
            "no logits": outcome(lambda: base.validate_loss_fn_args(lambda labels: 1)),
            "more": outcome(lambda: base.validate_loss_fn_args(lambda labels, logits, other: 1)),
            "update_ops": outcome(lambda: base.validate_update_ops(5)),
            "no update_ops": outcome(base.validate_update_ops),
            "variables": outcome(lambda: base.validate_trainable_variables([])),
            "no variables": outcome(base.validate_trainable_variables),
            "two classes": outcome(lambda: base.validate_n_classes(2)),
            "three classes": outcome(lambda: base.validate_n_classes(3)),
            "reduction": outcome(lambda: base.validate_loss_reduction("sum_over_batch_size")),
            "other reduction": outcome(lambda: base.validate_loss_reduction("other")),
            "keys": outcome(lambda: base.check_prediction_keys(["a"], ["a", "b"])),
            "unknown key": outcome(lambda: base.check_prediction_keys(["c"], ["a", "b"])),
        },
        "losses": {
            "one": values(
                lambda: base.call_loss_fn(loss_fn, tf.constant([[1], [2]]), tf.constant(logits), {})
            ),
            "many": values(
                lambda: base.call_loss_fn(
                    wide_loss_fn, tf.constant([[1], [2]]), tf.constant(logits), {}, expected_loss_dim=3
                )
            ),
            "wrong size": values(
                lambda: base.call_loss_fn(wide_loss_fn, tf.constant([[1], [2]]), tf.constant(logits), {})
            ),
        },
        "metrics": [sorted(tensors), key],
        "means": {
            "plain": evaluated(weighted(None)),
            "weighted": evaluated(weighted([[1.0], [3.0]])),
        },
        "train": {
            "optimizer": train(lambda: {"optimizer": v1.train.GradientDescentOptimizer(0.1)}),
            "function": train(
                lambda: {"train_op_fn": lambda loss: v1.assign(v1.trainable_variables()[0], loss)}
            ),
            "both": train(
                lambda: {
                    "optimizer": v1.train.GradientDescentOptimizer(0.1),
                    "train_op_fn": lambda loss: tf.no_op(),
                }
            ),
            "neither": train(dict),
        },
        "summaries": {
            "loss": outcome(summary),
            "regularized": outcome(lambda: summary(regularization_losses=[tf.constant(1.0)])),
            "named": outcome(lambda: summary(summary_key_fn=lambda key: f"{key}/of")),
        },
    }
