"""Scheduler and kubelet of a namespace without nodes: brings pods to life, lets them report, ends them.

Each pod that appears plays a script (by default: it runs and is ready). A pod that is being deleted is ended as a
kubelet would: the containers' end is reported, then the object goes. Every pod gets a loopback address of its own
(all of 127/8 is loopback), so that one server on one port answers `/progress` for each of them differently.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web
from live_namespace import LiveNamespace, RefusedError

Json = dict[str, Any]
Script = Callable[["FakeKubelet", Json], Awaitable[None]]
"""Plays the life of a pod that has just appeared."""

NODE: Final = "fake-node"
CONTAINER: Final = "estimator"
_TURNS: Final = 10
_NUMBERS: Final = itertools.count(2)
"""Of the pods of all namespaces: of two pods with one address the operator asks only the younger."""


async def run(kubelet: FakeKubelet, pod: Json) -> None:
    """The pod is bound, runs and is ready."""
    await kubelet.bind(pod)
    await kubelet.report_running(pod)


async def hold(kubelet: FakeKubelet, pod: Json) -> None:
    """Nothing happens: no scheduler has looked at the pod."""


def ends(exit_code: int, message: str = "", *, reason: str | None = None) -> Script:
    """The pod runs and ends at once."""

    async def play(kubelet: FakeKubelet, pod: Json) -> None:
        await run(kubelet, pod)
        await kubelet.finish(pod["metadata"]["name"], exit_code, message, reason=reason)

    return play


def waits(reason: str, message: str = "") -> Script:
    """The pod is bound, but its container waits."""

    async def play(kubelet: FakeKubelet, pod: Json) -> None:
        await kubelet.bind(pod)
        state = {"waiting": {"reason": reason, "message": message}}
        await kubelet.report(pod["metadata"]["name"], phase="Pending", state=state)

    return play


def unschedulable(message: str) -> Script:
    """The scheduler finds no place for the pod."""

    async def play(kubelet: FakeKubelet, pod: Json) -> None:
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        await kubelet.namespace.patch(
            "pods", pod["metadata"]["name"], {"status": {"conditions": [condition]}}, "status"
        )

    return play


def cannot_mount(message: str) -> Script:
    """The pod is bound and its container is never created; only an event says why, as for a missing ConfigMap."""

    async def play(kubelet: FakeKubelet, pod: Json) -> None:
        await waits("ContainerCreating")(kubelet, pod)
        await kubelet.record_event(pod, reason="FailedMount", note=message)

    return play


class FakeKubelet:
    """Plays the pods of one namespace while its context lasts.

    Attributes:
        namespace: Where.
        scripts: Script by pod name or replica (`worker-1`) or role.
        script: What the others play: `run`.
        container: Name of the main container.
        stubborn: Names of pods that are not ended when they are deleted, as on a lost node.
        documents: Progress document by pod name, or what makes it when the pod is asked.
        port: Where the pods serve progress; the jobs' `progressPort`.
        born: How many pods of each name there have been.
    """

    def __init__(self, namespace: LiveNamespace) -> None:
        self.namespace = namespace
        self.scripts: dict[str, Script] = {}
        self.script: Script = run
        self.container = CONTAINER
        self.stubborn: set[str] = set()
        self.documents: dict[str, Json | Callable[[], Json]] = {}
        self.port = 0
        self.born: Counter[str] = Counter()
        self._addresses: dict[str, str] = {}
        self._pods: dict[str, str] = {}
        self._known: dict[str, bool] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None

    @classmethod
    @asynccontextmanager
    async def play(cls, namespace: LiveNamespace) -> AsyncIterator[FakeKubelet]:
        """Works as long as the context lasts; raises afterwards what went wrong while playing."""
        kubelet = cls(namespace)
        runner = await kubelet._serve()
        watching = asyncio.create_task(kubelet._watch())
        try:
            yield kubelet
        finally:
            tasks = [watching, *kubelet._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for site in list(runner.sites):
                await site.stop()
            # What was accepted until now becomes a connection of the server's within a few turns of the loop; the
            # server closes those that it has.
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            await runner.cleanup()
        if kubelet._fault is not None:
            raise kubelet._fault

    async def bind(self, pod: Json) -> None:
        """Assigns the pod to the node."""
        name = pod["metadata"]["name"]
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        await self.namespace.create("pods", binding, of=name, subresource="binding")

    async def report_running(self, pod: Json, *, ready: bool = True) -> None:
        """The main container runs; the pod has an address."""
        name = pod["metadata"]["name"]
        if name not in self._addresses:
            high, low = divmod(next(_NUMBERS) % 62_500, 250)
            address = f"127.10.{high}.{low + 1}"
            self._addresses[name], self._pods[address] = address, name
        await self.report(name, phase="Running", state={"running": {"startedAt": _now()}}, ready=ready)

    async def finish(
        self, name: str, exit_code: int = 0, message: str = "", *, reason: str | None = None
    ) -> None:
        """The main container ends, and with it the pod."""
        ended: Json = {"exitCode": exit_code, "finishedAt": _now(), "reason": reason or _reason(exit_code)}
        if message:
            ended["message"] = message
        phase = "Succeeded" if exit_code == 0 else "Failed"
        await self.report(name, phase=phase, state={"terminated": ended})

    async def report(self, name: str, *, phase: str, state: Json, ready: bool = False) -> None:
        """Writes the pod's status."""
        truth = "True" if ready else "False"
        status: Json = {
            "phase": phase,
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": truth},
                {"type": "ContainersReady", "status": truth},
            ],
            "containerStatuses": [
                {
                    "name": self.container,
                    "image": "fake",
                    "imageID": "",
                    "ready": ready,
                    "restartCount": 0,
                    "state": state,
                }
            ],
        }
        if name in self._addresses:
            address = self._addresses[name]
            status |= {"podIP": address, "podIPs": [{"ip": address}], "startTime": _now()}
        await self.namespace.patch("pods", name, {"status": status}, "status")

    async def record_event(self, pod: Json, *, reason: str, note: str) -> None:
        """A Warning about the pod, as the kubelet records it."""
        regarding = {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pod["metadata"]["name"],
            "namespace": self.namespace.name,
            "uid": pod["metadata"]["uid"],
        }
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{pod['metadata']['name']}."},
            "involvedObject": regarding,
            "type": "Warning",
            "reason": reason,
            "message": note,
            "source": {"component": "kubelet", "host": NODE},
            "firstTimestamp": _now(),
            "lastTimestamp": _now(),
            "count": 1,
        }
        await self.namespace.call("POST", f"/api/v1/namespaces/{self.namespace.name}/events", event)

    async def _serve(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/progress", self._progress)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "0.0.0.0", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    async def _progress(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        address = request.transport.get_extra_info("sockname")[0]
        document = self.documents.get(self._pods.get(address, ""))
        if document is None:
            return web.Response(status=404)
        return web.json_response(document() if callable(document) else document)

    async def _watch(self) -> None:
        async with aclosing(self.namespace.changes("pods")) as changes:
            async for change, pods in changes:
                for pod in pods:
                    uid, deleting = pod["metadata"]["uid"], "deletionTimestamp" in pod["metadata"]
                    if change == "DELETED":
                        self._known.pop(uid, None)
                        continue
                    if uid not in self._known:
                        self.born[pod["metadata"]["name"]] += 1
                        self._start(self._script(pod), pod)
                    if deleting and not self._known.get(uid):
                        self._start(FakeKubelet._end, pod)
                    self._known[uid] = deleting

    def _script(self, pod: Json) -> Script:
        labels = pod["metadata"].get("labels", {})
        role, index = labels.get("estimator.dev/role", ""), labels.get("estimator.dev/index", "")
        keys = (pod["metadata"]["name"], f"{role}-{index}", role)
        return next((self.scripts[key] for key in keys if key in self.scripts), self.script)

    def _start(self, script: Script, pod: Json) -> None:
        task = asyncio.create_task(self._survive(script, pod))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _survive(self, script: Script, pod: Json) -> None:
        try:
            # Called here: a task that is cancelled before it begins would leave a coroutine that nobody awaits.
            await script(self, pod)
        except RefusedError as error:
            # The pod was deleted or bound under our hands: its next state has its own event.
            if error.status not in (404, 409):
                self._fault = self._fault or error
        except Exception as error:
            self._fault = self._fault or error

    async def _end(self, pod: Json) -> None:
        name = pod["metadata"]["name"]
        if name in self.stubborn:
            return
        if pod["status"].get("phase") == "Running":
            await self.finish(name, 143)
        await self.namespace.delete("pods", name, grace=0, uid=pod["metadata"]["uid"])


def _reason(exit_code: int) -> str:
    return "Completed" if exit_code == 0 else "OOMKilled" if exit_code == 137 else "Error"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
