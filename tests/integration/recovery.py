"""Fifty running jobs through the loss of a leader, of all operators and of the API server: what is lost, and how long.

Nothing may be lost: afterwards there are the same pods, by uid, and the same counters. How long it takes until the
operator works again is measured by a probe, a pod that is deleted and comes back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from api_server import ApiServer
from fake_kubelet import FakeKubelet
from live_jobs import condition, has_reason, is_running, job, restart_sums
from live_namespace import LiveNamespace
from operator_process import OperatorProcess, make_account

Json = dict[str, Any]
REPLICAS: Final = 2
LEASE: Final = "estimator-operator"
_WAIT: Final = 180.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What must not be lost.

    Attributes:
        pods: Uid by name of all pods.
        counters: Restarts in all and counted, by job.
    """

    pods: Mapping[str, str]
    counters: Mapping[str, tuple[int, int]]

    @classmethod
    async def take(cls, live: LiveNamespace, *, but: str) -> Snapshot:
        """As it is now, one job apart."""
        pods, jobs = await asyncio.gather(live.list("pods"), live.list("estimatorjobs"))
        return cls(
            pods={
                name: one["metadata"]["uid"]
                for name, one in pods.items()
                if one["metadata"]["labels"]["estimator.dev/job-name"] != but
            },
            counters={name: restart_sums(one) for name, one in jobs.items() if name != but},
        )


@dataclass
class Deployment:
    """Keeps operators running as Kubernetes does: one that has ended is started again, with growing pauses.

    Attributes:
        replicas: Those that run.
        starts: How many have been started.
    """

    flags: tuple[str, ...]
    kubeconfig: Path
    folder: Path
    replicas: dict[int, OperatorProcess] = field(default_factory=dict)
    starts: int = 0

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[Deployment]:
        """Runs as long as the context."""
        keeping = [asyncio.create_task(self._keep(slot)) for slot in range(REPLICAS)]
        try:
            yield self
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
            await asyncio.gather(*(one.kill() for one in self.replicas.values()))

    async def _keep(self, slot: int) -> None:
        pause = 1.0
        while True:
            self.starts += 1
            log = self.folder / f"operator-{slot}.log"
            operator = await OperatorProcess.start(*self.flags, kubeconfig=self.kubeconfig, log=log)
            self.replicas[slot] = operator
            began = time.monotonic()
            await operator.wait()
            pause = 1.0 if time.monotonic() - began > 60 else min(2 * pause, 30.0)
            await asyncio.sleep(pause)

    async def kill(self, *, leader: str | None) -> None:
        """SIGKILL for the leader (by its log), or for all."""
        victims = [
            one for one in self.replicas.values() if one.running and (leader is None or leader in one.text())
        ]
        assert victims, "somebody leads"
        await asyncio.gather(*(one.kill() for one in victims))


class Recovery:
    """Jobs under way, and the losses they live through.

    Args:
        server: The API server.
        live: The namespace.
        kubelet: Plays the pods.
        operators: The operators.
        jobs: How many jobs, the probe apart.
    """

    def __init__(
        self, server: ApiServer, live: LiveNamespace, kubelet: FakeKubelet, operators: Deployment, jobs: int
    ) -> None:
        self._server = server
        self._live = live
        self._kubelet = kubelet
        self._operators = operators
        self._names = [f"job-{number:02}" for number in range(jobs)]
        self._probe = "probe"
        self._probes = 0

    @classmethod
    @asynccontextmanager
    async def begin(
        cls, server: ApiServer, live: LiveNamespace, folder: Path, *, jobs: int
    ) -> AsyncIterator[Recovery]:
        """The jobs train; every fifth has a counted restart behind it, every seventh one that does not count."""
        kubeconfig = await make_account(live, server, folder)
        flags = (f"--namespace={live.name}", f"--lease-namespace={live.name}", "--leader-elect")
        operators = Deployment(flags, kubeconfig, folder)
        async with FakeKubelet.play(live) as kubelet, operators.kept():
            made = cls(server, live, kubelet, operators, jobs)
            await made._train_all()
            yield made

    async def leader_lost(self) -> float:
        """The leader is killed; returns seconds until another one works."""
        lease = await self._live.get("leases", LEASE)
        identity = str(lease["spec"]["holderIdentity"])
        return await self._lose(lambda: self._operators.kill(leader=identity))

    async def operators_lost(self) -> float:
        """All operators are killed at once; returns seconds until one works again."""
        return await self._lose(lambda: self._operators.kill(leader=None))

    async def server_lost(self, seconds: float) -> float:
        """The API server is away for so long; returns seconds from its return until the operator works."""

        async def outage() -> None:
            await asyncio.to_thread(self._server.stop, "kube-apiserver")
            await asyncio.sleep(seconds)  # the length of the outage is what is tested
            await asyncio.to_thread(self._server.start, "kube-apiserver")

        return await self._lose(outage)

    async def finish(self) -> None:
        """All jobs complete with the counters they had."""
        before = await Snapshot.take(self._live, but=self._probe)
        chiefs = [name for name in before.pods if "-chief-0" in name]
        assert len(chiefs) == len(self._names)
        await asyncio.gather(*map(self._kubelet.finish, chiefs))
        done = await self._live.until_all(
            "estimatorjobs",
            lambda found: all(
                condition(found[name], "Complete").get("status") == "True" for name in self._names
            ),
            "completion of all jobs",
            timeout=_WAIT,
        )
        assert {name: restart_sums(done[name]) for name in self._names} == before.counters
        assert max(self._kubelet.born.values()) == 1, "no pod was made twice"

    async def _train_all(self) -> None:
        for name in [*self._names, self._probe]:
            await self._live.create("estimatorjobs", job(name, worker={"replicas": 1}))
        names = [*self._names, self._probe]
        await self._until_training(names)
        counted, uncounted = self._names[::5], self._names[::7]
        for name in counted:
            await self._kubelet.finish(f"{name}-worker-0", 1)
        await self._until_restarts(counted, 1)
        for name in uncounted:
            await self._live.delete("pods", f"{name}-chief-0")
        await self._until_training(names)
        wanted = {
            name: (int(name in counted) + int(name in uncounted), int(name in counted)) for name in names
        }
        await self._live.until_all(
            "estimatorjobs",
            lambda found: all(restart_sums(found[name]) == sums for name, sums in wanted.items()),
            f"restarts {wanted}",
            timeout=_WAIT,
        )

    async def _until_training(self, names: list[str]) -> None:
        await self._live.until_all(
            "estimatorjobs",
            lambda found: all(name in found and has_reason("Training")(found[name]) for name in names),
            "training of all jobs",
            timeout=_WAIT,
        )

    async def _until_restarts(self, names: list[str], least: int) -> None:
        await self._live.until_all(
            "estimatorjobs",
            lambda found: all(restart_sums(found[name])[0] >= least for name in names),
            "the restarts",
            timeout=_WAIT,
        )

    async def _lose(self, loss: Any) -> float:
        before = await Snapshot.take(self._live, but=self._probe)
        await loss()
        began = time.monotonic()
        self._probes += 1
        attempt = self._probes - 1
        name = f"{self._probe}-worker-0"
        await self._live.delete("pods", f"{name}-r{attempt}" if attempt else name)
        await self._live.until(
            "pods", f"{name}-r{attempt + 1}", is_running, "the probe's return", timeout=_WAIT
        )
        took = time.monotonic() - began
        await self._until_training([self._probe])
        after = await Snapshot.take(self._live, but=self._probe)
        assert after == before, "something was lost"
        return took
