"""SIGTERM: the way from the signal to the end of the process.

The first signal asks for an end: a training session finishes its step and saves (its hook sees the request); anything
else is left at once by `Interrupted`. Python runs a signal handler only between two of its own instructions, and the
main thread may be deep in TensorFlow: waiting for a server that is gone, evaluating one huge batch. So a thread that
the signal wakes directly ends the process when the main thread has not managed to within its patience; it never does
so while a checkpoint is being saved, for whose time the pod's own grace period is the limit. A second signal ends the
process at once.
"""

import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from estimator_runtime import interruption

CHIEF_PATIENCE_SECS = 25.0
"""Below Kubernetes' default grace of 30 seconds, with time to report."""
PATIENCE_SECS = 10.0
"""For those who have nothing to save."""
_LOOK_AGAIN_SECS = 1.0


class Termination:
    """Handles SIGTERM for this process.

    Args:
        patience_secs: how long the main thread may take to end after the first signal.
        leave: ends the process without waiting for anything.
    """

    def __init__(self, patience_secs: float, leave: Callable[[], None]) -> None:
        self._patience_secs = patience_secs
        self._leave = leave
        self._stops_itself = False
        self._saving = False

    def install(self) -> None:
        """Takes over SIGTERM; call from the main thread."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._handle)
        threading.Thread(target=self._watch, args=(woken,), name="sigterm", daemon=True).start()

    def ignore(self) -> None:
        """Lets the end of the process, which has been reached, go undisturbed."""
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

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        del signum, frame
        interruption.request()
        if not self._stops_itself:
            raise interruption.Interrupted

    def _watch(self, woken: int) -> None:
        asked = False
        while True:
            readable, _, _ = select.select([woken], [], [], self._patience_secs if asked else None)
            if readable:
                terms = os.read(woken, 64).count(signal.SIGTERM)
                if terms > 1 or (terms and asked):
                    self._leave()
                if terms:
                    asked = True
                    interruption.request()
            elif self._saving:
                self._patience_secs = _LOOK_AGAIN_SECS
            else:
                self._leave()
