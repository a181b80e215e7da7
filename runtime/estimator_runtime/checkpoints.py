"""Reading checkpoints: which is the latest, what is in it."""

import os
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import CheckpointMismatchError, EstimatorNotTrainedError

_UNREADABLE = (tf.errors.OpError, ValueError, RuntimeError, OSError)


def latest(model_dir: str) -> str | None:
    """Path prefix of the newest checkpoint in `model_dir`, or None."""
    path = tf.train.latest_checkpoint(model_dir)
    return None if path is None else str(path)


def trained(model_dir: str) -> str:
    """Path prefix of the newest checkpoint in `model_dir`.

    Raises:
        EstimatorNotTrainedError: there is none.
    """
    path = latest(model_dir)
    if path is None:
        raise EstimatorNotTrainedError(f"Could not find trained model in model_dir: {model_dir}.")
    return path


def global_step(model_dir: str) -> int:
    """The step of the newest checkpoint; 0 when there is none or it cannot be read."""
    try:
        path = latest(model_dir)
        if path is None:
            return 0
        reader = tf.compat.v1.train.NewCheckpointReader(path)
        return int(reader.get_tensor(tf.compat.v1.GraphKeys.GLOBAL_STEP))
    except _UNREADABLE:
        # A checkpoint that is being replaced, or written by another program, must not keep training from starting:
        # restoring it will say what is wrong.
        return 0


def check_shapes(model_dir: str, variables: Iterable[Any]) -> None:
    """Holds the variables of a graph against the newest checkpoint, if there is one.

    Restoring does not: a resource variable takes a value of any shape, and the model then fails in the middle of a
    step, or trains on what was broadcast.

    Raises:
        CheckpointMismatchError: a variable has another shape in the checkpoint.
    """
    path = latest(model_dir)
    if path is None:
        return
    saved = tf.compat.v1.train.NewCheckpointReader(path).get_variable_to_shape_map()
    for variable in variables:
        name = variable.op.name
        if name in saved and not variable.shape.is_compatible_with(saved[name]):
            raise CheckpointMismatchError(
                f"The variable {name} has shape {variable.shape.as_list()}, and in the checkpoint {path} "
                f"{saved[name]}: it is of another model. Use another model_dir, or the model of the checkpoint."
            )


def variable_names(model_dir: str) -> list[str]:
    """Names of all variables in the newest checkpoint.

    Raises:
        EstimatorNotTrainedError: there is no checkpoint.
    """
    return [name for name, _ in tf.train.list_variables(trained(model_dir))]


def variable_value(model_dir: str, name: str) -> Any:
    """Value of one variable in the newest checkpoint, a numpy array of the variable's shape and dtype.

    Raises:
        EstimatorNotTrainedError: there is no checkpoint.
        tf.errors.NotFoundError: the checkpoint has no such variable.
    """
    return tf.train.load_variable(trained(model_dir), name)


def eval_dir(model_dir: str, name: str | None) -> str:
    """Directory of the summaries of the evaluation called `name`."""
    return os.path.join(model_dir, f"eval_{name}" if name else "eval")  # noqa: PTH118 - may be a gs:// address
