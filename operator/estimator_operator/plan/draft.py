"""The draft of a plan: the job as it was seen, what is decided so far, and the status that is to be written.

Every branch of the plan works on one draft from top to bottom. The job keeps its stored status, for transitions are
told from it; `decided` is the same job with the new one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from estimator_api import EstimatorJob, EstimatorJobStatus
from estimator_api import constants as c
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA
from estimator_operator.plan.conditions import Row, settle
from estimator_operator.plan.deadlines import Deadline, earliest
from estimator_operator.plan.observed import JobEvent, Observed, Plan, Pod, Replica, Settings
from estimator_operator.plan.role_status import replica_count, role_statuses
from estimator_operator.plan.roster import Member, Roster, needed_members
from estimator_operator.plan.timestamps import seconds_until
from estimator_operator.plan.transitions import events_of


@dataclass(slots=True, kw_only=True)
class Draft:
    """One job at one moment, and what becomes of it.

    Attributes:
        job: The job with its stored status.
        observed: What is known of its replicas' objects.
        roster: Its replicas and their pods.
        now: The moment.
        settings: What the operator's flags decide.
        status: The status to be written, as far as it is decided: at first the stored one with progress merged in.
        completed: Replicas that ended with success.
        resumed: It begins again after a suspension.
        given_up: The evaluator is run no more.
    """

    job: EstimatorJob
    observed: Observed
    roster: Roster
    now: datetime
    settings: Settings
    status: EstimatorJobStatus
    completed: tuple[str, ...]
    resumed: bool
    given_up: bool = False
    _needed: tuple[tuple[str, ...], bool, tuple[Member, ...]] | None = None

    @property
    def decided(self) -> EstimatorJob:
        """The job with its new status."""
        return self.job.model_copy(update={"status": self.status})

    @property
    def started(self) -> bool:
        """All its pods have been seen."""
        return not self.resumed and self.job.status.start_time is not None

    @property
    def chief_completed(self) -> bool:
        """The chief has ended with success."""
        return str(CHIEF_REPLICA) in self.completed

    @property
    def chief(self) -> Pod | None:
        """The chief's present pod."""
        return next((one.pod for one in self.roster.members if one.replica == CHIEF_REPLICA), None)

    @property
    def needed(self) -> tuple[Member, ...]:
        """Replicas that must have a running pod."""
        known = self._needed
        if known is None or known[0] is not self.completed or known[1] != self.given_up:
            members = needed_members(self.roster, self.completed, evaluator_degraded=self.given_up)
            known = self._needed = (self.completed, self.given_up, members)
        return known[2]

    @property
    def everyone(self) -> tuple[Member, ...]:
        """Replicas that start again with the whole job: all, unless the chief has completed."""
        if self.chief_completed:
            return self.needed
        return needed_members(self.roster, (), evaluator_degraded=self.given_up)

    @property
    def first_created(self) -> datetime | None:
        """When the first of its present pods was created."""
        pods = (one.pod for one in self.roster.members if one.pod is not None)
        return min((one.created_at for one in pods if one.created_at is not None), default=None)

    def write(self, **update: Any) -> None:
        """Fields of the new status."""
        self.status = self.status.model_copy(update=update)

    def count_pods(self, *, created: Collection[Replica] = (), stopped: bool = False) -> None:
        """The parts of the new status that count pods."""
        roles = role_statuses(
            self.job,
            self.roster,
            self.completed,
            now=self.now,
            observed=self.observed,
            created=created,
            stopped=stopped,
        )
        self.write(roles=roles, replicas=replica_count(roles))

    def settle(self, row: Row, *, degraded: str | None = None) -> None:
        """The new status gets the conditions of `row`."""
        generation = self.job.metadata.generation
        self.write(
            conditions=settle(self.job.status, row, generation=generation, now=self.now, degraded=degraded)
        )

    def events(self) -> tuple[JobEvent, ...]:
        """The events of the way to the new status."""
        return events_of(self.job.status, self.status)

    def stored_first(self, *before: JobEvent) -> Plan:
        """The plan that writes the new status and does nothing: the next pass acts on it."""
        return Plan(
            status=self.status, status_first=True, events=(*before, *self.events()), requeue_after=0.0
        )

    def plan(self, deadlines: Iterable[Deadline | None], **actions: Any) -> Plan:
        """The plan that acts and then writes the new status, and is made again at the earliest of `deadlines`."""
        return Plan(status=self.status, **requeue(deadlines, self.now), **actions)


def requeue(deadlines: Iterable[Deadline | None], now: datetime) -> dict[str, Any]:
    """The fields of a plan that say when it is to be made again, and why."""
    first = earliest(deadlines, now)
    if first is None:
        return {"requeue_after": None, "requeue_reason": ""}
    return {"requeue_after": seconds_until(first.at, now), "requeue_reason": str(first)}


def sooner(made: Plan, deadlines: Iterable[Deadline | None], now: datetime) -> Plan:
    """`made`, made again at the earliest of `deadlines` if that comes first."""
    found = requeue(deadlines, now)
    after = found["requeue_after"]
    comes_first = after is not None and (made.requeue_after is None or after < made.requeue_after)
    return replace(made, **found) if comes_first else made


def is_final(status: EstimatorJobStatus) -> bool:
    """The job has ended."""
    return status.is_true(c.COMPLETE) or status.is_true(c.FAILED)
