"""The plan for a job that runs: restarts what failed, ends it when it is through, and else makes what is missing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from estimator_api import constants as c
from estimator_api.status import Restarts
from estimator_operator.plan import cleanup, conditions, schedule
from estimator_operator.plan.claim import claim_manifest
from estimator_operator.plan.colocation import contradiction
from estimator_operator.plan.conditions import Row
from estimator_operator.plan.deadlines import active_end
from estimator_operator.plan.draft import Draft
from estimator_operator.plan.due_pods import to_be_made
from estimator_operator.plan.endings import ending_of
from estimator_operator.plan.observed import Plan
from estimator_operator.plan.pending_deadline import is_required
from estimator_operator.plan.pinned import pinned_of
from estimator_operator.plan.pods import PodFactory, PodManifests
from estimator_operator.plan.restarts import Verdict, judge
from estimator_operator.plan.scaling import Scaling, rescale, worker_selector
from estimator_operator.plan.service import service_manifest
from estimator_operator.plan.spec_hash import spec_hash
from estimator_operator.plan.stall import not_heard
from estimator_operator.plan.state import row_of
from estimator_operator.plan.store_outage import outage_of
from estimator_operator.plan.success import outcome
from estimator_operator.plan.timestamps import from_text, seconds_until, to_text
from estimator_operator.plan.training_group import completed_at_resume
from estimator_operator.plan.unhandled_job import unhandled

_NOTICED_WITHIN: Final = timedelta(seconds=60)
"""The clock of the node that tells when the chief ended is believed this far back."""
_STORED_WITHIN: Final = _NOTICED_WITHIN / 2
"""After that what the node tells is written, however many jobs there are: soon it is not believed any more, and the
evaluator's grace would begin at each look anew."""


def running(draft: Draft) -> Plan:
    """What to do for a job that has neither ended nor is suspended."""
    job, now, observed = draft.job, draft.now, draft.observed
    draft.given_up = job.status.is_true(c.EVALUATOR_DEGRADED)
    if draft.resumed:
        draft.completed = completed_at_resume(job, draft.completed)
    scaling = None if draft.resumed else rescale(job, draft.roster, draft.completed, gone=observed.gone)
    if scaling is not None:
        return _scaled(draft, scaling)
    factory = PodFactory(job, draft.settings)
    # One of an earlier version that has pods goes on with them, and may end.
    begun = draft.started or draft.first_created is not None
    fault = None if draft.started else factory.fault() or (None if begun else contradiction(job))
    if fault is not None:
        return unhandled(job.metadata, job.status, c.REASON_INVALID_SPEC, fault, now)
    verdict = judge(job, draft.needed, draft.everyone, started=draft.started, gone=observed.gone, now=now)
    chief_at = _recount(draft, verdict)
    success = outcome(
        job, draft.completed, evaluator_degraded=draft.given_up, chief_completed_at=chief_at, now=now
    )
    deadline = active_end(job, from_text(draft.status.start_time) or draft.first_created)
    ending = ending_of(draft, verdict=verdict, success=success, deadline=deadline)
    if ending is not None:
        return _end(draft, ending, verdict)
    row = row_of(draft.decided, draft.needed, observed, chief_done=success.chief_done, now=now)
    row = conditions.progress_unknown(row, not_heard(draft.decided, draft.roster, observed, now))
    row = conditions.model_dir_behind(row, outage_of(job, draft.roster, observed))
    if verdict.restarted or verdict.degraded is not None:
        draft.count_pods()
        draft.settle(row, degraded=verdict.degraded)
        return draft.stored_first()
    missing = to_be_made(draft.decided, draft.needed, now)
    deadlines = list(schedule.of_running_job(draft, row, active=deadline, chief_completed_at=chief_at))
    claim = None if observed.claim_exists else claim_manifest(job)
    service = None if observed.service_exists else service_manifest(job)
    # One refusal ends the making of pods: what the job can do without, which a quota may refuse, comes last.
    required = tuple(one for one in missing if is_required(job, one))
    optional = tuple(one for one in missing if not is_required(job, one))
    # Nor does it take the room that one leaves which starts again in a while.
    awaited = observed.refused is not None and any(
        one.pod is None and is_required(job, one) for one in draft.needed
    )
    put_off = bool(optional) and bool(required or claim or service or awaited)
    first, later = (required, optional) if put_off else (missing, ())
    # The status is written once the pods are made, so they count; not while the API server refuses them.
    draft.count_pods(created=() if observed.refused is not None else tuple(one.replica for one in missing))
    draft.settle(row)
    return draft.plan(
        deadlines,
        create_claim=claim,
        create_service=service,
        create_pods=PodManifests(
            factory,
            ((one.replica, one.attempt) for one in first),
            later=((one.replica, one.attempt) for one in later),
        ),
        optional=bool(first) and not required,
        put_off=put_off,
        delete_pods=cleanup.while_running(job, draft.roster, now),
        events=draft.events(),
        write_within=_write_within(draft, chief_at),
    )


def _recount(draft: Draft, verdict: Verdict) -> datetime | None:
    """Writes what the pods mean into the draft; returns when the chief completed."""
    job = draft.job
    draft.given_up = draft.given_up or verdict.degraded is not None
    if not draft.chief_completed:
        draft.completed = tuple(one for one in draft.completed if one not in verdict.again)
    chief_at = _chief_completed_at(draft)
    start, restarts = job.status.start_time, verdict.restarts
    if not draft.started:
        restarts = _awaiting_refused(draft, restarts)
        start = _start_time(draft, restarts)
    draft.write(
        start_time=start,
        # Of an end that somebody took back.
        completion_time=None,
        chief_completion_time=None if chief_at is None else to_text(chief_at),
        spec_hash=spec_hash(job),
        pinned=pinned_of(draft.settings),
        restarts=restarts,
        failures=list(verdict.failures),
        last_failure=verdict.failures[-1] if verdict.failures else None,
        completed_replicas=list(draft.completed),
        worker_replicas=job.spec.replicas(c.WORKER),
        worker_selector=worker_selector(job),
    )
    return chief_at


def _scaled(draft: Draft, scaling: Scaling) -> Plan:
    """Another number of workers is stored; what it means for pods is done in the next pass."""
    draft.completed = scaling.completed
    draft.write(
        restarts=scaling.restarts,
        completed_replicas=list(scaling.completed),
        worker_replicas=scaling.workers,
        worker_selector=worker_selector(draft.job),
    )
    draft.count_pods()
    draft.settle(
        row_of(draft.decided, draft.needed, draft.observed, chief_done=draft.chief_completed, now=draft.now)
    )
    return draft.stored_first(scaling.event)


def _end(draft: Draft, row: Row, verdict: Verdict) -> Plan:
    """The job ends: stored before any pod goes, for a finished pod that is gone tells nobody that it succeeded."""
    draft.write(completion_time=to_text(draft.now))
    draft.count_pods(stopped=True)
    draft.settle(row, degraded=verdict.degraded)
    return draft.stored_first()


def _chief_completed_at(draft: Draft) -> datetime | None:
    """When the chief completed: what its node says, unless that is too long ago to be true or to be fair.

    The evaluator's grace runs from here. The clock of a node may be off, and an operator that was away must first
    see what the evaluator does.
    """
    if not draft.chief_completed:
        return None
    known = None if draft.resumed else from_text(draft.job.status.chief_completion_time)
    if known is not None:
        return known
    said = draft.chief.finished_at if draft.chief is not None else None
    return said if said is not None and draft.now - _NOTICED_WITHIN <= said <= draft.now else draft.now


def _write_within(draft: Draft, chief_at: datetime | None) -> float | None:
    """How long the write of when the chief completed may wait: not at all if the next look would say another time."""
    known = None if draft.resumed else from_text(draft.job.status.chief_completion_time)
    if chief_at is None or known is not None:
        return None
    said = draft.chief.finished_at if draft.chief is not None else None
    return seconds_until(chief_at + _STORED_WITHIN, draft.now) if said == chief_at else 0.0


def _awaiting_refused(draft: Draft, restarts: Restarts) -> Restarts:
    """Restarts in which the workers that a beginning elastic job can do without are awaited, if they are refused.

    The others have begun, and their time runs; a refused worker is one that joins later.
    """
    missing = [one for one in draft.needed if one.pod is None]
    begun = draft.observed.refused is not None and len(missing) < len(draft.needed)
    if not begun or any(is_required(draft.job, one) for one in missing):
        return restarts
    pending = {*restarts.pending, *(str(one.replica) for one in missing)}
    return restarts.model_copy(update={"pending": sorted(pending)})


def _start_time(draft: Draft, restarts: Restarts) -> str | None:
    """When the pods were first created, once every one of them has been seen (see `restarts.py`)."""
    pending = set(restarts.pending)
    if any(one.pod is None and str(one.replica) not in pending for one in draft.needed):
        return None
    return to_text(draft.first_created or draft.now)
