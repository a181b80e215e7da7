"""The graph of a training or an evaluation, which does not show the loop over its steps.

Checkpoints (`graph.pbtxt`, `.meta`) and events hold the graph of the model. The loop has to be in the same graph, for a
session runs one; it is left out of what is made of the graph.
"""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf


class LoopedGraph(tf.Graph):  # type: ignore[misc]  # TensorFlow is untyped
    """A graph of which a part is in no GraphDef."""

    def __init__(self) -> None:
        super().__init__()
        self._hidden_scope = ""
        self._hidden_functions: frozenset[str] = frozenset()

    def hide(self, scope: str, functions: Iterable[str] = ()) -> None:
        """Leaves out the operations in a name scope ("name/") and functions by their names."""
        self._hidden_scope = scope
        self._hidden_functions = frozenset(functions)

    def as_graph_def(self, *arguments: Any, **settings: Any) -> Any:
        """As a graph's, without what is hidden."""
        definition = super().as_graph_def(*arguments, **settings)
        if self._hidden_scope:
            _keep(definition.node, lambda node: not node.name.startswith(self._hidden_scope))
            _keep(definition.library.function, lambda one: one.signature.name not in self._hidden_functions)
        return definition


def _keep(messages: Any, is_kept: Any) -> None:
    for index in reversed(range(len(messages))):
        if not is_kept(messages[index]):
            del messages[index]
