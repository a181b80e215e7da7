"""A job's restarts as people read them: how much of which budget is used, what counted once, and what is tried next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from estimator_api import EstimatorJobStatus, InvalidJobError, parse_job
from estimator_api import constants as c
from estimator_api.status import Restarts
from estimator_operator.plan import Replica
from estimator_operator.plan.backoff import not_before
from estimator_operator.plan.roster import Member
from estimatorctl.render import words

_SHOWN: Final = 4
_INCIDENTS_SHOWN: Final = 3
_REFUSED: Final = "with backoff, at most 300 s apart; at once when the spec changes"


def restarts_text(document: Mapping[str, Any], restarts: Restarts) -> str:
    """`3 (2 of 6 counted; evaluator 1 of 6): chief-0 2, worker-1 1`."""
    limit = (document.get("spec", {}).get("runPolicy") or {}).get("backoffLimit")
    of = "" if limit is None else f" of {limit}"
    evaluator = f"; evaluator {restarts.evaluator}{of}" if restarts.evaluator else ""
    replicas = _some([f"{one.replica} {one.count}" for one in restarts.by_replica if one.count], 2 * _SHOWN)
    return f"{restarts.total} ({restarts.counted}{of} counted{evaluator}): {replicas}"


def incident_lines(restarts: Restarts) -> Iterator[str]:
    """The newest incidents of several replicas, newest first; that of one replica is its failure."""
    several = [one for one in restarts.incidents if len(one.replicas) > 1]
    for one in reversed(several[-_INCIDENTS_SHOWN:]):
        code = "" if one.exit_code is None else f", exit code {one.exit_code}"
        yield f"{one.time}  {one.reason}{code}: {_some(one.replicas, _SHOWN)}; counted once"


def next_try(document: Mapping[str, Any], status: EstimatorJobStatus, now: datetime) -> str:
    """When what waits is tried again: `worker-1 in 40 s`; "" when nothing waits, or nobody knows.

    Backoff is the operator's own rule. A job that this version cannot read may be under another one's.
    """
    ready = status.condition(c.READY)
    if words.is_final(status) or status.is_true(c.SUSPENDED):
        return ""
    if ready is not None and ready.reason == c.REASON_POD_CREATION_FORBIDDEN:
        return _REFUSED
    if not status.restarts.pending:
        return ""
    try:
        job = parse_job(document)
    except InvalidJobError:
        return ""
    waits = {}
    for name in status.restarts.pending:
        role, _, index = name.rpartition("-")
        known = status.restarts.of(name)
        if known is not None and role in c.ROLES and index.isdecimal():
            start = not_before(job, Member(replica=Replica(role, int(index)), attempt=known.count))
            if start is not None and start > now:
                waits[name] = (start - now).total_seconds()
    soonest = sorted(waits, key=lambda name: (waits[name], name))
    return _some([f"{name} in {words.duration(waits[name])}" for name in soonest], _SHOWN)


def _some(items: list[str], most: int) -> str:
    """Items with commas; of many the first ones and how many more there are."""
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")
