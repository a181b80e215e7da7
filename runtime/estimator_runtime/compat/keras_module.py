"""`tf.keras.estimator`, which Keras 3 does not have. Keras 2 has it, and asks tensorflow_estimator for what it does."""

import sys
from typing import Any

from estimator_runtime.compat.modules import FaceModule
from estimator_runtime.faces import Face, at

NAME = "tensorflow.keras.estimator"
_PARENT = "tensorflow.keras"


def module() -> FaceModule:
    """The module `tf.keras.estimator`."""
    return FaceModule(NAME, Face(at("compat.keras_estimators", "model_to_estimator")))


def give(tf: Any, found: FaceModule) -> None:
    """Makes `found` an attribute of `tf.keras`, where that has none; `tf.compat.v1.keras` is the same in Keras 3.

    Args:
        tf: the module tensorflow.
        found: the module `tf.keras.estimator`.
    """
    if hasattr(tf.keras, "estimator"):
        return
    # An import of tensorflow.keras or of a module below it makes tf.keras another module, unless there is one by then.
    sys.modules.setdefault(_PARENT, tf.keras)
    other: Any = sys.modules[_PARENT]
    tf.keras.estimator = other.estimator = found
