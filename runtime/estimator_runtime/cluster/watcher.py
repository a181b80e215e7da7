"""Looking for something in storage beside the work: in a thread of its own, ever more seldom.

A look at a model directory takes 50 to 100 ms where that is an object store, and every task of a job makes one. No step
and no signal waits for it here: a `Watcher` looks at once when it is entered, then after 1, 2, 4, 8 and every 15
seconds, and whoever wants to know reads an attribute.

Invariants:

* the thread ends with the block that it was started for, without waiting for an interval;
* a look that hangs when its block ends is left behind: it holds up no later block, and what it finds is dropped;
* what a look raises is said in the log, once until another look has worked, and ends nothing;
* there is no lock, and no look, in reading what was seen.
"""

import enum
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

import tensorflow as tf

_FIRST_SECS = 1.0
_LAST_SECS = 15.0
# A look that is under way when it is not needed any more: storage that hangs must not hold the end of a training.
_LEAVE_AFTER_SECS = 5.0


class Sight(enum.Enum):
    """What a look found."""

    NOTHING = "nothing"
    NEAR = "near"
    """What is looked for is not there, and is to come soon: the next look is after the shortest interval."""
    THERE = "there"


def intervals(first: float, last: float) -> Iterator[float]:
    """Yields the seconds between looks: `first`, then always twice as many, up to `last`; without end."""
    interval = first
    while True:
        yield min(interval, last)
        interval = min(2 * interval, last)


class Watcher:
    """Looks for something while its block runs; can be entered again, afterwards and inside, where that changes nothing.

    Args:
        look: looks once. It is called in another thread than the block's, and never twice at the same time, unless one of
            an earlier block hangs.
        what: what is looked for and where, for the log.
        first_secs: shortest interval between two looks; None for one second.
        last_secs: longest interval; None for 15 seconds.
    """

    def __init__(
        self,
        look: Callable[[], Sight],
        what: str,
        *,
        first_secs: float | None = None,
        last_secs: float | None = None,
    ) -> None:
        self._find = look
        self._what = what
        self._first_secs = _FIRST_SECS if first_secs is None else first_secs
        self._last_secs = _LAST_SECS if last_secs is None else last_secs
        self._looking = threading.Lock()
        self._blocks = 0
        self._there = threading.Event()
        self._woken = threading.Event()
        self._left = threading.Event()
        self._thread: threading.Thread | None = None
        self._fails = False

    @property
    def is_looking(self) -> bool:
        """Whether the block runs."""
        return self._thread is not None

    @property
    def seen(self) -> bool:
        """Whether the last look found what is looked for."""
        return self._there.is_set()

    def wait(self, secs: float) -> bool:
        """Waits until a look has found it, `secs` seconds at most; tells whether one has."""
        return self._there.wait(secs)

    def look(self) -> bool:
        """Looks once, in the thread of the caller; tells whether it is there."""
        was_there = self.seen
        is_there = self._looked() is Sight.THERE
        if was_there and not is_there:
            self.soon()
        return is_there

    def soon(self) -> None:
        """Has the thread look at once and begin with the shortest interval: something has changed."""
        self._woken.set()

    def __enter__(self) -> Self:
        """Begins to look."""
        self._blocks += 1
        if self._blocks > 1:
            return self
        self._there.clear()
        self._woken.clear()
        # One of each for each thread: an earlier one may still hang in its look, and then has to end.
        self._left = threading.Event()
        self._looking = threading.Lock()
        self._thread = threading.Thread(target=self._run, args=(self._left,), name="watcher", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the thread; a look that hangs is left behind after a while."""
        del kind, error, trace
        self._blocks -= 1
        if self._blocks:
            return
        thread, self._thread = self._thread, None
        self._left.set()
        self._woken.set()
        if thread is not None:
            thread.join(_LEAVE_AFTER_SECS)
            if thread.is_alive():
                tf.compat.v1.logging.warning("A look for %s hangs; going on without it.", self._what)

    def _run(self, left: threading.Event) -> None:
        pauses = intervals(self._first_secs, self._last_secs)
        while not left.is_set():
            if self._looked() is Sight.NEAR:
                pauses = intervals(self._first_secs, self._last_secs)
            if left.is_set():
                # Perhaps for long: a later block's calls to wake its thread are not this one's.
                return
            # What is there needs no further look, unless somebody finds that it has gone.
            if self._woken.wait(None if self.seen else next(pauses)):
                self._woken.clear()
                pauses = intervals(self._first_secs, self._last_secs)

    def _looked(self) -> Sight:
        looking = self._looking
        with looking:
            try:
                sight = self._find()
            except Exception as error:  # noqa: BLE001 - storage may raise anything, and is there again later
                if looking is not self._looking:
                    return Sight.NOTHING
                if not self._fails:
                    tf.compat.v1.logging.warning(
                        "Could not look for %s (%s: %s). Looking again; the next line about it comes when that works.",
                        self._what,
                        type(error).__name__,
                        error,
                    )
                self._fails = True
                return Sight.NOTHING
            if looking is not self._looking:
                return Sight.NOTHING
            if self._fails:
                tf.compat.v1.logging.info("Could look for %s again.", self._what)
                self._fails = False
            if sight is Sight.THERE:
                self._there.set()
            else:
                self._there.clear()
            return sight


class WatchingHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """A hook for which something is looked for while a training loop runs: its own methods make no look."""

    def watching(self) -> AbstractContextManager[Any]:
        """The block around the loop, from before the session is made until after it has ended or failed."""
        raise NotImplementedError
