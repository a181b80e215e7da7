"""The controller: events in, one reconcile of a job at a time, plans made and acted on.

Level-triggered: an event says which job to look at and nothing else. A reconcile makes a plan from what the store
knows and acts on it; it reads from the API server only what no watch has told. Whatever goes wrong in it ends in the
queue's backoff, never in the end of the operator. A job that another controller manages is known and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Protocol

from pydantic import ValidationError

from estimator_api import EstimatorJobStatus, InvalidJobError, Metadata
from estimator_operator.control.apply import Applier
from estimator_operator.control.causes import Causes
from estimator_operator.control.clock import Clock
from estimator_operator.control.freshness import Freshness
from estimator_operator.control.job_record import JobKey, JobRecord
from estimator_operator.control.outage import Outage
from estimator_operator.control.recorder import Recorder
from estimator_operator.control.second_look import wants_second_look
from estimator_operator.control.store import Store, job_key
from estimator_operator.control.survey import Survey
from estimator_operator.control.work_queue import WorkQueue
from estimator_operator.errors import ApiError, InvalidError
from estimator_operator.kube.resources import JOBS, PODS
from estimator_operator.log_format import about_job
from estimator_operator.plan import Plan, Settings, plan, rejected, unreadable

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_IDLE_SPIN: Final = 1.0
"""Seconds until a plan that wants another at once, but could change nothing, is made again."""
_AFTER_ACTING: Final = 1.0
"""Seconds until a job whose pods were created or deleted is looked at again: the plan was made without them."""
_STUCK: Final = 600.0
"""No reconcile takes that long: every call in it has a time limit."""
_CONFLICTS_AT_ONCE: Final = 3
_CALM_FIRST: Final = 0.2
_CALM_MOST: Final = 30.0
"""A job that others change all the time is left alone after some conflicts in a row, for longer each time."""


def record_metadata(record: JobRecord) -> Metadata:
    """The metadata of a job whose spec may not be readable."""
    return Metadata.model_validate(record.manifest["metadata"])


class ReconcileObserver(Protocol):
    """Who is told how reconciles go."""

    def reconciled(self, result: str, seconds: float) -> None:
        """One ended with `success`, `error` (of the API server) or `crash` after so many seconds."""

    def told(self, resource: str, kind: str | None) -> None:
        """The watch told of an object of that resource: ADDED, MODIFIED, DELETED, or listed (None)."""


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
        outage: Whether the API server is away.
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
        outage: Outage,
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
        self._outage = outage
        self._clock = clock
        self._settings = settings
        self._observer = observer
        self._busy: dict[JobKey, float] = {}
        self.ready = False

    # Events -------------------------------------------------------------------------------------------------
    def job_event(self, kind: str | None, job: Json) -> None:
        """A job was ADDED, MODIFIED or DELETED, or was listed (None)."""
        self._freshness.told(job)
        self._observer.told(JOBS.plural, kind)
        key = job_key(job)
        if kind == "DELETED":
            if self._store.drop_job(key, job["metadata"]["uid"]):
                self._queue.add(key)
        elif self._store.put_job(job)[1]:
            self._look_at(key)
        if kind is None:
            self._survey.want()

    def pod_event(self, kind: str | None, pod: Json) -> None:
        """The same for a pod of a job."""
        self._freshness.told(pod)
        self._observer.told(PODS.plural, kind)
        key = self._store.drop_pod(pod) if kind == "DELETED" else self._store.put_pod(pod)
        if key is not None:
            record = self._store.job(key)
            if kind == "DELETED" and record is not None and record.creation.leftover:
                record.creation.try_at_once()
            self._look_at(key)
        if kind is None:
            self._survey.want()

    def _look_at(self, key: JobKey) -> None:
        record = self._store.job(key)
        if record is None or record.managed:
            self._queue.add(key)

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

    async def _attempt(self, key: JobKey) -> str:
        try:
            await self.reconcile(key)
        except ApiError as error:
            away = self._outage.lasts
            delay = self._queue.fail(key, at_least=error.retry_after or 0.0, outage=away)
            _log.warning("trying again in %.1f s: %s", delay, error.message, extra=self._about(key))
            return "error"
        except Exception:  # noqa: BLE001  (one job that cannot be handled must not stop the others)
            delay = self._queue.fail(key)
            _log.exception("unexpected, trying again in %.1f s", delay, extra=self._about(key))
            return "crash"
        self._queue.succeed(key)
        return "success"

    async def reconcile(self, key: JobKey) -> None:
        """Makes a plan for one job and acts on it.

        Raises:
            ApiError: The API server did not do what was asked; to be tried again.
        """
        record = self._store.job(key)
        if record is None or not record.managed:
            self._queue.forget(key)
            return
        calm = record.calm_at - self._clock.monotonic()
        if calm > 0:
            self._queue.add_after(key, calm)
            return
        if not record.fresh:
            await self._survey.look_up(record)
        if record.watched_since is None:
            record.watched_since = self._clock.now()
        before, made = self._plan(record)
        if wants_second_look(before, made):
            await self._survey.look_up(record)
            before, made = self._plan(record)
        if not made.status_first:
            try:
                refused = record.creation.message
                if await self._applier.act(record, made):
                    self._plan_anew(record, conflict=record.creation.message == refused)
                    return
            except InvalidError as error:
                made = rejected(record_metadata(record), before, error.message, self._clock.now())
            else:
                creates = made.create_pods or made.create_tensorboard_pod
                if creates and record.creation.message is None and len(self._queue):
                    # Others wait for their pods: what this job's status says of its own can wait for one round.
                    self._queue.add(key)
                    return
        wrote = await self._write(record, before, made)
        if wrote is None:
            self._plan_anew(record, conflict=True)
            return
        record.conflicts = 0
        if made.delete_job:
            _log.info("the time to live is over: deleting the job", extra=self._about(key))
            if not await self._applier.delete_job(record):
                self._plan_anew(record, conflict=True)
            return
        await self._come_back(record, made, wrote=wrote)

    def _plan_anew(self, record: JobRecord, *, conflict: bool) -> None:
        """Looks at the job again: at once at first, later when it is somebody else's doing that goes on and on."""
        if self._store.job(record.key) is None:
            # Most likely it was deleted. But an API server that starts says 404 until it has read its CRDs.
            self._survey.want()
        record.conflicts += conflict
        more = record.conflicts - _CONFLICTS_AT_ONCE
        if more <= 0 or not conflict:
            self._queue.add(record.key)
            return
        pause = min(_CALM_FIRST * 2.0 ** min(more, 16), _CALM_MOST)
        record.calm_at = self._clock.monotonic() + pause
        self._queue.add_after(record.key, pause)
        if more == 1:
            _log.warning("somebody else changes the job all the time", extra=self._about(record.key))

    def _plan(self, record: JobRecord) -> tuple[EstimatorJobStatus, Plan]:
        """The stored status and the plan that follows from it."""
        try:
            job = record.job()
        except InvalidJobError as error:
            try:
                before = EstimatorJobStatus.model_validate(record.status)
            except ValidationError:
                # Written over, it would lose what another version has counted.
                before = EstimatorJobStatus()
                return before, Plan(status=before)
            return before, unreadable(record_metadata(record), before, str(error), self._clock.now())
        return job.status, plan(job, self._store.observe(record), self._clock.now(), self._settings)

    async def _write(self, record: JobRecord, before: EstimatorJobStatus, made: Plan) -> bool | None:
        """Writes the status if it changed and its time has come, then the events.

        Returns:
            Whether it was written; None when the job is not what the plan took it for.
        """
        if made.status == before:
            return False
        if made.progress_only and record.written_at is not None:
            wait = record.written_at + self._settings.progress_interval - self._clock.monotonic()
            if wait > 0:
                self._queue.add_after(record.key, wait)
                return False
        if not await self._applier.write_status(record, made.status):
            return None
        for event in made.events:
            await self._recorder.record(record, event)
        return True

    async def _come_back(self, record: JobRecord, made: Plan, *, wrote: bool) -> None:
        """Sees to it that the job is looked at again when time alone changes something."""
        key = record.key
        if made.requeue_after is not None:
            at_once = made.requeue_after <= 0
            self._queue.add_after(key, _IDLE_SPIN if at_once and not wrote else made.requeue_after)
        if made.create_pods or made.create_tensorboard_pod or made.delete_pods:
            # What the watch tells of our own doing may be known from the API server's answer, and no news then.
            self._queue.add_after(key, _AFTER_ACTING)
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

    def _about(self, key: JobKey) -> Json:
        record = self._store.job(key)
        return about_job(key, record.uid if record is not None else None)
