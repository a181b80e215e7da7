"""Tickets for the steps of an asynchronous training: so that all tasks together make as many as were asked for.

Every task that looks at the global step, makes a step and looks again lets n tasks make up to n - 1 steps too many. So
each step takes a ticket: a number from a counter beside the global step, which no two tasks are given. A task whose
number is not below the last step makes no step. The ticket of a task's next step is drawn in the run of its step.

On the parameter server of the global step there are, in no collection, so that nobody saves or initialises them,

* `drawn`: how many tickets were drawn, as the global step counts steps; with those of steps that nobody will make any more;
* `held`: for each task whether it may hold a ticket for a step that it has not made.

Invariants:

* `drawn` is at least the global step and the steps that are still to be made of tickets that somebody holds. It only grows,
  but for `renew`;
* `held` is set before a task draws its first ticket in a session, and is cleared when it has none and has made its steps.

Who dies, or is stopped between two steps, loses a ticket. So in the end `drawn` is at the last step and the global step is not.
When nobody holds a ticket then, nobody makes a step and nobody can get one: the chief sets `drawn` back to the global step.
"""

from typing import Any, NamedTuple

import tensorflow as tf

_NAME = "step_tickets"
_NO_LIMIT = tf.int64.max


class Counts(NamedTuple):
    """What the parameter server holds.

    Attributes:
        drawn: number of tickets drawn.
        held: for each task, by its place, whether it may hold a ticket; read after `drawn`.
        step: the global step; read after `held`.
    """

    drawn: int
    held: tuple[bool, ...]
    step: int


class Tickets:
    """The tickets of the training in the default graph, as one task uses them.

    Args:
        step: the global step variable, on a parameter server.
        place: this task's place among the tasks that train.
        places: number of places; the same in all tasks.

    Attributes:
        next: scalar int64 Tensor that draws a ticket when it is run: its number, or the global step where that is larger.
            Something else has moved the step then, and a training is over when it has reached its last step.
    """

    def __init__(self, step: Any, *, place: int, places: int) -> None:
        self._places = places
        server = tf.DeviceSpec.from_string(step.device).replace(device_type="CPU", device_index=0)
        with (
            tf.control_dependencies(None),
            tf.device(None),
            tf.device(server.to_string()),
            tf.compat.v1.name_scope(None),
            tf.compat.v1.name_scope(_NAME),
        ):
            drawn = tf.raw_ops.VarHandleOp(dtype=tf.int64, shape=[], shared_name=f"{_NAME}/drawn")
            held = tf.raw_ops.VarHandleOp(dtype=tf.int64, shape=[None], shared_name=f"{_NAME}/held")

            def mark(is_held: int) -> Any:
                return tf.raw_ops.ResourceScatterUpdate(
                    resource=held, indices=place, updates=tf.constant(is_held, tf.int64)
                )

            def drawn_now() -> Any:
                # To read a variable after it was added to is not to draw: two tasks would read the same.
                number = tf.raw_ops.ResourceCountUpTo(resource=drawn, limit=_NO_LIMIT, T=tf.int64)
                return tf.maximum(number, _read(step))

            self._is_there = tf.raw_ops.VarIsInitializedOp(resource=drawn)
            self.next = drawn_now()
            with tf.control_dependencies([mark(1)]):
                self._first = drawn_now()
            self._none = mark(0)
            counted = tf.raw_ops.ReadVariableOp(resource=drawn, dtype=tf.int64)
            with tf.control_dependencies([counted]):
                holders = tf.raw_ops.ReadVariableOp(resource=held, dtype=tf.int64)
                behind = tf.maximum(_read(step) - counted, 0)
            with tf.control_dependencies([holders]):
                self._counts = Counts(counted, holders, _read(step))
            self._lift = tf.raw_ops.AssignAddVariableOp(resource=drawn, value=behind)
            self._clear = tf.raw_ops.AssignVariableOp(resource=held, value=tf.zeros([places], tf.int64))
            self._set = tf.raw_ops.AssignVariableOp(resource=drawn, value=_read(step))

    def establish(self, session: Any) -> None:
        """Makes the counts, or goes on with those that are there; the chief's, on initialised variables.

        Those that are there may be of an earlier training: then `drawn` may be below the global step. Where it is above,
        because an older checkpoint was restored, the tickets in between count as lost.
        """
        if not session.run(self._is_there):
            # In this order: who finds `drawn` also finds `held`.
            session.run(self._clear)
            session.run(self._set)
        elif len(self.counts(session).held) != self._places:
            session.run(self._clear)
        session.run(self._lift)

    def are_there(self, session: Any) -> bool:
        """Whether the chief has made the counts."""
        return bool(session.run(self._is_there))

    def first(self, session: Any) -> int:
        """Draws a ticket from outside of a step; see `next`."""
        return int(session.run(self._first))

    def none(self, session: Any, options: Any = None) -> None:
        """Notes that this task holds no ticket."""
        session.run(self._none, options=options)

    def counts(self, session: Any) -> Counts:
        """Reads the counts."""
        drawn, held, step = session.run(self._counts)
        return Counts(int(drawn), tuple(bool(one) for one in held), int(step))

    def renew(self, session: Any) -> None:
        """Has all tickets from the global step on drawn again; the chief's, when nobody holds one and all were drawn."""
        session.run(self._set)


def _read(step: Any) -> Any:
    """The global step in a tensor of its own: that of a reference variable would change with it, also where it is assigned."""
    return tf.maximum(tf.cast(step.read_value(), tf.int64), 0)
