"""The fence around each object of the cluster: what goes wrong while one is read ends with that object.

Labels, names and whatever else an object says is hostile input, chosen by whoever may create it. An exception while one
is read is counted each time (`skipped_objects_total`) and logged once an hour, and the next object is served. There
may be thousands of such objects: in one minute some lines are logged and no more, escaped and cut.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

from estimator_operator.plain_text import one_line

_log = logging.getLogger(__name__)

Reason = Literal["unreadable", "failed"]

LOGGED_EVERY: Final = 3600.0
LINES_A_MINUTE: Final = 60
_MINUTE: Final = 60.0
_REMEMBERED: Final = 1000
_NAME_MOST: Final = 320
_TEXT_MOST: Final = 512


class Fence:
    """Keeps what goes wrong with one object to that object.

    Args:
        count: Told each time: the resource, and `unreadable` (the object is not what it should be) or `failed` (an
            error while it was taken in).
        monotonic: Clock in seconds.
    """

    def __init__(
        self,
        count: Callable[[str, str], None] = lambda _resource, _reason: None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = count
        self._monotonic = monotonic
        self._logged: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._minute, self._lines = -_MINUTE, 0

    @contextmanager
    def around(self, resource: str, found: Any, reason: Reason = "unreadable") -> Iterator[None]:
        """Passes over an object when its handling fails, whatever the error.

        Args:
            resource: The plural.
            found: The object.
            reason: What the failure is counted as.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001  (that is what it is for)
            self.note(resource, found, error, reason)

    def note(self, resource: str, found: Any, error: Exception | str, reason: Reason = "unreadable") -> None:
        """An object could not be read."""
        self._count(resource, reason)
        what, now = (resource, _name(found)), self._monotonic()
        if now - self._logged.get(what, -LOGGED_EVERY) < LOGGED_EVERY:
            return
        if now - self._minute >= _MINUTE:
            self._minute, self._lines = now, 0
        self._lines += 1
        if self._lines > LINES_A_MINUTE:
            return
        self._logged[what] = now
        self._logged.move_to_end(what)
        if len(self._logged) > _REMEMBERED:
            self._logged.popitem(last=False)
        text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        _log.warning("%s %s cannot be taken in: %s", *what, one_line(text[:_TEXT_MOST]))


def _name(found: Any) -> str:
    """Namespace and name, as far as the object has any."""
    metadata = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(metadata, dict):
        return "without metadata"
    parts = (metadata.get(key) for key in ("namespace", "name"))
    return one_line("/".join(one[:_NAME_MOST] if isinstance(one, str) else "?" for one in parts))
