"""How long the event loop stood still: reconciles, watches and answers to probes wait for it.

A task that wants to run every `BEAT` seconds measures how late it is, and how much CPU the loop's thread used since it
last ran. The first is what others feel, the fault of a busy machine or a CPU limit included; the second is the fault of
the operator alone. What is shown is the most of the last half to whole minute: a maximum since the start would say
nothing of today.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

BEAT: Final = 0.1
WINDOW: Final = 30.0


class Standstill:
    """Measures the event loop it runs in.

    Args:
        monotonic: Clock in seconds.
        cpu: Seconds of CPU that the calling thread has used.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._monotonic = monotonic
        self._cpu = cpu
        self._began = monotonic()
        self._most = self._most_before = (0.0, 0.0)

    async def run(self) -> None:
        """Measures until cancelled."""
        while True:
            wanted, used = self._monotonic() + BEAT, self._cpu()
            await asyncio.sleep(BEAT)
            self.note(self._monotonic() - wanted, self._cpu() - used)

    def note(self, late: float, busy: float) -> None:
        """The task was so many seconds late, and the thread used so many of CPU meanwhile."""
        self._turn()
        # Many short pieces of work are no standstill: it is not longer than the task was late.
        self._most = (max(self._most[0], late), max(self._most[1], min(late, busy)))

    @property
    def longest(self) -> float:
        """Seconds of the longest standstill of the last `WINDOW` to twice that."""
        self._turn()
        return max(self._most[0], self._most_before[0])

    @property
    def busiest(self) -> float:
        """The same, of CPU that was used without a pause."""
        self._turn()
        return max(self._most[1], self._most_before[1])

    def _turn(self) -> None:
        now = self._monotonic()
        if now - self._began < WINDOW:
            return
        recent = now - self._began < 2 * WINDOW
        self._most, self._most_before = (0.0, 0.0), self._most if recent else (0.0, 0.0)
        self._began = now
