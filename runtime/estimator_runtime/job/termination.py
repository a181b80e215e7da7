"""SIGTERM: the way from the signal to the end of the process.

The first signal asks for an end: a training session finishes its step and saves (its hook sees the request); anything
else is left at once by `Interrupted`. Python runs a signal handler only between two of its own instructions, and the
main thread may be deep in TensorFlow: waiting for a server that is gone, evaluating one huge batch. So a thread that
the signal wakes directly ends the process when the main thread has not managed to in time: the step of a chief may
take long, for it is followed by a save; what saves nothing gets little time. It never does so while a checkpoint is
being saved, for whose time the pod's own grace period is the limit. A second signal ends the process at once.

In a finalizer, a callback of the collector or a hook of a fork nobody can leave: what is raised there Python hands to
`sys.unraisablehook`, and goes on. Where that is `Interrupted`, the thread has the main thread raise it once more.

A child that the program forks, as multiprocessing does, is not meant: a signal for it would wake this process's thread,
for the two share what it is woken by. So a child has the signal's default action.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from estimator_runtime import interruption

CHIEF_STEP_SECS = 25.0
"""Below Kubernetes' default grace of 30 seconds, with time to report."""
STEP_SECS = 10.0
"""For those whose session saves nothing."""
REST_SECS = 5.0
"""Outside a session's steps."""
_LOOK_AGAIN_SECS = 0.5


class Termination:
    """Handles SIGTERM for this process.

    Args:
        step_secs: how long the step may take that is on when the first signal comes.
        leave: ends the process without waiting for anything.
    """

    def __init__(self, step_secs: float, leave: Callable[[], None]) -> None:
        self._step_secs = step_secs
        self._leave = leave
        self._stops_itself = False
        self._saving = False
        self._is_over = False
        self._is_dropped = False
        self._tell_dropped = sys.unraisablehook

    def install(self) -> None:
        """Takes over SIGTERM; call from the main thread."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._tell_dropped, sys.unraisablehook = sys.unraisablehook, self._drop
        signal.signal(signal.SIGTERM, self._handle)
        # A signal that comes in the moment between waits until the child has let go.
        os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=self._let_go)
        threading.Thread(
            target=self._watch, args=(woken, threading.get_ident()), name="sigterm", daemon=True
        ).start()

    def ignore(self) -> None:
        """Lets the end of the process, which has been reached, go undisturbed."""
        self._is_over = True
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def check(self) -> None:
        """Raises `Interrupted` when the process was told to end."""
        if interruption.requested():
            raise interruption.Interrupted

    def stepping(self) -> None:
        """From now on a hook sees the request after each step."""
        self._stops_itself = True

    def stepped(self) -> None:
        """No hook looks for the request any more."""
        self._stops_itself = False

    @contextlib.contextmanager
    def pausing(self) -> Iterator[None]:
        """Surrounds work in the midst of training that need not be finished, such as an evaluation."""
        self.check()
        before = self._stops_itself
        self._stops_itself = False
        try:
            yield
        finally:
            self._stops_itself = before

    def saving(self, is_saving: bool) -> None:
        """Tells whether a checkpoint is being written."""
        self._saving = is_saving

    @contextlib.contextmanager
    def finishing(self) -> Iterator[None]:
        """Surrounds work that has to be finished, as a save has: its limit is the pod's grace period."""
        before = self._stops_itself, self._saving
        self._stops_itself = self._saving = True
        try:
            yield
        finally:
            self._stops_itself, self._saving = before

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        del signum, frame
        interruption.request()
        if not self._stops_itself:
            raise interruption.Interrupted

    def _drop(self, dropped: "sys.UnraisableHookArgs") -> None:
        if dropped.exc_type is interruption.Interrupted:
            # The last thing here: the thread sends its signal from now on, which would be dropped here untold.
            self._is_dropped = True
        else:
            self._tell_dropped(dropped)

    def _let_go(self) -> None:
        own = signal.SIG_IGN if self._is_over else self._handle
        if signal.getsignal(signal.SIGTERM) == own:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        _unblock()

    def _watch(self, woken: int, main: int) -> None:
        while not (terms := os.read(woken, 64).count(signal.SIGTERM)):
            pass
        interruption.request()
        asked = time.monotonic()
        own = 0
        while terms - own < 2 and not self._is_overdue(time.monotonic() - asked):
            if self._is_dropped and signal.getsignal(signal.SIGTERM) == self._handle:
                self._is_dropped = False
                own += 1
                # To the main thread itself, which may be waiting in a system call.
                signal.pthread_kill(main, signal.SIGTERM)
            readable, _, _ = select.select([woken], [], [], _LOOK_AGAIN_SECS)
            if readable:
                terms += os.read(woken, 64).count(signal.SIGTERM)
        self._leave()

    def _is_overdue(self, secs: float) -> bool:
        return not self._saving and secs >= (self._step_secs if self._stops_itself else REST_SECS)


def _block() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
