"""Two operators that both believe to lead write at once: no counter goes back, and no replica has two pods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from api_server import ApiServer
from fake_kubelet import FakeKubelet
from history import History, check_counters, check_pods
from live_jobs import (
    has_reason,
    is_running,
    is_true,
    job,
    not_failed,
    restart_sums,
    restarts,
    train,
)
from live_namespace import LiveNamespace
from operator_process import OperatorProcess, service_account_token, write_kubeconfig
from write_gate import WriteGate

JOBS = 4
ROUNDS = 3
HOLDER = "example.com/held"

pytestmark = pytest.mark.timeout(150)


async def test_through_many_restarts(live: LiveNamespace, kubelet: FakeKubelet, start_operator) -> None:
    await asyncio.gather(start_operator(), start_operator())
    names = [f"shared-{number}" for number in range(JOBS)]
    async with History.record(live, "estimatorjobs") as jobs, History.record(live, "pods") as pods:
        await asyncio.gather(*(lose_workers(live, kubelet, name) for name in names))
    for name in names:
        check_counters(jobs.of(name))
        last = jobs.of(name)[-1]
        assert restart_sums(last) == (2 * ROUNDS, ROUNDS)
        assert restarts(last) == {"worker-0": ROUNDS, "worker-1": ROUNDS}
    check_pods(pods.states)
    assert set(kubelet.born.values()) == {1}, "no pod was made twice"


async def lose_workers(live: LiveNamespace, kubelet: FakeKubelet, name: str) -> None:
    """In every round one worker fails and one is deleted, the two operators racing for both."""
    await train(live, job(name, worker={"replicas": 2}))
    for attempt in range(ROUNDS):
        old = f"-r{attempt}" if attempt else ""
        await asyncio.gather(
            kubelet.finish(f"{name}-worker-0{old}", 1, "boom"), live.delete("pods", f"{name}-worker-1{old}")
        )
        for worker in ("worker-0", "worker-1"):
            # Deletions in a row back off: that is long for a test, and as it should be.
            pod = f"{name}-{worker}-r{attempt + 1}"
            await live.until("pods", pod, is_running, "restart", timeout=90)
    await live.until("estimatorjobs", name, has_reason("Training"), "training", timeout=60)


@asynccontextmanager
async def gated(
    api_server: ApiServer,
    live: LiveNamespace,
    start_operator,
    folder: Path,
    before: Callable[[str], Awaitable[None]],
) -> AsyncIterator[OperatorProcess]:
    """An operator before whose writes to the job `digits` something else happens."""
    token = await service_account_token(live, "operator")
    async with WriteGate.stand(api_server, job="digits", before=before) as gate:
        path = write_kubeconfig(folder / "gate.kubeconfig", api_server, token, url=gate.url)
        operator = await start_operator("--no-leader-elect", kubeconfig=path)
        try:
            yield operator
        finally:
            await operator.kill()


async def test_a_writer_with_an_old_plan(
    live: LiveNamespace, kubelet: FakeKubelet, api_server: ApiServer, start_operator, tmp_path: Path
) -> None:
    """One operator stands still within its first plan, before the status; the other lives through restarts meanwhile."""
    held, resume = asyncio.Event(), asyncio.Event()

    async def hold_the_service(call: str) -> None:
        if call.startswith("POST") and call.endswith("/services"):
            held.set()
            await resume.wait()

    async with (
        gated(api_server, live, start_operator, tmp_path, hold_the_service) as slow,
        History.record(live, "estimatorjobs") as jobs,
        History.record(live, "pods") as pods,
    ):
        await live.create("estimatorjobs", job("digits", worker={"replicas": 2}))
        async with asyncio.timeout(60):
            await held.wait()
        quick = await start_operator()
        await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
        # The pod that fails stays: its name is not free for the old plan. (A create has no precondition: made just
        # before somebody else's restart it could only be undone.)
        await live.patch("pods", "digits-worker-0", {"metadata": {"finalizers": [HOLDER]}})
        await kubelet.finish("digits-worker-0", 1, "boom")
        await live.until("pods", "digits-worker-0-r1", is_running, "restart by the other operator")
        state = await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
        before = restart_sums(state)
        assert before == (1, 1)
        await quick.stop()
        resume.set()
        await train(live, job("later"))
        await kubelet.finish("digits-chief-0")
        state = await live.until(
            "estimatorjobs", "digits", lambda one: is_true("Complete")(not_failed(one)), "completion"
        )
        assert slow.running
        await live.patch("pods", "digits-worker-0", {"metadata": {"finalizers": None}})
    check_counters(jobs.of("digits"))
    check_pods(pods.states)
    assert restart_sums(state) == before


async def test_time_to_live_that_was_raised_meanwhile(
    live: LiveNamespace, kubelet: FakeKubelet, api_server: ApiServer, start_operator, tmp_path: Path
) -> None:
    """A job is deleted as it was looked at: a time to live that is raised before the deletion arrives holds."""
    raised = asyncio.Event()
    first = True

    async def raise_it(call: str) -> None:
        nonlocal first
        if call.startswith("DELETE") and call.endswith("/estimatorjobs/digits") and first:
            first = False
            patch = {"spec": {"runPolicy": {"ttlSecondsAfterFinished": 3600}}}
            await live.patch("estimatorjobs", "digits", patch)
            raised.set()

    async with gated(api_server, live, start_operator, tmp_path, raise_it) as operator:
        await train(live, job("digits", run_policy={"ttlSecondsAfterFinished": 1}))
        await kubelet.finish("digits-chief-0")
        async with asyncio.timeout(60):
            await raised.wait()
        await train(live, job("later"))
        state = await live.get("estimatorjobs", "digits")
        assert state["spec"]["runPolicy"]["ttlSecondsAfterFinished"] == 3600
        assert "deletionTimestamp" not in state["metadata"]
        assert operator.running
