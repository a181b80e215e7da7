"""The time of a local run: never goes back, and tests let it pass faster."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Wall clock at the start, steady from there on.

    Attributes:
        speed: How many of its seconds pass in one of the machine's.
    """

    speed: float = 1.0
    _start: datetime = field(default_factory=lambda: datetime.now(UTC))
    _origin: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """The present (aware)."""
        return self._start + timedelta(seconds=(time.monotonic() - self._origin) * self.speed)

    def real(self, seconds: float) -> float:
        """How long to wait until `seconds` have passed."""
        return seconds / self.speed
