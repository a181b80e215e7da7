"""What the API server refuses to create, and when to ask again.

A quota, an admission policy or a missing right is lifted by people, who tell nobody: what was refused is tried again
after 5 s, then after twice as long each time, up to 300 s. What an earlier job of the same name has left goes by itself,
unless its node is lost: up to 20 s then, and at once when a pod of that name is gone.

Any other error of creation that persists is a refusal too, whatever its code: what nobody is told of, nobody lifts. The
first of a row is silent, and one that most often passes (no answer, throttled, a conflict inside the quota) for some
seconds. An outage of the API server is never a refusal of one job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from estimator_operator.errors import (
    ApiError,
    ConflictError,
    LeftoverError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
)

RETRY_FIRST: Final = 5.0
RETRY_MOST: Final = 300.0
TRANSIENT_MOST: Final = 60.0
LEFTOVER_MOST: Final = 20.0
_SILENT_ERRORS: Final = 1
_SILENT_SECONDS: Final = 10.0
_NOBODY_ANSWERS: Final = frozenset({0, 502, 503, 504})


@dataclass(slots=True)
class Refusal:
    """The last refusal, until something can be created again.

    Attributes:
        message: What the API server said, or None while nothing is refused.
        count: Refusals in a row.
        retry_at: Monotonic time before which nothing is created.
        leftover: Something of an earlier job stands in the way.
        optional: Only pods that the job can do without were refused: what it needs is tried all the same.
        errors: Errors in a row that were not refusals by themselves.
        failing_since: Monotonic time of the first of them, or None.
    """

    message: str | None = None
    count: int = 0
    retry_at: float = 0.0
    leftover: bool = False
    optional: bool = False
    errors: int = 0
    failing_since: float | None = None

    def allows(self, now: float) -> bool:
        """Whether it is time to try."""
        return now >= self.retry_at

    def note(self, error: ApiError, now: float, *, optional: bool = False) -> float:
        """Notes a refusal; returns the seconds until the next try."""
        if self.optional and not optional:
            # The first of what the job needs.
            self.count = 0
        self.optional = optional
        self.leftover = isinstance(error, LeftoverError)
        most = LEFTOVER_MOST if self.leftover else TRANSIENT_MOST if passes(error) else RETRY_MOST
        delay = min(RETRY_FIRST * 2.0 ** min(self.count, 10), most)
        delay = max(delay, error.retry_after or 0.0)
        self.message = error.message
        self.count += 1
        self.retry_at = now + delay
        return delay

    def persists(self, error: ApiError, now: float, *, outage: bool) -> bool:
        """Whether an error, one more in a row, is to be taken for a refusal and told."""
        if outage:
            self.errors, self.failing_since = 0, None
            return False
        self.errors += 1
        if self.failing_since is None:
            self.failing_since = now
        if passes(error):
            return now - self.failing_since >= _SILENT_SECONDS
        return self.errors > _SILENT_ERRORS

    def clear(self) -> None:
        """Nothing is refused any more."""
        self.message, self.count, self.retry_at, self.leftover = None, 0, 0.0, False
        self.optional = False
        self.errors, self.failing_since = 0, None

    def try_at_once(self) -> None:
        """What was refused has changed: the next try need not wait."""
        self.retry_at = 0.0

    def put_off(self, now: float) -> None:
        """What was refused waits for something else, and is not tried before that."""
        self.retry_at = max(self.retry_at, now + RETRY_FIRST)

    def wait(self, now: float) -> float | None:
        """Seconds until the next try, or None while nothing is refused."""
        return None if self.message is None else max(0.0, self.retry_at - now)


def passes(error: ApiError) -> bool:
    """The same call will most likely succeed in a moment."""
    if isinstance(error, UnavailableError):
        # A 500 is an answer, and it is the same the next time: a quota that cannot be evaluated, say.
        return error.status in _NOBODY_ANSWERS
    return isinstance(error, (TooManyRequestsError, UnauthorizedError)) or (
        isinstance(error, ConflictError) and not isinstance(error, LeftoverError)
    )
