"""What the API server refuses to create, and when to ask again.

A quota, an admission policy or a missing right is lifted by people, who tell nobody: what was refused is tried again
after 5 s, then after twice as long each time, up to 300 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from estimator_operator.errors import ApiError

RETRY_FIRST: Final = 5.0
RETRY_MOST: Final = 300.0


@dataclass(slots=True)
class Refusal:
    """The last refusal, until something can be created again.

    Attributes:
        message: What the API server said, or None while nothing is refused.
        count: Refusals in a row.
        retry_at: Monotonic time before which nothing is created.
    """

    message: str | None = None
    count: int = 0
    retry_at: float = 0.0

    def allows(self, now: float) -> bool:
        """Whether it is time to try."""
        return now >= self.retry_at

    def note(self, error: ApiError, now: float) -> float:
        """Notes a refusal; returns the seconds until the next try."""
        delay = min(RETRY_FIRST * 2.0 ** min(self.count, 10), RETRY_MOST)
        delay = max(delay, error.retry_after or 0.0)
        self.message = error.message
        self.count += 1
        self.retry_at = now + delay
        return delay

    def clear(self) -> None:
        """Nothing is refused any more."""
        self.message, self.count, self.retry_at = None, 0, 0.0

    def try_at_once(self) -> None:
        """What was refused has changed: the next try need not wait."""
        self.retry_at = 0.0

    def wait(self, now: float) -> float | None:
        """Seconds until the next try, or None while nothing is refused."""
        return None if self.message is None else max(0.0, self.retry_at - now)
