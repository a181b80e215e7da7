"""What a failure uses of `backoffLimit`.

Failures with one cause (the same reason and exit code) within a minute of the first are one incident: a storage
outage that ends eight workers counts once, as it would with one worker. A replica is in an incident once. When it
fails again, its restart has not helped, and that is a new incident: a replica that crashes at every start uses up the
budget as fast as it crashes.

The evaluator has a budget of its own, of the same size. It ends no job, so it must not use up what the others have.

Incidents are stored with the counters, in the write that comes before every restart: an operator that ends between
two calls, or a second leader, finds them there and counts none of them again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from estimator_api import constants as c
from estimator_api.status import Failure, Incident, Restarts
from estimator_operator.plan.observed import Replica
from estimator_operator.plan.timestamps import from_text

INCIDENT_LASTS: Final = timedelta(seconds=60)
_INCIDENTS_KEPT: Final = 8


class Budget:
    """The budgets of a job in one pass.

    Args:
        stored: The counters as the status has them.
        limit: `backoffLimit`.
        now: The present.
    """

    def __init__(self, stored: Restarts, *, limit: int, now: datetime) -> None:
        self._limit = limit
        self._now = now
        self._counted = stored.counted
        self._evaluator = stored.evaluator or 0
        self._incidents = [(one, set(one.replicas)) for one in stored.incidents]

    def take(self, replica: Replica, failure: Failure) -> bool:
        """Counts a failure, unless its incident is counted already; tells whether the budget allowed it."""
        if replica.role == c.EVALUATOR:
            allowed = self._evaluator < self._limit
            self._evaluator += allowed
            return allowed
        struck = self._incident_of(replica, failure)
        if struck is not None:
            struck.add(str(replica))
            return True
        if self._counted >= self._limit:
            return False
        self._counted += 1
        incident = Incident(reason=failure.reason, exit_code=failure.exit_code, time=failure.time)
        still_open = [one for one in self._incidents if self._is_open(one[0])]
        self._incidents = [*still_open, (incident, {str(replica)})][-_INCIDENTS_KEPT:]
        return True

    def restarted(self, replicas: Iterable[Replica]) -> None:
        """All of these start again, whichever of them has failed: what fails from now on is a new incident."""
        names = {str(one) for one in replicas}
        for incident, struck in self._incidents:
            if self._is_open(incident):
                struck.update(names)

    def used_by(self, replica: Replica) -> int:
        """How much of the replica's budget is used."""
        return self._evaluator if replica.role == c.EVALUATOR else self._counted

    def counters(self) -> dict[str, Any]:
        """The fields of `status.restarts`."""
        return {
            "counted": self._counted,
            "evaluator": self._evaluator or None,
            "incidents": [
                one.model_copy(update={"replicas": sorted(struck)}) for one, struck in self._incidents
            ],
        }

    def _incident_of(self, replica: Replica, failure: Failure) -> set[str] | None:
        """The replicas of the open incident that the failure belongs to."""
        for incident, struck in self._incidents:
            alike = (incident.reason, incident.exit_code) == (failure.reason, failure.exit_code)
            if alike and self._is_open(incident) and str(replica) not in struck:
                return struck
        return None

    def _is_open(self, incident: Incident) -> bool:
        began = from_text(incident.time)
        return began is not None and abs(self._now - began) <= INCIDENT_LASTS
