"""One object cannot end the operator: jobs at the API server's limits beside healthy jobs of other namespaces."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from api_server import ApiServer
from fake_kubelet import FakeKubelet
from hostile_jobs import DEEP, LARGE, create_raw, deep_job, large_job
from live_jobs import complete, condition, five_pod_job, five_pods, job, restart_sums, train
from live_namespace import LiveNamespace
from operator_process import OperatorProcess

SKIPPED = "estimator_operator_skipped_objects_total"
"""Counts the objects that the operator cannot make sense of."""
LISTED = 1_300_000
"""Bytes of the parameters of jobs that are listed."""
ENVIRONMENT_MOST = 131_072
"""Bytes of one environment variable that Linux hands to a program."""


@pytest.fixture
def hostile(api_server: ApiServer) -> Iterator[str]:
    """Name of a namespace for what nobody can parse; it goes with all that is in it."""
    body = {"metadata": {"generateName": "hostile-"}}
    name = api_server.call("POST", "/api/v1/namespaces", body)["metadata"]["name"]
    yield name
    api_server.call("DELETE", f"/api/v1/namespaces/{name}")
    api_server.call("DELETE", f"/api/v1/namespaces/{name}/pods?gracePeriodSeconds=0")


def create_deep(server: ApiServer, namespace: str, prefix: str) -> None:
    """Creates jobs of every depth."""
    for levels in DEEP:
        assert create_raw(server, namespace, deep_job(f"{prefix}-{levels}", levels)) == 201


async def start(api_server: ApiServer, start_operator, *namespaces: str) -> OperatorProcess:
    """An operator of these namespaces, too."""
    flags = [f"--namespace={one}" for one in namespaces]
    return await start_operator("--no-leader-elect", *flags, kubeconfig=api_server.kubeconfig)


async def skipped(operator: OperatorProcess) -> float:
    """How many objects the operator has skipped."""
    samples = await operator.samples()
    assert SKIPPED in samples, sorted(samples)
    return samples[SKIPPED]


async def test_deep_jobs_that_are_there_at_the_start(
    api_server: ApiServer, live: LiveNamespace, kubelet: FakeKubelet, hostile: str, start_operator
) -> None:
    create_deep(api_server, hostile, "early")
    await live.create("estimatorjobs", five_pod_job("waiting"))
    operator = await start(api_server, start_operator, hostile)
    await live.until_all("pods", lambda pods: set(pods) == five_pods("waiting"), "pods of the healthy job")
    await train(live, job("later"))
    await complete(live, kubelet, "waiting")
    assert operator.running, operator.text()
    assert pods_of(api_server, hostile) == []
    assert await skipped(operator) >= 2, "jobs of 3,000 and 9,000 levels"
    await told(api_server, hostile, "early")


async def test_deep_jobs_that_come_while_it_runs(
    api_server: ApiServer, live: LiveNamespace, kubelet: FakeKubelet, hostile: str, start_operator
) -> None:
    operator = await start(api_server, start_operator, hostile)
    await train(live, five_pod_job("running"))
    await asyncio.to_thread(create_deep, api_server, hostile, "late")
    # A healthy job of the same namespace is served, too: the watch goes on past what it cannot read.
    neighbour = job("neighbour")
    await asyncio.to_thread(
        api_server.call, "POST", f"/apis/estimator.dev/v1alpha1/namespaces/{hostile}/estimatorjobs", neighbour
    )
    async with LiveNamespace.connect(api_server, hostile) as other:
        await other.until("pods", "neighbour-chief-0", lambda _: True, "pod of the neighbour")
    await train(live, job("later"))
    await live.delete("pods", "running-worker-0")
    await live.until("pods", "running-worker-0-r1", lambda _: True, "restart of the healthy job's worker")
    assert operator.running, operator.text()
    assert pods_of(api_server, hostile) == ["neighbour-chief-0"]
    assert await skipped(operator) >= 2, "jobs of 3,000 and 9,000 levels"
    await told(api_server, hostile, "late")
    assert await operator.stop() == 0


async def test_large_job(
    api_server: ApiServer, live: LiveNamespace, kubelet: FakeKubelet, hostile: str, start_operator
) -> None:
    """1.4 MB of parameters are refused, or reach the program; no environment variable holds them."""
    operator = await start(api_server, start_operator, hostile)
    status = await asyncio.to_thread(create_raw, api_server, hostile, large_job("large", LARGE))
    await train(live, job("later"))
    assert operator.running, operator.text()
    if status == 422:
        return
    assert status == 201
    async with LiveNamespace.connect(api_server, hostile) as other:
        state = await other.until(
            "estimatorjobs", "large", lambda one: condition(one, "Ready").get("message"), "a word about it"
        )
        for pod in (await other.list("pods")).values():
            for one in pod["spec"]["containers"][0]["env"]:
                assert len(one.get("value", "").encode()) < ENVIRONMENT_MOST, (
                    f"{one['name']} cannot be passed"
                )
    assert restart_sums(state) == (0, 0)


async def test_large_jobs_are_listed_whole(
    api_server: ApiServer, live: LiveNamespace, kubelet: FakeKubelet, hostile: str, start_operator
) -> None:
    """Thirty of the largest are read in pages of some, not in one of 40 MB."""
    for number in range(30):
        body = large_job(f"large-{number}", LISTED, suspend=True)
        assert await asyncio.to_thread(create_raw, api_server, hostile, body) == 201
    operator = await start(api_server, start_operator, hostile)
    await train(live, job("good"))
    assert operator.running, operator.text()


async def told(server: ApiServer, namespace: str, prefix: str) -> None:
    """Waits until each of the deep jobs says that it cannot be read: their status is no deeper than others'."""
    names = [f"estimatorjob/{prefix}-{levels}" for levels in DEEP]
    flags = ("--for=condition=Stalled", "--timeout=30s", "--namespace", namespace)
    await asyncio.to_thread(server.kubectl, "wait", *flags, *names)


def pods_of(server: ApiServer, namespace: str) -> list[str]:
    """Names of all pods of a namespace."""
    answer = server.call("GET", f"/api/v1/namespaces/{namespace}/pods")
    return [one["metadata"]["name"] for one in answer["items"]]
