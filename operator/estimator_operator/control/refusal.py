"""What the API server refuses to create, and when to ask again.

A quota, an admission policy or a missing right is lifted by people, who tell nobody: what was refused is tried again
after 5 s, then after twice as long each time, up to 300 s. What an earlier job of the same name has left goes by itself,
unless its node is lost: up to 20 s then, and at once when a pod of that name is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from estimator_operator.errors import ApiError, LeftoverError

RETRY_FIRST: Final = 5.0
RETRY_MOST: Final = 300.0
LEFTOVER_MOST: Final = 20.0


@dataclass(slots=True)
class Refusal:
    """The last refusal, until something can be created again.

    Attributes:
        message: What the API server said, or None while nothing is refused.
        count: Refusals in a row.
        retry_at: Monotonic time before which nothing is created.
        leftover: Something of an earlier job stands in the way.
    """

    message: str | None = None
    count: int = 0
    retry_at: float = 0.0
    leftover: bool = False

    def allows(self, now: float) -> bool:
        """Whether it is time to try."""
        return now >= self.retry_at

    def note(self, error: ApiError, now: float) -> float:
        """Notes a refusal; returns the seconds until the next try."""
        self.leftover = isinstance(error, LeftoverError)
        most = LEFTOVER_MOST if self.leftover else RETRY_MOST
        delay = min(RETRY_FIRST * 2.0 ** min(self.count, 10), most)
        delay = max(delay, error.retry_after or 0.0)
        self.message = error.message
        self.count += 1
        self.retry_at = now + delay
        return delay

    def clear(self) -> None:
        """Nothing is refused any more."""
        self.message, self.count, self.retry_at, self.leftover = None, 0, 0.0, False

    def try_at_once(self) -> None:
        """What was refused has changed: the next try need not wait."""
        self.retry_at = 0.0

    def wait(self, now: float) -> float | None:
        """Seconds until the next try, or None while nothing is refused."""
        return None if self.message is None else max(0.0, self.retry_at - now)
