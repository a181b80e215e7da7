"""The state that Keras 3 layers change when they are called, in a graph.

A Dropout layer advances the seed of its mask and a BatchNormalization layer its moving averages by assignments that
Keras 3 makes and forgets: eagerly they have happened, and tf.function runs them by itself. A graph runs what it is
asked for, so the mask would be the same at every step and the averages would stay as they were initialised, without
a word. So the training step runs these assignments too.

They are known by where they were made: in a file of the package `keras`. Assignments of the model function's own stay
what they are, and so does the first of every variable, which initialises it: what the variable itself names as its
initialiser may be another one by now, for a warm start replaces that.

The step runs copies of them, after all else it does: nothing orders Keras' own behind what reads the state in the same
step, so a mask might be drawn from the seed of the next one. Legacy Keras draws its masks from TensorFlow's own random
operations, and gives its updates to who asks for them (`layer.updates`), as it did for tf.estimator.
"""

import os
import sys
from typing import Any

import tensorflow as tf

_RAW = {
    "AssignVariableOp": tf.raw_ops.AssignVariableOp,
    "AssignAddVariableOp": tf.raw_ops.AssignAddVariableOp,
    "AssignSubVariableOp": tf.raw_ops.AssignSubVariableOp,
}


_APPLIED = "estimator_runtime_keras_applied"


def run_with_step(graph: Any, operation: Any) -> None:
    """Has the training step of `graph` run an operation that Keras made and a program holds nowhere."""
    setattr(graph, _APPLIED, [*getattr(graph, _APPLIED, ()), operation])


def updates(graph: Any) -> list[Any]:
    """The assignments in `graph` that Keras 3 layers made when they were called; empty without Keras 3."""
    keras: Any = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "dtype_policies"):
        return []
    package = os.path.dirname(keras.__file__) + os.sep  # noqa: PTH120 - compared as text
    found, initialised = [], set()
    for op in graph.get_operations():
        if op.type not in _RAW:
            continue
        variable = op.inputs[0].name
        if op.type == "AssignVariableOp" and variable not in initialised:
            initialised.add(variable)
        elif _made_in(op, package):
            found.append(op)
    return found


def with_updates(train_op: Any, loss: Any, graph: Any) -> Any:
    """`train_op` with what `run_with_step` was given, and after it and `loss` whatever `updates` finds, in Keras' order."""
    applied = getattr(graph, _APPLIED, ())
    last = tf.group(train_op, *applied) if applied else train_op
    for op in updates(graph):
        with tf.control_dependencies([last, loss]), graph.device(op.device):
            last = _RAW[op.type](resource=op.inputs[0], value=op.inputs[1])
    return last


def _made_in(op: Any, package: str) -> bool:
    """Whether the innermost frame outside of TensorFlow in which `op` was made is in a file of `package`."""
    tensorflow = os.path.dirname(tf.__file__) + os.sep  # noqa: PTH120 - compared as text
    # What was imported from another graph has none.
    for frame in reversed(op.traceback or ()):
        if not frame.filename.startswith(tensorflow):
            return bool(frame.filename.startswith(package))
    return False
