"""What operations do with a variable that they take: read it, or more.

Of a branch, a loop or the call of a function that depends on what its body does, which is read in the graph's library.
"""

from collections.abc import Iterable
from typing import Any

HANDS_ON = frozenset(("Identity", "Switch", "Merge", "Enter", "Exit", "NextIteration"))
"""Operations whose outputs are the variable that they take, as the branches and loops of TensorFlow 1 have them."""

_READS = frozenset(
    ("ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VarIsInitializedOp", "VariableShape")
)
# The first input says which branch.
_BRANCHES = frozenset(("If", "StatelessIf", "Case", "StatelessCase"))


class Bodies:
    """The functions of a graph.

    Args:
        graph: the graph; its library is read when it is asked for.
    """

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._functions: dict[str, Any] | None = None

    def only_read(self, op: Any, taken: Iterable[str]) -> bool:
        """Whether `op` does no more with the variables that it takes by the tensors `taken` than read them."""
        if op.type in _READS:
            return True
        names = [tensor.name for tensor in op.inputs]
        return self._bodies_only_read(op.node_def, names, frozenset(taken), ())

    def _bodies_only_read(
        self, node: Any, names: list[str], taken: frozenset[str], within: tuple[str, ...]
    ) -> bool:
        """The same of the functions that a node calls, `names` being its inputs."""
        called = _called(node)
        if not called:
            return False
        arguments = names[1:] if node.op in _BRANCHES else names
        places = [place for place, name in enumerate(arguments) if name in taken]
        return all(self._body_only_reads(name, places, within) for name in called)

    def _body_only_reads(self, name: str, places: list[int], within: tuple[str, ...]) -> bool:
        function = self._function(name)
        if function is None:
            return False
        if name in within:  # what it does besides is looked at already
            return True
        known = {function.signature.input_arg[place].name for place in places}
        handing_on: set[str] = set()
        pending = True
        while pending:
            pending = False
            for node in function.node_def:
                takes = known.intersection(node.input)
                if takes and node.op in HANDS_ON and node.name not in handing_on:
                    handing_on.add(node.name)
                    known |= {
                        one for other in function.node_def for one in other.input if _is_of(one, node.name)
                    }
                    pending = True
        for node in function.node_def:
            takes = known.intersection(node.input)
            if not takes or node.op in HANDS_ON or node.op in _READS:
                continue
            names = [one for one in node.input if not one.startswith("^")]
            if not self._bodies_only_read(node, names, frozenset(takes), (*within, name)):
                return False
        return True

    def _function(self, name: str) -> Any:
        if self._functions is None:
            library = self._graph.as_graph_def().library
            self._functions = {function.signature.name: function for function in library.function}
        return self._functions.get(name)


def _is_of(tensor: str, node: str) -> bool:
    return tensor.startswith(f"{node}:")


def _called(node: Any) -> list[str]:
    """Names of the functions that a node calls."""
    called = []
    for attribute in node.attr.values():
        kind = attribute.WhichOneof("value")
        if kind == "func":
            called.append(attribute.func.name)
        elif kind == "list":
            called += [function.name for function in attribute.list.func]
    return called
