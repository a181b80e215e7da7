"""The state that Keras 3 layers change when they are called, in a graph.

A Dropout layer advances the seed of its mask and a BatchNormalization layer its moving averages by assignments that
Keras 3 makes and forgets: eagerly they have happened, and tf.function runs them by itself. A graph runs what it is
asked for, so the mask would be the same at every step and the averages would stay as they were initialised, without
a word. So the training step runs these assignments too.

They are known by where they were made: in a file of the package `keras`. Assignments of the model function's own, and
the initialisers, stay what they are. Legacy Keras draws its masks from TensorFlow's own random operations, and gives
its updates to who asks for them (`layer.updates`), as it did for tf.estimator.
"""

import os
import sys
from typing import Any

import tensorflow as tf

_ASSIGNMENTS = frozenset({"AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"})


def updates(graph: Any) -> list[Any]:
    """The assignments in `graph` that Keras 3 layers made when they were called; empty without Keras 3."""
    keras: Any = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "dtype_policies"):
        return []
    package = os.path.dirname(keras.__file__) + os.sep  # noqa: PTH120 - compared as text
    initialisers = {op for variable in _variables() for op in _parts(variable.initializer)}
    return [
        op
        for op in graph.get_operations()
        if op.type in _ASSIGNMENTS and op not in initialisers and _made_in(op, package)
    ]


def with_updates(train_op: Any, graph: Any) -> Any:
    """`train_op`, and with it whatever `updates` finds in `graph`."""
    found = updates(graph)
    return tf.group(train_op, *found) if found else train_op


def _parts(initialiser: Any) -> list[Any]:
    """The assignments of an initialiser: that of a strategy's variable is a group of one for each device."""
    if initialiser.type != "NoOp":
        return [initialiser]
    return [op for part in initialiser.control_inputs for op in _parts(part)]


def _variables() -> list[Any]:
    return [*tf.compat.v1.global_variables(), *tf.compat.v1.local_variables()]


def _made_in(op: Any, package: str) -> bool:
    """Whether the innermost frame outside of TensorFlow in which `op` was made is in a file of `package`."""
    tensorflow = os.path.dirname(tf.__file__) + os.sep  # noqa: PTH120 - compared as text
    for frame in reversed(op.traceback):
        if not frame.filename.startswith(tensorflow):
            return bool(frame.filename.startswith(package))
    return False
