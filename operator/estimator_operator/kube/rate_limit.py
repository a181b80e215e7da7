"""A token bucket: so many API calls a second on average, so many at once.

Waiters are served in the order in which they came: each takes its token at once, if need be from the future, and
sleeps until that token would have been there. A server that asks to be left alone stops those whom it asked: a 429 is
most often a quota or an admission webhook of one namespace, and the others' calls have nothing to do with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

PAUSE_MOST: Final = 60.0
"""Longest pause that is honoured for all of a scope; each caller may wait longer by itself."""


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
        self._paused_until: dict[Hashable, float] = {}
        self._on_wait = on_wait

    def pause(self, seconds: float, scope: Hashable = None) -> None:
        """Nobody of that scope gets a token for so many seconds, at most a minute."""
        now = self._monotonic()
        self._paused_until = {one: until for one, until in self._paused_until.items() if until > now}
        until = now + min(seconds, PAUSE_MOST)
        self._paused_until[scope] = max(until, self._paused_until.get(scope, until))

    async def take(self, scope: Hashable = None) -> None:
        """Waits for a token and takes it. Who waits for a pause takes none meanwhile."""
        pause = self._paused_until.get(scope, 0.0) - self._monotonic()
        if pause > 0:
            self._on_wait(pause)
            await self._sleep(pause)
        now = self._monotonic()
        if self._rate > 0:
            self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate) - 1.0
            self._updated = now
            wait = -self._tokens / self._rate
            if wait > 0:
                self._on_wait(wait)
                await self._sleep(wait)
