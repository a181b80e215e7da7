"""A fence around each object: whatever goes wrong while one is read is counted, logged, and stops nothing else.

What people can create is hostile input. One object that cannot be read must not end the watch of all the others, and
must not fill the log either: it is logged once an hour.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from estimator_operator.control.clock import Clock

_log = logging.getLogger(__name__)

Json = dict[str, Any]

LOGGED_EVERY: Final = 3600.0
_REMEMBERED: Final = 1000
_TEXT_MOST: Final = 512


class ObjectFence:
    """Keeps what goes wrong with one object to that object.

    Args:
        clock: To log rarely.
        count: Told of each failure, with the resource.
    """

    def __init__(self, clock: Clock, count: Callable[[str], None]) -> None:
        self._clock = clock
        self._count = count
        self._logged: OrderedDict[tuple[str, str], float] = OrderedDict()

    @contextmanager
    def around(self, resource: str, manifest: Json) -> Iterator[None]:
        """Passes over an object when its handling fails, whatever the error."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  (that is what it is for)
            self.note(resource, manifest, error)

    def note(self, resource: str, manifest: Json, error: Exception) -> None:
        """An object could not be read."""
        self._count(resource)
        name, now = _name(manifest), self._clock.monotonic()
        logged_at = self._logged.get((resource, name))
        if logged_at is not None and now - logged_at < LOGGED_EVERY:
            return
        self._logged[resource, name] = now
        self._logged.move_to_end((resource, name))
        if len(self._logged) > _REMEMBERED:
            self._logged.popitem(last=False)
        text = f"{type(error).__name__}: {error}"[:_TEXT_MOST]
        _log.warning("%s %s cannot be read and is passed over: %s", resource, name, text)


def _name(manifest: Any) -> str:
    """Namespace and name, as far as the object has any."""
    metadata = manifest.get("metadata") if isinstance(manifest, dict) else None
    if not isinstance(metadata, dict):
        return "without metadata"
    return f"{metadata.get('namespace')}/{metadata.get('name')}"[:_TEXT_MOST]
