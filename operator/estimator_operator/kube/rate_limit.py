"""A token bucket: so many API calls a second on average, so many at once.

Waiters are served in the order in which they came: each takes its token at once, if need be from the future, and
sleeps until that token would have been there. A server that asks to be left alone stops everybody for that long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

PAUSE_MOST: Final = 60.0
"""Longest pause that is honoured for all callers; each caller may wait longer by itself."""


class TokenBucket:
    """Limits a rate. Starts full.

    Args:
        rate: Tokens per second; 0 for no limit.
        burst: Most tokens that are saved up.
        monotonic: Clock in seconds.
        sleep: Waits so many seconds.
        on_wait: Told how many seconds a caller has to wait, when it has to.
    """

    def __init__(
        self,
        *,
        rate: float,
        burst: int,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._monotonic = monotonic
        self._sleep = sleep
        self._tokens = float(burst)
        self._updated = monotonic()
        self._paused_until = self._updated
        self._on_wait = on_wait

    def pause(self, seconds: float) -> None:
        """Nobody gets a token for so many seconds, at most a minute."""
        self._paused_until = max(self._paused_until, self._monotonic() + min(seconds, PAUSE_MOST))

    async def take(self) -> None:
        """Waits for a token and takes it."""
        now = self._monotonic()
        wait = self._paused_until - now
        if self._rate > 0:
            self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate) - 1.0
            self._updated = now
            wait = max(wait, -self._tokens / self._rate)
        if wait > 0:
            self._on_wait(wait)
            await self._sleep(wait)
