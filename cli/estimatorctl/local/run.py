"""The loop of a local run: observe the children, plan, start and stop children, show the status; again.

The same plan as in the cluster decides success, restarts and deadlines. A pass follows every event: a child ended,
one said something new, a moment that the plan named has come, the user wants to stop. Stopping is a suspension, so
the chief saves its checkpoint while the ps are still there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan import Plan, Settings, plan
from estimatorctl.errors import ManifestError
from estimatorctl.local.child import Child, Warden
from estimatorctl.local.clock import Clock
from estimatorctl.local.launch import launch_of, replica_of
from estimatorctl.local.pods import observed
from estimatorctl.local.progress_poll import poll
from estimatorctl.local.workplace import Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Who is told what happens.

    Attributes:
        status: The job with a new status.
        failure: A child that failed; its log has the reason.
    """

    status: Callable[[EstimatorJob], None]
    failure: Callable[[Child], None]


class LocalRun:
    """One run of one job.

    Attributes:
        job: The job with its latest status.
        children: The processes that are known, by the name of the pod each stands for.
        interrupted: It was told to stop.

    Args:
        job: The job.
        workplace: Where its processes live.
        reporter: Who is told what happens.
        clock: The run's time.
        poll_seconds: Time between two questions for progress.
    """

    def __init__(
        self,
        job: EstimatorJob,
        workplace: Workplace,
        *,
        reporter: Reporter,
        clock: Clock | None = None,
        poll_seconds: float = 1.0,
    ) -> None:
        self.job = _local(job)
        self._workplace = workplace
        self._reporter = reporter
        self._clock = clock or Clock()
        self._poll_seconds = poll_seconds
        self.children: dict[str, Child] = {}
        self.interrupted = False
        self._wake = asyncio.Event()

    def interrupt(self) -> None:
        """Stops the run: the first time with a checkpoint, the second time at once."""
        if self.interrupted:
            for child in self.children.values():
                child.kill()
            return
        self.interrupted = True
        if not _is_over(self.job):
            metadata = self.job.metadata.model_copy(update={"generation": self.job.metadata.generation + 1})
            spec = self.job.spec.model_copy(update={"suspend": True})
            self.job = self.job.model_copy(update={"metadata": metadata, "spec": spec})
        self._wake.set()

    async def run(self) -> EstimatorJob:
        """Runs the job to its end; returns it with its final status.

        Raises:
            ManifestError: A pod of the job cannot be a process of this machine.
        """
        guard = Warden()
        try:
            async with aiohttp.ClientSession() as session:
                polling = asyncio.create_task(self._poll(session))
                try:
                    await self._pass_until_over(guard, polling)
                finally:
                    polling.cancel()
        finally:
            for child in self.children.values():
                child.end()
            guard.close()
        return self.job

    async def _pass_until_over(self, guard: Warden, polling: asyncio.Task[None]) -> None:
        while True:
            self._wake.clear()
            seen = observed(self.children.values())
            made = plan(self.job, seen, self._clock.now(), Settings())
            if made.status != self.job.status:
                self.job = self.job.model_copy(update={"status": made.status})
                self._reporter.status(self.job)
            ready = made.status.condition(c.READY)
            if ready is not None and ready.reason == c.REASON_INVALID_SPEC and not _is_over(self.job):
                # In the cluster it waits to be changed; here nobody changes it.
                raise ManifestError([ready.message])
            if not made.status_first:
                self._forget({pod.name for pod in seen.pods if pod.deleting and pod.finished})
                self._act(made, guard)
                if _is_over(self.job) and not any(pod.phase == "Running" for pod in seen.pods):
                    return
            await self._next(made.requeue_after)
            if polling.done():
                polling.result()

    def _act(self, made: Plan, guard: Warden) -> None:
        for deletion in made.delete_pods:
            child = self.children[deletion.name]
            if child.alive:
                child.stop()
            else:
                self._forget({deletion.name})
        # All launches are made before the first process, so that a pod that cannot run here leaves none behind.
        launches = [launch_of(one, self._workplace.place(*replica_of(one))) for one in made.create_pods]
        for launch in launches:
            self._workplace.prepare(launch)
            self.children[launch.pod] = Child(
                launch,
                log=self._workplace.log(launch.pod),
                clock=self._clock,
                guard=guard,
                on_end=self._on_end,
            )
        if launches:
            self._wake.set()

    def _forget(self, names: set[str]) -> None:
        """What ended because it was told to is gone after the pass that saw it, as a deleted pod is."""
        for name in names:
            if self.children.pop(name, None) is not None:
                self._wake.set()

    def _on_end(self, child: Child) -> None:
        self._wake.set()
        assert child.ending is not None
        if child.ending.exit_code and child.stop_by is None:
            self._reporter.failure(child)

    async def _next(self, requeue_after: float | None) -> None:
        timeout = None if requeue_after is None else self._clock.real(requeue_after)
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _poll(self, session: aiohttp.ClientSession) -> None:
        while True:
            if await poll(session, list(self.children.values())):
                self._wake.set()
            await asyncio.sleep(self._clock.real(self._poll_seconds))


def _local(job: EstimatorJob) -> EstimatorJob:
    """The job as this machine can run it.

    Its cleanPodPolicy leaves no process running, for here nobody would ever end it; whoever manages it in a cluster
    does not here; and TensorBoard is for whom it pleases to start: its pod has no main container.
    """
    policy = job.spec.run_policy.model_copy(update={"clean_pod_policy": "Running"})
    changes = {"run_policy": policy, "managed_by": None, "tensor_board": None}
    return job.model_copy(update={"spec": job.spec.model_copy(update=changes)})


def _is_over(job: EstimatorJob) -> bool:
    """Nothing more will happen: the job has completed, failed or is suspended."""
    return any(job.status.is_true(one) for one in (c.COMPLETE, c.FAILED, c.SUSPENDED))


def document_of(job: EstimatorJob) -> dict[str, Any]:
    """The job as a document of the API server."""
    return {"apiVersion": c.API_VERSION, "kind": c.KIND, **job.to_json()}
