"""How the tasks of an asynchronous training end at the same step, none before it and none behind.

A task whose ticket is no number of a step that is left waits, between two steps, until the last step is made or there are
tickets again; see `tickets`. While it waits it needs nothing but the parameter server.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime import interruption
from estimator_runtime.cluster import server
from estimator_runtime.cluster.chief_watch import ChiefWatch
from estimator_runtime.cluster.tickets import Counts, Tickets

CHIEF_PLACE = 0
"""The place of the chief or master among the tasks that train; worker n has the place n + 1."""

_FIRST_PAUSE_SECS = 0.01
_LONGEST_PAUSE_SECS = 0.25
# How long nothing has moved when it is looked whether those who hold tickets are still there, and between two looks.
_LOOK_AFTER_SECS = 1.0
_LOOKS_THAT_FIND_NOBODY = 2
# A task that is there and does not move is given so long; and so many times as long as this task's longest step took.
_PATIENCE_SECS = 60.0
_PATIENCE_STEPS = 10
# A worker waits for a chief that may be waiting so long.
_WORKERS_PATIENCE = 2
_END_SECS = 10.0

_LOST = (tf.errors.AbortedError, tf.errors.UnavailableError, tf.errors.DeadlineExceededError)


class TicketsHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Makes the counts of tickets, before the first checkpoint of a session is saved; the chief's.

    Args:
        tickets: the tickets of the graph.
    """

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Makes them, or goes on with those that are there."""
        del coord
        self._tickets.establish(session)


class LastStepsHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Ends a training at its last step, with a ticket for each step until there.

    Args:
        tickets: the tickets of the graph.
        last_step: the global step at which the training ends.
        place: this task's place.
        others: "host:port" of each other task that trains, by its place.
        watch: tells a worker when the chief has ended the training; None for the chief, who gives tickets anew.
        clock: seconds since any fixed moment, never going back.
        pause: waits for some seconds.

    Attributes:
        is_over: whether the last step was made, or nobody is there to make it.
    """

    def __init__(
        self,
        tickets: Tickets,
        last_step: int,
        *,
        place: int,
        others: Mapping[int, str],
        watch: ChiefWatch | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.is_over = False
        self._tickets = tickets
        self._last_step = last_step
        self._place = place
        self._others = others
        self._watch = watch
        self._clock = clock
        self._pause = pause
        self._coordinator: Any = None
        self._holds = False
        self._began = 0.0
        self._longest_step_secs = 0.0

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Draws the first ticket; where no step is left, there will be none in this session."""
        self._coordinator = coord
        self._holds = False
        self.is_over = False
        while not (are_there := self._tickets.are_there(session)) and not self._is_to_end():
            # The chief has a session too, or will have one, and makes them first of all.
            self._pause(_LONGEST_PAUSE_SECS)
        if are_there:
            # What an earlier session or process of this task held is lost with it.
            self._let_go(session)
        if not self._has_ticket(session):
            self.is_over = True
            coord.request_stop()

    def before_run(self, run_context: Any) -> Any:
        """Asks for the ticket of the next step.

        Raises:
            tf.errors.OutOfRangeError: there is no step left, in a session that was made within the call of a step.
        """
        del run_context
        if self.is_over:
            raise tf.errors.OutOfRangeError(None, None, f"The last step, {self._last_step}, is made.")
        self._began = self._clock()
        return tf.compat.v1.train.SessionRunArgs(self._tickets.next)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Stops after the last step, or goes on with a ticket."""
        self._longest_step_secs = max(self._longest_step_secs, self._clock() - self._began)
        if int(run_values.results) < self._last_step:
            return
        session = run_context.session
        self._let_go(session)
        if not self._has_ticket(session):
            self.is_over = True
            run_context.request_stop()

    def end(self, session: Any) -> None:
        """Notes that this task makes no step any more."""
        if self._holds:
            try:
                # A server that is away must not hold the end; it loses its notes anyway.
                self._let_go(session, tf.compat.v1.RunOptions(timeout_in_ms=int(1000 * _END_SECS)))
            except _LOST:
                tf.compat.v1.logging.info("The parameter server of the global step is away.")

    @property
    def _is_chief(self) -> bool:
        return self._watch is None

    def _let_go(self, session: Any, options: Any = None) -> None:
        self._tickets.none(session, options)
        self._holds = False

    def _has_ticket(self, session: Any) -> bool:
        """Draws a ticket for a step, as soon as there is one; tells whether there is a step left."""
        pause = _FIRST_PAUSE_SECS
        stillness = _Stillness(self._clock)
        while not self._is_to_end():
            counts = self._tickets.counts(session)
            if counts.step >= self._last_step:
                return False
            if counts.drawn < self._last_step:
                self._holds = True
                if self._tickets.first(session) < self._last_step:
                    return True
                self._let_go(session)
                continue
            stillness.see(counts)
            if self._is_chief and self._is_to_renew(counts, stillness):
                self._tickets.renew(session)
                continue
            if not self._is_chief and stillness.secs >= _WORKERS_PATIENCE * self._patience_secs:
                tf.compat.v1.logging.warning(
                    "%d steps are left, and no chief has given their tickets anew in %d secs.",
                    self._last_step - counts.step,
                    stillness.secs,
                )
                return False
            self._pause(pause)
            if pause < _LONGEST_PAUSE_SECS <= 2 * pause:
                left = self._last_step - counts.step
                tf.compat.v1.logging.info(
                    "Waiting for other tasks, whose are the %d steps that are left.", left
                )
            pause = min(2 * pause, _LONGEST_PAUSE_SECS)
        return False

    def _is_to_end(self) -> bool:
        """Whether the training ends for another reason."""
        return (
            interruption.requested()
            or self._coordinator.should_stop()
            or (self._watch is not None and self._watch.ended())
        )

    @property
    def _patience_secs(self) -> float:
        return _PATIENCE_SECS + _PATIENCE_STEPS * self._longest_step_secs

    def _is_to_renew(self, counts: Counts, stillness: "_Stillness") -> bool:
        """Whether nobody will make the steps whose tickets are drawn."""
        holders = [place for place, held in enumerate(counts.held) if held and place != self._place]
        left = self._last_step - counts.step
        if holders and stillness.secs >= self._patience_secs:
            tf.compat.v1.logging.warning(
                "%d steps are left, and those who hold tickets for them have not moved for %d secs: they are given anew. "
                "Should they still make their steps, there will be as many too many.",
                left,
                stillness.secs,
            )
            return True
        if holders and not stillness.is_deserted(lambda: self._are_gone(holders)):
            return False
        tf.compat.v1.logging.info("%d steps are left that nobody makes: their tickets are given anew.", left)
        return True

    def _are_gone(self, places: list[int]) -> bool:
        return not any(place in self._others and server.listens(self._others[place]) for place in places)


class _Stillness:
    """How long the counts have been the same, and whether those who could change them were there.

    Args:
        clock: seconds since any fixed moment.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: Counts | None = None
        self._since = clock()
        self._next_look = 0.0
        self._found_nobody = 0

    def see(self, counts: Counts) -> None:
        """Takes the counts."""
        if counts != self._counts:
            self._counts = counts
            self._since = self._clock()
            self._next_look = self._since + _LOOK_AFTER_SECS
            self._found_nobody = 0

    @property
    def secs(self) -> float:
        """How long they have been the same."""
        return self._clock() - self._since

    def is_deserted(self, look: Callable[[], bool]) -> bool:
        """Whether `look`, which is called when it is time, has found twice in a row that nobody is there."""
        if self._clock() >= self._next_look:
            self._found_nobody = self._found_nobody + 1 if look() else 0
            self._next_look = self._clock() + _LOOK_AFTER_SECS
        return self._found_nobody >= _LOOKS_THAT_FIND_NOBODY
