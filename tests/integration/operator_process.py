"""The operator as the process that it is: `python -m estimator_operator`, started, watched, stopped, killed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from api_server import ApiServer
from live_namespace import LiveNamespace

ACCOUNT = "operator"
READY_SECONDS = 30.0
_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")


async def make_account(
    namespace: LiveNamespace, server: ApiServer, folder: Path, *, name: str = ACCOUNT
) -> Path:
    """A ServiceAccount that may do everything in `namespace`; returns a kubeconfig with a token of it.

    With a user of its own the operator's calls stand out in the audit log, whatever their user agent.
    """
    await namespace.create("serviceaccounts", {"metadata": {"name": name}})
    await namespace.create(
        "rolebindings",
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace.name}],
        },
    )
    token = await service_account_token(namespace, name)
    return write_kubeconfig(folder / "kubeconfig", server, token)


def account_user(namespace: str, name: str = ACCOUNT) -> str:
    """The name of a ServiceAccount as a user."""
    return f"system:serviceaccount:{namespace}:{name}"


async def service_account_token(namespace: LiveNamespace, name: str) -> str:
    """A token of a ServiceAccount."""
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = await namespace.create("serviceaccounts", request, of=name, subresource="token")
    return str(answer["status"]["token"])


def write_kubeconfig(path: Path, server: ApiServer, token: str, *, url: str | None = None) -> Path:
    """A kubeconfig for a token; `url` when the server is reached through something else."""
    cluster: dict[str, Any] = {"server": url or server.url}
    if url is None:
        cluster["certificate-authority"] = str(server.authority)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
    }
    path.write_text(json.dumps(document))
    return path


class OperatorProcess:
    """One running operator.

    Attributes:
        log: File with all it prints.
    """

    def __init__(self, process: asyncio.subprocess.Process, *, log: Path, health: int, metrics: int) -> None:
        self._process = process
        self.log = log
        self._health = health
        self._metrics = metrics

    @classmethod
    async def start(cls, *flags: str, kubeconfig: Path, log: Path) -> OperatorProcess:
        """Starts an operator; returns at once."""
        health, metrics = free_ports(2)
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("ESTIMATOR_OPERATOR_", "KUBERNETES_")) and key != "KUBECONFIG"
        }
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "estimator_operator",
                f"--kubeconfig={kubeconfig}",
                f"--health-address=127.0.0.1:{health}",
                f"--metrics-address=127.0.0.1:{metrics}",
                # Where the fake kubelet's pods are.
                "--progress-networks=127.10.0.0/16",
                *flags,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=inherited,
            )
        return cls(process, log=log, health=health, metrics=metrics)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """It has not ended."""
        return self._process.returncode is None

    async def ready(self, seconds: float = READY_SECONDS) -> None:
        """Waits until /readyz says yes; AssertionError with its log when it ends before or takes too long."""
        try:
            async with asyncio.timeout(seconds):
                # A process has no event for "now I listen": asked again until it does.
                while not await self._answers("/readyz"):
                    assert self.running, f"the operator ended with {self._process.returncode}:\n{self.text()}"
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"the operator is not ready after {seconds:g} s:\n{self.text()}") from None

    async def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            return await self._process.wait()

    async def kill(self) -> None:
        """SIGKILL; returns once the process has ended."""
        if self.running:
            self._process.kill()
        await self._process.wait()

    async def wait(self) -> int:
        """Waits until it ends, however long that takes; returns the exit status."""
        return await self._process.wait()

    async def ended(self) -> int:
        """Waits until it ends by itself; returns the exit status."""
        async with asyncio.timeout(READY_SECONDS):
            return await self._process.wait()

    def text(self) -> str:
        """What it has printed."""
        return self.log.read_text(errors="replace")

    async def samples(self) -> Mapping[str, float]:
        """Its metrics, one sum over all labels for each name."""
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{self._metrics}/metrics") as answer:
                answer.raise_for_status()
                lines = (await answer.text()).splitlines()
        sums: dict[str, float] = {}
        for found in filter(None, map(_SAMPLE.match, lines)):
            sums[found["name"]] = sums.get(found["name"], 0.0) + float(found["value"])
        return sums

    async def _answers(self, path: str) -> bool:
        try:
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{self._health}{path}") as answer:
                    return answer.status == 200
        except aiohttp.ClientError:
            return False


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
