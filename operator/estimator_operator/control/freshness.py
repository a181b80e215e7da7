"""Whether the watch still tells of changes.

A watch can fall silent without an error: connections die unnoticed, libraries lose tasks. So every survey notes the
objects of which it found news before the watch told of them. When a later survey finds such an object again, and the
watch has not told of it for a minute either, then the watch is dead, and only a restart of the process helps.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from estimator_operator.control.clock import Clock

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_PATIENCE: Final = 60.0
_EXPECTED_MOST: Final = 1000


class Freshness:
    """Compares what surveys find with what the watch tells.

    Args:
        clock: To measure the watch's delay.

    Attributes:
        stale: The watch is dead.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before: dict[str, float] = {}
        self._expected: dict[str, float] = {}
        self.stale = False

    def begin(self) -> None:
        """A survey begins: what it does not find again need not be told of."""
        self._before, self._expected = self._expected, {}

    def found(self, manifest: Json, *, news: bool) -> None:
        """The survey found an object; `news` when the watch had not told of it in this version."""
        uid, now = manifest["metadata"]["uid"], self._clock.monotonic()
        due = self._before.get(uid)
        if due is not None and due < now and not self.stale:
            self.stale = True
            _log.error(
                "the watch does not tell of changes any more, e.g. of %s", manifest["metadata"]["name"]
            )
        elif due is not None:
            self._expected[uid] = due
        elif news and len(self._expected) < _EXPECTED_MOST:
            self._expected[uid] = now + _PATIENCE

    def told(self, manifest: Json) -> None:
        """The watch told of an object."""
        uid = manifest["metadata"]["uid"]
        self._before.pop(uid, None)
        self._expected.pop(uid, None)
