"""The plans for jobs that cannot be planned: unreadable, refused by the API server, or beyond the operator."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from estimator_api import EstimatorJobStatus, Metadata
from estimator_api import constants as c
from estimator_operator.plan import conditions
from estimator_operator.plan.conditions import Row, settle
from estimator_operator.plan.draft import is_final
from estimator_operator.plan.ended_job import of_generation
from estimator_operator.plan.observed import JobEvent, Plan
from estimator_operator.plan.timestamps import to_text
from estimator_operator.plan.transitions import News, events_of, news


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
    return unhandled(metadata, old_status, c.REASON_INVALID_SPEC, message, now)


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
    return unhandled(metadata, old_status, c.REASON_OPERATOR_ERROR, message, now)


def rejected(metadata: Metadata, old_status: EstimatorJobStatus, message: str, now: datetime) -> Plan:
    """The plan for a job whose objects the API server refuses for good: it fails, and says why.

    Args:
        metadata: The job's metadata.
        old_status: Its stored status.
        message: Which field is wrong, and how.
        now: The present (aware).
    """
    if is_final(old_status):
        status = of_generation(old_status, metadata.generation)
        return Plan(status=status, based_on=metadata.resource_version)
    row = conditions.failed(c.REASON_INVALID_SPEC, _one_line(message))
    return _told(metadata, old_status, row, now, {"completion_time": to_text(now)})


def unhandled(
    metadata: Metadata, old_status: EstimatorJobStatus, reason: str, message: str, now: datetime
) -> Plan:
    """The plan that leaves a job as it is and says why, in a condition and once in an event.

    Args:
        metadata: The job's metadata.
        old_status: Its stored status.
        reason: Of the condition.
        message: Why.
        now: The present (aware).
    """
    if is_final(old_status):
        return Plan(status=old_status, based_on=metadata.resource_version)
    note = f"{_one_line(message)}; pods are left as they are"
    made = _told(metadata, old_status, conditions.unhandled(reason, note, old_status), now, {})
    ready = old_status.condition(c.READY)
    if made.status == old_status or (ready is not None and ready.reason == reason):
        return made
    event = JobEvent(type="Warning", reason=reason, action="Read", note=note)
    return replace(made, events=(event,))


def _told(
    metadata: Metadata, old_status: EstimatorJobStatus, row: Row, now: datetime, update: dict[str, Any]
) -> Plan:
    settled = settle(old_status, row, generation=metadata.generation, now=now)
    update = {"observed_generation": metadata.generation, "conditions": settled, **update}
    status = old_status.model_copy(update=update)
    if news(old_status, status) is News.NONE:
        return Plan(status=old_status, based_on=metadata.resource_version)
    return Plan(status=status, events=events_of(old_status, status), based_on=metadata.resource_version)


def _one_line(message: str) -> str:
    return "; ".join(part.strip() for part in message.splitlines() if part.strip())
