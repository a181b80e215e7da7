"""One look at one job: a plan from what is known, acting on it, and when to look again.

A look ends with one outcome, and one table says what each means for the queue. Everything that is waited for is an
entry of the job's in the queue, with its reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError

from estimator_api import EstimatorJobStatus, InvalidJobError, Metadata
from estimator_api import constants as c
from estimator_operator.control.adopted_claim import AdoptedClaims
from estimator_operator.control.apply import Applier
from estimator_operator.control.causes import Causes
from estimator_operator.control.children import Children
from estimator_operator.control.clock import Clock
from estimator_operator.control.job_object import JobObject
from estimator_operator.control.job_record import JobKey, JobRecord
from estimator_operator.control.job_stub import stub_of
from estimator_operator.control.missing_pods import ASKED_EVERY, MissingPods
from estimator_operator.control.nodes import KNOWN_FOR, Nodes
from estimator_operator.control.operator_error import OperatorErrors
from estimator_operator.control.outcome import Look, Outcome
from estimator_operator.control.progress_writes import PROGRESS, write_wait
from estimator_operator.control.recorder import Recorder
from estimator_operator.control.second_look import wants_second_look
from estimator_operator.control.store import Store
from estimator_operator.control.survey import Survey
from estimator_operator.control.work_queue import WorkQueue
from estimator_operator.errors import ApiError, InvalidError
from estimator_operator.kube.resources import CLAIMS, SERVICES
from estimator_operator.log_format import about_job
from estimator_operator.plan import Plan, Settings, plan, rejected, unreadable
from estimator_operator.plan.observed import JobEvent

_log = logging.getLogger(__name__)

Json = dict[str, Any]

TTL: Final = "time to live"
"""Reason of a look at a job at rest."""
INVISIBLE: Final = "pods that the watch cannot see"
OTHERS: Final = "others change the job"
_IDLE_SPIN: Final = 1.0
"""Seconds until a plan that wants another at once, but could change nothing, is made again."""
_AFTER_ACTING: Final = 1.0
"""Seconds until a job whose pods were created or deleted is looked at again: the plan was made without them."""
_CONFLICTS_AT_ONCE: Final = 3
_FOUND_MOST: Final = 3
"""Plans in one look that are made anew for pods that were found by name."""
_CALM_FIRST: Final = 0.2
_CALM_MOST: Final = 30.0
"""A job that others change all the time is left alone after some conflicts in a row, for longer each time."""


class Reconciler:
    """Looks at jobs.

    Args:
        store: What is known.
        queue: When jobs are looked at.
        survey: Lists one job's pods anew.
        children: Services and claims.
        applier: Acts on plans.
        causes: Looks up why pods wait.
        missing: Asks for pods by name.
        nodes: Knows which nodes are gone.
        adopted: Compares retained claims with what jobs ask for.
        recorder: Writes events.
        clock: Time.
        settings: What plans are made with.
        progress_interval: Seconds between two status writes of a job that only carry progress; None for the one of
            the settings.
    """

    def __init__(
        self,
        *,
        store: Store,
        queue: WorkQueue[JobKey],
        survey: Survey,
        children: Children,
        applier: Applier,
        causes: Causes,
        missing: MissingPods,
        nodes: Nodes,
        adopted: AdoptedClaims,
        recorder: Recorder,
        clock: Clock,
        settings: Settings,
        progress_interval: Callable[[], float] | None = None,
    ) -> None:
        self._store = store
        self._queue = queue
        self._survey = survey
        self._children = children
        self._doubtful: set[JobKey] = set()
        self._applier = applier
        self._causes = causes
        self._missing = missing
        self._nodes = nodes
        self._adopted = adopted
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._errors = OperatorErrors(queue, recorder, clock, self._write)
        self._progress_interval = progress_interval or (lambda: settings.progress_interval)
        self._next: dict[Outcome, Callable[[JobKey, Look], None]] = {
            Outcome.GONE: lambda key, _: self._queue.forget(key),
            Outcome.CALM: lambda _key, _look: None,
            Outcome.AT_REST: lambda key, look: self._later(key, look.wait, TTL),
            Outcome.OUTDATED: lambda key, _: self._again(key, conflict=True),
            Outcome.REFUSAL_CHANGED: lambda key, _: self._again(key, conflict=False),
            Outcome.YIELDED: lambda key, _: self._queue.add(key, "status to be written"),
            Outcome.DELETED: lambda _key, _look: None,
            Outcome.DONE: self._come_back,
        }

    async def reconcile(self, key: JobKey) -> Outcome:
        """Looks at one job, and sees to it that it is looked at again.

        Raises:
            ApiError: The API server did not do what was asked; to be tried again.
        """
        look = await self._look(key)
        self._next[look.outcome](key, look)
        return look.outcome

    async def tell_crash(self, key: JobKey, error: Exception) -> None:
        """Writes into a job's status that the operator fails at it, where that can be written."""
        record = self._store.job(key)
        if record is None or not record.managed or record.stub is not None:
            return
        await self._errors.tell_crash(record, error)

    def rest_wait(self, record: JobRecord) -> float | None:
        """Seconds until a job at rest needs a look, 0 for at once; None when time alone changes nothing."""
        stub, now = record.stub, self._clock.now()
        if stub is None:
            return 0.0
        if record.vanished or stub.needs_look(now, (one.pod for one in self._store.pod_records(record))):
            return 0.0
        if stub.board and record.tensorboard_service is None:
            return 0.0
        return None if stub.due is None else (stub.due - now) / timedelta(seconds=1)

    async def _look(self, key: JobKey) -> Look:
        if key in self._doubtful:
            await self._survey.find(key)
            self._doubtful.discard(key)
        record = self._store.job(key)
        if record is None or not record.managed:
            return Look(Outcome.GONE)
        if record.stub is not None:
            wait = self.rest_wait(record)
            if wait is None or wait > 0:
                return Look(Outcome.AT_REST, wait=wait)
            await self._applier.read_again(record)
            record = self._store.job(key)
            if record is None or record.stub is not None:
                return Look(Outcome.GONE if record is None else Outcome.OUTDATED)
        if self._queue.holds(key):
            return Look(Outcome.CALM)
        before, made = await self._plan_on_evidence(record)
        await self._adopted.compare(record)
        await self._tell_adopted(record)
        made_pods, record.work.yielded = record.work.yielded, False
        if made_pods and made.status != before and not (made.status_first or made.progress_only):
            # The look before has made pods: what this one knows of them is stored before anything else is done.
            made = replace(made, status_first=True, requeue_after=0.0)
        failed: ApiError | None = None
        if not made.status_first:
            try:
                refused = record.creation.message
                acted = await self._applier.act(record, made)
            except InvalidError as error:
                made = rejected(_metadata(record), before, error.message, self._clock.now())
            else:
                failed = acted.failed
                if acted.anew and failed is None:
                    same = record.creation.message == refused
                    return Look(Outcome.OUTDATED if same else Outcome.REFUSAL_CHANGED)
                record.work.yielded = not made_pods and failed is None and _created(record, made)
                if record.work.yielded:
                    return Look(Outcome.YIELDED)
        try:
            wrote = await self._write(record, before, made)
        except InvalidError as error:
            await self._errors.tell_refusal(record, error)
            return Look(Outcome.CALM)
        if wrote:
            record.work.status.clear()
        if failed is not None:
            # What the status says is true all the same, and people need it most when something fails.
            raise failed
        if wrote is None:
            return Look(Outcome.OUTDATED)
        record.work.conflicts = 0
        if made.delete_job:
            _log.info("the time to live is over: deleting the job", extra=about_job(key, record.uid))
            deleted = await self._applier.delete_job(record, made)
            return Look(Outcome.DELETED if deleted else Outcome.OUTDATED)
        return Look(Outcome.DONE, made=made, wrote=wrote, owed=not wrote and made.status != before)

    async def _plan_on_evidence(self, record: JobRecord) -> tuple[EstimatorJobStatus, Plan]:
        """The stored status and a plan; what the plan takes for granted and nobody told is looked at first."""
        if not record.fresh:
            await self._look_up(record)
        if record.work.watched_since is None:
            record.work.watched_since = self._clock.now()
        self._later(record.key, await self._missing.refresh(record), INVISIBLE)
        suspects = self._nodes.suspects(one.pod for one in self._store.pod_records(record))
        lost = await self._nodes.lost(suspects)
        if suspects:
            self._later(record.key, KNOWN_FOR, "pods past their grace")
        before, made = self._plan(record, lost)
        if wants_second_look(before, made):
            await self._look_up(record)
            before, made = self._plan(record, lost)
        for _ in range(_FOUND_MOST):
            if not await self._missing.find(record, before, made):
                break
            self._later(record.key, ASKED_EVERY, INVISIBLE)
            before, made = self._plan(record, lost)
        else:
            # What is found does not become known: the job is not the one that was looked at any more.
            self._later(record.key, ASKED_EVERY, INVISIBLE)
            made = Plan(status=before, leave_status=True, based_on=record.resource_version)
        return before, made

    async def _look_up(self, record: JobRecord) -> None:
        await self._survey.look_up(record)
        if not record.fresh:
            for resource in (SERVICES, CLAIMS):
                self._children.tell(record, resource)
            record.fresh = True

    def _plan(self, record: JobRecord, lost: frozenset[str]) -> tuple[EstimatorJobStatus, Plan]:
        """The stored status and the plan that follows from it."""
        try:
            job = record.job()
        except InvalidJobError as error:
            try:
                before = EstimatorJobStatus.model_validate(record.status)
            except ValidationError:
                # Written over, it would lose what another version has counted.
                before = EstimatorJobStatus()
                return before, Plan(status=before, leave_status=True, based_on=record.resource_version)
            return before, unreadable(_metadata(record), before, str(error), self._clock.now())
        observed = replace(self._store.observe(record), lost_nodes=lost)
        made = plan(job, observed, self._clock.now(), self._settings)
        if adopted := self._store.adopted(record.key):
            # What belongs to another controller is not deleted.
            made = replace(
                made, delete_pods=tuple(one for one in made.delete_pods if one.name not in adopted)
            )
        return job.status, made

    async def _write(self, record: JobRecord, before: EstimatorJobStatus, made: Plan) -> bool | None:
        """Writes the status if it changed and its time has come, then the events.

        Returns:
            Whether it was written; None when the job is not what the plan took it for.
        """
        if made.leave_status:
            return False
        if made.status == before and not (isinstance(record.object, JobObject) and record.object.is_mended):
            return False
        if made.progress_only:
            wait = write_wait(record, self._progress_interval(), self._clock.monotonic())
            wait = wait if made.write_within is None else min(wait, made.write_within)
            if wait > 0:
                self._later(record.key, wait, PROGRESS)
                return False
        if not await self._applier.write_status(record, made):
            return None
        for event in made.events:
            await self._recorder.record(record, event)
        return True

    async def _tell_adopted(self, record: JobRecord) -> None:
        adopted = self._store.adopted(record.key)
        told, record.work.adopted = record.work.adopted, adopted
        for name in sorted(adopted - told):
            note = (
                f"another controller owns pod {name} by now: it is left alone, and nothing takes its place while it "
                "exists; delete it, or give it back to the job in its ownerReferences"
            )
            event = JobEvent(type="Warning", reason=c.REASON_POD_ADOPTED, action="KeepPod", note=note)
            await self._recorder.record(record, event)

    def _later(self, key: JobKey, wait: float | None, reason: str) -> None:
        if wait is not None:
            self._queue.add_after(key, wait, reason)

    def _again(self, key: JobKey, *, conflict: bool) -> None:
        """Looks at the job again: at once at first, later when it is somebody else's doing that goes on and on."""
        record = self._store.job(key)
        if record is None:
            # Most likely it was deleted. But an API server that starts says 404 until it has read its CRDs.
            self._doubtful.add(key)
            self._queue.add(key, "it seems to be gone")
            return
        work = record.work
        work.conflicts += conflict
        more = work.conflicts - _CONFLICTS_AT_ONCE
        if more <= 0 or not conflict:
            self._queue.add(key, "the job changed")
            return
        pause = min(_CALM_FIRST * 2.0 ** min(more, 16), _CALM_MOST)
        self._queue.hold(key, pause, OTHERS)
        if more == 1:
            _log.warning("somebody else changes the job all the time", extra=about_job(key, record.uid))

    def _come_back(self, key: JobKey, look: Look) -> None:
        """Sees to it that the job is looked at again when time alone changes something."""
        record, made = self._store.job(key), look.made
        if record is None or made is None or (not look.owed and self._rests(record, made)):
            return
        if made.requeue_after is not None:
            spins = made.requeue_after <= 0 and not look.wrote
            why = made.requeue_reason or "a time of the plan"
            self._later(key, _IDLE_SPIN if spins else made.requeue_after, why)
        surroundings = made.create_claim is not None or made.create_service is not None
        follow = made.put_off and surroundings and _may_create(record, made)
        if _created(record, made) or made.delete_pods or follow:
            # What the watch tells of our own doing may be known from the API server's answer, and no news then.
            self._later(key, _AFTER_ACTING, "pods were made or deleted")
        self._later(key, self._applier.creation_wait(record), "creation is refused")
        if not record.finished:
            self._later(key, self._causes.ask(record), "why pods wait")

    def _rests(self, record: JobRecord, made: Plan) -> bool:
        """Keeps a stub of a job when there is nothing to do for it; tells whether it did."""
        job = record.object
        acts = (
            made.status_first
            or bool(made.create_pods or made.delete_pods)
            or made.create_tensorboard_pod is not None
            or made.create_tensorboard_service is not None
            or made.delete_tensorboard_service
            or self._applier.creation_wait(record) is not None
        )
        if acts or not isinstance(job, JobObject) or self._store.strays(record.key) or record.vanished:
            return False
        if record.work.unkept is not None and not record.finished:
            # What it has counted is known here alone.
            return False
        now, after = self._clock.now(), made.requeue_after
        pods = [one.pod for one in self._store.pod_records(record)]
        stub = stub_of(
            job,
            due=None if after is None else now + timedelta(seconds=after),
            board=any(one.replica.role == c.TENSORBOARD for one in pods),
        )
        if stub is None or stub.needs_look(now, pods):
            return False
        self._store.rest(record, stub)
        self._later(record.key, self.rest_wait(record), TTL)
        return True


def _created(record: JobRecord, made: Plan) -> bool:
    """Pods of the plan were made: it wants some, and they are not refused."""
    pods = bool(made.create_pods) and _may_create(record, made)
    return pods or (made.create_tensorboard_pod is not None and record.tensorboard.message is None)


def _may_create(record: JobRecord, made: Plan) -> bool:
    """Nothing of what the plan creates is refused."""
    creation = record.creation
    return creation.message is None or (creation.optional and not made.optional)


def _metadata(record: JobRecord) -> Metadata:
    """The metadata of a job whose spec may not be readable."""
    return Metadata.model_validate(record.manifest["metadata"])
