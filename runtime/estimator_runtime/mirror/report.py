"""What a mirror says of itself: how much it has carried, what the store has, since when it is behind."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Returns the time of the day in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A mirror as of one moment.

    Attributes:
        uploaded_bytes: bytes of all objects that were put into the store.
        checkpoint: name of the newest checkpoint that the store's file `checkpoint` names.
        exports: folders of the exports that this process has put into the store.
        behind_since: since when something has been waiting that the store has not; None when it has all. Where the
            store takes each newest checkpoint and older ones wait: since when there is a newer one.
        error: why the last attempt failed, without credentials; None when it did not.
    """

    uploaded_bytes: int = 0
    checkpoint: str | None = None
    exports: frozenset[str] = frozenset()
    behind_since: datetime | None = None
    error: str | None = None

    def lag_seconds(self, now: datetime) -> float:
        """For how long something has been waiting at `now`; 0.0 when nothing is."""
        return 0.0 if self.behind_since is None else max(0.0, (now - self.behind_since).total_seconds())


class Reporter:
    """Keeps the report; may be asked from any thread.

    Args:
        clock: time of the day in UTC.
    """

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._report = Report()

    def report(self) -> Report:
        """The report as of now."""
        with self._lock:
            return self._report

    def now(self) -> datetime:
        """The time of the day in UTC."""
        return self._clock()

    def uploaded(self, size: int) -> None:
        """Takes that an object of `size` bytes was put there."""
        with self._lock:
            self._report = replace(self._report, uploaded_bytes=self._report.uploaded_bytes + size)

    def named(self, checkpoint: str | None) -> None:
        """Takes which checkpoint the store's file `checkpoint` names as the newest."""
        self._put(checkpoint=checkpoint)

    def exported(self, folder: str) -> None:
        """Takes that the export in `folder` is whole in the store."""
        self._put(exports=self.report().exports | {folder})

    def behind(self) -> None:
        """Takes that something is waiting."""
        if self.report().behind_since is None:
            self._put(behind_since=self._clock())

    def alike(self) -> None:
        """Takes that the store has everything."""
        self._put(behind_since=None, error=None)

    def works(self, since: datetime | None) -> None:
        """Takes that the store does what it is asked for, and that something is waiting all the same.

        Args:
            since: since when at most: the newest of what was there before is in the store. None where that is not so.
        """
        before = self.report().behind_since
        self._put(error=None, behind_since=None if before is None else since or before)

    def failed(self, error: str) -> None:
        """Takes why an attempt failed."""
        self._put(error=error)

    def _put(self, **fields: Any) -> None:
        with self._lock:
            self._report = replace(self._report, **fields)
