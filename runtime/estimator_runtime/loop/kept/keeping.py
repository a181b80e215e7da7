"""For how long a session is kept, and for what: the evaluations of one call of train_and_evaluate.

tf.estimator calls input_fn and model_fn for each evaluation, and so it is here: they may count, read, draw and print. What
they have built is held against what they built before. Only where it is the same graph, its session is used again; a graph
that has changed once is not kept any more in that call. A program that promises that it stays the same has the functions
called once (`promises`).
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import tensorflow as tf

from estimator_runtime.inputs.model_input import IteratorInitializerHook
from estimator_runtime.loop.kept import likeness, promises
from estimator_runtime.loop.kept.kept_session import KeptSession
from estimator_runtime.loop.steps import replaced

_KEYS: Any = tf.compat.v1.GraphKeys
_SCAFFOLD: Any = tf.compat.v1.train.Scaffold
_CREATOR: Any = tf.compat.v1.train.ChiefSessionCreator
# What a session would have beside variables, tables and iterators, or be initialised by.
_FOREIGN = (
    _KEYS.QUEUE_RUNNERS,
    _KEYS.SAVEABLE_OBJECTS,
    _KEYS.SAVERS,
    _KEYS.INIT_OP,
    _KEYS.LOCAL_INIT_OP,
    _KEYS.READY_OP,
    _KEYS.READY_FOR_LOCAL_INIT_OP,
    "resources",
    "local_resources",
    "saved_model_initializers",
)
_SCAFFOLD_FIELDS = (
    "init_op",
    "init_fn",
    "init_feed_dict",
    "local_init_op",
    "local_init_feed_dict",
    "ready_op",
    "ready_for_local_init_op",
    "saver",
)
_Built = TypeVar("_Built")


class Keeping:
    """The session that a call keeps."""

    def __init__(self) -> None:
        self._kept: KeptSession[Any] | None = None
        self._model: Any = None
        self._input_fn: Any = None
        self._is_over = False

    def promised_session(self, model: Any, input_fn: Any) -> KeptSession[Any] | None:
        """The session of an earlier evaluation, where another would build the same graph, for so the program has said.

        Args:
            model: the BoundModel.
            input_fn: the evaluation's input_fn.
        """
        is_same = self._model is model and self._input_fn is input_fn and promises.is_made(input_fn)
        return self._kept if is_same and _is_tensorflows() else None

    def session(
        self,
        built: _Built,
        *,
        model: Any,
        input_fn: Any,
        scaffold: Any,
        input_hooks: Iterable[Any],
        runs: Mapping[str, Any],
    ) -> KeptSession[_Built] | None:
        """The session for what was built in the default graph: that of an earlier graph like this one, or a new one.

        Args:
            built: what was built.
            model: the BoundModel that it was built with.
            input_fn: its input_fn.
            scaffold: its Scaffold.
            input_hooks: hooks that its input needs.
            runs: dict from name to what is run: a Tensor, a variable or an operation.

        Returns:
            None where there would be a difference to a session of its own.
        """
        graph = tf.compat.v1.get_default_graph()
        if self._is_over or not _is_plain(graph, scaffold, input_hooks):
            return None
        digest = likeness.digest(
            graph,
            [*runs.values(), *_begin_with(graph, input_hooks)],
            [*(name.encode() for name in runs), *_variables(graph)],
        )
        has_changed = self._kept is not None and (self._kept.digest != digest or self._model is not model)
        if digest is None or has_changed:
            # Comparing costs something, and would be for nothing the next time too.
            self._is_over = True
            self.close()
            return None
        if self._kept is None:
            self._kept = KeptSession(graph, built, scaffold, model.config.session_config, digest)
            self._model, self._input_fn = model, input_fn
        return self._kept

    def close(self) -> None:
        """Closes the session, if there is one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()


class _Call(threading.local):
    """The call of this thread.

    Attributes:
        keeping: what it keeps; None outside of a call.
    """

    keeping: Keeping | None = None


_call = _Call()


@contextlib.contextmanager
def call() -> Iterator[None]:
    """Surrounds a call whose evaluations may use one session."""
    before, _call.keeping = _call.keeping, Keeping()
    try:
        yield
    finally:
        keeping, _call.keeping = _call.keeping, before
        if keeping is not None:
            keeping.close()


def current() -> Keeping | None:
    """What the call of this thread keeps; None outside of a call."""
    return _call.keeping


def _is_tensorflows() -> bool:
    """Whether the program has replaced nothing that would make each session."""
    return not replaced.monitored_session() and tf.compat.v1.train.ChiefSessionCreator is _CREATOR


def _is_plain(graph: Any, scaffold: Any, input_hooks: Iterable[Any]) -> bool:
    """Whether a session of the graph is made and initialised in the default way."""
    return (
        _is_tensorflows()
        and type(scaffold) is _SCAFFOLD
        and all(getattr(scaffold, name) is None for name in _SCAFFOLD_FIELDS)
        and not any(graph.get_collection(key) for key in _FOREIGN)
        and all(type(hook) is IteratorInitializerHook for hook in input_hooks)
    )


def _begin_with(graph: Any, input_hooks: Iterable[Any]) -> Iterator[Any]:
    """What is restored from the checkpoint, and the operations that initialise the rest."""
    for variable in graph.get_collection(_KEYS.GLOBAL_VARIABLES):
        yield variable.op
    for variable in graph.get_collection(_KEYS.LOCAL_VARIABLES):
        yield variable.initializer
    yield from graph.get_collection(_KEYS.TABLE_INITIALIZERS)
    for hook in input_hooks:
        yield from tf.nest.flatten(hook.initializer)


def _variables(graph: Any) -> Iterator[bytes]:
    """What a saver and the initialisers know of the graph's variables."""
    for key in (_KEYS.GLOBAL_VARIABLES, _KEYS.LOCAL_VARIABLES):
        yield key.encode()
        for variable in graph.get_collection(key):
            yield variable.to_proto().SerializeToString(deterministic=True)
