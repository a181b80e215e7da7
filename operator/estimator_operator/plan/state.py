"""Which state a running job is in: the row of conditions that its replicas make.

Messages are made so that an ordinary start changes none of them: every change is a write to the API server. What
holds a replica up, on the other hand, is said at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.status import Failure
from estimator_operator.plan.backoff import not_before
from estimator_operator.plan.conditions import Row, pending, running
from estimator_operator.plan.deadlines import grace_end
from estimator_operator.plan.failures import describe, is_disruption
from estimator_operator.plan.lost_pods import holds_place
from estimator_operator.plan.messages import (
    elastic_workers,
    evaluator_awaited,
    waiting_for,
    with_last_failure,
)
from estimator_operator.plan.modes import AT_WORK, work_of
from estimator_operator.plan.observed import Observed
from estimator_operator.plan.roster import Member, runs
from estimator_operator.plan.timestamps import from_text, to_text
from estimator_operator.plan.waiting import counts_as_ready, explain, is_blocked, slow_at

FAILURE_TOLD_FOR: Final = timedelta(minutes=5)
"""How long Ready's message tells of the last failure once all replicas are ready again."""


def row_of(
    job: EstimatorJob, needed: Collection[Member], observed: Observed, *, chief_done: bool, now: datetime
) -> Row:
    """The conditions of a running job.

    Args:
        job: The job with its new status, conditions apart.
        needed: Replicas that must have a running pod.
        observed: What is known of its objects.
        chief_done: The chief ended with success; the evaluator is awaited.
        now: The present.
    """
    unready = [one for one in needed if not counts_as_ready(job, one, now)]
    if not unready:
        return _with_last_failure(_evaluating(job) if chief_done else _working(job), job, now)
    if _has_lost_readiness(job, unready):
        return pending(c.REASON_PODS_NOT_READY, _first(unready, lambda one: explain(job, one, observed, now)))
    restarting = sorted(
        (one for one in unready if _restarts(job, one)), key=lambda one: _failed(job, one) is None
    )
    reason = c.REASON_RESTARTING if restarting else c.REASON_PODS_PENDING
    if observed.refused is not None and any(one.pod is None for one in unready):
        return pending(c.REASON_POD_CREATION_FORBIDDEN, " ".join(observed.refused.split()))
    # Who says what it waits for comes before who may only be slow.
    blocked = [one for one in unready if is_blocked(one, observed)]
    blocked += [one for one in unready if _is_slow(one, now) and not is_blocked(one, observed)]
    if blocked:
        return pending(reason, _first(blocked, lambda one: explain(job, one, observed, now)))
    if restarting:
        return pending(reason, _first(restarting, lambda one: _restart(job, one, observed, now)))
    return pending(reason, waiting_for(len(needed)))


def _working(job: EstimatorJob) -> Row:
    work, elastic = work_of(job), job.spec.elastic
    if elastic is None:
        return running(work.reason, work.message)
    workers = elastic_workers(job.spec.replicas(c.WORKER), elastic.max_replicas)
    return running(work.reason, f"{work.message}; {workers}")


def failure_told_until(job: EstimatorJob, row: Row) -> datetime | None:
    """When a job at work stops telling of its last failure, or None when it tells of none.

    A replica that fails soon after each start is ready most of the time: without this its job would say that all is
    well whenever somebody looks. Disruptions are nobody's fault.

    Args:
        job: The job with its new failures.
        row: Its conditions.
    """
    failure, ready = _last_failure(job), row[c.READY]
    at = None if failure is None else from_text(failure.time)
    return at + FAILURE_TOLD_FOR if at is not None and ready is not None and ready.status == "True" else None


def _last_failure(job: EstimatorJob) -> Failure | None:
    return next((one for one in reversed(job.status.failures) if not is_disruption(one)), None)


def _with_last_failure(row: Row, job: EstimatorJob, now: datetime) -> Row:
    failure, ready, until = _last_failure(job), row[c.READY], failure_told_until(job, row)
    if failure is None or ready is None or until is None or now >= until:
        return row
    return {**row, c.READY: replace(ready, message=with_last_failure(ready.message, describe(failure)))}


def _evaluating(job: EstimatorJob) -> Row:
    end = grace_end(job, from_text(job.status.chief_completion_time))
    return running(c.REASON_EVALUATING, evaluator_awaited(None if end is None else to_text(end)))


def _has_lost_readiness(job: EstimatorJob, unready: Collection[Member]) -> bool:
    """The job was at work until one of its pods, all of which run, became unready: it neither starts nor restarts."""
    ready = job.status.condition(c.READY)
    worked = ready is not None and (ready.reason in AT_WORK or ready.reason == c.REASON_PODS_NOT_READY)
    return worked and all(one.pod is not None and runs(one.pod) for one in unready)


def _restarts(job: EstimatorJob, member: Member) -> bool:
    """The member's pod goes or comes though the job ran before; pods of a resumed job only start."""
    if member.pod is not None and member.pod.deleting:
        return True
    name = str(member.replica)
    attempts = next((one.count for one in job.status.restarts.by_replica if one.replica == name), 0)
    # A worker that joins an elastic job is awaited too, but has never run.
    awaited = name in job.status.restarts.pending and attempts > 0
    return awaited or (member.attempt > 0 and job.status.start_time is not None)


def _failed(job: EstimatorJob, member: Member) -> Failure | None:
    """The failure that the member is restarted for."""
    name = str(member.replica)
    return next((one for one in reversed(job.status.failures) if one.replica == name), None)


def _is_slow(member: Member, now: datetime) -> bool:
    slow = slow_at(member)
    return slow is not None and now >= slow


def _restart(job: EstimatorJob, member: Member, observed: Observed, now: datetime) -> str:
    pod = member.pod
    going = pod is not None and pod.deleting
    if going or (pod is None and any(holds_place(one, now) for one in member.previous)):
        return explain(job, member, observed, now)
    name = str(member.replica)
    failure = _failed(job, member)
    start = not_before(job, member)
    when = "" if start is None else f" at {to_text(start)}"
    return f"{name} starts again" if failure is None else f"{describe(failure)}; it starts again{when}"


def _first(members: Sequence[Member], text: Callable[[Member], str]) -> str:
    more = len(members) - 1
    return text(members[0]) + (f" (and {more} more)" if more else "")
