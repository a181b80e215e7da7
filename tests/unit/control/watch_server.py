"""An API server of one resource that lists and watches as a test says, and whoever is told of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from kubernetes.aio.client.configuration import Configuration
from web_server import served

from estimator_operator.kube.credentials import Credentials
from estimator_operator.kube.fence import Fence
from estimator_operator.kube.hand_over import HandOver
from estimator_operator.kube.resources import JOBS

Json = dict[str, Any]


def thing(name: str, version: int = 1, **more: Any) -> Json:
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata, **more}


def event(kind: str, found: Json) -> bytes:
    return json.dumps({"type": kind, "object": found}).encode() + b"\n"


def _group(name: str, version: str) -> Json:
    one = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [one], "preferredVersion": one}


def _kind(plural: str, kind: str, *, namespaced: bool) -> Json:
    verbs = ["list", "watch", "patch"]
    names = {"name": plural, "singularName": kind.lower(), "kind": kind}
    return {"resources": [{**names, "namespaced": namespaced, "verbs": verbs}]}


DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/api/v1": _kind("namespaces", "Namespace", namespaced=False),
    "/apis": {"groups": [_group(JOBS.group, JOBS.version), _group("apiextensions.k8s.io", "v1")]},
    "/apis/apiextensions.k8s.io/v1": _kind(
        "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
    ),
    f"/apis/{JOBS.group}/{JOBS.version}": _kind(JOBS.plural, "EstimatorJob", namespaced=True),
}
"""What kopf wants to see before it watches anything."""


@dataclass(frozen=True)
class Refusal:
    """An answer of a status and a body, and how long the server asks to be left alone."""

    status: int
    retry_after: str | None = None
    body: bytes = b""

    def answer(self) -> web.Response:
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        kind = "application/json"
        return web.Response(status=self.status, body=self.body, headers=headers, content_type=kind)


class WatchServer:
    """Answers from scripts; what a script does not have is an empty list, and a watch that stays open.

    Attributes:
        lists: Answers to lists: objects, an HTTP status, or a whole refusal.
        watches: Answers to watches: bytes of the stream, an HTTP status, or a whole refusal.
        asked: Queries of lists and watches so far.
        page: Objects of a page whatever is asked for.
        url: Where it is.
    """

    def __init__(self) -> None:
        self.lists: list[list[Json] | int | bytes | Refusal] = []
        self.watches: list[bytes | int | Refusal] = []
        self.asked: list[tuple[str, Json]] = []
        self.page = 10**6
        self.url = ""
        self._version = 100
        self._current: list[Json] = []
        self._ended = asyncio.Event()

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.asked]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        if "watch" in query:
            self.asked.append(("watch", query))
            return await self._watch(request)
        self.asked.append(("list", query))
        return self._list(query)

    def _list(self, query: Json) -> web.Response:
        start = int(query.get("continue", 0))
        if not start:
            self._version += 100
            self._current = []
        if self.lists and not isinstance(self.lists[0], list):
            answer = self.lists.pop(0)
            if isinstance(answer, bytes):
                return web.Response(body=answer)
            if isinstance(answer, Refusal):
                return answer.answer()
            return web.json_response({"kind": "Status", "code": answer, "message": "no"}, status=answer)
        if not start and self.lists:
            self._current = self.lists.pop(0)
        size = min(self.page, int(query["limit"]))
        metadata = {"resourceVersion": str(self._version)}
        if start + size < len(self._current):
            metadata["continue"] = str(start + size)
        return web.json_response({"metadata": metadata, "items": self._current[start : start + size]})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        answer = self.watches.pop(0) if self.watches else b""
        if isinstance(answer, Refusal):
            return answer.answer()
        if isinstance(answer, int):
            return web.json_response({"kind": "Status", "code": answer, "message": "no"}, status=answer)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(answer)
        if not answer:
            await self._ended.wait()
        return response

    async def discovery(self, request: web.Request) -> web.Response:
        return web.json_response(DISCOVERY[request.path])

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application()
        for path in DISCOVERY:
            app.router.add_get(path, self.discovery)
        app.router.add_get("/{path:.*}", self.handle)
        async with served(app) as port:
            self.url = f"http://127.0.0.1:{port}"
            try:
                yield
            finally:
                self._ended.set()


class FixedCredentials(Credentials):
    """Credentials that are read from nowhere."""

    def __init__(self, url: str) -> None:
        super().__init__(None, None, Configuration(host=url))

    async def reload(self) -> None:
        pass


class Told:
    """A `WatchObserver` that writes down what it is told.

    Attributes:
        log: What was told, in the order of it.
        broken: Names of objects on which it fails.
        known: Versions of jobs that it knows already.
    """

    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []
        self.skipped: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.known: set[str] = set()
        self._changed = asyncio.Event()
        self.hand_over = HandOver(self, Fence(lambda *one: self.skipped.append(one)))

    def job_event(self, kind: str | None, found: Json) -> None:
        self._tell(kind, found["metadata"]["name"])
        if found["metadata"]["name"] in self.broken:
            raise KeyError("labels")

    pod_event = service_event = claim_event = job_event

    def knows_job(self, job: Json) -> bool:
        return job["metadata"].get("resourceVersion") in self.known

    def relisted(self, resource: Any, namespace: str | None, uids: set[str], version: int) -> None:
        self._tell("relisted", namespace, tuple(sorted(uids)), version)

    def refused(self, resource: Any, namespace: str | None) -> None:
        self._tell("refused", namespace)

    def heard(self, resource: Any, namespace: str | None) -> None:
        self._changed.set()

    def _tell(self, *one: Any) -> None:
        self.log.append(one)
        self._changed.set()

    async def until(self, *one: Any) -> None:
        """Waits until that has been told."""
        while one not in self.log:
            self._changed.clear()
            await self._changed.wait()
