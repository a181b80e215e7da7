"""The progress document of a replica whose model directory is in an object store.

It names the store where the document of the local directory names that, and tells a checkpoint or an export when
others can read it: what is on its way is told when it has arrived.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from estimator_api.progress import CheckpointProgress, MirrorProgress, Progress
from estimator_runtime.mirror import files
from estimator_runtime.mirror.report import Report

KEPT: Final = 100
"""Checkpoints of which is known what is told: as many as are saved while one is on its way, and some."""


class InStore:
    """Makes documents. What the store has when it is made was saved by a process before.

    Args:
        root: the local model directory.
        uri: the place in the store, without a slash at its end.
        report: the mirror as of now.
        now: time of the day in UTC.
        writes: whether this replica writes to the store.
        checkpoints: whether it writes checkpoints there.
    """

    def __init__(
        self,
        *,
        root: str,
        uri: str,
        report: Callable[[], Report],
        now: Callable[[], datetime],
        writes: bool,
        checkpoints: bool,
    ) -> None:
        self._root = root
        self._uri = uri
        self._report = report
        self._now = now
        self._writes = writes
        self._checkpoints = checkpoints
        self._lock = threading.Lock()
        self._seen: dict[int, CheckpointProgress] = {}
        self._there: CheckpointProgress | None = None
        self._begun = report().checkpoint

    def document(self, progress: Progress) -> Progress:
        """`progress`, which is about the local directory, as it is told."""
        report = self._report()
        changes: dict[str, object] = {
            "checkpoint": self._checkpoint(progress.checkpoint, report),
            "exports": [
                one.model_copy(update={"path": self._named(one.path)})
                for one in progress.exports
                if self._key(one.path) is None or self._key(one.path) in report.exports
            ],
        }
        if progress.restored_from is not None:
            path = self._named(progress.restored_from.path)
            changes["restored_from"] = progress.restored_from.model_copy(update={"path": path})
        if progress.evaluation is not None and progress.evaluation.checkpoint is not None:
            path = self._named(progress.evaluation.checkpoint)
            changes["evaluation"] = progress.evaluation.model_copy(update={"checkpoint": path})
        if progress.predictions is not None:
            path = self._named(progress.predictions.path)
            changes["predictions"] = progress.predictions.model_copy(update={"path": path})
        if self._writes:
            changes["mirror"] = self._mirror(report)
        return progress.model_copy(update=changes)

    def _checkpoint(self, newest: CheckpointProgress | None, report: Report) -> CheckpointProgress | None:
        """The newest checkpoint that is in the store."""
        if not self._checkpoints:
            return None if newest is None else newest.model_copy(update={"path": self._named(newest.path)})
        with self._lock:
            if newest is not None:
                # The last one that was seen is at the end; a run that begins anew has lower steps.
                self._seen.pop(newest.global_step, None)
                self._seen[newest.global_step] = newest
                while len(self._seen) > KEPT:
                    del self._seen[next(iter(self._seen))]
            if report.checkpoint is not None:
                self._there = self._arrived(report.checkpoint) or self._there
            return self._there

    def _arrived(self, name: str) -> CheckpointProgress | None:
        """What is told of a checkpoint in the store; newer ones may have been saved since. None where nothing is known."""
        if name != self._begun:
            self._begun = None
        path, step = f"{self._uri}/{name}", files.checkpoint_step(name)
        seen = self._seen.get(step)
        if seen is not None:
            return seen.model_copy(update={"path": path})
        if self._there is not None and self._there.path == path:
            return self._there
        # Nobody has asked while it was the newest. What was there before is told by who has saved it.
        if step < 0 or name == self._begun:
            return None
        return CheckpointProgress(path=path, global_step=step, time=_text(self._now()))

    def _mirror(self, report: Report) -> MirrorProgress:
        since = report.behind_since
        return MirrorProgress(
            uploaded_bytes=report.uploaded_bytes,
            lag_seconds=round(report.lag_seconds(self._now()), 3),
            behind_since=None if since is None else _text(since),
            error=report.error,
        )

    def _key(self, path: str) -> str | None:
        """The key of a local path; None for a path elsewhere."""
        return path[len(self._root) + 1 :] if path.startswith(f"{self._root}/") else None

    def _named(self, path: str) -> str:
        key = self._key(path)
        return path if key is None else f"{self._uri}/{key}"


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
