"""Reading checkpoints: which is the latest, what is in it."""

import os
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import EstimatorNotTrainedError

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
