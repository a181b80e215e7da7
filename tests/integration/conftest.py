"""Integration tests: a real API server on this machine, where a fake kubelet plays the pods' lives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from api_server import ApiServer


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
    # Pods are refused until the namespace has its default account.
    bare_api_server.kubectl(
        "wait", "--for=create", "--timeout=30s", "--namespace", name, "serviceaccount/default"
    )
    yield name
    bare_api_server.call("DELETE", f"/api/v1/namespaces/{name}")
    # Nobody ends the pods that were bound to nodes: the namespace would stay Terminating with them.
    bare_api_server.call("DELETE", f"/api/v1/namespaces/{name}/pods?gracePeriodSeconds=0")
