"""Whether two graphs are the same, and whether a session on one of them may be used for both.

A session is as good as a new one when everything that lasts in it can be taken away and made anew: variables, lookup
tables, what a dataset's iterator has read. It is not where an operation itself keeps something, as the generator of a
random operation does, whose numbers would go on where they begin anew in another session.

Two graphs are the same when their GraphDefs are, but for what TensorFlow numbers for the whole process: the names of
functions (each is known by its contents here) and the shared names of lookup tables (known by their order).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

MOST_BYTES = 16 * 1024 * 1024
"""Of a GraphDef that is compared; larger ones hold data, and building their session costs little beside that."""

RESOURCES = frozenset({"VarHandleOp", "HashTableV2"})
"""Types of operations whose resource is destroyed between two uses; others that make one are not known here."""

# Stateful, for TensorFlow must not fold or merge them, but nothing of theirs lasts that is not in such a resource, in an
# iterator or in the step.
_HARMLESS = re.compile(
    r"ReadVariableOp|Assign(Add|Sub)?VariableOp|VarIsInitializedOp|ResourceGather(Nd)?|ResourceScatter\w+"
    r"|LookupTable(Find|Import|Size|Export)V2|InitializeTable(FromTextFile)?V2"
    r"|IteratorV2|MakeIterator|IteratorGetNext|(?!DataService|Snapshot|Save|Generator)\w+Dataset(V\d)?"
    r"|Dummy(SeedGenerator|MemoryCache|IterationCounter)|TensorArray\w*V3"
    r"|Assert|Print(V2)?|Timestamp|ReadFile|MatchingFiles|If|While|Case|(Stateful)?PartitionedCall"
)
# In the body of a function, where TensorFlow tells only whether any of its operations is stateful.
_LASTING = re.compile(
    r"Py|Iterator|Queue|Reader|Stage|Barrier|Accumulator|Stack|Var|Assign|Table|TensorsMap|Stateful|Rng|Random|Writer"
    r"|DataService|Snapshot|SaveDataset|GeneratorDataset|Resource|Send|Recv|Collective"
)


def digest(graph: Any, runs: Iterable[Any], parts: Iterable[bytes] = ()) -> bytes | None:
    """What two graphs have in common that run the same in one session.

    Only what runs counts: first values of variables, which Keras draws anew for each graph, are not those of a checkpoint.

    Args:
        graph: the graph.
        runs: the tensors, variables and operations that are run in the session.
        parts: what else has to be the same.

    Returns:
        32 bytes; None where something lasts in the session, or the graph is too large to be compared.
    """
    try:
        graph_def = graph.as_graph_def()
    except ValueError:  # larger than a GraphDef may be
        return None
    if graph_def.ByteSize() > MOST_BYTES or graph_def.library.gradient:
        return None
    functions = {function.signature.name: function for function in graph_def.library.function}
    if any(_lasts_in(function) for function in functions.values()):
        return None
    roots = [graph.as_graph_element(run) for run in runs]
    operations = (getattr(root, "op", root) for root in roots)
    names = _reached({node.name: node for node in graph_def.node}, (one.name for one in operations))
    if any(_lasts(graph.get_operation_by_name(name)) for name in names):
        return None
    canonical = _Canonical(functions)
    hashed = hashlib.sha256()
    running = (canonical.renamed(node) for node in graph_def.node if node.name in names)
    for part in (*running, *(root.name.encode() for root in roots), *parts):
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.digest()


def _reached(nodes: Mapping[str, Any], roots: Iterable[str]) -> set[str]:
    """Names of the nodes that run with those of `roots`."""
    reached: set[str] = set()
    left = list(roots)
    while left:
        name = left.pop()
        if name not in reached:
            reached.add(name)
            left += [source.lstrip("^").partition(":")[0] for source in nodes[name].input]
    return reached


_is_harmless: dict[str, bool] = {}


def _lasts(operation: Any) -> bool:
    """Whether an operation of the graph keeps something that cannot be made anew."""
    kind = operation.type
    if kind not in _is_harmless:
        harmless = kind in RESOURCES or _HARMLESS.fullmatch(kind) is not None
        _is_harmless[kind] = harmless or not operation.op_def.is_stateful
    return not _is_harmless[kind]


def _lasts_in(function: Any) -> bool:
    """Whether an operation in the body of a function may do so."""
    if not function.signature.is_stateful:
        return False
    return any(
        "seed2" in node.attr or (_LASTING.search(node.op) and not _HARMLESS.fullmatch(node.op))
        for node in function.node_def
    )


class _Canonical:
    """Gives functions and tables names that are the same in every graph.

    Args:
        functions: the functions of the graph by name.
    """

    def __init__(self, functions: Mapping[str, Any]) -> None:
        self._functions = functions
        self._names: dict[str, str] = {}
        self._tables: dict[bytes, bytes] = {}

    def renamed(self, node: Any) -> bytes:
        """A NodeDef, serialized with such names."""
        self._rename(node)
        return bytes(node.SerializeToString(deterministic=True))

    def _rename(self, node: Any) -> None:
        node.op = self._name(node.op)
        for value in node.attr.values():
            self._rename_in(value)
        if node.op.endswith("TableV2") and "shared_name" in node.attr:
            shared = node.attr["shared_name"]
            shared.s = self._tables.setdefault(shared.s, str(len(self._tables)).encode())

    def _rename_in(self, value: Any) -> None:
        kind = value.WhichOneof("value")
        named = [value.func] if kind == "func" else list(value.list.func) if kind == "list" else []
        for one in named:
            one.name = self._name(one.name)
            for inner in one.attr.values():
                self._rename_in(inner)

    def _name(self, name: str) -> str:
        function = self._functions.get(name)
        if function is None:
            return name
        if name not in self._names:
            self._names[name] = "itself"
            body = type(function)()
            body.CopyFrom(function)
            body.signature.name = ""
            for node in body.node_def:
                self._rename(node)
            self._names[name] = hashlib.sha256(body.SerializeToString(deterministic=True)).hexdigest()
        return self._names[name]
