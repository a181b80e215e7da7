"""What a scenario acts in: a namespace with a kubelet, a job, and words for what happens to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from api_server import ApiServer
from fake_kubelet import FakeKubelet, Script
from live_jobs import condition, has_reason, is_true, job, restart_sums
from live_namespace import LiveNamespace, RefusedError

Json = dict[str, Any]
Reached = Callable[[Json], Any]

WAIT: Final = 90.0
"""Seconds that anything may take: many scenarios run at once."""
CLAIM: Final = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}
NAME: Final = "digits"


class World:
    """One scenario's surroundings.

    Attributes:
        server: The API server.
        live: The namespace.
        kubelet: Plays its pods.
        name: Name of the scenario's job.
    """

    def __init__(self, server: ApiServer, live: LiveNamespace, kubelet: FakeKubelet) -> None:
        self.server = server
        self.live = live
        self.kubelet = kubelet
        self.name = NAME

    @classmethod
    @asynccontextmanager
    async def make(cls, server: ApiServer, title: str) -> AsyncIterator[World]:
        """A fresh namespace for the scenario `title`, which is deleted afterwards."""
        body = {"metadata": {"generateName": f"{title.replace('_', '-')[:40].strip('-')}-"}}
        created = await asyncio.to_thread(server.call, "POST", "/api/v1/namespaces", body)
        name = created["metadata"]["name"]
        try:
            async with LiveNamespace.connect(server, name) as live:
                await live.until(
                    "serviceaccounts", "default", lambda _: True, "default account", timeout=WAIT
                )
                async with FakeKubelet.play(live) as kubelet:
                    yield cls(server, live, kubelet)
        finally:
            await asyncio.to_thread(server.call, "DELETE", f"/api/v1/namespaces/{name}")
            pods = f"/api/v1/namespaces/{name}/pods?gracePeriodSeconds=0"
            await asyncio.to_thread(server.call, "DELETE", pods)

    # The job ------------------------------------------------------------------------------------------------
    def manifest(self, **spec: Any) -> Json:
        """The job: a chief alone that runs a program, and what `spec` adds (`run_policy` becomes runPolicy)."""
        return job(self.name, self.kubelet, **spec)

    def five(self, **spec: Any) -> Json:
        """The same with two workers, a ps and an evaluator."""
        return self.manifest(**{"worker": {"replicas": 2}, "ps": {}, "evaluator": {}, **spec})

    async def create(self, manifest: Json) -> Json:
        """Creates the job."""
        return await self.live.create("estimatorjobs", manifest)

    async def train(self, manifest: Json) -> Json:
        """Creates the job and waits until it trains."""
        self.name = manifest["metadata"]["name"]
        await self.create(manifest)
        return await self.reason("Training")

    async def change(self, subresource: str | None = None, **spec: Any) -> Json:
        """Patches the job's spec."""
        return await self.live.patch("estimatorjobs", self.name, {"spec": spec}, subresource)

    async def state(self) -> Json:
        """The job as it is."""
        return await self.live.get("estimatorjobs", self.name)

    async def until(self, reached: Reached, what: str) -> Json:
        """The job, once `reached(job)`."""
        return await self.live.until("estimatorjobs", self.name, reached, what, timeout=WAIT)

    async def status(self, field: str, reached: Callable[[Any], Any]) -> Any:
        """A field of the status, once `reached(field)`."""
        state = await self.until(lambda one: reached(one.get("status", {}).get(field)), f"status.{field}")
        return state["status"].get(field)

    async def reason(self, reason: str, *words: str) -> Json:
        """The job, once its state is `reason` and the message has all of `words`."""

        def told(state: Json) -> bool:
            message = condition(state, "Ready").get("message", "")
            return has_reason(reason)(state) and all(word in message for word in words)

        state = await self.until(told, f"{reason} with {words}")
        assert "\n" not in condition(state, "Ready")["message"], "a message is one line"
        return state

    async def completes(self, *words: str) -> Json:
        """The job, once it is complete; its message has all of `words`."""
        state = await self.until(is_true("Complete"), "completion")
        assert not is_true("Failed")(state)
        message = condition(state, "Complete")["message"]
        assert all(word in message for word in words), message
        return state

    async def fails(self, reason: str, *words: str) -> Json:
        """The job, once it has failed: of `reason`, with a message of one line that has all of `words`."""
        state = await self.until(is_true("Failed"), "failure")
        found = condition(state, "Failed")
        assert found["reason"] == reason, found
        assert condition(state, "Stalled")["status"] == "True"
        assert not is_true("Complete")(state)
        assert all(word in found["message"] for word in words), found
        assert "\n" not in found["message"]
        return state

    async def refused(self, manifest_or_patch: Json, *words: str, subresource: str | None = None) -> None:
        """The API server refuses a new job, or a patch of the job, with a message that has all of `words`."""
        call = (
            self.create(manifest_or_patch)
            if "kind" in manifest_or_patch
            else self.live.patch("estimatorjobs", self.name, manifest_or_patch, subresource)
        )
        with pytest.raises(RefusedError) as caught:
            await call
        assert all(word in str(caught.value) for word in words), caught.value

    # Its pods -----------------------------------------------------------------------------------------------
    def pod_name(self, replica: str, attempt: int = 0) -> str:
        """Name of a pod of the job."""
        return f"{self.name}-{replica}" + (f"-r{attempt}" if attempt else "")

    def plays(self, replica: str, script: Script) -> None:
        """Pods of this replica (`worker-0`) or role that appear from now on play a script."""
        self.kubelet.scripts[replica] = script

    async def pod(self, replica: str, attempt: int = 0, reached: Reached = lambda _: True) -> Json:
        """A pod of the job, once it exists and `reached(pod)`."""
        name = self.pod_name(replica, attempt)
        return await self.live.until("pods", name, reached, "pod", timeout=WAIT)

    async def runs(self, replica: str, attempt: int = 0) -> Json:
        """A pod of the job, once it runs and is ready."""
        return await self.pod(replica, attempt, is_true("Ready"))

    async def gone(self, replica: str, attempt: int = 0) -> None:
        """Waits until a pod does not exist."""
        await self.live.until_gone("pods", self.pod_name(replica, attempt), timeout=WAIT)

    async def pods(self) -> Mapping[str, Json]:
        """All pods by name."""
        return await self.live.list("pods")

    async def pods_until(self, reached: Callable[[Mapping[str, Json]], Any], what: str) -> Mapping[str, Json]:
        """All pods by name, once `reached(pods)`."""
        return await self.live.until_all("pods", reached, what, timeout=WAIT)

    async def only(self, *replicas: str) -> None:
        """Waits until exactly these pods exist, e.g. `worker-0-r1`."""
        wanted = {f"{self.name}-{one}" for one in replicas}
        await self.pods_until(lambda pods: set(pods) == wanted, f"pods {sorted(wanted)} and no others")

    async def end(
        self, replica: str, code: int = 0, message: str = "", *, attempt: int = 0, reason: str | None = None
    ) -> None:
        """A running pod's main container ends."""
        await self.runs(replica, attempt)
        await self.kubelet.finish(self.pod_name(replica, attempt), code, message, reason=reason)

    async def delete_pod(self, replica: str, attempt: int = 0) -> None:
        """Somebody deletes a pod."""
        await self.live.delete("pods", self.pod_name(replica, attempt))

    async def evict(self, replica: str, reason: str, *, attempt: int = 0) -> None:
        """The pod is a target of a disruption and ends of it."""
        name = self.pod_name(replica, attempt)
        target = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "on purpose"}
        pod = await self.live.get("pods", name)
        conditions = [*pod["status"]["conditions"], target]
        await self.live.patch("pods", name, {"status": {"conditions": conditions}}, "status")
        await self.live.delete("pods", name)

    def reports(self, replica: str, attempt: int = 0, **document: Any) -> None:
        """What the pod says of itself when it is asked."""
        role, _, index = replica.rpartition("-")
        known = {"version": 1, "role": role, "index": int(index), "state": "Training"}
        self.kubelet.documents[self.pod_name(replica, attempt)] = {**known, **document}

    async def restarted(self, total: int, counted: int) -> Json:
        """The job, once its restarts are these."""
        return await self.until(
            lambda one: restart_sums(one) == (total, counted) if "status" in one else False,
            f"{total} restarts, {counted} of them counted",
        )
