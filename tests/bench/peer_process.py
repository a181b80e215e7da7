"""Kubeflow's training-operator as a process, and a TFJob like ours."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
from api_server import CLUSTER, ApiServer, CallError
from live_namespace import LiveNamespace
from operator_process import free_ports

Json = dict[str, Any]
SECRET: Final = "training-operator-webhook-cert"
WEBHOOKS: Final = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
CONFIGURATION: Final = "validator.training-operator.kubeflow.org"
CERTIFICATES: Final = Path("/tmp/k8s-webhook-server/serving-certs")
"""Where the program looks for the Secret that its Deployment mounts; no flag says otherwise."""
READY_SECONDS: Final = 90.0


def built() -> Path:
    """The folder with the program and its CRDs; built on first use."""
    answer = subprocess.run(
        [str(CLUSTER), "peer-operator"], stdout=subprocess.PIPE, text=True, check=False, timeout=1800
    )
    assert answer.returncode == 0, "hack/cluster peer-operator failed, see above"
    return Path(answer.stdout.strip())


def install(server: ApiServer) -> None:
    """Its CRDs, and a webhook configuration in which it keeps its certificate; no webhook is called."""
    # What `kubectl apply` would note of a CRD does not fit into an annotation.
    server.kubectl("create", "-f", str(built() / "crds"))
    server.call("POST", WEBHOOKS, {"metadata": {"name": CONFIGURATION}})
    deadline = time.monotonic() + READY_SECONDS
    while not _serves_jobs(server):
        assert time.monotonic() < deadline, "TFJobs are not served"
        time.sleep(0.05)  # no condition of a CRD says when its storage is ready


def _serves_jobs(server: ApiServer) -> bool:
    try:
        server.call("GET", "/apis/kubeflow.org/v1/tfjobs")
    except CallError as error:
        if error.status in (404, 429):
            return False
        raise
    return True


class PeerProcess:
    """It runs.

    Attributes:
        pid: Process id.
    """

    def __init__(self, process: asyncio.subprocess.Process, health: int, log: Path) -> None:
        self._process = process
        self._health = health
        self._log = log
        self.pid = process.pid

    @classmethod
    @asynccontextmanager
    async def running(
        cls, live: LiveNamespace, flags: Sequence[str], kubeconfig: Path, log: Path
    ) -> AsyncIterator[PeerProcess]:
        """One that serves a namespace, as long as the context lasts."""
        await live.create("secrets", {"metadata": {"name": SECRET}})
        health, metrics, webhooks = free_ports(3)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                str(built() / "training-operator.v1"),
                f"--namespace={live.name}",
                f"--health-probe-bind-address=127.0.0.1:{health}",
                f"--metrics-bind-address=127.0.0.1:{metrics}",
                f"--webhook-server-port={webhooks}",
                *flags,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=os.environ | {"KUBECONFIG": str(kubeconfig), "MY_POD_NAMESPACE": live.name},
            )
        one = cls(process, health, log)
        try:
            await one._mount(live)
            await one._ready()
            yield one
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _mount(self, live: LiveNamespace) -> None:
        """Writes the Secret into files once it has certificates, as the kubelet does."""
        secret = await live.until("secrets", SECRET, lambda one: "data" in one, "certificates")
        CERTIFICATES.mkdir(parents=True, exist_ok=True)
        for name, text in secret["data"].items():
            (CERTIFICATES / name).write_bytes(base64.b64decode(text))

    async def _ready(self) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as session:
                # A process has no event for "now I listen": asked again until it does.
                while not await self._answers(session):
                    assert self._process.returncode is None, f"it ended:\n{self._text()}"
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"it is not ready after {READY_SECONDS:g} s:\n{self._text()}") from None

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"http://127.0.0.1:{self._health}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def _text(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]


def tf_job(name: str) -> Json:
    """A TFJob of a chief, two workers, a ps and an evaluator, whose pods go when it ends, as ours do."""

    def replicas(count: int) -> Json:
        main = {"name": "tensorflow", "image": "registry.example.com/trainer:1"}
        return {"replicas": count, "restartPolicy": "ExitCode", "template": {"spec": {"containers": [main]}}}

    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "TFJob",
        "metadata": {"name": name},
        "spec": {
            "runPolicy": {"cleanPodPolicy": "Running"},
            "tfReplicaSpecs": {
                "Chief": replicas(1),
                "Worker": replicas(2),
                "PS": replicas(1),
                "Evaluator": replicas(1),
            },
        },
    }
