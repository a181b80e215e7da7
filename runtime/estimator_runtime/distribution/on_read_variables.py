"""What is saved of variables that each replica changes by itself, as BatchNormalization's averages of Keras 2.

Such a variable is read as the mean (or sum) over the replicas of all tasks: by a collective, which all tasks must run. The
chief alone saves, so it would wait for ever. Instead every step ends with that read, on all tasks, into a plain variable
of each task, and this is what is saved and restored under the variable's name.
"""

import weakref
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime.distribution import restored_tables
from estimator_runtime.distribution.each_replica import in_each

# By graph. They are no collections: those are written with the graph.
_OF_GRAPHS: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


class OnReadVariables:
    """Those of the default graph, outside of the strategy's scope.

    Args:
        strategy: the strategy by which the graph was built.
    """

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy
        self._read: list[tuple[Any, Any]] = []
        # A name that is asked for outside of the scope is a read, by a collective.
        with strategy.scope():
            names = [variable.op.name for variable in tf.compat.v1.global_variables()]
        for variable, name in zip(tf.compat.v1.global_variables(), names, strict=True):
            if _is_read_by_all(variable):
                saved = tf.compat.v1.Variable(
                    tf.zeros(variable.shape, variable.dtype.base_dtype),
                    trainable=False,
                    collections=[],
                    name=f"{name}/saved",
                )
                self._read.append((variable, saved))
        _OF_GRAPHS[tf.compat.v1.get_default_graph()] = self

    def __bool__(self) -> bool:
        return bool(self._read)

    def saver(self, **options: Any) -> Any:
        """A saver of all that the graph has to be saved, with these options of Saver; it is built when the graph is finalised."""
        return _Saver(self._to_save, options)

    def _to_save(self) -> dict[str, Any]:
        """All variables of the graph by their names, of mirrored ones this task's first copy, of these the plain ones; tables."""
        saved = {id(variable): plain for variable, plain in self._read}
        copies = self._strategy.experimental_local_results
        variables = {
            variable.op.name: saved.get(id(variable), copies(variable)[0])
            for variable in tf.compat.v1.global_variables()
        }
        return variables | {one.name: one for one in restored_tables.saved_beside_variables()}

    def read_after(self, operation: Any) -> Any:
        """The operation, and then that which reads the variables; it belongs to every step of all tasks."""
        copies = self._strategy.experimental_local_results

        def read(number: int) -> Any:
            own = []
            # Each replica is built in a thread, which does not know what surrounds the call.
            with tf.control_dependencies([operation]):
                for variable, _ in self._read:
                    parts = copies(variable)
                    own.append(parts[number % len(parts)].read_value())
            # In one call, for the tasks have to make these all-reduces in one order.
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, own)

        with self._strategy.scope():
            sums = in_each(self._strategy, read)[0]
        count = self._strategy.num_replicas_in_sync
        return tf.group(
            [
                saved.assign(value if _is_sum(variable) else tf.cast(value / count, value.dtype))
                for (variable, saved), value in zip(self._read, sums, strict=True)
            ]
        )

    def restored(self, variable: Any) -> Any:
        """What each replica's part of a variable becomes after a restore; None for a variable that is not among these."""
        for one, saved in self._read:
            if one is variable:
                value = saved.read_value()
                count = self._strategy.num_replicas_in_sync
                return tf.cast(value / count, value.dtype) if _is_sum(variable) else value
        return None


class _Saver(tf.compat.v1.train.Saver):  # type: ignore[misc]  # TensorFlow is untyped
    """A saver that learns what it saves when it is built: TensorFlow's own, deferred, can only save everything."""

    def __init__(self, variables: Callable[[], dict[str, Any]], options: dict[str, Any]) -> None:
        super().__init__(defer_build=True, **options)
        self._made: Callable[[], Any] = lambda: tf.compat.v1.train.Saver(variables(), **options)

    def build(self) -> None:
        """Becomes the saver of what there is now."""
        self.__dict__.update(self._made().__dict__)


def of(graph: Any) -> OnReadVariables | None:
    """Those of a graph; None where there is no such strategy."""
    return _OF_GRAPHS.get(graph)


def _is_read_by_all(variable: Any) -> bool:
    return getattr(
        variable, "synchronization", None
    ) == tf.VariableSynchronization.ON_READ and variable.aggregation in (
        tf.VariableAggregation.MEAN,
        tf.VariableAggregation.SUM,
    )


def _is_sum(variable: Any) -> bool:
    return bool(variable.aggregation == tf.VariableAggregation.SUM)
