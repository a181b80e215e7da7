"""An API server of one EstimatorJob: what `status` and `watch` ask, answered as a test scripts it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import yaml
from aiohttp import web

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


class JobServer:
    """Reads are answered with `job`; the nth watch sends the nth of `watches`, the last one stays open.

    Attributes:
        job: The object, None when there is none.
        watches: For each watch its items: events, functions that change the server, DROP or END.
        refusals: Answers (code, body) that come before anything else.
        asked: Namespace and query of every watch, and the namespace of every read.
    """

    def __init__(self, job, *watches):
        self.job = job
        self.watches = list(watches)
        self.refusals = []
        self.asked = []
        self.headers = []

    async def _answer(self, request):
        self.headers.append(dict(request.headers))
        if self.refusals:
            code, body = self.refusals.pop(0)
            return web.json_response(body, status=code)
        namespace = request.match_info["namespace"]
        if "watch" in request.query:
            self.asked.append((namespace, dict(request.query)))
            return await self._watch(request)
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

    async def _watch(self, request):
        response = web.StreamResponse()
        await response.prepare(request)
        items = self.watches.pop(0) if self.watches else [None]
        for item in items:
            if item is END:
                return response
            if item is DROP:
                request.transport.abort()
                return response
            if item is None:
                await asyncio.Event().wait()
            if callable(item):
                item(self)
                continue
            await response.write(json.dumps(item).encode() + b"\n")
        return response

    @asynccontextmanager
    async def serving(self, folder, *, namespace=None):
        """Serves; gives the path of a kubeconfig for it."""
        app = web.Application()
        app.router.add_get(PATH, self._answer)
        app.router.add_get(PATH + "/{name}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
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
        try:
            yield str(kubeconfig)
        finally:
            await runner.cleanup()
