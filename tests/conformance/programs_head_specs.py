"""EstimatorSpecs that heads make, in all modes."""

import tensorflow as tf
from catalogue import program
from computations import initialize, outcome
from models import v1
from programs_head_methods import BINARY, WEIGHTS, constants, heads
from programs_heads import gradient_descent
from programs_labels import ONE, te


def spec_of(head, mode, labels, logits, **given):
    """What an EstimatorSpec of a head holds, and what a step of training does."""
    with tf.Graph().as_default(), v1.Session() as session:
        step = v1.train.get_or_create_global_step()
        weight = v1.get_variable("weight", initializer=1.0)
        given = {name: value(weight) if callable(value) else value for name, value in given.items()}
        made = head.create_estimator_spec(
            constants(WEIGHTS),
            mode,
            weight * tf.constant(logits),
            None if labels is None else tf.constant(labels),
            **given,
        )
        initialize(session)
        found = {
            "loss": None if made.loss is None else session.run(made.loss),
            "predictions": sorted(map(str, made.predictions or {})),
            "metrics": sorted(made.eval_metric_ops or {}),
            "exports": {name: type(output).__name__ for name, output in (made.export_outputs or {}).items()},
            "summaries": sorted(
                tensor.op.get_attr("T").name + " " + tensor.op.name.rpartition("/")[2]
                for tensor in v1.get_collection(v1.GraphKeys.SUMMARIES)
            ),
        }
        if made.train_op is not None:
            session.run(made.train_op)
            found["after a step"] = session.run([weight, step])
        return found


@program("heads")
def specs_of_heads_in_all_modes(directory):
    return {
        name: {
            mode: outcome(
                lambda mode=mode, one=one: spec_of(
                    one[0](),
                    mode,
                    one[2],
                    one[1],
                    **({"train_op_fn": trained_by} if mode == "train" else {}),
                )
            )
            for mode in ("train", "eval", "infer", "other")
        }
        for name, one in heads(weight_column="w").items()
        if name in ("binary", "labels", "number")
    }


def trained_by(weight):
    """A train_op_fn that takes a step against the loss."""

    def train_op_fn(loss):
        optimizer = v1.train.GradientDescentOptimizer(0.1)
        return optimizer.minimize(loss, v1.train.get_global_step(), [weight])

    return train_op_fn


@program(
    "heads",
    differs={
        "result/no variables*": "optimizers of Keras 3 are replaced by those of tf.compat.v1.train, which take all variables",
        "result/an empty list*": "those of tf.compat.v1.train say that nothing would be trained",
    },
)
def training_operations_of_heads(directory):
    def optimizer(weight):
        return gradient_descent(0.1)

    def update(weight):
        return [v1.get_variable("updated", initializer=0.0).assign_add(1.0).op]

    cases = {
        "train_op_fn": {"train_op_fn": trained_by},
        "optimizer": {"optimizer": optimizer, "trainable_variables": lambda weight: [weight]},
        "tuple": {"optimizer": optimizer, "trainable_variables": lambda weight: (weight,)},
        "no variables": {"optimizer": optimizer},
        "a variable": {"optimizer": optimizer, "trainable_variables": lambda weight: weight},
        "an empty list": {"optimizer": optimizer, "trainable_variables": []},
        "both": {
            "optimizer": optimizer,
            "train_op_fn": trained_by,
            "trainable_variables": lambda weight: [weight],
        },
        "neither": {},
        "a name": {"optimizer": "SGD", "trainable_variables": lambda weight: [weight]},
        "updates": {"train_op_fn": trained_by, "update_ops": update},
        "regularized": {
            "train_op_fn": trained_by,
            "regularization_losses": lambda weight: [0.5 * weight * weight],
        },
        "nothing returned": {"train_op_fn": lambda weight: lambda loss: None},
    }
    results = {
        name: outcome(lambda given=given: spec_of(te().BinaryClassHead(), "train", BINARY, ONE, **given))
        for name, given in cases.items()
    }
    results["without labels"] = outcome(
        lambda: spec_of(te().BinaryClassHead(), "train", None, ONE, train_op_fn=trained_by)
    )
    results["named"] = spec_of(
        te().BinaryClassHead(name="tail", loss_reduction="sum"), "train", BINARY, ONE, train_op_fn=trained_by
    )
    return results
