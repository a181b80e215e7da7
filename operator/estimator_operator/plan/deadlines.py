"""Moments at which something happens though nothing else does.

Whatever waits for a time says so as a `Deadline`; the earliest one is when the plan is made again, and its words are
shown at `/debug/schedule`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from estimator_api import EstimatorJob
from estimator_operator.plan.timestamps import from_text


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment to come.

    Attributes:
        reason: Whose time it is, e.g. activeDeadlineSeconds.
        at: When.
        then: What happens, unless something else has happened before.
    """

    reason: str
    at: datetime
    then: str = "the job is looked at again"

    def __str__(self) -> str:
        """`activeDeadlineSeconds: the job fails`."""
        return f"{self.reason}: {self.then}"


def at(moment: datetime | None, reason: str, then: str) -> Deadline | None:
    """The deadline at `moment`, if there is one."""
    return None if moment is None else Deadline(reason, moment, then)


def earliest(deadlines: Iterable[Deadline | None], now: datetime) -> Deadline | None:
    """The first of `deadlines` that is still to come."""
    return min(
        (one for one in deadlines if one is not None and one.at > now), key=lambda one: one.at, default=None
    )


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
