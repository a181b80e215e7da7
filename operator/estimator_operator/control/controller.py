"""The controller: events in, workers that reconcile one job at a time.

Level-triggered: an event says which job to look at and nothing else. Whatever goes wrong in a reconcile ends in the
queue's backoff, and whatever goes wrong while an event's object is read is that object's: never the end of the
operator. A job that another controller manages is known and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import islice
from typing import Any, Final, Protocol

from estimator_operator.control.causes import LOOKUPS, Causes
from estimator_operator.control.children import Children
from estimator_operator.control.clock import Clock
from estimator_operator.control.freshness import Freshness
from estimator_operator.control.job_record import JobKey, job_key
from estimator_operator.control.outage import Outage
from estimator_operator.control.reconcile import TTL, Reconciler
from estimator_operator.control.recorder import Recorder
from estimator_operator.control.store import Store
from estimator_operator.control.survey import Survey
from estimator_operator.control.work_queue import NEWS, WorkQueue
from estimator_operator.errors import ApiError
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES, Resource
from estimator_operator.log_format import about_job

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_STUCK: Final = 600.0
"""No reconcile takes that long: every call in it has a time limit."""
_SCHEDULE_MOST: Final = 1000
_CRASHES_TOLD: Final = 2
"""Crashes in a row from which a job says that the operator fails at it."""


class ReconcileObserver(Protocol):
    """Who is told how reconciles go."""

    def reconciled(self, result: str, seconds: float) -> None:
        """One ended with `success`, `error` (of the API server) or `crash` after so many seconds."""

    def told(self, resource: str, kind: str | None) -> None:
        """The watch told of an object of that resource: ADDED, MODIFIED, DELETED, or listed (None)."""


class Controller:
    """Keeps jobs as their specs say. Implements `kube.hand_over.WatchObserver`.

    Args:
        store: What is known.
        queue: Jobs to look at.
        survey: Whether everything is listed.
        reconciler: Looks at one job.
        causes: Looks up why pods wait.
        children: Services and claims.
        recorder: Forgets jobs that are gone.
        freshness: Told that the watches live.
        outage: Whether the API server is away.
        clock: Time.
        observer: Told how reconciles go.
    """

    def __init__(
        self,
        *,
        store: Store,
        queue: WorkQueue[JobKey],
        survey: Survey,
        reconciler: Reconciler,
        causes: Causes,
        children: Children,
        recorder: Recorder,
        freshness: Freshness,
        outage: Outage,
        clock: Clock,
        observer: ReconcileObserver,
    ) -> None:
        self._store = store
        self._queue = queue
        self._survey = survey
        self._reconciler = reconciler
        self._causes = causes
        self._children = children
        self._recorder = recorder
        self._freshness = freshness
        self._outage = outage
        self._clock = clock
        self._observer = observer
        self._busy: dict[JobKey, float] = {}
        self._crashes: dict[JobKey, int] = {}
        self.ready = False

    # Events -------------------------------------------------------------------------------------------------
    def job_event(self, kind: str | None, job: Json) -> None:
        """A job was ADDED, MODIFIED or DELETED, or was listed (None)."""
        self._observer.told(JOBS.plural, kind)
        key = job_key(job)
        if kind == "DELETED":
            uid = job["metadata"]["uid"]
            self._recorder.forget(uid)
            if self._store.drop_job(key, uid, told=True):
                self._queue.add(key)
        elif self._store.put_job(job)[1]:
            self._look_at(key)

    def knows_job(self, job: Json) -> bool:
        """That version of the job is known already, or a newer one."""
        known = self._store.job(job_key(job))
        return known is not None and known.is_at(job)

    def pod_event(self, kind: str | None, pod: Json) -> None:
        """The same for a pod of a job."""
        self._observer.told(PODS.plural, kind)
        key = self._store.drop_pod(pod) if kind == "DELETED" else self._store.put_pod(pod)
        if key is not None:
            record = self._store.job(key)
            if kind == "DELETED" and record is not None and not record.stub and record.creation.leftover:
                record.creation.try_at_once()
            self._look_at(key)

    def service_event(self, kind: str | None, service: Json) -> None:
        """The same for a Service of a job."""
        self._child_event(SERVICES, kind, service)

    def claim_event(self, kind: str | None, claim: Json) -> None:
        """The same for a claim of a job."""
        self._child_event(CLAIMS, kind, claim)

    def _child_event(self, resource: Resource, kind: str | None, child: Json) -> None:
        self._observer.told(resource.plural, kind)
        drop_or_put = self._children.drop if kind == "DELETED" else self._children.put
        key = drop_or_put(resource, child)
        if key is not None:
            self._look_at(key)

    def relisted(self, resource: Resource, namespace: str | None, uids: set[str], version: int) -> None:
        """A list is complete: what was known up to that version and is not among the uids is gone."""
        if resource is JOBS:
            for key in self._store.sweep_jobs(namespace, uids, version):
                self._queue.add(key)
        else:
            swept = (
                self._store.sweep_pods(namespace, uids, version)
                if resource is PODS
                else self._children.sweep(resource, namespace, uids, version)
            )
            for key in dict.fromkeys(swept):
                self._look_at(key)
        self._survey.listed(resource, namespace)

    def refused(self, resource: Resource, namespace: str | None) -> None:
        """The list is forbidden for now."""
        self._survey.refused(resource, namespace)

    def heard(self, resource: Resource, namespace: str | None) -> None:
        """The watch is alive."""
        self._freshness.heard(resource.plural, namespace)

    def _look_at(self, key: JobKey) -> None:
        record = self._store.job(key)
        if record is None:
            self._queue.add(key)
            return
        wait = self._reconciler.rest_wait(record) if record.managed else None
        if wait == 0:
            self._queue.add(key, NEWS, newcomer=record.is_new)
        elif wait is not None:
            self._queue.add_after(key, wait, TTL)

    def schedule(self, limit: int) -> list[Json]:
        """Which jobs are looked at next, when and why."""
        return [
            {"job": str(key), "seconds": round(seconds, 1), "reason": reason, "holds": self._holds(key)}
            for key, seconds, reason in islice(self._queue.schedule(), min(limit, _SCHEDULE_MOST))
        ]

    def _holds(self, key: JobKey) -> dict[str, float]:
        """What is not done for a job yet, and for how many seconds, whoever asks for a look."""
        record, holds = self._store.job(key), dict(self._queue.holds(key))
        if record is not None and record.stub is None:
            now = self._clock.monotonic()
            refusals = {"creation is refused": record.creation, "TensorBoard fails": record.tensorboard}
            holds |= {what: wait for what, one in refusals.items() if (wait := one.wait(now)) is not None}
        return {what: round(seconds, 1) for what, seconds in holds.items()}

    # Work ---------------------------------------------------------------------------------------------------
    async def run(self, workers: int) -> None:
        """Works until cancelled."""
        for resource, namespace in self._survey.awaited:
            # A watch that never begins is as dead as one that has fallen silent.
            self._freshness.heard(resource.plural, namespace)
        await self._survey.complete()
        self.begin()
        self.ready = True
        _log.info("%d jobs are known; working", len(self._store))
        tasks = [asyncio.create_task(self._work(), name=f"worker-{number}") for number in range(workers)]
        tasks += [
            asyncio.create_task(self._causes.work(self._queue.add), name=f"causes-{number}")
            for number in range(LOOKUPS)
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def ailment(self) -> str | None:
        """Why the process had better be restarted, or None."""
        now = self._clock.monotonic()
        stuck = next((key for key, since in self._busy.items() if now - since > _STUCK), None)
        if stuck is not None:
            return f"the reconcile of {stuck} does not end"
        silent = self._freshness.silent
        return None if silent is None else f"the watch of {silent} is silent"

    def begin(self) -> None:
        """Everything is listed: looks at every job that is not at rest, and at those in their time."""
        self._children.tell_all()
        for record in self._store:
            record.fresh = True
            self._look_at(record.key)

    async def _work(self) -> None:
        while True:
            await self.step()

    async def step(self) -> None:
        """Waits for one job to look at and looks at it."""
        key = await self._queue.get()
        began = self._busy[key] = self._clock.monotonic()
        try:
            result = await self._attempt(key)
        finally:
            del self._busy[key]
            self._queue.done(key)
        self._observer.reconciled(result, self._clock.monotonic() - began)
        # A reconcile that makes no call never waits for anything: the loop belongs to others too.
        await asyncio.sleep(0)

    async def _attempt(self, key: JobKey) -> str:
        try:
            await self._reconciler.reconcile(key)
        except ApiError as error:
            away = self._outage.lasts
            delay = self._queue.fail(key, at_least=error.retry_after or 0.0, outage=away)
            _log.warning("trying again in %.1f s: %s", delay, error.message, extra=self._about(key))
            return "error"
        except Exception as error:  # noqa: BLE001  (one job that cannot be handled must not stop the others)
            delay = self._queue.fail(key)
            _log.exception("unexpected, trying again in %.1f s", delay, extra=self._about(key))
            self._crashes[key] = self._crashes.get(key, 0) + 1
            if self._crashes[key] >= _CRASHES_TOLD:
                await self._reconciler.tell_crash(key, error)
            return "crash"
        self._crashes.pop(key, None)
        self._queue.succeed(key)
        return "success"

    def _about(self, key: JobKey) -> Json:
        record = self._store.job(key)
        return about_job(key, record.uid if record is not None else None)
