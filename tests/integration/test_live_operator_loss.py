"""Operators that are killed, doubled, elected: no pod twice, no counter lost."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from api_server import ApiServer
from audit_log import AuditLog
from fake_kubelet import FakeKubelet
from live_jobs import (
    complete,
    five_pod_job,
    five_pods,
    has_reason,
    is_running,
    is_true,
    job,
    restart_sums,
    restarts,
    running,
    train,
)
from live_namespace import LiveNamespace
from operator_process import (
    OperatorProcess,
    account_user,
    make_account,
    service_account_token,
    write_kubeconfig,
)
from write_gate import WriteGate

Json = dict[str, Any]

ELECT = "--leader-elect"


@dataclasses.dataclass(frozen=True)
class Life:
    """What a job lives through: chief and worker, of which the worker is lost once.

    Attributes:
        spec: of the job, beside its worker.
        again: the pods that are started once more.
        writes: that the operator makes in it, at least.
    """

    spec: Mapping[str, Any]
    again: tuple[str, ...]
    writes: int

    @property
    def pods(self) -> tuple[str, ...]:
        """All pods of the job."""
        return ("chief-0", "worker-0", *(f"{one}-r1" for one in self.again))

    async def live(self, live: LiveNamespace, kubelet: FakeKubelet, name: str) -> Json:
        """Drives a job of this name to its end; acts on what it sees, not on what it did."""
        await train(live, job(name, worker={"replicas": 1}, **self.spec))
        await live.delete("pods", f"{name}-worker-0")
        for one in self.again:
            await live.until("pods", f"{name}-{one}-r1", is_running, f"restart of {one}", timeout=60)
        await live.until("estimatorjobs", name, has_reason("Training"), "training again", timeout=60)
        chief = "chief-0-r1" if "chief-0" in self.again else "chief-0"
        await kubelet.finish(f"{name}-{chief}")
        state = await live.until("estimatorjobs", name, is_true("Complete"), "completion", timeout=60)
        await live.until_gone("pods", f"{name}-worker-0-r1", timeout=60)
        return state

    def check(self, state: Json) -> None:
        """Each restart is in the status, once."""
        assert restarts(state) == dict.fromkeys(self.again, 1)
        assert restart_sums(state) == (len(self.again), 0)


# Service, two pods, the state, the restart, its pod, the state, the end, one deletion: at least.
APART = Life({}, ("worker-0",), 9)
# The chief is told to end, too, and made once more.
TOGETHER = Life({"strategy": {"kind": "MultiWorkerMirrored"}}, ("chief-0", "worker-0"), 11)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("life", [pytest.param(APART, id="apart"), pytest.param(TOGETHER, id="together")])
async def test_killed_before_each_of_its_writes(
    life: Life,
    live: LiveNamespace,
    kubelet: FakeKubelet,
    api_server: ApiServer,
    start_operator,
    operator_kubeconfig: Path,
    tmp_path: Path,
) -> None:
    """Operator n dies before its n-th write to job n; what it leaves, operator n + 1 takes up beside job n + 1."""
    token = await service_account_token(live, "operator")
    lives: dict[str, asyncio.Task[Json]] = {}
    deaths: list[list[str]] = []
    for writes in range(1, 30):
        name = f"victim-{writes:02}"
        async with WriteGate.stand(api_server, job=name, writes=writes - 1) as gate:
            kubeconfig = write_kubeconfig(tmp_path / f"{name}.kubeconfig", api_server, token, url=gate.url)
            operator = await start_operator("--no-leader-elect", kubeconfig=kubeconfig)
            lives[name] = asyncio.create_task(life.live(live, kubelet, name))
            closing = asyncio.create_task(gate.closed.wait())
            done, _ = await asyncio.wait(
                {lives[name], closing}, return_when=asyncio.FIRST_COMPLETED, timeout=60
            )
            assert done, f"{name}: neither ended nor stopped after {gate.passed}"
            closing.cancel()
            await operator.kill()
            deaths.append(gate.passed)
        if lives[name].done():
            break
    assert lives[name].done(), "a life of a job takes fewer writes than this"
    assert len(deaths) >= life.writes, deaths
    await start_operator()
    for state in await asyncio.gather(*lives.values()):
        life.check(state)
    assert kubelet.born == {f"{one}-{pod}": 1 for one in lives for pod in life.pods}


async def test_two_operators_without_election(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator
) -> None:
    await asyncio.gather(start_operator(), start_operator())
    names = [f"shared-{number}" for number in range(5)]
    for state in await asyncio.gather(*(APART.live(live, kubelet, name) for name in names)):
        APART.check(state)
    assert kubelet.born == {f"{one}-{pod}": 1 for one in names for pod in APART.pods}


@pytest.mark.timeout(150)
async def test_fail_over(
    live: LiveNamespace,
    kubelet: FakeKubelet,
    api_server: ApiServer,
    audit: AuditLog,
    start_operator,
    tmp_path: Path,
) -> None:
    (tmp_path / "second").mkdir()
    other_kubeconfig = await make_account(live, api_server, tmp_path / "second", name="second")
    first = await start_operator(ELECT)
    leader = await holder(live)
    second = await start_operator(ELECT, kubeconfig=other_kubeconfig)
    await train(live, five_pod_job("digits"))
    assert await holder(live) == leader
    waiting = account_user(live.name, "second")
    assert [str(one) for one in audit.calls(user=waiting) if one.writes and one.resource != "leases"] == []

    # The leader dies without a word; so does a worker. The lease runs out and the other one takes over.
    await first.kill()
    await live.delete("pods", "digits-worker-0")
    await live.until("pods", "digits-worker-0-r1", is_running, "restart by the second operator", timeout=60)
    assert await holder(live) != leader
    state = await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
    assert restart_sums(state) == (1, 0)

    # A leader that is asked to go hands over: the third does not wait for the lease to run out.
    third = await start_operator(ELECT)
    assert await second.stop() == 0
    await live.delete("pods", "digits-ps-0")
    pods = five_pods("digits") - {"digits-worker-0", "digits-ps-0"} | {"digits-worker-0-r1", "digits-ps-0-r1"}
    await live.until_all("pods", running(*pods), "restart by the third operator", timeout=10)
    assert third.running
    state = await complete(live, kubelet, "digits")
    assert restarts(state) == {"worker-0": 1, "ps-0": 1}
    assert set(kubelet.born.values()) == {1}, "no pod was made twice"


async def test_operator_whose_lease_is_taken_ends(
    live: LiveNamespace, start_operator, operator_kubeconfig: Path
) -> None:
    operator: OperatorProcess = await start_operator(ELECT)
    await holder(live)
    await live.patch("leases", "estimator-operator", {"spec": {"holderIdentity": "somebody-else"}})
    assert await operator.ended() != 0
    assert "another replica holds the lease" in operator.text()


@pytest.mark.timeout(120)
async def test_restart_of_the_api_server(
    live: LiveNamespace, kubelet: FakeKubelet, api_server: ApiServer, start_operator
) -> None:
    operator = await start_operator(ELECT)
    await train(live, five_pod_job("digits"))
    await asyncio.to_thread(api_server.restart, "kube-apiserver")
    await live.delete("pods", "digits-worker-1")
    await live.until("pods", "digits-worker-1-r1", is_running, "restart", timeout=60)
    state = await complete(live, kubelet, "digits")
    assert restarts(state) == {"worker-1": 1}
    assert operator.running, "the operator lives through it"


async def holder(live: LiveNamespace) -> str:
    """Who holds the lease, once somebody does."""
    lease = await live.until(
        "leases", "estimator-operator", lambda one: one["spec"].get("holderIdentity"), "leader"
    )
    return lease["spec"]["holderIdentity"]
