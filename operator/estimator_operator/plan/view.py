"""What every branch of the plan looks at: the job, its pods, and its status with progress merged in."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from estimator_api import EstimatorJob, EstimatorJobStatus
from estimator_operator.plan.conditions import Row, settle
from estimator_operator.plan.deadlines import soonest
from estimator_operator.plan.lost_pods import next_looks
from estimator_operator.plan.observed import Observed, Replica, Settings
from estimator_operator.plan.role_status import replica_count, role_statuses
from estimator_operator.plan.roster import Roster


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One job at one moment.

    Attributes:
        job: The job with its stored status.
        observed: What is known of its replicas' objects.
        roster: Its replicas and their pods.
        status: The stored status with progress merged in.
        completed: Replicas that ended with success.
        now: The moment.
        settings: What the operator's flags decide.
    """

    job: EstimatorJob
    observed: Observed
    roster: Roster
    status: EstimatorJobStatus
    completed: tuple[str, ...]
    now: datetime
    settings: Settings

    def roles(self, *, created: Collection[Replica] = (), stopped: bool = False) -> dict[str, Any]:
        """The parts of the status that count pods."""
        roles = role_statuses(
            self.job, self.roster, self.completed, now=self.now, created=created, stopped=stopped
        )
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
        return soonest((*moments, *next_looks(self.observed.pods, self.now)), self.now)
