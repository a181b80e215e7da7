"""The part of a graph that a training step runs, as a GraphDef that can be put into a loop, or why it cannot.

Whether it can is read from the operations and from the functions that they call, nothing is tried: see `operations`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimator_runtime.loop.stretches import operations

_MOST_BYTES = 64 * 2**20
_COLOCATION = "_class"
_SAME_PLACE = b"loc:@"
# So that the copy of an operation with a seed draws other numbers than the operation.
_OTHER_SEED = 1_000_003


class NotLoopableError(Exception):
    """A step cannot be put into a loop; the message says why, as a part of a sentence."""


@dataclass(frozen=True, slots=True)
class StepGraph:
    """What a step runs.

    Attributes:
        definition: GraphDef of the operations and of the functions that they call.
        handles: tensors of the resources that it uses, which are not in the definition, by the name of their operation.
        train: name of the training operation or Tensor.
        loss: the Tensor of the loss.
        is_seeded: whether random numbers in it have a seed.
    """

    definition: Any
    handles: dict[str, Any]
    train: str
    loss: Any
    is_seeded: bool


def of(
    train_op: Any,
    loss: Any,
    step: Any,
    *,
    more: Sequence[Any] = (),
    inputs: Sequence[Any] = (),
    is_together: bool = False,
) -> StepGraph:
    """The graph of a step.

    Args:
        train_op: Operation or Tensor.
        loss: scalar Tensor of a float dtype.
        step: the variable that counts the steps: the global step of a training.
        more: other tensors that are asked of it.
        inputs: tensors that its copy is given, and does not compute.
        is_together: whether all tasks make the steps of the loop together.

    Raises:
        NotLoopableError: it cannot be in a loop.
    """
    if not isinstance(train_op, tf.Operation | tf.Tensor):
        raise NotLoopableError(f"its train_op is a {type(train_op).__name__}")
    if not isinstance(loss, tf.Tensor) or not loss.dtype.is_floating or loss.shape.rank != 0:
        raise NotLoopableError("its loss is no scalar of a float type")
    train = train_op if isinstance(train_op, tf.Operation) else train_op.op
    found, handles = _needed([train, loss.op, *(tensor.op for tensor in more)], inputs)
    _check(found, is_together=is_together)
    _check_counting(found, step)
    definition = _definition(loss.graph, found, {*handles, *(tensor.op.name for tensor in inputs)})
    functions = _functions(loss.graph, definition)
    if functions:
        definition.library.function.extend(functions)
        _check_functions(definition, is_together=is_together)
    if definition.ByteSize() > _MOST_BYTES:
        raise NotLoopableError("its graph holds arrays of more than 64 MiB")
    used = {name.partition(":")[0] for node in definition.node for name in node.input}
    handles = {name: handle for name, handle in handles.items() if name in used}
    is_seeded = _change_seeds(definition.node)
    if any(_is_seeded(node) for function in functions for node in function.node_def):
        raise NotLoopableError("a function in it draws random numbers with a seed")
    return StepGraph(definition, handles, train_op.name, loss, is_seeded)


def _needed(ends: Iterable[Any], inputs: Iterable[Any]) -> tuple[list[Any], dict[str, Any]]:
    """The operations that `ends` need, they themselves included and those of `inputs` not; and the handles."""
    found: dict[str, Any] = {}
    handles: dict[str, Any] = {}
    given = {tensor.op.name for tensor in inputs}
    todo = list(ends)
    while todo:
        operation = todo.pop()
        if operation.name in found or operation.name in handles or operation.name in given:
            continue
        if operation.type in operations.HANDLES and operation.outputs[0].dtype == tf.resource:
            handles[operation.name] = operation.outputs[0]
            continue
        found[operation.name] = operation
        todo.extend(tensor.op for tensor in operation.inputs)
        todo.extend(operation.control_inputs)
    return list(found.values()), handles


def _check(found: Iterable[Any], *, is_together: bool) -> None:
    for operation in found:
        is_stateful = operation.op_def.is_stateful
        if not operations.fits(operation.type, is_stateful=is_stateful, is_together=is_together):
            raise NotLoopableError(f"{operation.name} is a {operation.type}")


def _check_counting(found: Iterable[Any], step: Any) -> None:
    """Holds a step against what all lengths are reckoned by: it adds 1 to what counts steps, once, whatever happens."""
    name = step.name.partition(":")[0]
    counter = "the global step" if name == tf.compat.v1.GraphKeys.GLOBAL_STEP else name
    handle = getattr(step, "handle", None)
    if handle is None:
        raise NotLoopableError(f"{counter} is a reference variable")
    added = 0
    for operation in found:
        if not any(tensor is handle or tensor.name == handle.name for tensor in operation.inputs):
            continue
        if operation.type == "AssignAddVariableOp":
            by = tf.get_static_value(operation.inputs[1])
            if by is None or by != 1:
                raise NotLoopableError(f"{operation.name} adds another number than 1 to {counter}")
            added += 1
        elif operation.type not in ("ReadVariableOp", "VarIsInitializedOp", "VariableShape"):
            raise NotLoopableError(f"{operation.name}, a {operation.type}, is given {counter}")
    if added != 1:
        raise NotLoopableError(f"it adds to {counter} {added} times")


def _definition(graph: Any, found: Iterable[Any], left_out: set[str]) -> Any:
    definition = tf.compat.v1.GraphDef()
    definition.versions.CopyFrom(graph.graph_def_versions)
    names = {operation.name for operation in found}
    for operation in found:
        node = definition.node.add()
        node.CopyFrom(operation.node_def)
        if _is_compiled(node):
            raise NotLoopableError(f"{node.name} is compiled by XLA")
        inputs = [name for name in node.input if name.removeprefix("^") not in left_out or name[:1] != "^"]
        if len(inputs) != len(node.input):
            node.input[:] = inputs
        _keep_places(node, names)
    return definition


def _keep_places(node: Any, names: set[str]) -> None:
    """Keeps, of the operations that this one is placed beside, those that are copied."""
    if _COLOCATION not in node.attr:
        return
    kept = [
        place
        for place in node.attr[_COLOCATION].list.s
        if not place.startswith(_SAME_PLACE) or place.removeprefix(_SAME_PLACE).decode() in names
    ]
    if kept:
        node.attr[_COLOCATION].list.s[:] = kept
    else:
        del node.attr[_COLOCATION]


def _functions(graph: Any, definition: Any) -> list[Any]:
    """The functions that a GraphDef calls, directly or not."""
    called = set(_called(definition.node))
    types = {node.op for node in definition.node}
    if not called and all(hasattr(tf.raw_ops, kind) for kind in types):
        return []
    library = {one.signature.name: one for one in graph.as_graph_def().library.function}
    todo = [name for name in called | types if name in library]
    found: dict[str, Any] = {}
    while todo:
        name = todo.pop()
        if name in found:
            continue
        function = found[name] = library[name]
        if _is_compiled(function):
            raise NotLoopableError(f"the function {name} is compiled by XLA")
        names = {*_called(function.node_def), *(node.op for node in function.node_def)}
        todo.extend(name for name in names if name in library)
    return list(found.values())


def _called(nodes: Iterable[Any]) -> Iterator[str]:
    for node in nodes:
        for value in node.attr.values():
            if value.HasField("func"):
                yield value.func.name
            yield from (function.name for function in value.list.func)


def _check_functions(definition: Any, *, is_together: bool) -> None:
    functions = {function.signature.name for function in definition.library.function}
    # A meta graph has the definitions, by their types, of all operations of the functions that its nodes are calls of.
    calls = tf.compat.v1.GraphDef(library=definition.library)
    for name in functions:
        calls.node.add(name=name, op=name)
    meta_graph = tf.compat.v1.train.export_meta_graph(graph_def=calls, graph=tf.Graph())
    known = {one.name: one for one in meta_graph.meta_info_def.stripped_op_list.op}
    for function in definition.library.function:
        for node in function.node_def:
            if node.op in functions:
                continue
            is_stateful = node.op not in known or known[node.op].is_stateful
            if _is_compiled(node):
                raise NotLoopableError(f"{node.name} in a function is compiled by XLA")
            if not operations.fits(node.op, is_stateful=is_stateful, is_together=is_together):
                raise NotLoopableError(f"{node.name} in a function is a {node.op}")


def _is_compiled(one: Any) -> bool:
    """Whether a node or a function has an attribute that is XLA's, and no switch that is off."""
    return any(
        name.startswith("_Xla") and (value.b or value.WhichOneof("value") != "b")
        for name, value in one.attr.items()
    )


def _is_seeded(node: Any) -> bool:
    return node.op in operations.RANDOM and bool(node.attr["seed"].i or node.attr["seed2"].i)


def _change_seeds(nodes: Iterable[Any]) -> bool:
    """Gives random operations that have a seed another one; tells whether there were any."""
    is_seeded = False
    for node in nodes:
        if _is_seeded(node):
            is_seeded = True
            node.attr["seed2"].i += _OTHER_SEED
    return is_seeded
