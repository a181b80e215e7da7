"""What was asked of the API server, by whom and how it answered, read from its audit log.

The server writes the log before it answers: what a test has seen the effect of is in it. Watches are written when
they end.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

READS = frozenset({"get", "list", "watch"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One answered request.

    Attributes:
        user: Who asked.
        agent: User agent.
        verb: get, list, watch, create, update, patch, delete, ...
        group: API group, "" for the core.
        resource: Plural, with the subresource after a slash.
        namespace: Namespace, or "".
        name: Name of the object, "" for a collection (and where the server chose it).
        code: HTTP status.
        query: What follows the question mark.
        received: When the request came, in seconds since 1970 by the machine's clock.
        answered: When it was answered.
    """

    user: str
    agent: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    code: int
    query: str
    received: float
    answered: float

    @property
    def writes(self) -> bool:
        """It was meant to change something."""
        return self.verb not in READS

    @property
    def about_all(self) -> bool:
        """It reads what there is, whatever the number of jobs: a watch, or a list that nothing of one job selects."""
        chosen = "job-name%3D" in self.query or "fieldSelector=" in self.query
        return self.verb == "watch" or (self.verb == "list" and not chosen)

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.name} -> {self.code}"


class AuditLog:
    """The audit log of one API server.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = 0

    def mark(self) -> None:
        """Forgets what was logged so far."""
        self._start = self._path.stat().st_size

    async def logged(self, what: str, *, user: str, within: float = 10.0) -> None:
        """Waits for a call: the API server logs it when it has answered, so others may see what it did before."""
        async with asyncio.timeout(within):
            while not tally(self.calls(user=user))[what]:
                await asyncio.sleep(0.05)  # a file tells nobody that it has grown

    def calls(self, *, user: str | None = None, namespace: str | None = None) -> list[Call]:
        """Requests since the mark for resources, oldest first, of one user and in one namespace if given."""
        with self._path.open("rb") as file:
            file.seek(self._start)
            lines = file.read().splitlines()
        calls = (_call(json.loads(line)) for line in lines)
        return [
            one
            for one in calls
            if one is not None and user in (None, one.user) and namespace in (None, one.namespace)
        ]


def tally(calls: Iterable[Call]) -> Counter[str]:
    """How often each `verb resource` was asked for."""
    return Counter(f"{one.verb} {one.resource}" for one in calls)


def _call(event: dict) -> Call | None:
    target = event.get("objectRef")
    if not target or "resource" not in target:
        return None
    parts = [target["resource"], target.get("subresource")]
    return Call(
        user=event["user"]["username"],
        agent=event.get("userAgent", ""),
        verb=event["verb"],
        group=target.get("apiGroup", ""),
        resource="/".join(part for part in parts if part),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        query=event["requestURI"].partition("?")[2],
        received=_seconds(event["requestReceivedTimestamp"]),
        answered=_seconds(event["stageTimestamp"]),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
