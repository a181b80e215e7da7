"""What a batch does to a Keras 3 metric, and what it says after some, as operations of a graph.

`update_state` assigns to the metric's variables. Eagerly that has happened when it returns; in a graph it made
operations that nothing runs and nothing orders. They are found by the variables that they take: whatever takes one and
does more than read it, but for what initialises it and what `reset_state` made, since an evaluation begins anew anyway.
What branches, loops and functions do with a variable is read in their bodies (`variable_uses`).

What they do depends on their order, where `update_state` was called twice or assigns a variable from another one. And
they have to wait for each other: a count that grows by a constant depends on no input, so it would also count the batch
that does not come when the input has ended. So copies are run, of them and of what lies between, when everything that
they need is there, one after another as Python made them. The call of a tf.function does both by itself.
"""

import itertools
import weakref
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from estimator_runtime.errors import MetricsError
from estimator_runtime.keras.variable_uses import HANDS_ON, Bodies

# Outside of a tf.function nothing runs what a branch assigns and does not return.
_CONTROL_FLOW = frozenset(("If", "StatelessIf", "Case", "StatelessCase", "While", "StatelessWhile"))
_CONTROL_FLOW_OF_TENSORFLOW_1 = frozenset(
    ("Switch", "RefSwitch", "Merge", "RefMerge", "Enter", "RefEnter", "Exit", "NextIteration", "LoopCond")
)
_CALLS = frozenset(("StatefulPartitionedCall", "PartitionedCall"))
_RESET = "reset_state"
_copies: weakref.WeakKeyDictionary[Any, dict[str, str]] = weakref.WeakKeyDictionary()
"""Graph -> name of an operation that was copied: name of its copy."""


class _State(NamedTuple):
    """What in a graph has to do with a metric's variables, in the order in which it was made.

    Attributes:
        touching: operations that take one of the variables, with the names of the tensors by which they take it.
        dependent: these and all that depends on them.
    """

    touching: dict[Any, set[str]]
    dependent: dict[Any, None]

    def changes(self, bodies: Bodies) -> list[Any]:
        """Those that do more than read, in order, with the bodies of their graph."""
        return [op for op, taken in self.touching.items() if not bodies.only_read(op, taken)]


def updates(name: str, variables: Sequence[Any], after: Any = None) -> list[Any]:
    """The operations that take a batch into a metric; empty when its `update_state` was not called.

    Args:
        name: its key in eval_metric_ops, for the error.
        variables: its `tf.Variable`s, of the default graph; under a strategy, those of the current replica are meant.
        after: Tensor that is there when the batch is, the loss, say, or None.

    Raises:
        MetricsError: the update is in a branch or a loop outside of a tf.function.
    """
    if not variables:
        return []
    graph = tf.compat.v1.get_default_graph()
    state = _state(graph, {variable.handle.name: variable.handle.op for variable in variables})
    changes = state.changes(Bodies(graph))
    needed = _leading_to(changes, state.dependent)
    if any(op.type in _CONTROL_FLOW for op in changes) or any(
        op.type in _CONTROL_FLOW_OF_TENSORFLOW_1 for op in needed
    ):
        raise MetricsError(
            f"The variables of the Keras metric in eval_metric_ops[{name}] are assigned in a tf.cond or a tf.while_loop of "
            "a graph, which does not run that. Put @tf.function on its update_state, or on what calls update_state."
        )
    touching = [op for op in needed if op in state.touching]
    if len(changes) == 1 and changes[0].type in _CALLS:
        return changes
    return _copied(graph, needed, touching, changes, after) if changes else []


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


def is_made_of(value: Any, variables: Iterable[Any]) -> bool:
    """Whether `value`, a Tensor or a structure of them, depends on one of `variables`."""
    before = _before(tf.nest.flatten(value))
    return any(variable.handle.op in before for variable in variables)


def is_left_out(value: Any, variables: Sequence[Any], run: Iterable[Any]) -> bool:
    """Whether `value` is made of variables of metrics, and nothing that is run takes a batch into one of these.

    Args:
        value: a Tensor or a structure of them.
        variables: `tf.Variable`s of metrics, of the default graph.
        run: Tensors and Operations, all that an evaluation runs for each batch.
    """
    before = _before(tf.nest.flatten(value))
    read = [variable for variable in variables if variable.handle.op in before]
    if not read:
        return False
    graph = tf.compat.v1.get_default_graph()
    is_run = {op.name for op in _before(run)}
    copies = _copies.get(graph, {})
    bodies = Bodies(graph)
    for variable in read:
        state = _state(graph, {variable.handle.name: variable.handle.op})
        changes = [op.name for op in state.changes(bodies)]
        if changes and not any(name in is_run or copies.get(name) in is_run for name in changes):
            return True
    return False


def _before(ends: Iterable[Any]) -> set[Any]:
    """The operations of Tensors and Operations, and all that these depend on."""
    left = [end if isinstance(end, tf.Operation) else end.op for end in ends]
    found: set[Any] = set()
    while left:
        op = left.pop()
        if op not in found:
            found.add(op)
            left += _inputs(op)
    return found


def _state(graph: Any, handles: dict[str, Any]) -> _State:
    operations = graph.get_operations()
    begin = min(operations.index(handle) for handle in handles.values())
    copies = set(_copies.get(graph, {}).values())
    touching: dict[Any, set[str]] = {}
    dependent: dict[Any, None] = {}
    initialised: set[str] = set()
    of_variable = {name: name for name in handles}
    for op in operations[begin:]:
        if op.name in copies:
            continue
        taken = {tensor.name for tensor in op.inputs if tensor.name in of_variable}
        if taken and op.type in HANDS_ON:
            of_variable |= dict.fromkeys([one.name for one in op.outputs], of_variable[min(taken)])
            dependent[op] = None
        elif taken:
            variables = {of_variable[name] for name in taken}
            if op.type == "AssignVariableOp" and not variables <= initialised:
                initialised |= variables
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


def _copied(
    graph: Any, needed: Sequence[Any], touching: Sequence[Any], changes: Sequence[Any], after: Any
) -> list[Any]:
    """Copies of `needed`, those of `touching` one after another; returns the copies of `changes`.

    They are made once, however often the metric is given: each run counts the batch.
    """
    made = _copies.get(graph, {})
    if all(op.name in made for op in changes):
        return [graph.get_operation_by_name(made[op.name]) for op in changes]
    inside = {op.name for op in needed}
    taken = {tensor.name: tensor for op in needed for tensor in op.inputs if tensor.op.name not in inside}
    outside = dict(taken)
    awaited = [*(tensor.op for tensor in taken.values()), *([] if after is None else [after.op])]
    definition = tf.compat.v1.GraphDef(versions=graph.graph_def_versions)
    waits_for: dict[Any, list[Any]] = {touching[0]: awaited}
    waits_for |= {later: [earlier] for earlier, later in itertools.pairwise(touching)}
    for op in needed:
        node = op.node_def
        # The importer wants to place them with operations that it does not see.
        node.attr.pop("_class", None)
        del node.input[:]
        node.input.extend(tensor.name for tensor in op.inputs)
        controls = dict.fromkeys([*op.control_inputs, *waits_for.get(op, ())])
        node.input.extend(f"^{before.name}" for before in controls)
        outside |= {f"^{op.name}": _tensor_after(op) for op in controls if op.name not in inside}
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
