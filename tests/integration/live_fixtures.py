"""Fixtures of tests with a real API server on this machine, where a fake kubelet plays the pods' lives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from api_server import ApiServer
from audit_log import AuditLog
from connections import all_closed
from fake_kubelet import FakeKubelet
from live_namespace import LiveNamespace
from operator_process import OperatorProcess, make_account

StartOperator = Callable[..., Awaitable[OperatorProcess]]


@pytest.fixture(scope="session")
def bare_api_server() -> Iterator[ApiServer]:
    """A real API server without the CRD."""
    server = ApiServer.up()
    try:
        yield server
    finally:
        server.down()


@pytest.fixture(scope="session")
def api_server(bare_api_server: ApiServer) -> ApiServer:
    """A real API server that serves EstimatorJobs."""
    bare_api_server.install_crd()
    return bare_api_server


@pytest.fixture
def namespace(bare_api_server: ApiServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """Name of a fresh namespace, which is deleted after the test."""
    prefix = request.node.originalname.removeprefix("test_").replace("_", "-").lower()[:40].strip("-")
    created = bare_api_server.call("POST", "/api/v1/namespaces", {"metadata": {"generateName": f"{prefix}-"}})
    name = created["metadata"]["name"]
    # Pods are refused until the namespace has its default account. After an outage, which tests make, the controller
    # that makes accounts looks for the API server again after pauses of up to half a minute.
    bare_api_server.kubectl(
        "wait", "--for=create", "--timeout=90s", "--namespace", name, "serviceaccount/default"
    )
    yield name
    bare_api_server.call("DELETE", f"/api/v1/namespaces/{name}")
    # Nobody ends the pods that were bound to nodes: the namespace would stay Terminating with them.
    bare_api_server.call("DELETE", f"/api/v1/namespaces/{name}/pods?gracePeriodSeconds=0")


@pytest_asyncio.fixture
async def live(bare_api_server: ApiServer, namespace: str) -> AsyncIterator[LiveNamespace]:
    """The namespace, to act and wait in."""
    async with LiveNamespace.connect(bare_api_server, namespace) as connected:
        yield connected
    await all_closed()


@pytest_asyncio.fixture
async def kubelet(live: LiveNamespace) -> AsyncIterator[FakeKubelet]:
    """Plays the pods of the namespace."""
    async with FakeKubelet.play(live) as playing:
        yield playing


@pytest.fixture
def audit(api_server: ApiServer) -> AuditLog:
    """The audit log from now on."""
    log = AuditLog(api_server.audit_log)
    log.mark()
    return log


@pytest_asyncio.fixture
async def operator_kubeconfig(api_server: ApiServer, live: LiveNamespace, tmp_path: Path) -> Path:
    """Credentials of a ServiceAccount that may do everything in the namespace."""
    return await make_account(live, api_server, tmp_path)


@pytest_asyncio.fixture
async def start_operator(
    live: LiveNamespace, operator_kubeconfig: Path, tmp_path: Path
) -> AsyncIterator[StartOperator]:
    """Starts operators for the namespace; all of them end with the test, and a failed test shows what they said.

    Without election unless asked for; `kubeconfig` replaces the credentials.
    """
    started: list[OperatorProcess] = []

    async def start(*flags: str, kubeconfig: Path = operator_kubeconfig) -> OperatorProcess:
        operator = await OperatorProcess.start(
            f"--namespace={live.name}",
            f"--lease-namespace={live.name}",
            *(flags or ["--no-leader-elect"]),
            kubeconfig=kubeconfig,
            log=tmp_path / f"operator-{len(started)}.log",
        )
        started.append(operator)
        await operator.ready()
        return operator

    yield start
    for operator in started:
        await operator.kill()
        print(f"--- {operator.log.name}\n{operator.text()}")


@pytest_asyncio.fixture
async def operator(start_operator: StartOperator) -> OperatorProcess:
    """One ready operator without election."""
    return await start_operator()
