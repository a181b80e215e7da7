"""Checkpoints of `tf.train.Checkpoint` and of Keras, which an Estimator does not restore.

They hold values under the attributes of Python objects, and a graph's saver asks for names of variables. TensorFlow then
lists the names of both, in many lines; or it tries to change a graph that is finalized, and says just that.
"""

import contextlib
from collections.abc import Callable, Iterator

import tensorflow as tf

from estimator_runtime.checkpoints.faults import UNREADABLE
from estimator_runtime.errors import CheckpointPathError

_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
STEP_ATTRIBUTE = "estimator_global_step"
"""Under which attribute of a Keras model's checkpoint the global step is, as in tf.estimator's."""
GLOBAL_STEP = f"{STEP_ATTRIBUTE}/.ATTRIBUTES/VARIABLE_VALUE"
_SIGNS = ("object-based checkpoint", "Graph is finalized", "not found in checkpoint")

WHY = (
    "it was written by tf.train.Checkpoint (or Keras), which names values after attributes of objects, and an Estimator "
    "restores variables by their names. To begin with its values give it as warm_start_from, with an empty model_dir: "
    "variables of the same names are taken. Or restore it with tf.train.Checkpoint and save the variables with "
    "tf.compat.v1.train.Saver"
)


def is_object_based(prefix: str) -> bool:
    """Whether the checkpoint at a path prefix is one of objects; False where it cannot be read."""
    try:
        return bool(tf.compat.v1.train.NewCheckpointReader(prefix).has_tensor(_OBJECTS))
    except UNREADABLE:
        return False


@contextlib.contextmanager
def explained(checkpoint: Callable[[], str | None]) -> Iterator[None]:
    """Surrounds work that restores a checkpoint.

    Args:
        checkpoint: returns its path prefix, or None for none; called when the work has failed.

    Raises:
        CheckpointPathError: instead of TensorFlow's error, when the checkpoint is one of objects.
    """
    try:
        yield
    except (tf.errors.NotFoundError, RuntimeError) as error:
        if isinstance(error, CheckpointPathError) or not any(sign in str(error) for sign in _SIGNS):
            raise
        path = checkpoint()
        if path is None or not is_object_based(path):
            raise
        raise CheckpointPathError(f"The checkpoint {path} cannot be restored: {WHY}.") from error
