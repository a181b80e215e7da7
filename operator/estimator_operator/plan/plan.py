"""From a job and what is known of its objects to what is to be done now.

Level-triggered: every plan is made from the stored status and the pods alone, whatever was planned before. What
decides policy and cannot be read from pods again (counted restarts, the end of the job, that it is being suspended)
is stored in a pass of its own before anything is done about it (`status_first`), so that an operator may end
between any two calls, and two of them may work on one job.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from estimator_api import EstimatorJob, EstimatorJobStatus, Metadata
from estimator_api import constants as c
from estimator_api.status import Restarts
from estimator_operator.plan import cleanup, conditions, messages
from estimator_operator.plan.backoff import not_before
from estimator_operator.plan.claim import claim_manifest
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA
from estimator_operator.plan.colocation import contradiction
from estimator_operator.plan.completion import completed_names
from estimator_operator.plan.conditions import Row, settle
from estimator_operator.plan.deadlines import active_end, grace_end, soonest, ttl_end
from estimator_operator.plan.due_pods import to_be_made
from estimator_operator.plan.endings import ending_of
from estimator_operator.plan.lost_pods import judged, next_looks
from estimator_operator.plan.observed import JobEvent, Observed, Plan, Settings
from estimator_operator.plan.pending_deadline import is_required, pending_end
from estimator_operator.plan.pinned import effective, pinned_of
from estimator_operator.plan.pods import PodFactory, PodManifests, unused_environment_file
from estimator_operator.plan.progress import merge_progress
from estimator_operator.plan.restarts import Verdict, judge
from estimator_operator.plan.results import begun_anew, made_from
from estimator_operator.plan.roster import Member, needed_members, roster_of
from estimator_operator.plan.scaling import Scaling, rescale, worker_selector
from estimator_operator.plan.service import service_manifest
from estimator_operator.plan.spec_hash import spec_hash
from estimator_operator.plan.stall import next_look, not_heard, stall_end
from estimator_operator.plan.state import failure_told_until, row_of
from estimator_operator.plan.success import outcome
from estimator_operator.plan.suspension import (
    is_emptied,
    is_outdated,
    is_suspending,
    to_be_suspended,
    was_suspended,
)
from estimator_operator.plan.tensorboard import board_of, parted, with_board
from estimator_operator.plan.timestamps import from_text, to_text
from estimator_operator.plan.transitions import events_of, may_wait, same
from estimator_operator.plan.view import View
from estimator_operator.plan.waiting import hold_end, slow_at

_NOTICED_WITHIN = timedelta(seconds=60)
"""The clock of the node that tells when the chief ended is believed this far back."""


def plan(job: EstimatorJob, observed: Observed, now: datetime, settings: Settings) -> Plan:
    """What to do for `job` now.

    Args:
        job: The job as stored.
        observed: What is known of its objects.
        now: The present (aware).
        settings: What the operator's flags decide.
    """
    return replace(_plan(job, observed, now, settings), based_on=job.metadata.resource_version)


def _plan(job: EstimatorJob, observed: Observed, now: datetime, settings: Settings) -> Plan:
    if not job.spec.is_managed_here:
        # Another controller runs it: even a status of ours would be in its way.
        return Plan(status=job.status)
    observed = judged(job, observed)
    if job.metadata.deletion_timestamp is not None:
        # Its pods are collected, and making them again would only hold that up, as those on lost nodes do.
        return Plan(
            status=job.status,
            delete_pods=cleanup.forced(observed.pods, now),
            requeue_after=soonest(next_looks(observed.pods, now), now),
        )
    replicas, boards = parted(observed)
    settings = effective(job, replicas.pods, settings)
    roster = roster_of(job, replicas)
    stored = job.status
    suspends = not _is_final(stored) and to_be_suspended(job, roster)
    if not suspends and not _is_final(stored) and was_suspended(job):
        job = begun_anew(job)
    status = merge_progress(job, replicas, roster, now).model_copy(
        update={"observed_generation": job.metadata.generation}
    )
    view = View(
        job=job,
        observed=replicas,
        roster=roster,
        status=status,
        completed=completed_names(job, roster, status),
        now=now,
        settings=settings,
    )
    if _is_final(job.status):
        made = _ended(view)
    elif suspends:
        made = _suspended(view)
    else:
        made = _active(view)
    board = board_of(job, made.status, boards, suspended=suspends, now=now)
    made = with_board(made, job, board, observed, now=now, settings=settings)
    if same(stored, made.status):
        return replace(made, status=stored)
    return replace(made, progress_only=not made.status_first and may_wait(stored, made.status))


def unreadable(metadata: Metadata, old_status: EstimatorJobStatus, message: str, now: datetime) -> Plan:
    """The plan for a job that this version of the operator cannot read: it waits for one that can, and says why.

    Another version made the job, or a later one is to run it again: pods and counters are left as they are, and once
    the job can be read it goes on.

    Args:
        metadata: The job's metadata.
        old_status: Its stored status.
        message: Which field cannot be read, and why.
        now: The present (aware).
    """
    return _unhandled(metadata, old_status, c.REASON_INVALID_SPEC, message, now)


def crashed(metadata: Metadata, old_status: EstimatorJobStatus, message: str, now: datetime) -> Plan:
    """The plan for a job at which the operator itself fails time and again: the job says so, for nobody reads logs.

    What was told first stays until the job can be handled: the same fault in other words would be written for ever.

    Args:
        metadata: The job's metadata.
        old_status: Its stored status.
        message: What went wrong.
        now: The present (aware).
    """
    ready = old_status.condition(c.READY)
    if ready is not None and ready.reason == c.REASON_OPERATOR_ERROR:
        return Plan(status=old_status, based_on=metadata.resource_version)
    return _unhandled(metadata, old_status, c.REASON_OPERATOR_ERROR, message, now)


def _unhandled(
    metadata: Metadata, old_status: EstimatorJobStatus, reason: str, message: str, now: datetime
) -> Plan:
    if _is_final(old_status):
        return Plan(status=old_status, based_on=metadata.resource_version)
    note = f"{_one_line(message)}; pods are left as they are"
    made = _told(metadata, old_status, conditions.unhandled(reason, note, old_status), now, {})
    ready = old_status.condition(c.READY)
    if made.status == old_status or (ready is not None and ready.reason == reason):
        return made
    event = JobEvent(type="Warning", reason=reason, action="Read", note=note[:1024])
    return replace(made, events=(event,))


def rejected(metadata: Metadata, old_status: EstimatorJobStatus, message: str, now: datetime) -> Plan:
    """The plan for a job whose objects the API server refuses for good: it fails, and says why.

    Args:
        metadata: The job's metadata.
        old_status: Its stored status.
        message: Which field is wrong, and how.
        now: The present (aware).
    """
    if _is_final(old_status):
        status = _of_generation(old_status, metadata.generation)
        return Plan(status=status, based_on=metadata.resource_version)
    row = conditions.failed(c.REASON_INVALID_SPEC, _one_line(message))
    return _told(metadata, old_status, row, now, {"completion_time": to_text(now)})


def _told(
    metadata: Metadata, old_status: EstimatorJobStatus, row: Row, now: datetime, update: dict[str, Any]
) -> Plan:
    settled = settle(old_status, row, generation=metadata.generation, now=now)
    update = {"observed_generation": metadata.generation, "conditions": settled, **update}
    status = old_status.model_copy(update=update)
    if same(old_status, status):
        return Plan(status=old_status, based_on=metadata.resource_version)
    return Plan(status=status, events=events_of(old_status, status), based_on=metadata.resource_version)


def _one_line(message: str) -> str:
    return "; ".join(part.strip() for part in message.splitlines() if part.strip())


def _is_final(status: EstimatorJobStatus) -> bool:
    return status.is_true(c.COMPLETE) or status.is_true(c.FAILED)


def _of_generation(status: EstimatorJobStatus, generation: int) -> EstimatorJobStatus:
    """A final status under a later generation of the spec: nothing changes, and that is said (kstatus)."""
    if status.observed_generation == generation and all(
        one.observed_generation == generation for one in status.conditions
    ):
        return status
    moved = [one.model_copy(update={"observed_generation": generation}) for one in status.conditions]
    return status.model_copy(update={"observed_generation": generation, "conditions": moved})


def _ended(view: View) -> Plan:
    """Cleans up; only late reports of pods that were told to end still change the status."""
    end = ttl_end(view.job)
    return Plan(
        status=_of_generation(view.status, view.job.metadata.generation),
        delete_pods=cleanup.when_ended(view.job, view.observed, view.now),
        delete_job=end is not None and view.now >= end,
        delete_environment_file=unused_environment_file(view.job, view.settings, view.observed.pods),
        requeue_after=view.requeue([end, *(cleanup.settled_at(one) for one in view.observed.pods)]),
    )


def _suspended(view: View) -> Plan:
    """Takes the job to Suspending by a write, then its pods away, then to Suspended."""
    counted: dict[str, Any] = {"completed_replicas": list(view.completed), **view.roles()}
    counted["spec_hash"] = made_from(view.job, view.roster)
    emptied = is_emptied(view.roster)
    if emptied:
        restarts = view.status.restarts.model_copy(update={"pending": []})
        counted |= {"pinned": None, "start_time": None, "chief_completion_time": None, "restarts": restarts}
        if view.status.progress is not None and view.status.progress.finished:
            # The spec may change now; what was through may not be through then.
            counted["progress"] = view.status.progress.model_copy(update={"finished": None})
        counted |= {"worker_replicas": 0, "worker_selector": worker_selector(view.job)}
        row = conditions.suspended(messages.SUSPENDED if view.job.spec.suspend else messages.EMPTIED)
    else:
        row = conditions.suspending(
            messages.SUSPENDING
            if view.job.spec.suspend or not is_outdated(view.job, view.roster)
            else messages.REPLACING
        )
    status = view.settled(view.status.model_copy(update=counted), row)
    events = events_of(view.job.status, status)
    begins, is_over = not emptied and not is_suspending(view.job), emptied and not view.job.spec.suspend
    if begins or is_over:
        return Plan(status=status, status_first=True, events=events, requeue_after=0.0)
    unused = () if emptied and view.job.status.pinned is not None else None
    return Plan(
        status=status,
        delete_pods=cleanup.for_suspension(view.observed, view.now),
        delete_environment_file=unused_environment_file(view.job, view.settings, unused),
        events=events,
        requeue_after=view.requeue([]),
    )


def _active(view: View) -> Plan:
    """Restarts what failed, ends the job when it is through, and else sees to it that every replica runs."""
    job, now, stored = view.job, view.now, view.job.status
    resumed = was_suspended(job)
    given_up = stored.is_true(c.EVALUATOR_DEGRADED)
    scaling = None if resumed else rescale(job, view.roster, view.completed, gone=view.observed.gone)
    if scaling is not None:
        return _scaled(view, scaling)
    needed = needed_members(view.roster, view.completed, evaluator_degraded=given_up)
    started = not resumed and stored.start_time is not None
    everyone = _everyone(view, needed, given_up=given_up)
    verdict = judge(job, needed, everyone, started=started, gone=view.observed.gone, now=now)
    factory = PodFactory(job, view.settings)
    fault = None if started else factory.fault() or contradiction(job)
    if fault is not None:
        return _unhandled(job.metadata, stored, c.REASON_INVALID_SPEC, fault, now)
    if verdict.degraded is not None:
        given_up = True
        needed = needed_members(view.roster, view.completed, evaluator_degraded=True)
    if verdict.whole and str(CHIEF_REPLICA) not in view.completed:
        view, needed = replace(view, completed=()), everyone
    chief_at = _chief_completed_at(view, resumed=resumed)
    start = stored.start_time
    if not started:
        verdict = replace(verdict, restarts=_awaiting_refused(view, needed, verdict))
        start = _start_time(view, needed, verdict)
    status = view.status.model_copy(
        update={
            "start_time": start,
            "chief_completion_time": None if chief_at is None else to_text(chief_at),
            "spec_hash": spec_hash(job),
            "pinned": pinned_of(view.settings),
            "restarts": verdict.restarts,
            "failures": list(verdict.failures),
            "last_failure": verdict.failures[-1] if verdict.failures else None,
            "completed_replicas": list(view.completed),
            "worker_replicas": job.spec.replicas(c.WORKER),
            "worker_selector": worker_selector(job),
        }
    )
    updated = job.model_copy(update={"status": status})
    success = outcome(job, view.completed, evaluator_degraded=given_up, chief_completed_at=chief_at, now=now)
    deadline = active_end(job, from_text(start) or _first_created(view))
    ending = ending_of(view, updated, needed, verdict=verdict, success=success, deadline=deadline)
    if ending is not None:
        return _end(view, status, ending, verdict)
    row = row_of(updated, needed, view.observed, chief_done=success.chief_done, now=now)
    row = conditions.progress_unknown(row, not_heard(updated, view.roster, view.observed, now))
    if verdict.restarted or verdict.degraded is not None:
        status = view.settled(status.model_copy(update=view.roles()), row, verdict.degraded)
        events = events_of(stored, status)
        return Plan(status=status, status_first=True, events=events, requeue_after=0.0)
    missing = to_be_made(updated, needed, now)
    # The status is written once the pods are made, so they count; not while the API server refuses them.
    created = () if view.observed.refused is not None else tuple(one.replica for one in missing)
    status = view.settled(status.model_copy(update=view.roles(created=created)), row)
    return Plan(
        status=status,
        create_claim=None if view.observed.claim_exists else claim_manifest(job),
        create_service=None if view.observed.service_exists else service_manifest(job),
        create_pods=PodManifests(factory, ((one.replica, one.attempt) for one in missing)),
        delete_pods=cleanup.while_running(job, view.roster, now),
        events=events_of(stored, status),
        requeue_after=view.requeue(
            [
                deadline,
                grace_end(job, chief_at) if success.chief_done else None,
                next_look(stall_end(updated, view.roster, view.observed), now),
                *(cleanup.settled_at(pod) for one in view.roster.members if (pod := one.pod) is not None),
                *(slow_at(one) for one in needed),
                *(hold_end(job, one, now) for one in needed),
                failure_told_until(updated, row),
                *(pending_end(updated, one, view.observed, now) for one in needed),
                *(not_before(updated, one) for one in needed if one.pod is None),
            ]
        ),
    )


def _scaled(view: View, scaling: Scaling) -> Plan:
    """Another number of workers is stored; what it means for pods is done in the next pass."""
    view = replace(view, completed=scaling.completed)
    status = view.status.model_copy(
        update={
            "restarts": scaling.restarts,
            "completed_replicas": list(scaling.completed),
            "worker_replicas": scaling.workers,
            "worker_selector": worker_selector(view.job),
            **view.roles(),
        }
    )
    given_up = status.is_true(c.EVALUATOR_DEGRADED)
    needed = needed_members(view.roster, view.completed, evaluator_degraded=given_up)
    updated = view.job.model_copy(update={"status": status})
    chief_done = str(CHIEF_REPLICA) in view.completed
    row = row_of(updated, needed, view.observed, chief_done=chief_done, now=view.now)
    status = view.settled(status, row)
    events = (scaling.event, *events_of(view.job.status, status))
    return Plan(status=status, status_first=True, events=events, requeue_after=0.0)


def _end(view: View, status: EstimatorJobStatus, row: Row, verdict: Verdict) -> Plan:
    """The job ends: stored before any pod goes, for a finished pod that is gone tells nobody that it succeeded."""
    update = {"completion_time": to_text(view.now), **view.roles(stopped=True)}
    status = view.settled(status.model_copy(update=update), row, verdict.degraded)
    events = events_of(view.job.status, status)
    return Plan(status=status, status_first=True, events=events, requeue_after=0.0)


def _everyone(view: View, needed: tuple[Member, ...], *, given_up: bool) -> tuple[Member, ...]:
    """Members that start again with the whole job: all, unless the chief has completed."""
    if str(CHIEF_REPLICA) in view.completed:
        return needed
    return needed_members(view.roster, (), evaluator_degraded=given_up)


def _chief_completed_at(view: View, *, resumed: bool) -> datetime | None:
    """When the chief completed: what its node says, unless that is too long ago to be true or to be fair.

    The evaluator's grace runs from here. The clock of a node may be off, and an operator that was away must first
    see what the evaluator does.
    """
    if str(CHIEF_REPLICA) not in view.completed:
        return None
    known = None if resumed else from_text(view.job.status.chief_completion_time)
    if known is not None:
        return known
    pod = next((one.pod for one in view.roster.members if one.replica == CHIEF_REPLICA), None)
    said = pod.finished_at if pod is not None else None
    return said if said is not None and view.now - _NOTICED_WITHIN <= said <= view.now else view.now


def _awaiting_refused(view: View, needed: Sequence[Member], verdict: Verdict) -> Restarts:
    """Restarts in which the workers that a beginning elastic job can do without are awaited, if they are refused.

    The others have begun, and their time runs; a refused worker is one that joins later.
    """
    missing = [one for one in needed if one.pod is None]
    begun = view.observed.refused is not None and len(missing) < len(needed)
    if not begun or any(is_required(view.job, one) for one in missing):
        return verdict.restarts
    pending = {*verdict.restarts.pending, *(str(one.replica) for one in missing)}
    return verdict.restarts.model_copy(update={"pending": sorted(pending)})


def _start_time(view: View, needed: Iterable[Member], verdict: Verdict) -> str | None:
    """When the pods were first created, once every one of them has been seen (see `restarts.py`)."""
    pending = set(verdict.restarts.pending)
    if any(one.pod is None and str(one.replica) not in pending for one in needed):
        return None
    return to_text(_first_created(view) or view.now)


def _first_created(view: View) -> datetime | None:
    times = [pod.created_at for one in view.roster.members if (pod := one.pod) is not None and pod.created_at]
    return min(times, default=None)
