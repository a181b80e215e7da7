"""Every version of a namespace's objects that the API server has told of, for promises about what never happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from live_namespace import WAIT_SECONDS, LiveNamespace

Json = dict[str, Any]


@dataclass
class History:
    """What there was of one kind, oldest first: all objects by name after every change.

    Attributes:
        states: One entry after every change.
    """

    states: list[Mapping[str, Json]] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def record(cls, live: LiveNamespace, kind: str) -> AsyncIterator[History]:
        """Records as long as the context lasts; complete up to its end."""
        history = cls()
        changed = asyncio.Event()

        async def watch() -> None:
            async with aclosing(live.states(kind)) as states:
                async for state in states:
                    history.states.append(dict(state))
                    changed.set()

        watching = asyncio.create_task(watch())
        try:
            await changed.wait()
            yield history
            last = _versions(await live.list(kind))
            async with asyncio.timeout(WAIT_SECONDS):
                while _versions(history.states[-1]) != last:
                    changed.clear()
                    await changed.wait()
                    last = _versions(await live.list(kind))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def of(self, name: str) -> list[Json]:
        """The versions of one object, oldest first."""
        found: list[Json] = []
        for state in self.states:
            one = state.get(name)
            if one is not None and (not found or one is not found[-1]):
                found.append(one)
        return found


def check_counters(versions: list[Json]) -> None:
    """AssertionError when a counter of restarts goes back from one version of a job to the next."""
    total = counted = 0
    attempts: dict[str, int] = {}
    for version in versions:
        found = version.get("status", {}).get("restarts", {})
        where = f"resourceVersion {version['metadata']['resourceVersion']}: {found}"
        assert found.get("total", 0) >= total, f"total was {total}, then {where}"
        assert found.get("counted", 0) >= counted, f"counted was {counted}, then {where}"
        total, counted = found.get("total", 0), found.get("counted", 0)
        now = {one["replica"]: one["count"] for one in found.get("byReplica", [])}
        for replica, count in attempts.items():
            assert now.get(replica, 0) >= count, f"{replica} was at attempt {count}, then {where}"
        attempts = now


def check_pods(states: list[Mapping[str, Json]]) -> None:
    """AssertionError when two pods of one replica may have run at the same time."""
    for state in states:
        alive: dict[tuple[str, ...], str] = {}
        for name, pod in state.items():
            if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
                continue
            labels = pod["metadata"]["labels"]
            replica = tuple(labels[f"estimator.dev/{key}"] for key in ("job-name", "role", "index"))
            assert replica not in alive, f"{name} beside {alive[replica]}"
            alive[replica] = name


def check_images(states: list[Mapping[str, Json]]) -> None:
    """AssertionError when pods of two images may have run at the same time."""
    for state in states:
        images = {
            one["image"]
            for pod in state.values()
            if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
            for one in pod["spec"]["containers"]
        }
        assert len(images) <= 1, f"{sorted(images)} at once: {sorted(state)}"


def _versions(objects: Mapping[str, Json]) -> dict[str, str]:
    return {name: one["metadata"]["resourceVersion"] for name, one in objects.items()}
