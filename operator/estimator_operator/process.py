"""The operator as a process: what is built from what, what runs when, and how it ends.

Every replica serves health and metrics at once; only the one that leads watches and works. A replica that loses the
lead, or of which any part ends, ends as a whole and is started anew by Kubernetes: there is no way back from a half
state that would not have to be tested. Everything is recomputed from the cluster then.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

from estimator_api import Progress
from estimator_api import constants as c
from estimator_operator.control.adopted_claim import AdoptedClaims
from estimator_operator.control.apply import Applier
from estimator_operator.control.causes import Causes
from estimator_operator.control.children import Children
from estimator_operator.control.clock import ClusterClock
from estimator_operator.control.controller import Controller
from estimator_operator.control.freshness import Freshness
from estimator_operator.control.job_record import JobKey
from estimator_operator.control.missing_pods import MissingPods
from estimator_operator.control.nodes import Nodes
from estimator_operator.control.outage import Outage
from estimator_operator.control.progress_writes import PROGRESS, progress_wait, write_wait
from estimator_operator.control.reconcile import Reconciler
from estimator_operator.control.recorder import Recorder
from estimator_operator.control.store import Store
from estimator_operator.control.survey import Survey
from estimator_operator.control.work_queue import WorkQueue
from estimator_operator.errors import LeadershipLostError, OperatorError
from estimator_operator.kube.api import Api
from estimator_operator.kube.credentials import Credentials, find_credentials, own_namespace
from estimator_operator.kube.fence import Fence
from estimator_operator.kube.hand_over import HandOver
from estimator_operator.kube.lease import Elector, LeaseTiming
from estimator_operator.kube.lease_thread import LeaseThread
from estimator_operator.kube.rate_limit import TokenBucket
from estimator_operator.kube.reflector import Reflector
from estimator_operator.kube.resources import CLAIMS, PODS, SERVICES
from estimator_operator.kube.watch import watch
from estimator_operator.observe.endpoints import Endpoints
from estimator_operator.observe.job_changes import JobChanges
from estimator_operator.observe.metrics import Metrics
from estimator_operator.observe.poll_schedule import Target
from estimator_operator.observe.poller import ProgressPoller
from estimator_operator.observe.standstill import Standstill
from estimator_operator.observe.targets import targets_of
from estimator_operator.plan.staging import said_by
from estimator_operator.preflight import check_access
from estimator_operator.settings import OperatorSettings

_log = logging.getLogger(__name__)

_LAST_MOMENTS: Final = LeaseTiming().last_moments
"""Seconds for everything to end; fewer when the lead was lost, and another replica may take it sooner."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Operator:
    """One replica of the operator.

    Args:
        settings: The flags.
    """

    def __init__(self, settings: OperatorSettings) -> None:
        self._settings = settings
        self._clock = ClusterClock()
        self._standstill = Standstill()
        self._metrics = metrics = Metrics(
            jobs=lambda: self._store,
            queue_depth=lambda: len(self._queue),
            progress_limit=settings.progress_metrics_limit,
            standstill=self._standstill,
        )
        self._fence = Fence(metrics.skipped, monotonic=self._clock.monotonic)
        self._store = Store(on_status=JobChanges(metrics), on_error=self._fence.note)
        self._queue: WorkQueue[JobKey] = WorkQueue(on_wait=metrics.waited, on_retry=metrics.retried)
        self._outage = Outage(self._clock.monotonic, on_recovery=self._queue.hurry)
        self._identity = f"{socket.gethostname()}_{secrets.token_hex(4)}"
        self._controller: Controller | None = None
        self._follows = False
        self._stop = asyncio.Event()
        self._poller = ProgressPoller(
            targets=lambda: targets_of(self._store, settings.progress_networks),
            deliver=self._deliver,
            count=metrics.polled,
            interval=settings.plan.progress_interval,
        )

    async def run(self) -> None:
        """Serves until SIGTERM or SIGINT.

        Raises:
            OperatorError: It cannot start, lost the lead, or a part of it ended; the message says which.
        """
        self._catch_signals()
        settings = self._settings
        credentials = await find_credentials(kubeconfig=settings.kubeconfig, context=settings.context)
        endpoints = Endpoints(
            health=settings.health_address,
            metrics=settings.metrics_address,
            alive=lambda: self._controller.ailment if self._controller is not None else None,
            ready=self._unready,
            numbers=self._metrics.text,
            schedule=lambda limit: self._controller.schedule(limit) if self._controller is not None else [],
        )
        limit = TokenBucket(rate=settings.qps, burst=settings.burst, on_wait=self._metrics.throttled)
        api = Api(credentials, limit=limit, observe=self._called, on_date=self._clock.heard)
        async with api, endpoints:
            _log.info(
                "serving %s at %s", ", ".join(settings.namespaces) or "all namespaces", credentials.host
            )
            if not await self._unless_stopped(check_access(api, settings.namespaces)):
                return
            if not settings.leader_elect:
                await self._work(api, credentials, None)
                return
            lease = LeaseThread(partial(self._elector, asyncio.get_running_loop()))
            self._follows = True
            try:
                if await self._unless_stopped(lease.acquire()):
                    self._follows = False
                    await self._work(api, credentials, lease)
            finally:
                await lease.release()

    @asynccontextmanager
    async def _elector(self, main: asyncio.AbstractEventLoop) -> AsyncGenerator[Elector]:
        """The Elector of the lease's thread, which shares nothing with the main loop but the numbers."""
        settings = self._settings

        def observe(verb: str, resource: str, status: int, seconds: float) -> None:
            with suppress(RuntimeError):  # the main loop is closed
                main.call_soon_threadsafe(self._called, verb, resource, status, seconds)

        credentials = await find_credentials(kubeconfig=settings.kubeconfig, context=settings.context)
        async with Api(credentials, limit=TokenBucket(rate=0, burst=1), observe=observe) as api:
            yield Elector(
                api,
                namespace=settings.lease_namespace or own_namespace(),
                name=settings.lease_name,
                identity=self._identity,
            )

    async def _work(self, api: Api, credentials: Credentials, lease: LeaseThread | None) -> None:
        controller = self._controller = self._build(api, lease)
        settings = self._settings
        parts: dict[str, Coroutine[Any, Any, None]] = {
            "controller": controller.run(settings.workers),
            "standstill watch": self._standstill.run(),
            "progress poller": self._poller.run(),
        }
        if lease is not None:
            parts["lease"] = lease.hold()
        told = HandOver(controller, self._fence)
        for resource in (PODS, SERVICES, CLAIMS):
            for namespace in settings.namespaces or (None,):
                reflector = Reflector(api, resource, namespace, told, labels=c.LABEL_JOB_NAME)
                parts[f"watch of {resource.plural} in {namespace or 'all namespaces'}"] = reflector.run()
        # When kopf ends, it ends every task that began after it: it begins last.
        parts["watch"] = watch(
            credentials=credentials,
            told=told,
            namespaces=settings.namespaces,
            on_signals=self._catch_signals,
        )
        tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        self._metrics.leads(True)
        done, _ = await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        errors = {task: None if task.cancelled() else task.exception() for task in done}
        lost = next((one for one in errors.values() if isinstance(one, LeadershipLostError)), None)
        await _end([stop, *tasks], _LAST_MOMENTS if lost is None else lost.time_left)
        self._metrics.leads(False)
        if stop in done:
            _log.info("stopped")
            return
        for task, error in errors.items():
            if isinstance(error, OperatorError):
                raise error
            raise OperatorError(f"the {task.get_name()} has ended") from error

    def _build(self, api: Api, lease: LeaseThread | None) -> Controller:
        freshness, metrics = Freshness(self._clock), self._metrics
        recorder = Recorder(api, self._clock, instance=self._identity, count=metrics.recorded)
        namespaces = self._settings.namespaces
        survey = Survey(api, self._store, namespaces=namespaces, count=metrics.surveyed)
        children = Children(self._store)
        causes = Causes(api, self._store, self._clock, fence=self._fence)
        return Controller(
            store=self._store,
            queue=self._queue,
            survey=survey,
            reconciler=Reconciler(
                store=self._store,
                queue=self._queue,
                survey=survey,
                children=children,
                applier=Applier(
                    api,
                    self._store,
                    self._clock,
                    recorder,
                    away=lambda: self._outage.lasts,
                    leads=lambda: lease is None or lease.leads,
                    on_pruned=metrics.pruned,
                    on_refused=metrics.refused,
                ),
                causes=causes,
                missing=MissingPods(api, self._store, self._clock),
                nodes=Nodes(api, self._clock),
                adopted=AdoptedClaims(api, recorder),
                recorder=recorder,
                clock=self._clock,
                settings=self._settings.plan,
                progress_interval=lambda: self._poller.write_interval,
            ),
            causes=causes,
            children=children,
            recorder=recorder,
            freshness=freshness,
            outage=self._outage,
            clock=self._clock,
            observer=metrics,
        )

    def _called(self, verb: str, resource: str, status: int, seconds: float) -> None:
        self._metrics.called(verb, resource, status, seconds)
        self._outage.answered(status)

    def _deliver(self, target: Target, progress: Progress) -> bool:
        key = JobKey(*target.job)
        if target.stages:
            progress = said_by(progress)
        news = self._store.put_progress(key, target.uid, progress, at=self._clock.now())
        record = self._store.job(key)
        # That there is no news decides whether a job has stalled.
        if target.stall_timeout is not None:
            self._queue.add(key)
        elif news and record is not None:
            wait_for = write_wait if target.stages else progress_wait
            wait = wait_for(record, self._poller.write_interval, self._clock.monotonic())
            self._queue.add_after(key, wait, PROGRESS)
        return news

    def _unready(self) -> str | None:
        """A follower is ready to follow; whoever leads is ready once it knows everything."""
        if self._follows or (self._controller is not None and self._controller.ready):
            return None
        return "starting"

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stop.set)

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Awaits `work` unless a signal comes first; tells whether it is through."""
        task, stop = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
        through = task.done()
        if through:
            task.result()
        await _end([task, stop])
        return through


async def _end(tasks: list[asyncio.Task[Any]], seconds: float = _LAST_MOMENTS) -> None:
    """Cancels tasks and waits for their end, but not for ever: another replica may begin to lead."""
    for task in tasks:
        task.cancel()
    _, pending = await asyncio.wait(tasks, timeout=seconds)
    if pending:
        _log.critical("%s did not end: leaving at once", ", ".join(task.get_name() for task in pending))
        os._exit(1)
