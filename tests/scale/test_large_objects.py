"""Many of the largest objects that the API server takes, in somebody else's namespace: they cost room, and it is bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from api_server import ApiServer
from fake_kubelet import FakeKubelet
from hostile_jobs import DEEP, create_raw, deep_job, large_job
from live_jobs import has_reason, job
from live_namespace import LiveNamespace
from measurements import Usage

LARGE = 150
SIZE = 1_300_000
"""Bytes of the parameters of each: 195 MB together."""
MEMORY_MOST = 512
"""MiB, the chart's limit."""


@pytest.fixture
def hostile(api_server: ApiServer) -> Iterator[str]:
    """Name of a namespace of another tenant."""
    body = {"metadata": {"generateName": "hostile-"}}
    name = api_server.call("POST", "/api/v1/namespaces", body)["metadata"]["name"]
    yield name
    api_server.call("DELETE", f"/api/v1/namespaces/{name}")


@pytest.mark.timeout(900)
async def test_a_hundred_and_fifty_of_the_largest_jobs_fit_into_the_limit(
    api_server: ApiServer, live: LiveNamespace, kubelet: FakeKubelet, hostile: str, start_operator
) -> None:
    """Suspended and of 1.3 MB each, with some that nobody can decode: others are served, at the start and after it."""
    for number in range(LARGE):
        body = large_job(f"large-{number}", SIZE, suspend=True)
        assert await asyncio.to_thread(create_raw, api_server, hostile, body) == 201
    for levels in DEEP:
        assert (
            await asyncio.to_thread(create_raw, api_server, hostile, deep_job(f"deep-{levels}", levels))
            == 201
        )
    begun = time.monotonic()
    operator = await start_operator(
        "--no-leader-elect", f"--namespace={hostile}", kubeconfig=api_server.kubeconfig
    )
    print(f"start-up {time.monotonic() - begun:.1f} s, {Usage.of(operator.pid)}")
    await trained(live, "good")
    # All of them come once more by the watch, each changed.
    patch = {"metadata": {"labels": {"touched": "yes"}}}
    for number in range(LARGE):
        await asyncio.to_thread(
            api_server.call,
            "PATCH",
            f"/apis/estimator.dev/v1alpha1/namespaces/{hostile}/estimatorjobs/large-{number}",
            patch,
            content_type="application/merge-patch+json",
        )
    await trained(live, "later")
    used, samples = Usage.of(operator.pid), await operator.samples()
    print(f"{used}, standstill {samples['estimator_operator_loop_standstill_seconds']:.3f} s")
    assert operator.running, operator.text()
    assert used.peak <= MEMORY_MOST


async def trained(live: LiveNamespace, name: str) -> None:
    """A job of a tenant who has nothing to do with that: it waits until those before it were looked at, no longer."""
    await live.create("estimatorjobs", job(name))
    await live.until("estimatorjobs", name, has_reason("Training"), "training", timeout=300)
