"""How long a restarted replica waits.

Replicas that were killed, or whose failures a rule ignores, wait 10 s, doubling with every such failure in a row to
300 s, from the newest one. This is read from `status.failures`, which keeps ten: when many replicas fail at once, a
replica's own failure may be among those that are no longer there. It then waits as if it had been the oldest that
is; a number of failures that cannot be seen any more is guessed by the replica's attempts.

A disruption or a deleted pod costs no wait, unless it strikes the same replica again within a minute, waits apart: a
node under pressure that turns every pod away, or a policy engine that deletes every pod, would be answered once a
second for ever. These rows are counted for every replica in `restarts.byReplica`, for they are not in any budget, and
hundreds of replicas can be struck at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from estimator_api import EstimatorJob
from estimator_api.status import Failure, ReplicaRestarts
from estimator_operator.plan.failure_rules import decide
from estimator_operator.plan.roster import Member
from estimator_operator.plan.timestamps import from_text

FAILURES_KEPT: Final = 10
BACKOFF_BASE: Final = timedelta(seconds=10)
BACKOFF_MOST: Final = timedelta(seconds=300)
BACKOFF_RESET: Final = timedelta(seconds=1200)
"""Failures further back than this are forgiven; well above the longest backoff, or it could never be reached."""
_AGAIN: Final = timedelta(seconds=60)
"""Disruptions that follow each other sooner than that, waits apart, are of one cause."""


def not_before(job: EstimatorJob, member: Member) -> datetime | None:
    """When the current attempt of `member` may be made, if that is later than at once."""
    name = str(member.replica)
    kept = job.status.failures
    again = _struck_again(job, name)
    if again is not None:
        return again
    newest = next((one for one in reversed(kept) if one.replica == name), None)
    if newest is None:
        return _displaced(job, member)
    if newest.attempt + 1 < member.attempt:
        return None
    own = [one for one in kept if one.replica == name]
    if not decide(job, newest).backs_off:
        return None
    moments = _moments(job, own)
    if not moments:
        return None
    last = moments[-1]
    recent = sum(1 for one in moments if last - one <= BACKOFF_RESET)
    return last + _wait(max(recent, _hidden(kept, member, last)))


def in_a_row(known: ReplicaRestarts | None, failure: Failure) -> int:
    """How many disruptions came shortly after the one before, `failure`, the newest, included.

    Args:
        known: What is stored of the replica's restarts.
        failure: A disruption or deletion of its pod.
    """
    last, at = (from_text(known.time) if known is not None else None), from_text(failure.time)
    if known is None or last is None or at is None:
        return 0
    quick = known.quick or 0
    waited = _wait(quick) if quick else timedelta()
    return quick + 1 if at - last <= _AGAIN + waited else 0


def _struck_again(job: EstimatorJob, name: str) -> datetime | None:
    """The same for a replica whose newest restart is one of a row of disruptions; the first of a row is free."""
    known = job.status.restarts.of(name)
    last = from_text(known.time) if known is not None else None
    return last + _wait(known.quick) if known is not None and last is not None and known.quick else None


def _displaced(job: EstimatorJob, member: Member) -> datetime | None:
    """The same for a replica whose failure the newest ten have displaced, if they suggest that it has to wait."""
    kept = job.status.failures
    if str(member.replica) not in job.status.restarts.pending or len(kept) < FAILURES_KEPT:
        return None
    moments = _moments(job, kept)
    return moments[0] + _wait(member.attempt) if moments and member.attempt else None


def _moments(job: EstimatorJob, failures: list[Failure]) -> list[datetime]:
    """Times of those failures after which a replica waits."""
    times = (from_text(one.time) for one in failures if decide(job, one).backs_off)
    return [one for one in times if one is not None]


def _hidden(kept: list[Failure], member: Member, last: datetime) -> int:
    """How many failures in a row there may have been when the list is too short to show them."""
    oldest = from_text(kept[0].time)
    full = len(kept) >= FAILURES_KEPT and any(one.replica != str(member.replica) for one in kept)
    return member.attempt if full and oldest is not None and last - oldest <= BACKOFF_RESET else 0


def _wait(failures: int) -> timedelta:
    return min(BACKOFF_BASE * int(2 ** min(max(failures - 1, 0), 5)), BACKOFF_MOST)
