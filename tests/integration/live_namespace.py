"""One namespace of a real API server, for tests that act and wait: every wait is a watch with a time limit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

import aiohttp
from api_server import ApiServer

Json = dict[str, Any]

PATHS: Final = {
    "estimatorjobs": "/apis/estimator.dev/v1alpha1",
    "events": "/apis/events.k8s.io/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "roles": "/apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "tfjobs": "/apis/kubeflow.org/v1",
}
"""API group and version of each kind that is not in the core group."""
USER_AGENT: Final = "integration-test"
WAIT_SECONDS: Final = 30.0
_MERGE_PATCH: Final = "application/merge-patch+json"


class RefusedError(AssertionError):
    """The API server refused a call."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class LiveNamespace:
    """Reads, writes and watches in one namespace, as administrator."""

    def __init__(self, session: aiohttp.ClientSession, name: str) -> None:
        self._session = session
        self.name = name

    @classmethod
    @asynccontextmanager
    async def connect(cls, server: ApiServer, name: str) -> AsyncIterator[LiveNamespace]:
        """A connection that lasts as long as the context."""
        async with aiohttp.ClientSession(
            server.url,
            connector=server.connector(limit=100),
            headers={"Authorization": f"Bearer {server.token}", "User-Agent": USER_AGENT},
            read_bufsize=2**21,
        ) as session:
            yield cls(session, name)

    def path(self, kind: str, name: str | None = None, subresource: str | None = None) -> str:
        """Path of a kind (its plural), of one object, of its subresource."""
        parts = [PATHS.get(kind, "/api/v1"), "namespaces", self.name, kind, name, subresource]
        return "/".join(part for part in parts if part is not None)

    async def call(self, method: str, path: str, body: Json | None = None, **more: Any) -> Json:
        """One request; returns the answer's JSON.

        Raises:
            RefusedError: The answer is no success.
        """
        async with self._session.request(method, path, json=body, **more) as answer:
            text = await answer.text()
            if answer.status >= 300:
                raise RefusedError(answer.status, text)
            return json.loads(text)

    async def create(
        self, kind: str, manifest: Json, *, of: str | None = None, subresource: str | None = None
    ) -> Json:
        """Creates an object, or a subresource of the object `of`."""
        return await self.call("POST", self.path(kind, of, subresource), manifest)

    async def get(self, kind: str, name: str) -> Json:
        """One object."""
        return await self.call("GET", self.path(kind, name))

    async def list(self, kind: str) -> Mapping[str, Json]:
        """All objects of a kind by name."""
        answer = await self.call("GET", self.path(kind))
        return {one["metadata"]["name"]: one for one in answer["items"]}

    async def patch(self, kind: str, name: str, patch: Json, subresource: str | None = None) -> Json:
        """A JSON merge patch."""
        headers = {"Content-Type": _MERGE_PATCH}
        return await self.call("PATCH", self.path(kind, name, subresource), patch, headers=headers)

    async def delete(self, kind: str, name: str, *, grace: int | None = None, uid: str | None = None) -> Json:
        """Deletes an object, its dependents in the background."""
        options: Json = {"propagationPolicy": "Background"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        return await self.call("DELETE", self.path(kind, name), options)

    async def changes(self, kind: str, name: str | None = None) -> AsyncIterator[tuple[str, list[Json]]]:
        """("LISTED", all objects of a kind, or the one of that name), then ("ADDED", [object]) and so on.

        Survives the loss of the API server: it lists and watches anew.
        """
        path = self.path(kind)
        query = {} if name is None else {"fieldSelector": f"metadata.name={name}"}
        while True:
            try:
                listed = await self.call("GET", path, params=query)
                yield "LISTED", listed["items"]
                version = listed["metadata"]["resourceVersion"]
                async with aclosing(self._events(path, {**query, "resourceVersion": version})) as events:
                    async for event in events:
                        if event["type"] == "ERROR":
                            break
                        yield event["type"], [event["object"]]
            except (aiohttp.ClientError, OSError, RefusedError):
                # The server is away; there is no event for its return.
                await asyncio.sleep(0.1)

    async def states(self, kind: str, name: str | None = None) -> AsyncIterator[Mapping[str, Json]]:
        """All objects of a kind (or the one of that name) by name: as they are, and again after every change."""
        known: dict[str, Json] = {}
        async with aclosing(self.changes(kind, name)) as changes:
            async for change, objects in changes:
                found = {one["metadata"]["name"]: one for one in objects}
                if change == "LISTED":
                    known = found
                elif change == "DELETED":
                    known = {key: one for key, one in known.items() if key not in found}
                else:
                    known |= found
                yield known

    async def _events(self, path: str, query: Mapping[str, str]) -> AsyncIterator[Json]:
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.get(path, params={**query, "watch": "true"}, timeout=timeout) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                yield json.loads(line)

    async def until_all(
        self,
        kind: str,
        reached: Callable[[Mapping[str, Json]], Any],
        what: str,
        *,
        name: str | None = None,
        timeout: float = WAIT_SECONDS,
    ) -> Mapping[str, Json]:
        """The objects of a kind by name, once `reached(objects)`; AssertionError naming `what` after `timeout`."""
        last: Mapping[str, Json] = {}
        try:
            async with asyncio.timeout(timeout), aclosing(self.states(kind, name)) as states:
                async for last in states:
                    if reached(last):
                        return dict(last)
        except TimeoutError:
            shown = json.dumps({key: one.get("status") for key, one in last.items()}, indent=1)
            raise AssertionError(
                f"{kind} {name or ''}: no {what} within {timeout:g} s; last seen: {shown}"
            ) from None
        raise AssertionError("unreachable: states() does not end")

    async def until(
        self,
        kind: str,
        name: str,
        reached: Callable[[Json], Any],
        what: str,
        *,
        timeout: float = WAIT_SECONDS,
    ) -> Json:
        """One object, once it exists and `reached(object)`."""
        found = await self.until_all(
            kind, lambda all_: name in all_ and reached(all_[name]), what, name=name, timeout=timeout
        )
        return found[name]

    async def until_gone(self, kind: str, name: str, *, timeout: float = WAIT_SECONDS) -> None:
        """Waits until an object no longer exists."""
        await self.until_all(kind, lambda all_: name not in all_, "end", name=name, timeout=timeout)
