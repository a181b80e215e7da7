"""From a job and what is known of its objects to what is to be done now.

Level-triggered: every plan is made from the stored status and the pods alone, whatever was planned before. What
decides policy and cannot be read from pods again (counted restarts, the end of the job, that it is being suspended)
is stored in a pass of its own before anything is done about it (`status_first`), so that an operator may end
between any two calls, and two of them may work on one job.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from estimator_api import EstimatorJob, EstimatorJobStatus, Metadata
from estimator_api import constants as c
from estimator_operator.plan import cleanup, conditions
from estimator_operator.plan.claim import claim_manifest
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA
from estimator_operator.plan.conditions import Row, settle
from estimator_operator.plan.deadlines import active_end, grace_end, ttl_end
from estimator_operator.plan.observed import Observed, Plan, Replica, Settings
from estimator_operator.plan.pods import pod_manifest
from estimator_operator.plan.progress import merge_progress
from estimator_operator.plan.restarts import LOST_AFTER, Verdict, holds_place, judge, not_before
from estimator_operator.plan.role_status import replica_count, role_statuses
from estimator_operator.plan.roster import Member, Roster, completed_names, needed_members, roster_of
from estimator_operator.plan.service import service_manifest
from estimator_operator.plan.state import row_of
from estimator_operator.plan.success import Outcome, outcome
from estimator_operator.plan.suspension import is_suspending, to_be_suspended, was_suspended
from estimator_operator.plan.timestamps import from_text, seconds_until, to_text
from estimator_operator.plan.transitions import events_of, may_wait, same
from estimator_operator.plan.waiting import slow_at

_NAMED_MOST = 5


def plan(job: EstimatorJob, observed: Observed, now: datetime, settings: Settings) -> Plan:
    """What to do for `job` now.

    Args:
        job: The job as stored.
        observed: What is known of its objects.
        now: The present (aware).
        settings: What the operator's flags decide.
    """
    if job.metadata.deletion_timestamp is not None:
        # Somebody deletes the job: its pods are collected, and making them again would only hold that up.
        return Plan(status=job.status)
    roster = roster_of(job, observed)
    status = merge_progress(job, observed, roster, now).model_copy(
        update={"observed_generation": job.metadata.generation}
    )
    view = _View(
        job=job,
        observed=observed,
        roster=roster,
        status=status,
        completed=completed_names(job, roster),
        now=now,
        settings=settings,
    )
    if _is_final(job.status):
        made = _ended(view)
    elif to_be_suspended(job, observed):
        made = _suspended(view)
    else:
        made = _active(view)
    if same(job.status, made.status):
        return replace(made, status=job.status)
    return replace(made, progress_only=not made.status_first and may_wait(job.status, made.status))


def invalid(metadata: Metadata, old_status: EstimatorJobStatus, message: str, now: datetime) -> Plan:
    """The plan for a job that cannot be read: it fails, and says why.

    Args:
        metadata: The job's metadata.
        old_status: Its stored status, as far as it could be read.
        message: Which field is wrong, and how.
        now: The present (aware).
    """
    if _is_final(old_status):
        return Plan(status=_of_generation(old_status, metadata.generation))
    line = "; ".join(part.strip() for part in message.splitlines() if part.strip())
    row = conditions.failed(c.REASON_INVALID_SPEC, line)
    status = old_status.model_copy(
        update={
            "observed_generation": metadata.generation,
            "completion_time": to_text(now),
            "conditions": settle(old_status, row, generation=metadata.generation, now=now),
        }
    )
    return Plan(status=status, events=events_of(old_status, status))


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What every branch looks at: the job, its pods, and its status with progress merged in."""

    job: EstimatorJob
    observed: Observed
    roster: Roster
    status: EstimatorJobStatus
    completed: tuple[str, ...]
    now: datetime
    settings: Settings

    def roles(self, *, created: Collection[Replica] = (), stopped: bool = False) -> dict[str, Any]:
        """The parts of the status that count pods."""
        roles = role_statuses(self.job, self.roster, self.completed, created=created, stopped=stopped)
        return {"roles": roles, "replicas": replica_count(roles)}

    def settled(
        self, status: EstimatorJobStatus, row: Row, degraded: str | None = None
    ) -> EstimatorJobStatus:
        """`status` with the conditions of `row`."""
        generation = self.job.metadata.generation
        settled = settle(self.job.status, row, generation=generation, now=self.now, degraded=degraded)
        return status.model_copy(update={"conditions": settled})

    def requeue(self, moments: Iterable[datetime | None]) -> float | None:
        """Seconds until the first of `moments` that is still to come."""
        lost = (one.delete_by + LOST_AFTER for one in self.observed.pods if one.deleting and one.delete_by)
        coming = [one for one in (*moments, *lost) if one is not None and one > self.now]
        return seconds_until(min(coming), self.now) if coming else None


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


def _ended(view: _View) -> Plan:
    """Cleans up; only late reports of pods that were told to end still change the status."""
    end = ttl_end(view.job)
    return Plan(
        status=_of_generation(view.status, view.job.metadata.generation),
        delete_pods=cleanup.when_ended(view.job, view.observed, view.now),
        delete_job=end is not None and view.now >= end,
        requeue_after=view.requeue([end, *(cleanup.settled_at(one) for one in view.observed.pods)]),
    )


def _suspended(view: _View) -> Plan:
    """Takes the job to Suspending by a write, then its pods away, then to Suspended."""
    counted: dict[str, Any] = {"completed_replicas": list(view.completed), **view.roles()}
    if not view.observed.pods:
        restarts = view.status.restarts.model_copy(update={"pending": []})
        counted |= {"start_time": None, "chief_completion_time": None, "restarts": restarts}
        row = conditions.suspended("no pod is left; the job goes on when spec.suspend is false")
    else:
        row = conditions.suspending("pods are being deleted; the chief saves a checkpoint first")
    status = view.settled(view.status.model_copy(update=counted), row)
    events = events_of(view.job.status, status)
    if view.observed.pods and not is_suspending(view.job):
        return Plan(status=status, status_first=True, events=events, requeue_after=0.0)
    return Plan(
        status=status,
        delete_pods=cleanup.for_suspension(view.observed, view.now),
        events=events,
        requeue_after=view.requeue([]),
    )


def _active(view: _View) -> Plan:
    """Restarts what failed, ends the job when it is through, and else sees to it that every replica runs."""
    job, now, stored = view.job, view.now, view.job.status
    resumed = was_suspended(job)
    given_up = stored.is_true(c.EVALUATOR_DEGRADED)
    needed = needed_members(view.roster, view.completed, evaluator_degraded=given_up)
    started = not resumed and stored.start_time is not None
    verdict = judge(job, needed, started=started, now=now)
    if verdict.degraded is not None:
        given_up = True
        needed = needed_members(view.roster, view.completed, evaluator_degraded=True)
    chief_at = _chief_completed_at(view, resumed=resumed)
    start = stored.start_time if started else _start_time(view, needed, verdict)
    status = view.status.model_copy(
        update={
            "start_time": start,
            "chief_completion_time": None if chief_at is None else to_text(chief_at),
            "restarts": verdict.restarts,
            "failures": list(verdict.failures),
            "last_failure": verdict.failures[-1] if verdict.failures else None,
            "completed_replicas": list(view.completed),
        }
    )
    success = outcome(job, view.completed, evaluator_degraded=given_up, chief_completed_at=chief_at, now=now)
    deadline = active_end(job, from_text(start) or _first_created(view))
    if verdict.fault is not None:
        row = conditions.failed(verdict.fault.reason, verdict.fault.message)
        return _end(view, status, row, verdict)
    if success.complete:
        return _end(
            view, status, conditions.complete(_completed(status, success, verdict, given_up)), verdict
        )
    if deadline is not None and now >= deadline:
        return _end(
            view, status, conditions.failed(c.REASON_DEADLINE_EXCEEDED, _overdue(job, needed)), verdict
        )
    updated = job.model_copy(update={"status": status})
    row = row_of(updated, needed, view.observed, chief_done=success.chief_done, now=now)
    if verdict.restarted or verdict.degraded is not None:
        status = view.settled(status.model_copy(update=view.roles()), row, verdict.degraded)
        events = events_of(stored, status, restarted=verdict.restarted, degraded=verdict.degraded)
        return Plan(status=status, status_first=True, events=events, requeue_after=0.0)
    missing = [one for one in needed if _can_be_made(updated, one, now)]
    # The status is written once the pods are made, so they count; not while the API server refuses them.
    created = () if view.observed.refused is not None else tuple(one.replica for one in missing)
    status = view.settled(status.model_copy(update=view.roles(created=created)), row)
    return Plan(
        status=status,
        create_claim=None if view.observed.claim_exists else claim_manifest(job),
        create_service=None if view.observed.service_exists else service_manifest(job),
        create_pods=tuple(pod_manifest(job, one.replica, one.attempt, view.settings) for one in missing),
        delete_pods=cleanup.while_running(view.roster),
        events=events_of(stored, status),
        requeue_after=view.requeue(
            [
                deadline,
                grace_end(job, chief_at) if success.chief_done else None,
                *(slow_at(one) for one in needed),
                *(not_before(updated, one) for one in needed if one.pod is None),
            ]
        ),
    )


def _end(view: _View, status: EstimatorJobStatus, row: Row, verdict: Verdict) -> Plan:
    """The job ends: stored before any pod goes, for a finished pod that is gone tells nobody that it succeeded."""
    update = {"completion_time": to_text(view.now), **view.roles(stopped=True)}
    status = view.settled(status.model_copy(update=update), row, verdict.degraded)
    events = events_of(view.job.status, status, degraded=verdict.degraded)
    return Plan(status=status, status_first=True, events=events, requeue_after=0.0)


def _can_be_made(job: EstimatorJob, member: Member, now: datetime) -> bool:
    """The member's pod does not exist, nothing that may still run stands in its place, and its backoff is over."""
    if member.pod is not None or any(holds_place(one, now) for one in member.previous):
        return False
    start = not_before(job, member)
    return start is None or now >= start


def _chief_completed_at(view: _View, *, resumed: bool) -> datetime | None:
    if str(CHIEF_REPLICA) not in view.completed:
        return None
    known = None if resumed else from_text(view.job.status.chief_completion_time)
    if known is not None:
        return known
    pod = next((one.pod for one in view.roster.members if one.replica == CHIEF_REPLICA), None)
    return pod.finished_at if pod is not None and pod.finished_at is not None else view.now


def _start_time(view: _View, needed: Iterable[Member], verdict: Verdict) -> str | None:
    """When the pods were first created, once every one of them has been seen (see `restarts.py`)."""
    pending = set(verdict.restarts.pending)
    if any(one.pod is None and str(one.replica) not in pending for one in needed):
        return None
    return to_text(_first_created(view) or view.now)


def _first_created(view: _View) -> datetime | None:
    times = [pod.created_at for one in view.roster.members if (pod := one.pod) is not None and pod.created_at]
    return min(times, default=None)


def _completed(status: EstimatorJobStatus, success: Outcome, verdict: Verdict, given_up: bool) -> str:
    step = status.progress.global_step if status.progress is not None else None
    text = "training has ended" + ("" if step is None else f" at step {step}")
    if success.late is not None:
        return f"{text}; {success.late}"
    if given_up:
        known = status.condition(c.EVALUATOR_DEGRADED)
        why = verdict.degraded or (known.message if known is not None else "it failed too often")
        return f"{text}; without its evaluator: {why}"
    return text


def _overdue(job: EstimatorJob, needed: Collection[Member]) -> str:
    names = [str(one.replica) for one in needed]
    more = f" and {len(names) - _NAMED_MOST} more" if len(names) > _NAMED_MOST else ""
    limit = job.spec.run_policy.active_deadline_seconds
    return f"not ended within {limit} s (activeDeadlineSeconds): {', '.join(names[:_NAMED_MOST])}{more}"
