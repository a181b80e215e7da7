"""The mirror beside the training: rounds of a writer in a thread of its own, until everything has gone up.

While the store is away the training goes on, and the rounds are repeated ever more seldom, up to twice a minute. When
another process has taken the training over there are no more rounds.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from estimator_runtime.errors import AnotherWriterError, ModelDirUnavailableError
from estimator_runtime.mirror.report import Reporter

_LOG: Final = logging.getLogger("estimator_runtime.mirror")
LOOK_EVERY_SECS: Final = 2.0
_LAST_PAUSE_SECS: Final = 30.0
_LAST_PAUSE_AT_THE_END_SECS: Final = 2.0
_ROUNDS_AT_THE_END: Final = 100
_AWAKE_SECS: Final = 0.5


def _pauses(first: float, last: float) -> Iterator[float]:
    pause = first
    while True:
        yield min(pause, last)
        pause *= 2


class Mirroring:
    """Runs rounds in the background.

    Args:
        run: one round, `Writer.run`.
        reporter: is told of failures.
        uri: the store's place, for messages.
        lost: is called when another process writes checkpoints there.
        clock: seconds since any fixed moment.
    """

    def __init__(
        self,
        run: Callable[[bool], bool],
        reporter: Reporter,
        *,
        uri: str,
        lost: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._lost = lost
        self._reporter = reporter
        self._uri = uri
        self._clock = clock
        self._woken = threading.Event()
        self._patience: Callable[[], float] | None = None
        self._asked = 0.0
        self._ended = threading.Event()
        self._failure: ModelDirUnavailableError | None = None
        self._thread = threading.Thread(target=self._work, name="mirror", daemon=True)

    @property
    def has_everything_gone_up(self) -> bool:
        """Whether the store was as the local directory when it ended."""
        return self._ended.is_set() and self._failure is None

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def finish(self, patience_secs: Callable[[], float]) -> None:
        """Carries everything that is there now, then ends the thread. What takes long is not ended by it.

        Args:
            patience_secs: returns for how long the store may fail without a pause; asked after each failure.

        Raises:
            ModelDirUnavailableError: it has failed for longer; the store is not as the local directory.
            AnotherWriterError: another process writes checkpoints there.
        """
        self._asked = self._clock()
        self._patience = patience_secs
        self._woken.set()
        # In pieces, for Python runs signal handlers between them.
        while not self._ended.wait(_AWAKE_SECS):
            pass
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        pauses = _pauses(1.0, _LAST_PAUSE_SECS)
        fails_since: float | None = None
        rounds_left = _ROUNDS_AT_THE_END
        while True:
            patience = self._patience
            try:
                done = self._run(patience is not None)
            except AnotherWriterError as error:
                self._reporter.failed(str(error))
                _LOG.error("%s.", error)
                self._end(error)
                self._lost()
                return
            except Exception as error:  # noqa: BLE001 - the training must not end by it, nor the mirror
                now = self._clock()
                fails_since = self._failed(error, fails_since, now)
                if patience is not None and now - max(fails_since, self._asked) >= patience():
                    known = isinstance(error, ModelDirUnavailableError)
                    self._end(ModelDirUnavailableError(str(error)) if known else _unknown(error, self._uri))
                    return
                pause = next(pauses)
                self._pause(pause if patience is None else min(pause, _LAST_PAUSE_AT_THE_END_SECS))
                continue
            if fails_since is not None:
                _LOG.info("%s: works again.", self._uri)
            fails_since, pauses = None, _pauses(1.0, _LAST_PAUSE_SECS)
            if patience is None:
                self._pause(LOOK_EVERY_SECS)
            elif done:
                self._end(None)
                return
            else:
                rounds_left -= 1
                if not rounds_left:
                    self._end(ModelDirUnavailableError(f"{self._uri}: files change faster than they go up"))
                    return

    def _failed(self, error: Exception, since: float | None, now: float) -> float:
        known = isinstance(error, ModelDirUnavailableError)
        text = str(error if known else _unknown(error, self._uri))
        self._reporter.failed(text)
        if since is None:
            _LOG.warning(
                "%s. Trying again; the next line about it comes when that works.", text, exc_info=not known
            )
            return now
        return since

    def _pause(self, secs: float) -> None:
        self._woken.wait(secs)
        self._woken.clear()

    def _end(self, failure: ModelDirUnavailableError | None) -> None:
        self._failure = failure
        self._ended.set()


def _unknown(error: Exception, uri: str) -> ModelDirUnavailableError:
    """What is said of an error that nobody has translated: its text may hold credentials."""
    return ModelDirUnavailableError(f"{type(error).__name__} while the model was carried to {uri}")
