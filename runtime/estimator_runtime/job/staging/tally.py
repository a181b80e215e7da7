"""How much of all inputs is there: for the endpoint, and for the log."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from estimator_api.progress import InputsProgress, bytes_text

_SHORTEST_SECS: Final = 1.0
"""Between two lines: small inputs come at once."""
_LONGEST_SECS: Final = 10.0
"""A line comes as often as this while bytes come, though it is the same step."""


class Tally:
    """Counts the bytes of all inputs. Several threads may count at once.

    Args:
        tell: is told a line for each ten percent, and now and then in between.
        clock: seconds since any fixed moment.
    """

    def __init__(
        self, tell: Callable[[str], None] = lambda _: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._shares: list[Share] = []
        self._told_at = clock()
        self._told: int | None = 0

    def share(self) -> "Share":
        """The part of one input. All are asked for before the first of them is brought, or the total would grow."""
        share = Share(self)
        self._shares.append(share)
        return share

    def progress(self) -> InputsProgress:
        """What is there of what is to be there."""
        with self._lock:
            return self._progress()

    def _progress(self) -> InputsProgress:
        totals = [one.total for one in self._shares]
        known = [one for one in totals if one is not None]
        return InputsProgress(
            staged_bytes=sum(one.staged for one in self._shares),
            total_bytes=sum(known) if len(known) == len(totals) else None,
        )

    def _count(self, share: "Share", key: str, length: int) -> None:
        with self._lock:
            share.staged += length - share.lengths.get(key, 0)
            share.lengths[key] = length
            since = self._clock() - self._told_at
            if since < _SHORTEST_SECS:
                return
            progress = self._progress()
            percent = progress.percent
            if percent == self._told and since < _LONGEST_SECS:
                return
            self._told, self._told_at = percent, self._clock()
        self._tell(_line(progress))

    def _begin(self, share: "Share", sizes: Mapping[str, int | None]) -> None:
        known = [one for one in sizes.values() if one is not None]
        with self._lock:
            share.total = sum(known) if len(known) == len(sizes) else None
            share.lengths, share.staged = {}, 0


class Share:
    """One input in a tally.

    Attributes:
        total: its bytes; None while they are not known.
        staged: those that are there.
        lengths: the same by file.

    Args:
        tally: what it is a part of.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.total: int | None = None
        self.staged = 0
        self.lengths: dict[str, int] = {}

    def begin(self, sizes: Mapping[str, int | None]) -> None:
        """Notes what the source has listed: bytes by file, None where nobody says. Nothing of it is there."""
        self._tally._begin(self, sizes)  # noqa: SLF001 - the other half of this class

    def has(self, key: str, length: int) -> None:
        """Notes that so many bytes of a file are there, whole or not."""
        self._tally._count(self, key, length)  # noqa: SLF001 - the same


def _line(progress: InputsProgress) -> str:
    staged, percent = bytes_text(progress.staged_bytes), progress.percent
    if percent is None or progress.total_bytes is None:
        return f"inputs: {staged} are here"
    return f"inputs: {percent} % of {bytes_text(progress.total_bytes)} are here ({staged})"
