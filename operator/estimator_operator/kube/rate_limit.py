"""A token bucket: so many API calls a second on average, so many at once.

Waiters are served in the order in which they came: each takes its token at once, if need be from the future, and
sleeps until that token would have been there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


class TokenBucket:
    """Limits a rate. Starts full.

    Args:
        rate: Tokens per second; 0 for no limit.
        burst: Most tokens that are saved up.
        monotonic: Clock in seconds.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        *,
        rate: float,
        burst: int,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._monotonic = monotonic
        self._sleep = sleep
        self._tokens = float(burst)
        self._updated = monotonic()

    async def take(self) -> None:
        """Waits for a token and takes it."""
        if self._rate <= 0:
            return
        now = self._monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate) - 1.0
        self._updated = now
        if self._tokens < 0:
            await self._sleep(-self._tokens / self._rate)
