"""How long the event loop stood still: the lease is renewed in it, probes are answered in it.

A task that wants to run every `BEAT` seconds measures how late it is. What is shown is the longest standstill of the
last half to whole minute: a maximum since the start would say nothing of today.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

BEAT: Final = 0.05
WINDOW: Final = 30.0


class Standstill:
    """Measures the event loop it runs in.

    Args:
        monotonic: Clock in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._longest = self._longest_before = 0.0

    async def run(self) -> None:
        """Measures until cancelled."""
        while True:
            wanted = self._monotonic() + BEAT
            await asyncio.sleep(BEAT)
            self.note(self._monotonic() - wanted)

    def note(self, late: float) -> None:
        """The task was so many seconds late."""
        self._turn()
        self._longest = max(self._longest, late)

    @property
    def longest(self) -> float:
        """Seconds of the longest standstill of the last `WINDOW` to twice that."""
        self._turn()
        return max(self._longest, self._longest_before)

    def _turn(self) -> None:
        now = self._monotonic()
        if now - self._began < WINDOW:
            return
        recent = now - self._began < 2 * WINDOW
        self._longest, self._longest_before = 0.0, self._longest if recent else 0.0
        self._began = now
