"""How tasks that make every step together come to the same variables: the chief's.

The chief looks for the newest checkpoint and says whether it has one. If so it alone restores it, else all initialise
their variables, and it alone makes a warm start. Then all take the chief's values, of a checkpoint also of tables. So workers read no model directory, and
none can begin with another checkpoint than the others. Nor can a warm start be made by the initialisers, as it is elsewhere:
the chief sends its first values from there, and one whose initialisers were replaced sends none to those that wait for them.

Every call of the session that has a collective in it is made by all tasks equally often and in the same order: TensorFlow
numbers such calls, and a task that is one ahead waits for ever.
"""

import sys
from collections.abc import Callable
from typing import Any, ClassVar

import tensorflow as tf

from estimator_runtime.cluster.peers import ANOTHER_IS_GONE, PeerWatch
from estimator_runtime.distribution import common_end, on_read_variables
from estimator_runtime.distribution.each_replica import in_each
from estimator_runtime.distribution.on_read_variables import OnReadVariables
from estimator_runtime.distribution.restored_tables import RestoredTables
from estimator_runtime.errors import PeerLostError

_SUM = tf.distribute.ReduceOp.SUM
_SUMMED_AS = {
    **{dtype: dtype for dtype in (tf.float16, tf.float32, tf.float64, tf.int32, tf.int64)},
    **dict.fromkeys((tf.bool, tf.int8, tf.int16, tf.uint8, tf.uint16), tf.int32),
    **dict.fromkeys((tf.uint32, tf.uint64), tf.int64),
    tf.bfloat16: tf.float32,
}
"""In which type a variable's values are summed, for those that have one in which they keep their value."""


class OneSession(tf.compat.v1.train.SessionCreator):  # type: ignore[misc]  # TensorFlow is untyped
    """Makes one session and no other: collectives that were aborted stay so until the process ends.

    Nor is one begun again that could not be made: its graph is final, and the others may have made their calls of it.

    Args:
        creator: makes it.
        peers: is told when this task waits for the others.
    """

    def __init__(self, creator: Any, peers: PeerWatch) -> None:
        self._creator = creator
        self._peers = peers
        self._is_begun = False

    def create_session(self) -> Any:
        """Returns the session.

        Raises:
            PeerLostError: it was asked for before, and a monitored session asks for another since a task was lost.
        """
        if self._is_begun:
            raise PeerLostError(ANOTHER_IS_GONE)
        self._is_begun = True
        self._peers.waits()
        session = self._creator.create_session()
        self._peers.goes_on()
        return session


class CallHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Comes last before the call of a step, and says that this task may wait in it.

    Args:
        peers: is told.
    """

    steps_between_looks: ClassVar[int] = sys.maxsize

    def __init__(self, peers: PeerWatch) -> None:
        self._peers = peers

    def before_run(self, run_context: Any) -> None:
        """Says so."""
        del run_context
        self._peers.waits()


class ReturnHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Comes first after the call of a step, and says that it has returned; also of one that ended with the input.

    Nobody comes after a step that fails, but `end` does where the input has ended: then the hooks after this one take their
    time, to save for one, and the others may be gone by then.

    Args:
        peers: is told.
    """

    steps_between_looks: ClassVar[int] = sys.maxsize

    def __init__(self, peers: PeerWatch) -> None:
        self._peers = peers

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Says so."""
        del run_context, run_values
        self._peers.goes_on()

    def end(self, session: Any) -> None:
        """Says so."""
        del session
        self._peers.goes_on()


class CollectiveSessionCreator(tf.compat.v1.train.SessionCreator):  # type: ignore[misc]  # TensorFlow is untyped
    """Makes a task's session.

    Args:
        strategy: the strategy, in whose scope the graph was built.
        scaffold: the model's Scaffold.
        master: address of the task's own server.
        config: ConfigProto of the session.
        restoring: the chief's: restores the newest checkpoint in a session, and says whether there was one; None on a
            worker.
        peers: is told when all others have been there.
        first_values: the chief's: adds an operation that gives initialised variables other first values; None for none.
    """

    def __init__(
        self,
        strategy: Any,
        scaffold: Any,
        master: str,
        config: Any,
        restoring: Any,
        peers: PeerWatch,
        first_values: Callable[[], Any] | None = None,
    ) -> None:
        self._strategy = strategy
        self._peers = peers
        self._scaffold = scaffold
        self._master = master
        self._config = config
        self._restoring = restoring
        self._first_values = first_values

    def create_session(self) -> Any:
        """Returns a `tf.compat.v1.Session` on the chief's variables."""
        is_restored = tf.compat.v1.placeholder(tf.int32, [], name="chief_restored")
        restored = self._agreed(is_restored)
        on_read = on_read_variables.of(tf.compat.v1.get_default_graph())
        shared_first = self._shared(None)
        shared_restored = self._shared(on_read) if on_read else shared_first
        tables = RestoredTables(self._strategy)
        first_read = on_read.read_after(tf.no_op()) if on_read else None
        end = common_end.of(tf.compat.v1.get_default_graph())
        endless = end.all_endless() if end else None
        # Last: a collective that the chief alone has would give those after it other numbers.
        first_values = None if self._first_values is None else self._first_values()
        scaffold = self._scaffold
        scaffold.finalize()
        session = tf.compat.v1.Session(
            self._master, graph=tf.compat.v1.get_default_graph(), config=self._config
        )
        has_checkpoint = self._restoring is not None and self._restoring.restore(session)
        is_any_restored = session.run(restored, {is_restored: int(has_checkpoint)})
        # One that is killed from here on has been here, also where nobody has looked for it yet.
        self._peers.met()
        if is_any_restored:
            session.run(shared_restored)
            tables.share(session, is_chief=self._restoring is not None)
        else:
            session.run(scaffold.init_op, scaffold.init_feed_dict)
            if first_values is not None:
                session.run(first_values)
            if scaffold.init_fn is not None:
                scaffold.init_fn(session)
            session.run(shared_first)
        if on_read:
            session.run(first_read)
        if scaffold.local_init_op is not None:
            session.run(scaffold.local_init_op, scaffold.local_init_feed_dict)
        if end is not None:
            # Last, for a dataset may be made from variables.
            end.begin(is_endless=bool(session.run(endless)))
        return session

    def _agreed(self, flag: Any) -> Any:
        """The sum of the tasks' flags."""

        def add(number: int) -> Any:
            own = flag if number == 0 else tf.zeros_like(flag)
            return tf.distribute.get_replica_context().all_reduce(_SUM, own)

        return in_each(self._strategy, add)[0]

    def _shared(self, restored: OnReadVariables | None) -> Any:
        """The operation that gives all tasks the chief's variables: the sum of its values and of the others' zeros.

        `restored` has what of a checkpoint does not go into the variables by itself.
        """
        by_type: dict[Any, list[Any]] = {}
        for variable in tf.compat.v1.global_variables():
            if variable.dtype.base_dtype in _SUMMED_AS and variable.shape.is_fully_defined():
                by_type.setdefault(_SUMMED_AS[variable.dtype.base_dtype], []).append(variable)

        def value_of(variable: Any, part: Any, number: int, dtype: Any) -> Any:
            if self._restoring is None or number > 0:
                return tf.zeros(part.shape, dtype)
            saved = None if restored is None else restored.restored(variable)
            return tf.cast(part.read_value() if saved is None else saved, dtype)

        def share(number: int) -> Any:
            assigned = []
            for dtype, variables in by_type.items():
                all_parts = [self._strategy.experimental_local_results(variable) for variable in variables]
                own = [parts[number % len(parts)] for parts in all_parts]
                values = [
                    value_of(variable, part, number, dtype)
                    for variable, part in zip(variables, own, strict=True)
                ]
                sums = tf.distribute.get_replica_context().all_reduce(_SUM, values)
                assigned += [
                    part.assign(tf.cast(value, part.dtype)) for part, value in zip(own, sums, strict=True)
                ]
            return tf.group(assigned)

        return tf.group(in_each(self._strategy, share))
