"""What a batch does to a Keras 3 metric, and what it says after some, as operations of a graph.

`update_state` assigns to the metric's variables. Eagerly that has happened when it returns; in a graph it made
operations that nothing runs and nothing orders. They are found by the variables that they take: whatever takes one and
does more than read it, but for what initialises it and what `reset_state` made, since an evaluation begins anew anyway.

Often each variable is read and assigned once, and then these operations are the update. Otherwise (`update_state` was
called twice, a variable is assigned from another one that was assigned before) what they do depends on their order. So
then copies are run, of them and of what lies between, one after another as Python made them.
"""

import weakref
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from estimator_runtime.errors import MetricsError

_READS = frozenset(
    ("ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VarIsInitializedOp", "VariableShape")
)
# Outside of a tf.function nothing runs what a branch assigns and does not return.
_CONTROL_FLOW = frozenset(("If", "StatelessIf", "Case", "StatelessCase", "While", "StatelessWhile"))
_CONTROL_FLOW_OF_TENSORFLOW_1 = frozenset(
    ("Switch", "RefSwitch", "Merge", "RefMerge", "Enter", "RefEnter", "Exit", "NextIteration", "LoopCond")
)
_RESET = "reset_state"
_copies: weakref.WeakKeyDictionary[Any, dict[str, str]] = weakref.WeakKeyDictionary()
"""Graph -> name of an operation that was copied: name of its copy."""


class _State(NamedTuple):
    """What in a graph has to do with a metric's variables, in the order in which it was made.

    Attributes:
        touching: operations that take one of the variables, with the names of those that they take.
        dependent: these and all that depends on them.
    """

    touching: dict[Any, set[str]]
    dependent: dict[Any, None]


def updates(name: str, variables: Sequence[Any]) -> list[Any]:
    """The operations that take a batch into a metric; empty when its `update_state` was not called.

    Args:
        name: its key in eval_metric_ops, for the error.
        variables: its `tf.Variable`s, of the default graph; under a strategy, those of the current replica are meant.

    Raises:
        MetricsError: the update is in a branch or a loop outside of a tf.function.
    """
    if not variables:
        return []
    graph = tf.compat.v1.get_default_graph()
    state = _state(graph, {variable.handle.name: variable.handle.op for variable in variables})
    changes = [op for op in state.touching if op.type not in _READS]
    needed = _leading_to(changes, state.dependent)
    if any(op.type in _CONTROL_FLOW | _CONTROL_FLOW_OF_TENSORFLOW_1 for op in needed):
        raise MetricsError(
            f"The variables of the Keras metric in eval_metric_ops[{name}] are assigned in a tf.cond or a tf.while_loop of "
            "a graph, which does not run that. Put @tf.function on its update_state, or on what calls update_state."
        )
    touching = [op for op in needed if op in state.touching]
    if _is_ordered(touching, state, needed):
        return changes
    return _copied(graph, needed, touching, changes)


def value(metric: Any) -> Any:
    """The metric's value, over all replicas where there are several: a Tensor, or a structure of them."""

    def result(of: Any) -> Any:
        return tf.nest.map_structure(tf.convert_to_tensor, of.result())

    context = tf.distribute.get_replica_context()
    if context is None or not tf.distribute.has_strategy():
        return result(metric)
    # Out there a variable's value is that of all replicas, whose metrics are alike: the first serves.
    return context.merge_call(
        lambda strategy, metrics: result(strategy.experimental_local_results(metrics)[0]), args=(metric,)
    )


def _state(graph: Any, handles: dict[str, Any]) -> _State:
    operations = graph.get_operations()
    begin = min(operations.index(handle) for handle in handles.values())
    copies = set(_copies.get(graph, {}).values())
    touching: dict[Any, set[str]] = {}
    dependent: dict[Any, None] = {}
    initialised: set[str] = set()
    for op in operations[begin:]:
        if op.name in copies:
            continue
        taken = {tensor.name for tensor in op.inputs if tensor.name in handles}
        if taken:
            if op.type == "AssignVariableOp" and not taken <= initialised:
                initialised |= taken
                continue
            if any(frame.name == _RESET for frame in op.traceback or ()):
                continue
            touching[op] = taken
            dependent[op] = None
        elif any(before in dependent for before in _inputs(op)):
            dependent[op] = None
    return _State(touching, dependent)


def _inputs(op: Any) -> list[Any]:
    return [*(tensor.op for tensor in op.inputs), *op.control_inputs]


def _leading_to(ends: Iterable[Any], among: Iterable[Any]) -> list[Any]:
    """`ends` and the operations of `among` that they depend on, in order."""
    needed = set(ends)
    within = list(among)
    for op in reversed(within):
        if op in needed:
            needed.update(_inputs(op))
    return [op for op in within if op in needed]


def _is_ordered(touching: Sequence[Any], state: _State, needed: Sequence[Any]) -> bool:
    """Whether what touches a variable that is changed is what the change depends on."""
    for change in touching:
        if change.type in _READS:
            continue
        before = _leading_to([change], needed)
        if any(op not in before and state.touching[op] & state.touching[change] for op in touching):
            return False
    return True


def _copied(graph: Any, needed: Sequence[Any], touching: Sequence[Any], changes: Sequence[Any]) -> list[Any]:
    """Copies of `needed`, those of `touching` one after another; returns the copies of `changes`.

    They are made once, however often the metric is given: each run counts the batch.
    """
    made = _copies.get(graph, {})
    if all(op.name in made for op in changes):
        return [graph.get_operation_by_name(made[op.name]) for op in changes]
    inside = {op.name for op in needed}
    definition = tf.compat.v1.GraphDef(versions=graph.graph_def_versions)
    outside: dict[str, Any] = {}
    last: dict[Any, Any] = dict(zip(touching[1:], touching, strict=False))
    for op in needed:
        node = op.node_def
        # The importer wants to place them with operations that it does not see.
        node.attr.pop("_class", None)
        for tensor in op.inputs:
            if tensor.op.name not in inside:
                outside[tensor.name] = tensor
        del node.input[:]
        node.input.extend(tensor.name for tensor in op.inputs)
        for before in op.control_inputs:
            node.input.append(f"^{before.name}")
            if before.name not in inside:
                outside[f"^{before.name}"] = _tensor_after(before)
        if op in last:
            node.input.append(f"^{last[op].name}")
        definition.node.append(node)
    copies = tf.import_graph_def(
        definition, outside, return_elements=[op.name for op in needed], name="metric_update"
    )
    names = {op.name: copy.name for op, copy in zip(needed, copies, strict=True)}
    _copies.setdefault(graph, {}).update(names)
    return [graph.get_operation_by_name(names[op.name]) for op in changes]


def _tensor_after(op: Any) -> Any:
    if op.outputs:
        return op.outputs[0]
    with tf.control_dependencies([op]):
        return tf.constant(0)
