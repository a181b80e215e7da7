"""One replica of the operator without processes and time: it moves when a test says so."""

from __future__ import annotations

from collections import Counter

from fake_api import FakeApi
from fake_clock import FakeClock

from estimator_api import Progress
from estimator_api import constants as c
from estimator_operator.control.adopted_claim import AdoptedClaims
from estimator_operator.control.apply import Applier
from estimator_operator.control.causes import Causes
from estimator_operator.control.children import Children
from estimator_operator.control.controller import Controller
from estimator_operator.control.freshness import Freshness
from estimator_operator.control.job_record import JobKey
from estimator_operator.control.missing_pods import MissingPods
from estimator_operator.control.nodes import Nodes
from estimator_operator.control.outage import Outage
from estimator_operator.control.reconcile import Reconciler
from estimator_operator.control.recorder import Recorder
from estimator_operator.control.store import Store
from estimator_operator.control.survey import LISTED, Survey
from estimator_operator.control.work_queue import WorkQueue
from estimator_operator.errors import ForbiddenError
from estimator_operator.kube.fence import Fence
from estimator_operator.kube.hand_over import HandOver
from estimator_operator.kube.reflector import Reflector
from estimator_operator.kube.resources import JOBS
from estimator_operator.observe.job_changes import JobChanges
from estimator_operator.plan import Settings

KEY = JobKey("default", "mnist")
MOST_STEPS = 500


class FakeOperator:
    """Everything that `estimator_operator.process` builds, on a fake API server.

    Attributes:
        results: How reconciles ended.
        told_of: What the watch told of, by resource and kind.
        restarts: Restarts counted, by role and reason.
        ends: Ends of jobs counted, by result and reason.
        event_results: What became of events.
        surveys: Surveys by cause and result.
        pruned: Status writes of which the API server kept only a part.
        refused: Status writes that it refused as invalid.
        leads: No other replica can lead, by the lease.
    """

    def __init__(self, api: FakeApi, clock: FakeClock, namespaces: tuple[str, ...] = ()) -> None:
        self.api = api
        self.clock = clock
        self.restarts: Counter[tuple[str, str]] = Counter()
        self.ends: Counter[tuple[str, str]] = Counter()
        self.durations: list[float | None] = []
        self.told_of: Counter[tuple[str, str | None]] = Counter()
        self.event_results: Counter[str] = Counter()
        self.surveys: Counter[tuple[str, str]] = Counter()
        self.object_errors: Counter[tuple[str, str]] = Counter()
        self.fence = Fence(self.skipped, monotonic=clock.monotonic)
        self.store = Store(on_status=JobChanges(self), on_error=self.fence.note)
        self.queue: WorkQueue[JobKey] = WorkQueue(monotonic=clock.monotonic)
        self.outage = Outage(clock.monotonic, on_recovery=self.queue.hurry)
        api.answered.append(self.outage.answered)
        self.freshness = Freshness(clock)
        self.survey = Survey(api, self.store, namespaces=namespaces, count=self._surveyed)
        self.children = Children(self.store)
        self.causes = Causes(api, self.store, clock, fence=self.fence)
        self.results: Counter[str] = Counter()
        self.pruned = self.refused = 0
        self.leads = True
        self.watch = api.watch()
        recorder = Recorder(api, clock, instance="operator-0", count=self._recorded)
        self.applier = Applier(
            api,
            self.store,
            clock,
            recorder,
            away=lambda: self.outage.lasts,
            leads=lambda: self.leads,
            on_pruned=self._pruned,
            on_refused=self._refused,
        )
        self.reconciler = Reconciler(
            store=self.store,
            queue=self.queue,
            survey=self.survey,
            children=self.children,
            applier=self.applier,
            causes=self.causes,
            missing=MissingPods(api, self.store, clock),
            nodes=Nodes(api, clock),
            adopted=AdoptedClaims(api, recorder),
            recorder=recorder,
            clock=clock,
            settings=Settings(progress_interval=10),
        )
        self.controller = Controller(
            store=self.store,
            queue=self.queue,
            survey=self.survey,
            reconciler=self.reconciler,
            causes=self.causes,
            children=self.children,
            recorder=recorder,
            freshness=self.freshness,
            outage=self.outage,
            clock=clock,
            observer=self,
        )
        self.hand_over = HandOver(self.controller, self.fence)
        self.reflectors = [
            Reflector(
                api,
                resource,
                namespace,
                self.hand_over,
                labels=None if resource is JOBS else c.LABEL_JOB_NAME,
            )
            for resource in LISTED
            for namespace in namespaces or (None,)
        ]

    def reconciled(self, result: str, seconds: float) -> None:
        self.results[result] += 1

    def told(self, resource: str, kind: str | None) -> None:
        self.told_of[resource, kind] += 1

    def skipped(self, resource: str, reason: str) -> None:
        self.object_errors[resource, reason] += 1

    def _pruned(self) -> None:
        self.pruned += 1

    def _refused(self) -> None:
        self.refused += 1

    def restarted(self, role: str, reason: str) -> None:
        self.restarts[role, reason] += 1

    def ended(self, result: str, reason: str, seconds: float | None) -> None:
        self.ends[result, reason] += 1
        self.durations.append(seconds)

    def _recorded(self, result: str) -> None:
        self.event_results[result] += 1

    def _surveyed(self, cause: str, result: str) -> None:
        self.surveys[cause, result] += 1

    async def start(self) -> None:
        """Lists everything, as a replica does that begins to lead; everything is looked at once."""
        await self.relist()
        await self.survey.complete()
        self.controller.begin()
        await self.settle()

    async def relist(self) -> None:
        """Every watch lists anew, after a gap."""
        for one in self.reflectors:
            try:
                await one.list()
            except ForbiddenError:
                self.controller.refused(one._resource, one._namespace)

    async def settle(self) -> None:
        """Tells of all events and works until there is nothing to do at this moment."""
        for _ in range(MOST_STEPS):
            self.watch.tell(self.controller)
            self.queue._promote()
            while not len(self.queue) and await self.causes.look(self.queue.add):
                pass
            if not len(self.queue):
                return
            await self.controller.step()
        raise AssertionError(f"still busy after {MOST_STEPS} reconciles")

    async def pass_(self, seconds: float, *, step: float = 1.0) -> None:
        """Time passes, and what is due is done."""
        for _ in range(int(seconds / step)):
            self.clock.pass_(step)
            await self.settle()

    def report(self, name: str, **fields: object) -> None:
        """A pod says how far it is."""
        record = self.store.job(KEY)
        assert record is not None
        pod = next(one for one in self.store.pods(record) if one.name == name)
        progress = Progress(role=pod.replica.role, index=pod.replica.index, **fields)
        if self.store.put_progress(KEY, pod.uid, progress, at=self.clock.now()):
            self.queue.add(KEY)
