"""Whether a training step adds 1 to the global step, as its graph says."""

from typing import Any

import tensorflow as tf

_READS = frozenset({"ReadVariableOp", "VarIsInitializedOp", "VariableShape"})
_READS_OF_REFERENCES = frozenset({"IsVariableInitialized"})


def adds_one(train_op: Any, step: Any) -> bool:
    """Whether `train_op` adds 1 to the global step, once and whatever happens.

    What may add something else, or not always, does not: a number that is computed, a branch, an accumulator that
    somebody else empties (SyncReplicasOptimizer), an operation that is given the variable and is not known here.

    Args:
        train_op: Operation or Tensor.
        step: the global step, a resource variable or a reference variable.
    """
    handle = getattr(step, "handle", None)
    is_reference = handle is None
    variable: Any = step.op.outputs[0] if is_reference else handle
    additions = 0
    for operation in _needed(train_op):
        if not any(tensor is variable or tensor.name == variable.name for tensor in operation.inputs):
            continue
        if operation.type in ("AssignAddVariableOp", "AssignAdd"):
            if tf.get_static_value(operation.inputs[1]) != 1:
                return False
            additions += 1
        elif is_reference:
            changes = any(argument.is_ref for argument in operation.op_def.input_arg)
            if changes and operation.type not in _READS_OF_REFERENCES:
                return False
        elif operation.type not in _READS:
            return False
    return additions == 1


def _needed(train_op: Any) -> list[Any]:
    """The operations that `train_op` needs, it included."""
    found: dict[str, Any] = {}
    todo = [train_op if isinstance(train_op, tf.Operation) else train_op.op]
    while todo:
        operation = todo.pop()
        if operation.name not in found:
            found[operation.name] = operation
            todo.extend(tensor.op for tensor in operation.inputs)
            todo.extend(operation.control_inputs)
    return list(found.values())
