"""Whether the API server is away, and that it is back.

A single call that fails may be anybody's fault. Calls that fail for seconds without one that succeeds in between are
an outage: jobs are then tried again at short, even intervals instead of ever longer ones, and all of them soon after
the first call that is answered again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

_log = logging.getLogger(__name__)

DECLARED_AFTER: Final = 3.0
_AWAY: Final = frozenset({0, 502, 503, 504})
"""No answer, or one that only says that there is nobody who could answer. A 500 is an answer: a webhook, say."""


class Outage:
    """Judges the API server by its answers.

    Args:
        monotonic: Clock in seconds.
        on_recovery: Called with the first answer after an outage.
    """

    def __init__(self, monotonic: Callable[[], float], *, on_recovery: Callable[[], None]) -> None:
        self._monotonic = monotonic
        self._on_recovery = on_recovery
        self._since: float | None = None

    @property
    def lasts(self) -> bool:
        """The API server is away."""
        return self._since is not None and self._monotonic() - self._since >= DECLARED_AFTER

    def answered(self, status: int) -> None:
        """A call was answered with an HTTP status; 0 is no answer."""
        if status in _AWAY:
            if self._since is None:
                self._since = self._monotonic()
            return
        lasted, self._since = self.lasts, None
        if lasted:
            _log.info("the API server answers again")
            self._on_recovery()
