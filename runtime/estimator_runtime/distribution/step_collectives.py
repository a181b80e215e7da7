"""Which values need more collectives than a step has, and the hooks that ask for such values.

The value of a metric of `tf.compat.v1.metrics` is one: the sum over the replicas of all tasks. Who asks for it in a step makes
that step's call another one than it is without. So all tasks have to ask in the same step, or they wait for each other for
ever: a task that asks alone, and one that asks when its own clock says so, is refused before there is a session.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import DistributionNotSupportedError

_train: Any = tf.compat.v1.train
_COLLECTIVE = "Collective"


class StepCollectives:
    """What the step of a graph has of collectives.

    Args:
        graph: the graph.
        strategy: the strategy, by which it was built.
        fetches: what each step runs.
    """

    def __init__(self, graph: Any, strategy: Any, fetches: Iterable[Any]) -> None:
        self._graph = graph
        self._functions: dict[str, Any] | None = None
        self._have_collectives: dict[str, bool] = {}
        self._of_step: frozenset[str] = frozenset()
        self._of_step = self._beyond_step(
            [part for one in fetches for part in strategy.experimental_local_results(one)]
        )

    def are_not_enough_for(self, values: Any) -> bool:
        """Whether `values`, any structure of tensors and their names, need more than those of the step."""
        return bool(self._beyond_step(values))

    def check(self, hooks: Iterable[Any], chief_hooks: Iterable[Any]) -> None:
        """Holds a program's hooks against the rule that all tasks ask in the same step.

        Args:
            hooks: those of every task.
            chief_hooks: those of the chief alone.

        Raises:
            DistributionNotSupportedError: one asks on the chief alone, or by time.
        """
        for hook in chief_hooks:
            if self.are_asked_for_by(hook):
                raise DistributionNotSupportedError(
                    f"A {_described(hook)} among the training_chief_hooks asks for a value over the replicas of all tasks "
                    "(that of a metric, or of an all_reduce), which the chief cannot have without them. Put the hook "
                    "among the training_hooks, on all tasks alike."
                )
        for hook in hooks:
            timer = getattr(hook, "_timer", None)
            if getattr(timer, "_every_secs", None) is not None and self.are_asked_for_by(hook):
                raise DistributionNotSupportedError(
                    f"A {_described(hook)} asks by time for a value over the replicas of all tasks (that of a metric, or of "
                    "an all_reduce). Tasks have to ask for it in the same step: let the hook count steps."
                )

    def are_asked_for_by(self, hook: Any) -> bool:
        """Whether one of TensorFlow's hooks asks for more collectives than those of the step."""
        asks = next((asks for kind, asks in _ASKS.items() if isinstance(hook, kind)), None)
        return asks is not None and self.are_not_enough_for(asks(hook))

    def _beyond_step(self, values: Any) -> frozenset[str]:
        """The names of the operations that are collectives, or call functions with one in it."""
        todo = list(self._operations(values))
        seen: set[str] = set()
        while todo:
            operation = todo.pop()
            if operation.name not in seen:
                seen.add(operation.name)
                todo += [*(tensor.op for tensor in operation.inputs), *operation.control_inputs]
        operations = map(self._graph.get_operation_by_name, seen - self._of_step)
        return frozenset(one.name for one in operations if self._is_collective(one.node_def))

    def _operations(self, values: Any) -> Iterator[Any]:
        for value in tf.nest.flatten(values, expand_composites=True):
            if isinstance(value, str):
                try:
                    yield self._graph.as_graph_element(value, allow_operation=False).op
                except (KeyError, ValueError):  # the hook says so itself, when it begins
                    continue
            elif isinstance(value, tf.Operation):
                yield value
            elif isinstance(value, tf.Tensor):
                yield value.op

    def _is_collective(self, node: Any) -> bool:
        return node.op.startswith(_COLLECTIVE) or any(map(self._has_collective, _called(node)))

    def _has_collective(self, name: str) -> bool:
        """Whether a function has a collective in it, or calls one that has."""
        if self._functions is None:
            library = self._graph.as_graph_def().library.function
            self._functions = {function.signature.name: function for function in library}
        if name not in self._have_collectives:
            self._have_collectives[name] = False  # of one that calls itself
            function = self._functions.get(name)
            nodes = () if function is None else function.node_def
            self._have_collectives[name] = any(map(self._is_collective, nodes))
        return self._have_collectives[name]


class SameSteps(_train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """A `SummarySaverHook` that asks in the same steps on all tasks.

    Args:
        hook: the hook, whose own account of the steps would not do.
    """

    def __init__(self, hook: Any) -> None:
        self._hook = hook

    def begin(self) -> None:
        """As the hook."""
        self._hook.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        """As the hook."""
        self._hook.after_create_session(session, coord)

    def before_run(self, run_context: Any) -> Any:
        """As the hook."""
        return self._hook.before_run(run_context)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """As the hook, of the step that it is."""
        self._hook.after_run(run_context, with_step(self._hook, run_context, run_values))

    def end(self, session: Any) -> None:
        """As the hook."""
        self._hook.end(session)


def with_step(hook: Any, run_context: Any, run_values: Any) -> Any:
    """The values of a step for a `SummarySaverHook`, with the number that the step had before it.

    The hook reads that number in the step, and takes it for the one before, which it is only where the read came first.
    """
    step = run_context.session.run(hook._global_step_tensor)  # noqa: SLF001 - it has no public name
    return run_values._replace(results={**run_values.results, "global_step": step - 1})


def summaries(scaffold: Any) -> list[Any]:
    """What a scaffold is going to have for a summary operation."""
    keys = tf.compat.v1.GraphKeys
    own = [] if scaffold is None or scaffold.summary_op is None else [scaffold.summary_op]
    collection = tf.compat.v1.get_collection
    return own or collection(keys.SUMMARY_OP) or collection(keys.SUMMARIES)


def _summaries_of(hook: Any) -> Any:
    return summaries(hook._scaffold) if hook._summary_op is None else hook._summary_op  # noqa: SLF001


# They have no public names.
_ASKS: dict[Any, Callable[[Any], Any]] = {
    _train.SummarySaverHook: _summaries_of,
    _train.LoggingTensorHook: lambda hook: list(hook._tensors.values()),  # noqa: SLF001
    _train.NanTensorHook: lambda hook: hook._loss_tensor,  # noqa: SLF001
    _train.FinalOpsHook: lambda hook: hook._final_ops,  # noqa: SLF001
}


def _called(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        yield from (function.name for function in value.list.func)


def _described(hook: Any) -> str:
    if isinstance(hook, _train.LoggingTensorHook):
        tags = ", ".join(str(getattr(tag, "name", tag)) for tag in hook._tensors)  # noqa: SLF001
        return f"{type(hook).__name__} of {tags}"
    return type(hook).__name__
