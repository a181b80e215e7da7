"""A fleet of jobs on a real API server, and what the operator costs while it is made, at rest and after a restart.

`measure_fleet.py` runs it at the stated scale and prints what it measured; a small form is among the integration
tests. Every job has five pods, which a fake kubelet plays; chiefs and evaluators answer polls, and chiefs make steps.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from api_server import ApiServer
from audit_log import AuditLog, Call, tally
from fake_kubelet import FakeKubelet
from live_jobs import five_pod_job, has_reason
from live_namespace import LiveNamespace
from measurements import Usage
from operator_process import OperatorProcess, account_user, make_account

Json = dict[str, Any]

PODS_PER_JOB: Final = 5
AT_ONCE: Final = 20
MAX_STEPS: Final = 100_000
LONG: Final = 3600.0
"""Seconds after which something is broken, not slow."""
_FINISHED_AT: Final = "2026-01-01T00:00:00Z"


class Fleet:
    """Jobs and pods of one namespace, and an operator that serves it.

    Attributes:
        live: The namespace.
        kubelet: Plays the pods.
        operator: The operator that runs now.
    """

    def __init__(self, server: ApiServer, live: LiveNamespace, kubelet: FakeKubelet, folder: Path) -> None:
        self.live = live
        self.kubelet = kubelet
        self.operator: OperatorProcess | None = None
        self._server = server
        self._folder = folder
        self._kubeconfig = folder / "kubeconfig"
        self._audit = AuditLog(server.audit_log)

    @classmethod
    @asynccontextmanager
    async def open(cls, server: ApiServer, live: LiveNamespace, folder: Path) -> AsyncIterator[Fleet]:
        """An empty fleet without an operator; ends the operator that it has in the end."""
        await make_account(live, server, folder)
        async with FakeKubelet.play(live) as kubelet:
            fleet = cls(server, live, kubelet, folder)
            try:
                yield fleet
            finally:
                if fleet.operator is not None:
                    await fleet.operator.kill()

    async def start_operator(self, *flags: str) -> float:
        """Starts the operator; returns seconds from its start until it knows everything."""
        begun = time.monotonic()
        self.operator = await OperatorProcess.start(
            f"--namespace={self.live.name}",
            "--no-leader-elect",
            *flags,
            kubeconfig=self._kubeconfig,
            log=self._folder / "operator.log",
        )
        await self.operator.ready(LONG)
        return time.monotonic() - begun

    async def restart_operator(self, *flags: str) -> float:
        """Ends the operator and starts another one; returns seconds until that one knows everything."""
        assert self.operator is not None
        assert await self.operator.stop() == 0, self.operator.text()
        self._audit.mark()
        return await self.start_operator(*flags)

    async def finish_jobs(self, count: int) -> None:
        """Makes jobs that have been complete for long; to be done before an operator runs."""

        async def make(number: int) -> None:
            name = f"done-{number}"
            created = await self.live.create("estimatorjobs", five_pod_job(name))
            status = _complete(created["metadata"]["generation"])
            await self.live.patch("estimatorjobs", name, {"status": status}, "status")

        await _some_at_once(make, range(count))

    async def train_jobs(self, count: int) -> float:
        """Makes jobs and waits until all train; returns seconds."""
        self._audit.mark()
        begun = time.monotonic()
        names = {f"job-{number}" for number in range(count)}
        for name in names:
            self.kubelet.documents[f"{name}-chief-0"] = lambda: _chief_document(time.monotonic() - begun)
            self.kubelet.documents[f"{name}-evaluator-0"] = _EVALUATOR

        async def make(name: str) -> None:
            await self.live.create("estimatorjobs", five_pod_job(name, self.kubelet))

        training = asyncio.create_task(self._until_training(names))
        await _some_at_once(make, names)
        await asyncio.wait_for(training, LONG)
        return time.monotonic() - begun

    async def _until_training(self, names: Iterable[str]) -> None:
        waiting = set(names)
        async with aclosing(self.live.changes("estimatorjobs")) as changes:
            async for _, jobs in changes:
                waiting -= {one["metadata"]["name"] for one in jobs if has_reason("Training")(one)}
                if not waiting:
                    return

    def calls(self) -> list[Call]:
        """The operator's calls since it was (re)started or the jobs were made, or since `mark`."""
        return self._audit.calls(user=account_user(self.live.name))

    def mark(self) -> None:
        """Forgets all calls."""
        self._audit.mark()

    def usage(self) -> Usage:
        """What the operator has used."""
        assert self.operator is not None
        return Usage.of(self.operator.pid)

    async def standstill(self) -> tuple[float, float]:
        """Seconds that the operator's event loop stood still at most in the last minute, and was busy itself."""
        assert self.operator is not None
        samples = await self.operator.samples()
        return samples["estimator_operator_loop_standstill_seconds"], samples[
            "estimator_operator_loop_busy_seconds"
        ]

    async def polls(self) -> float:
        """How often the operator has asked pods for their progress."""
        assert self.operator is not None
        return (await self.operator.samples()).get("estimator_operator_progress_polls_total", 0.0)


def counted(calls: Iterable[Call]) -> Counter[str]:
    """Calls by verb and resource, watches apart: they are written when they end."""
    return tally(one for one in calls if one.verb != "watch")


async def _some_at_once(make: Callable[[Any], Awaitable[None]], all_: Iterable[Any]) -> None:
    waiting = list(all_)

    async def work() -> None:
        while waiting:
            await make(waiting.pop())

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def _chief_document(seconds: float) -> Json:
    """A chief that makes ten steps a second."""
    step = min(int(seconds * 10), MAX_STEPS)
    return {
        "version": 1,
        "role": "chief",
        "state": "Training",
        "globalStep": step,
        "maxSteps": MAX_STEPS,
        "stepsPerSecond": 10.0,
        "loss": 0.5,
    }


_EVALUATOR: Final[Json] = {
    "version": 1,
    "role": "evaluator",
    "state": "Evaluating",
    "evaluation": {"globalStep": 100, "metrics": {"accuracy": 0.75}},
}


def _complete(generation: int) -> Json:
    def condition(kind: str, status: str) -> Json:
        return {
            "type": kind,
            "status": status,
            "reason": "Completed",
            "message": "training has ended",
            "observedGeneration": generation,
            "lastTransitionTime": _FINISHED_AT,
        }

    return {
        "observedGeneration": generation,
        "startTime": _FINISHED_AT,
        "completionTime": _FINISHED_AT,
        "conditions": [condition("Ready", "True"), condition("Complete", "True")],
    }
