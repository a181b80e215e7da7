"""Which replicas are restarted, what counts against the budget, and when the job fails of it.

A restart is a number: the replica's attempt in `status.restarts.byReplica`. It is stored before anything is done
about it; the next pass then finds a replica whose pod of that attempt does not exist and makes it.

A pod that is missing has either not been made yet or was taken away, and after a crash nothing but the status can
tell which. Two facts in the status decide it, both written only once pods were *seen*:
  * without `startTime` nothing is known to exist, so missing pods are simply made;
  * `restarts.pending` names restarted replicas whose new pod has not been seen: it, too, is simply made.
Every other missing pod was there and has vanished: an uncounted restart. A pod that was made and vanished before it
was recorded as seen is made again under the same name, which is free again; nothing is lost but one number that
nobody counts against anything.

A pod that is being deleted is waited for: two chiefs on one model directory would corrupt it. On a lost node nobody
ends the pod; LOST_AFTER its grace the wait is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.status import Failure, ReplicaRestarts, Restarts
from estimator_operator.plan.observed import Pod
from estimator_operator.plan.roster import Member, ended, live, succeeded
from estimator_operator.plan.timestamps import from_text, to_text

LOST_AFTER = timedelta(seconds=30)
BACKOFF_BASE = timedelta(seconds=10)
BACKOFF_MOST = timedelta(seconds=300)
BACKOFF_RESET = timedelta(seconds=1200)
"""Kills further back than this are forgiven; well above the longest backoff, or it could never be reached."""
FAILURES_KEPT = 10
REASON_DELETED = "DeletedPod"
REASON_DISRUPTED = "Disrupted"
REASON_ERROR = "Error"
REASON_OOM = "OOMKilled"
_UNCOUNTED = frozenset({REASON_DELETED, REASON_DISRUPTED, "Evicted", "Preempting", "NodeLost", "Shutdown"})
_MESSAGE_MOST = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a job cannot go on: a reason of the Failed condition and a message that names the replica."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the ended, deleted and vanished pods mean.

    Attributes:
        restarts: The new counters.
        failures: The new failures, oldest first, at most ten.
        restarted: Failures that lead to a restart now.
        fault: The job fails of this.
        degraded: The evaluator is given up for this reason.
    """

    restarts: Restarts
    failures: tuple[Failure, ...]
    restarted: tuple[Failure, ...] = ()
    fault: Fault | None = None
    degraded: str | None = None


def judge(job: EstimatorJob, needed: Iterable[Member], *, started: bool, now: datetime) -> Verdict:
    """Judges every needed member.

    Args:
        job: The job with its stored status.
        needed: Members that must have a running pod.
        started: The status says that all pods have been seen (`startTime`).
        now: Time of the failures recorded.
    """
    old = job.status.restarts
    counts = {one.replica: one.count for one in old.by_replica}
    total, counted = old.total, old.counted
    pending = set(old.pending)
    new: list[Failure] = []
    restarted: list[Failure] = []
    fault: Fault | None = None
    degraded: str | None = None
    limit = job.spec.run_policy.backoff_limit
    for member in needed:
        name = str(member.replica)
        if member.attempt > counts.get(name, 0):
            total += member.attempt - counts.get(name, 0)
            counts[name] = member.attempt
        if member.pod is not None:
            pending.discard(name)
        failure = _failure(member, started=started, pending=pending, now=now)
        if failure is None:
            continue
        new.append(failure)
        if failure.exit_code == c.EXIT_CONFIG and counts_against_budget(failure):
            fault = fault or Fault(reason=c.REASON_CONFIGURATION_ERROR, message=describe(failure))
            continue
        if counts_against_budget(failure):
            if counted >= limit:
                spent = f"{describe(failure)}; {counted} restarts were counted, backoffLimit is {limit}"
                if member.replica.role == c.EVALUATOR:
                    degraded = spent
                else:
                    fault = fault or Fault(reason=c.REASON_BACKOFF_LIMIT_EXCEEDED, message=spent)
                continue
            counted += 1
        total += 1
        counts[name] = member.attempt + 1
        pending.add(name)
        restarted.append(failure)
    wanted = {str(one.replica) for one in needed}
    restarts = Restarts(
        total=total,
        counted=counted,
        by_replica=[ReplicaRestarts(replica=name, count=count) for name, count in sorted(counts.items())],
        pending=sorted(pending & wanted),
    )
    return Verdict(
        restarts=restarts,
        failures=tuple([*job.status.failures, *new][-FAILURES_KEPT:]),
        restarted=tuple(restarted),
        fault=fault,
        degraded=degraded,
    )


def counts_against_budget(failure: Failure) -> bool:
    """Disruptions and deletions are nobody's fault and never count."""
    return failure.reason not in _UNCOUNTED


def describe(failure: Failure) -> str:
    """One sentence: which replica, exit code, reason, why."""
    if failure.reason == REASON_DELETED:
        return f"{failure.replica}: its pod was deleted"
    code = "" if failure.exit_code is None else f" with exit code {failure.exit_code}"
    reason = "" if failure.reason == REASON_ERROR else f" ({failure.reason})"
    why = f": {failure.message}" if failure.message else ""
    return f"{failure.replica} failed{code}{reason}{why}"


def lost(pod: Pod, now: datetime) -> bool:
    """The pod was to be gone by now, and nobody on its node has ended it."""
    return pod.deleting and pod.delete_by is not None and now >= pod.delete_by + LOST_AFTER


def holds_place(pod: Pod, now: datetime) -> bool:
    """A pod of an earlier attempt that may still run: its successor has to wait."""
    return live(pod) and not lost(pod, now)


def not_before(job: EstimatorJob, member: Member) -> datetime | None:
    """When the current attempt of `member` may be made, if that is later than at once.

    Replicas that were killed wait 10 s, doubling with every kill in a row to 300 s, from the newest one.
    """
    kills = [
        moment
        for one in job.status.failures
        if one.replica == str(member.replica)
        and _was_killed(one)
        and (moment := from_text(one.time)) is not None
    ]
    newest = next((one for one in reversed(job.status.failures) if one.replica == str(member.replica)), None)
    if not kills or newest is None or not _was_killed(newest) or newest.attempt + 1 < member.attempt:
        return None
    recent = sum(1 for one in kills if kills[-1] - one <= BACKOFF_RESET)
    return kills[-1] + min(BACKOFF_BASE * int(2 ** min(recent - 1, 5)), BACKOFF_MOST)


def _was_killed(failure: Failure) -> bool:
    """Killed by a signal or for memory, or ended before the main container could run."""
    if not counts_against_budget(failure):
        return False
    return failure.exit_code is None or failure.exit_code >= 128 or failure.reason == REASON_OOM


def _failure(member: Member, *, started: bool, pending: set[str], now: datetime) -> Failure | None:
    """The failure of the member's current attempt, or None when there is nothing to restart."""
    pod = member.pod
    name = str(member.replica)
    if pod is None:
        if not started or name in pending:
            return None
        return Failure(
            replica=name,
            attempt=member.attempt,
            reason=REASON_DELETED,
            message="its pod was deleted",
            time=to_text(now),
        )
    if succeeded(pod) or not (ended(pod) or lost(pod, now)):
        return None
    reason = pod.reason or REASON_ERROR
    if reason not in _UNCOUNTED:
        if pod.disrupted:
            reason = REASON_DISRUPTED
        elif pod.deleting:
            reason = REASON_DELETED
    return Failure(
        replica=name,
        attempt=member.attempt,
        reason=reason,
        exit_code=pod.exit_code,
        node=pod.node,
        message=why(pod),
        time=to_text(now),
    )


def why(pod: Pod) -> str:
    """The one line that says why the pod ended: its own words first, then Kubernetes'."""
    text = (pod.report.error if pod.report is not None else None) or pod.message or ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:_MESSAGE_MOST] if lines else ""
