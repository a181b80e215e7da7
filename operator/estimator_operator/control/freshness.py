"""Whether the watches still live.

A watch can fall silent without an error: connections die unnoticed, libraries lose tasks. A living one is heard of
every few minutes, whatever becomes of it: bookmarks come each minute, its connection is made anew every five, and
an API server that is away or refuses is asked again and again. One that is not heard of for longer is dead, and only a
restart of the process helps.
"""

from __future__ import annotations

from typing import Final

from estimator_operator.control.clock import Clock

_PATIENCE: Final = 600.0


class Freshness:
    """When each watch was last heard of.

    Args:
        clock: To measure the silence.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: dict[tuple[str, str | None], float] = {}

    def heard(self, resource: str, namespace: str | None) -> None:
        """A watch got an answer, or tries to get one."""
        self._heard[resource, namespace] = self._clock.monotonic()

    @property
    def silent(self) -> str | None:
        """The resource whose watch is dead, or None."""
        now = self._clock.monotonic()
        return next((what for (what, _), at in self._heard.items() if now - at > _PATIENCE), None)
