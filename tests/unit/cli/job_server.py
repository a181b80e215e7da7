"""An API server of one EstimatorJob: what commands ask about it, answered as a test scripts it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import yaml
from aiohttp import web
from web_server import served

from estimatorctl.__main__ import main

PATH = "/apis/estimator.dev/v1alpha1/namespaces/{namespace}/estimatorjobs"
DROP = object()
"""In a watch: the connection is cut."""
END = object()
"""In a watch: the server ends it, as it does every few minutes."""
GONE = {"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410}}


def modified(job):
    return {"type": "MODIFIED", "object": job}


def deleted(job):
    return {"type": "DELETED", "object": job}


async def call(*arguments):
    """The command in a thread, for it makes an event loop of its own."""
    return await asyncio.to_thread(main, list(arguments))


class JobServer:
    """Reads are answered with `job`; the nth watch sends the nth of `watches`, the last one stays open.

    Attributes:
        job: The object, None when there is none.
        watches: For each watch its items: events, functions that change the server, asyncio.Events to wait for, DROP or
            END.
        refusals: Answers (code, body) that come before anything else.
        asked: Namespace and query of every watch, and the namespace of every read.
        patches: Subresource and patch of every change.
    """

    def __init__(self, job, *watches):
        self.job = job
        self.watches = list(watches)
        self.refusals = []
        self.asked = []
        self.patches = []
        self._over = asyncio.Event()
        self.headers = []

    async def _answer(self, request):
        self.headers.append(dict(request.headers))
        if self.refusals:
            code, body = self.refusals.pop(0)
            return web.json_response(body, status=code)
        namespace = request.match_info["namespace"]
        if "watch" in request.query:
            self.asked.append((namespace, dict(request.query)))
            return await self._watch(request, self.watches)
        self.asked.append((namespace, None))
        if self.job is None or self.job["metadata"]["name"] != request.match_info["name"]:
            name = request.match_info["name"]
            status = {
                "kind": "Status",
                "message": f'estimatorjobs.estimator.dev "{name}" not found',
                "details": {"name": name},
            }
            return web.json_response(status, status=404)
        return web.json_response(self.job)

    async def _watch(self, request, watches):
        response = web.StreamResponse()
        await response.prepare(request)
        items = watches.pop(0) if watches else [None]
        for item in items:
            if item is END:
                return response
            if item is DROP:
                request.transport.abort()
                return response
            if item is None or isinstance(item, asyncio.Event):
                await self.wait(item)
                continue
            if callable(item):
                item(self)
                continue
            await response.write(json.dumps(item).encode() + b"\n")
        return response

    async def wait(self, event=None):
        """Waits for `event`, and not beyond the end of the test: an open request would keep the server from closing."""
        waits = [asyncio.ensure_future(one.wait()) for one in (event, self._over) if one is not None]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()

    async def _change(self, request):
        """A merge patch of the job or of its subresource; `patches` keeps the end of the path and the patch."""
        if self.refusals:
            code, body = self.refusals.pop(0)
            return web.json_response(body, status=code)
        assert request.content_type == "application/merge-patch+json"
        self.patches.append((request.match_info.get("subresource", ""), await request.json()))
        return web.json_response(self.job)

    def add_routes(self, router):
        """Adds what the server answers."""
        router.add_get(PATH, self._answer)
        router.add_get(PATH + "/{name}", self._answer)
        router.add_patch(PATH + "/{name}", self._change)
        router.add_patch(PATH + "/{name}/{subresource}", self._change)

    @asynccontextmanager
    async def serving(self, folder, *, namespace=None):
        """Serves; gives the path of a kubeconfig for it."""
        app = web.Application()
        self.add_routes(app.router)
        async with served(app) as port:
            try:
                yield str(self._kubeconfig(folder, port, namespace))
            finally:
                self._over.set()

    def _kubeconfig(self, folder, port, namespace):
        context = {"cluster": "c", "user": "u"} | ({"namespace": namespace} if namespace else {})
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                    "users": [{"name": "u", "user": {"token": "t0ken"}}],
                    "contexts": [
                        {"name": "one", "context": context},
                        {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "second"}},
                    ],
                    "current-context": "one",
                }
            )
        )
        return kubeconfig
