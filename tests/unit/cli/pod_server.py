"""An API server of one EstimatorJob and its pods, with their logs as a test scripts them."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web
from job_server import DROP, JobServer

PODS = "/api/v1/namespaces/{namespace}/pods"


def pod(
    role="worker", index=0, *, attempt=0, state="running", owner="uid-1", containers=("estimator",), **status
):
    """A pod of the job `digits` whose main container is in `state`."""
    name = f"digits-{role}-{index}" + (f"-r{attempt}" if attempt else "")
    main = {"name": containers[0], "state": {} if state is None else {state: {}}}
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "labels": {
                "estimator.dev/job-name": "digits",
                "estimator.dev/role": role,
                "estimator.dev/index": str(index),
                "estimator.dev/attempt": str(attempt),
            },
            "ownerReferences": [{"uid": owner}],
        },
        "spec": {"containers": [{"name": one} for one in containers]},
        "status": {"containerStatuses": [main]} | status,
    }


def matches(labels, selector):
    """Whether labels match a selector of the forms that the command uses."""
    text = selector.replace(" in (", "=").replace(")", "")
    wanted = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if equals:
            last = key
        wanted.setdefault(last, set()).add(value if equals else key)
    return all(labels.get(key) in values for key, values in wanted.items())


class PodServer(JobServer):
    """A JobServer with pods.

    Attributes:
        pods: Name -> pod.
        logs: Name -> what the nth request for its log gets: pieces of text, functions that change the server, DROP,
            a code for a refusal, an event to wait for, or None to stay open. Once used up, nothing.
        pod_watches: For each watch of the pods its items, as for those of the job.
        pod_refusals: Codes of answers that come before any list or watch of pods.
        log_queries: Pod and query of every request for a log.
    """

    def __init__(self, job, *pods, logs=None, watches=(), pod_watches=()):
        super().__init__(job, *watches)
        self.pods = {one["metadata"]["name"]: one for one in pods}
        self.logs = logs or {}
        self.pod_watches = list(pod_watches)
        self.log_queries = []
        self.pod_refusals = []

    def add_routes(self, router):
        super().add_routes(router)
        router.add_get(PODS, self._list)
        router.add_get(PODS + "/{name}", self._pod)
        router.add_get(PODS + "/{name}/log", self._log)

    async def _list(self, request):
        if self.pod_refusals:
            return refused(self.pod_refusals.pop(0), "no pods for you", "")
        selector = request.query["labelSelector"]
        if "watch" in request.query:
            return await self._watch(request, self.pod_watches)
        found = [one for one in self.pods.values() if matches(one["metadata"]["labels"], selector)]
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": found})

    async def _pod(self, request):
        name = request.match_info["name"]
        if name not in self.pods:
            return refused(404, f'pods "{name}" not found', name)
        return web.json_response(self.pods[name])

    async def _log(self, request):
        name = request.match_info["name"]
        self.log_queries.append((name, dict(request.query)))
        assert request.query["container"] in [one["name"] for one in self.pods[name]["spec"]["containers"]]
        answers = self.logs.get(name, [])
        items = answers.pop(0) if answers else []
        if items and isinstance(items[0], int):
            return refused(items[0], "no luck", name)
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        for item in items:
            if item is DROP:
                request.transport.abort()
                return response
            if item is None or isinstance(item, asyncio.Event):
                await self.wait(item)
            elif callable(item):
                item(self)
            else:
                await response.write(item.encode())
        return response


def refused(code, message, name):
    """The answer of an API server that refuses."""
    status = {"kind": "Status", "message": message, "details": {"name": name}}
    return web.Response(text=json.dumps(status), status=code, content_type="application/json")
