"""The follower: brings what another process writes to the store into this process's local model directory.

An evaluator gets each newest checkpoint, everybody the small files by which a job's processes speak to each other
(`finished`, `step_target`): what the chief writes, changes and deletes. One request lists all of them. The file
`finished` is there after the last checkpoint, in the store and so here.
"""

import contextlib
import enum
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from estimator_runtime.errors import CheckpointDamagedError, ModelDirUnavailableError
from estimator_runtime.mirror import files, state_file
from estimator_runtime.mirror.bucket import Bucket, Stored
from estimator_runtime.mirror.fetching import fetch_checkpoint
from estimator_runtime.mirror.report import Reporter

_LOG: Final = logging.getLogger("estimator_runtime.mirror")
MARKERS: Final = (files.FINISHED, "step_target")
_FIRST_PAUSE_SECS: Final = 1.0
_LAST_PAUSE_SECS: Final = 10.0
_KEPT: Final = 2
"""Local checkpoints: the newest, and the one that a reader may just have chosen."""
_ENDING_SECS: Final = 5.0


class Checkpoints(enum.Enum):
    """Which checkpoints a process needs."""

    EACH = "each newest one"
    FIRST = "the one that is there when it begins"
    NONE = "none"


class Follower:
    """Follows one directory.

    Args:
        bucket: where from.
        root: the local model directory.
        staging: an empty folder on the same file system.
        checkpoints: which of the checkpoints are brought.
    """

    def __init__(self, bucket: Bucket, root: Path, staging: Path, *, checkpoints: Checkpoints) -> None:
        self._bucket = bucket
        self._root = root
        self._staging = staging
        self._checkpoints = checkpoints
        self._seen: dict[str, tuple[object, ...]] = {}
        self._brought: list[str] = []

    def look(self) -> bool:
        """Brings what has changed since the last look; tells whether anything had.

        Raises:
            ModelDirUnavailableError: the store cannot be read.
        """
        there = self._bucket.root()
        changed = False
        if self._is_new(files.STATE, there) and self._wants_another:
            changed = True
            # Of the first one a worker reads the step alone: it may have no room for the values of parameter servers.
            reads_values = self._checkpoints is Checkpoints.EACH
            # Where all are damaged it waits for another: whether to go on without is for the process that trains.
            with contextlib.suppress(CheckpointDamagedError):
                found = fetch_checkpoint(self._bucket, self._root, self._staging, reads_values=reads_values)
                if found is not None:
                    self._keep(found)
            self._note(files.STATE, there)
        for key in MARKERS:
            if not self._is_new(key, there):
                continue
            changed = True
            content = self._bucket.read(key) if key in there else None
            if content is None:
                (self._root / key).unlink(missing_ok=True)
            else:
                partial = self._staging / "marker"
                partial.write_bytes(content)
                partial.rename(self._root / key)
            self._note(key, there)
        return changed

    @property
    def _wants_another(self) -> bool:
        if self._checkpoints is Checkpoints.FIRST:
            return not self._brought
        return self._checkpoints is Checkpoints.EACH

    def _is_new(self, key: str, there: dict[str, Stored]) -> bool:
        return self._seen.get(key) != self._mark(key, there)

    def _note(self, key: str, there: dict[str, Stored]) -> None:
        mark = self._mark(key, there)
        if mark is None:
            self._seen.pop(key, None)
        else:
            self._seen[key] = mark

    @staticmethod
    def _mark(key: str, there: dict[str, Stored]) -> tuple[object, ...] | None:
        one = there.get(key)
        return None if one is None else (one.size, one.modified, one.tag)

    def _keep(self, found: state_file.State) -> None:
        """Deletes checkpoints that were brought before."""
        if found.newest in self._brought:
            self._brought.remove(found.newest)
        self._brought.append(found.newest)
        while len(self._brought) > _KEPT:
            old = self._brought.pop(0)
            for key in files.checkpoints(files.found(self._root), [old]).get(old, ()):
                (self._root / key).unlink(missing_ok=True)


@contextlib.contextmanager
def following(look: Callable[[], bool], reporter: Reporter, *, alone: bool) -> Iterator[None]:
    """Surrounds work beside which `look` is called from another thread.

    Args:
        look: `Follower.look`.
        reporter: is told why a look has failed.
        alone: whether nobody else tells it that the store works.
    """
    left = threading.Event()

    def run() -> None:
        pause, fails = _FIRST_PAUSE_SECS, False
        while not left.wait(pause):
            try:
                changed = look()
            except Exception as error:  # noqa: BLE001 - the work goes on with what is here
                known = isinstance(error, ModelDirUnavailableError)
                text = (
                    str(error) if known else f"{type(error).__name__} while the model directory was looked at"
                )
                reporter.failed(text)
                if not fails:
                    _LOG.warning("%s. Looking again.", text, exc_info=not known)
                fails, changed = True, False
            else:
                if fails:
                    _LOG.info("The model directory can be read again.")
                fails = False
                if alone:
                    reporter.alike()
            pause = _FIRST_PAUSE_SECS if changed else min(2 * pause, _LAST_PAUSE_SECS)

    thread = threading.Thread(target=run, name="follower", daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join(_ENDING_SECS)
