"""Moments at which something happens though nothing else does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from estimator_api import EstimatorJob
from estimator_operator.plan.timestamps import from_text, seconds_until


def active_end(job: EstimatorJob, started_at: datetime | None) -> datetime | None:
    """When `activeDeadlineSeconds`, counted from the first pod (again after a resume), is over."""
    limit = job.spec.run_policy.active_deadline_seconds
    return None if limit is None or started_at is None else started_at + timedelta(seconds=limit)


def grace_end(job: EstimatorJob, chief_completed_at: datetime | None) -> datetime | None:
    """When the evaluator's grace after the chief's success is over."""
    if chief_completed_at is None:
        return None
    return chief_completed_at + timedelta(seconds=job.spec.run_policy.evaluator_grace_seconds)


def ttl_end(job: EstimatorJob) -> datetime | None:
    """When a job that has ended is to be deleted."""
    ttl = job.spec.run_policy.ttl_seconds_after_finished
    ended = from_text(job.status.completion_time)
    return None if ttl is None or ended is None else ended + timedelta(seconds=ttl)


def soonest(moments: Iterable[datetime | None], now: datetime) -> float | None:
    """Seconds until the first of `moments` that is still to come."""
    coming = [one for one in moments if one is not None and one > now]
    return seconds_until(min(coming), now) if coming else None
