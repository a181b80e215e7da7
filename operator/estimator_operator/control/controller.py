"""The controller: events in, one reconcile of a job at a time, plans made and acted on.

Level-triggered: an event says which job to look at and nothing else. A reconcile makes a plan from what the store
knows and acts on it; it reads from the API server only what no watch has told. Whatever goes wrong in it ends in the
queue's backoff, never in the end of the operator.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, Final, Protocol

from pydantic import ValidationError

from estimator_api import EstimatorJobStatus, InvalidJobError, Metadata
from estimator_operator.control.apply import Applier
from estimator_operator.control.causes import Causes
from estimator_operator.control.clock import Clock
from estimator_operator.control.freshness import Freshness
from estimator_operator.control.recorder import Recorder
from estimator_operator.control.store import JobKey, JobRecord, Store, job_key
from estimator_operator.control.survey import Survey
from estimator_operator.control.work_queue import WorkQueue
from estimator_operator.errors import ApiError, InvalidError
from estimator_operator.plan import Plan, Settings, invalid, plan
from estimator_operator.plan.restarts import REASON_DELETED

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_IDLE_SPIN: Final = 1.0
"""Seconds until a plan that wants another at once, but could change nothing, is made again."""
_STUCK: Final = 600.0
"""No reconcile takes that long: every call in it has a time limit."""


class ReconcileObserver(Protocol):
    """Who is told how reconciles go."""

    def reconciled(self, result: str, seconds: float) -> None:
        """One ended with `success`, `error` (of the API server) or `crash` after so many seconds."""


class Controller:
    """Keeps jobs as their specs say. Implements `kube.watch.WatchObserver`.

    Args:
        store: What is known.
        queue: Jobs to look at.
        survey: Looks at everything anew.
        applier: Acts on plans.
        causes: Looks up why pods wait.
        recorder: Writes events.
        freshness: Told what the watch tells.
        clock: Time.
        settings: What plans are made with.
        observer: Told how reconciles go.
    """

    def __init__(
        self,
        *,
        store: Store,
        queue: WorkQueue[JobKey],
        survey: Survey,
        applier: Applier,
        causes: Causes,
        recorder: Recorder,
        freshness: Freshness,
        clock: Clock,
        settings: Settings,
        observer: ReconcileObserver,
    ) -> None:
        self._store = store
        self._queue = queue
        self._survey = survey
        self._applier = applier
        self._causes = causes
        self._recorder = recorder
        self._freshness = freshness
        self._clock = clock
        self._settings = settings
        self._observer = observer
        self._busy: dict[JobKey, float] = {}
        self.ready = False

    # Events -------------------------------------------------------------------------------------------------
    def job_event(self, kind: str | None, job: Json) -> None:
        """A job was ADDED, MODIFIED or DELETED, or was listed (None)."""
        self._freshness.told(job)
        key = job_key(job)
        if kind == "DELETED":
            if self._store.drop_job(key, job["metadata"]["uid"]):
                self._queue.add(key)
        elif self._store.put_job(job)[1]:
            self._queue.add(key)
        if kind is None:
            self._survey.want()

    def pod_event(self, kind: str | None, pod: Json) -> None:
        """The same for a pod of a job."""
        self._freshness.told(pod)
        key = self._store.drop_pod(pod) if kind == "DELETED" else self._store.put_pod(pod)
        if key is not None:
            self._queue.add(key)
        if kind is None:
            self._survey.want()

    # Work ---------------------------------------------------------------------------------------------------
    async def run(self, workers: int) -> None:
        """Works until cancelled."""
        await self._survey.complete()
        self._look_at_all()
        self.ready = True
        _log.info("%d jobs are known; working", len(self._store))
        tasks = [asyncio.create_task(self._work(), name=f"worker-{number}") for number in range(workers)]
        tasks.append(asyncio.create_task(self._survey.repeat(self._look_at_all), name="survey"))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def ailment(self) -> str | None:
        """Why the process had better be restarted, or None."""
        if self._freshness.stale:
            return "the watch is silent"
        now = self._clock.monotonic()
        stuck = next((key for key, since in self._busy.items() if now - since > _STUCK), None)
        return None if stuck is None else f"the reconcile of {stuck} does not end"

    def _look_at_all(self) -> None:
        for record in self._store:
            self._queue.add(record.key)

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

    async def _attempt(self, key: JobKey) -> str:
        try:
            await self.reconcile(key)
        except ApiError as error:
            delay = self._queue.fail(key, at_least=error.retry_after or 0.0)
            _log.warning("%s: trying again in %.1f s: %s", key, delay, error.message)
            return "error"
        except Exception:  # noqa: BLE001  (one job that cannot be handled must not stop the others)
            delay = self._queue.fail(key)
            _log.exception("%s: unexpected, trying again in %.1f s", key, delay)
            return "crash"
        self._queue.succeed(key)
        return "success"

    async def reconcile(self, key: JobKey) -> None:
        """Makes a plan for one job and acts on it.

        Raises:
            ApiError: The API server did not do what was asked; to be tried again.
        """
        record = self._store.job(key)
        if record is None:
            self._queue.forget(key)
            return
        if not record.fresh:
            await self._survey.look_up(record)
        before, made = self._plan(record)
        if _rests_on_absence(before, made):
            # A restart cannot be taken back, and another operator may have made pods that no event told of yet.
            await self._survey.look_up(record)
            before, made = self._plan(record)
        if not made.status_first:
            try:
                if await self._applier.act(record, made):
                    self._queue.add(key)
                    return
            except InvalidError as error:
                made = self._invalid(record, before, error.message)
            else:
                if made.create_pods and record.refused is None and len(self._queue):
                    # Others wait for their pods: what this job's status says of its own can wait for one round.
                    self._queue.add(key)
                    return
        wrote = await self._write(record, before, made)
        if made.delete_job:
            _log.info("%s: its time to live is over, deleting it", key)
            if not await self._applier.delete_job(record):
                self._queue.add(key)
            return
        await self._come_back(record, made, wrote=wrote)

    def _plan(self, record: JobRecord) -> tuple[EstimatorJobStatus, Plan]:
        """The stored status and the plan that follows from it."""
        try:
            job = record.job()
        except InvalidJobError as error:
            before = EstimatorJobStatus()
            with suppress(ValidationError):
                before = EstimatorJobStatus.model_validate(record.status)
            return before, self._invalid(record, before, str(error))
        return job.status, plan(job, self._store.observe(record), self._clock.now(), self._settings)

    def _invalid(self, record: JobRecord, before: EstimatorJobStatus, message: str) -> Plan:
        metadata = Metadata.model_validate(record.manifest["metadata"])
        return invalid(metadata, before, message, self._clock.now())

    async def _write(self, record: JobRecord, before: EstimatorJobStatus, made: Plan) -> bool:
        """Writes the status if it changed and its time has come, then the events; tells whether it was written."""
        if made.status == before:
            return False
        if made.progress_only and record.written_at is not None:
            wait = record.written_at + self._settings.progress_interval - self._clock.monotonic()
            if wait > 0:
                self._queue.add_after(record.key, wait)
                return False
        if not await self._applier.write_status(record, made.status):
            self._queue.add(record.key)
            return False
        for event in made.events:
            await self._recorder.record(record, event)
        return True

    async def _come_back(self, record: JobRecord, made: Plan, *, wrote: bool) -> None:
        """Sees to it that the job is looked at again when time alone changes something."""
        key = record.key
        if made.requeue_after is not None:
            at_once = made.requeue_after <= 0
            self._queue.add_after(key, _IDLE_SPIN if at_once and not wrote else made.requeue_after)
        wait = self._applier.creation_wait(record)
        if wait is not None:
            self._queue.add_after(key, wait)
        if record.finished:
            record.rest()
            return
        news, wait = await self._causes.look(record)
        if news:
            self._queue.add(key)
        elif wait is not None:
            self._queue.add_after(key, wait)


def _rests_on_absence(before: EstimatorJobStatus, made: Plan) -> bool:
    """The plan restarts a replica because its pod is not there."""
    if made.status.restarts.total == before.restarts.total:
        return False
    known = {(one.replica, one.attempt, one.time) for one in before.failures}
    return any(
        one.reason == REASON_DELETED and one.exit_code is None and one.node is None
        for one in made.status.failures
        if (one.replica, one.attempt, one.time) not in known
    )
