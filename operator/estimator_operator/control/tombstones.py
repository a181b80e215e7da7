"""Uids of objects that are gone for good: a list that was read before the deletion may arrive after it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

MOST: Final = 20_000
"""Tombstones kept; the oldest give way. No list is that late."""


class Tombstones:
    """Uids that never come back."""

    def __init__(self) -> None:
        self._uids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, uid: str) -> bool:
        return uid in self._uids

    def add(self, uid: str) -> None:
        """Notes that an object is gone."""
        self._uids[uid] = None
        if len(self._uids) > MOST:
            self._uids.popitem(last=False)

    def discard(self, uid: str) -> None:
        """The object was seen alive: it had only left the watch."""
        self._uids.pop(uid, None)
