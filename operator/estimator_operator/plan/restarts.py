"""Which replicas are restarted, what counts against the budget, and when the job fails of it.

A restart is a number: the replica's attempt in `status.restarts.byReplica`. It is stored before anything is done
about it; the next pass then finds a replica whose pod of that attempt does not exist and makes it.

A pod that is missing has either not been made yet or was taken away, and after a crash nothing but the status can
tell which. Two facts in the status decide it, both written only once pods were *seen*, and then at once:
  * without `startTime` nothing is known to exist, so missing pods are simply made;
  * `restarts.pending` names restarted replicas (and workers that have just joined) whose new pod has not been seen:
    it, too, is simply made.
Every other missing pod was there and has vanished: an uncounted restart, and its attempt does not come back. So has one
that is in `Observed.gone`: this process saw it though the status does not say so yet. Without that a policy engine that
deletes each pod as soon as it is made would be answered without end and without a trace. What made a pod sees it in the
API server's answer, and the next thing that it does for the job is to write that. Only where it ended between the two,
and the pod is gone before the next process looks, is the attempt made again, under a name that is free: the other
choice would count a restart wherever an operator ends between a count and its pod.

Chief and workers that make every step together start again together (`training_group.py`).

A restart of the whole job gives every replica a new attempt, those that have completed too: what they did is done
again from the latest checkpoint. It is counted once, and takes in whatever else has failed in the same pass. Once the
chief has completed there is nothing to train again, and only the evaluator is left to restart.

What a failure costs is in `budget.py`, how long its replica waits in `backoff.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.status import Failure, ReplicaRestarts, Restarts
from estimator_operator.plan.backoff import FAILURES_KEPT, in_a_row
from estimator_operator.plan.budget import Budget
from estimator_operator.plan.failure_rules import Decision, decide
from estimator_operator.plan.failures import (
    REASON_DELETED,
    REASON_PEER_DISRUPTED,
    describe,
    failure_of,
    is_disruption,
)
from estimator_operator.plan.observed import Replica
from estimator_operator.plan.roster import Member
from estimator_operator.plan.training_group import excused, group_of, late_verdict

__all__ = ["REASON_DELETED", "Fault", "Tally", "Verdict", "judge"]


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
        again: Names of the replicas that start again, those that had completed among them.
        fault: The job fails of this.
        degraded: The evaluator is given up for this reason.
    """

    restarts: Restarts
    failures: tuple[Failure, ...]
    restarted: tuple[Failure, ...] = ()
    again: frozenset[str] = frozenset()
    fault: Fault | None = None
    degraded: str | None = None


class Tally:
    """The counters of restarts, as they change in one pass."""

    def __init__(self, stored: Restarts) -> None:
        self._stored = stored
        self._replicas = {one.replica: one for one in stored.by_replica}
        self._total = stored.total
        self.pending = set(stored.pending)

    def see(self, member: Member) -> None:
        """Learns from a pod that exists: the attempt, should the status be behind, and that it is there."""
        name = str(member.replica)
        if member.attempt > self._count(name):
            self._set(name, member.attempt)
        if member.pod is not None:
            self.pending.discard(name)

    def restart(self, member: Member, failure: Failure | None = None) -> None:
        """The member gets its next attempt, because of its `failure` if it is one of its own."""
        name = str(member.replica)
        known = self._replicas.get(name)
        self._set(name, member.attempt + 1)
        self.pending.add(name)
        if failure is not None:
            struck = is_disruption(failure)
            quick = in_a_row(known, failure) if struck else 0
            update = {"time": failure.time if struck else None, "quick": quick or None}
            self._replicas[name] = self._replicas[name].model_copy(update=update)

    def restarts(self, wanted: Iterable[Member], budget: Budget | None = None) -> Restarts:
        """The counters as the status has them; replicas that are not wanted are not awaited."""
        names = {str(one.replica) for one in wanted}
        return self._stored.model_copy(
            update={
                "total": self._total,
                "by_replica": [one for _, one in sorted(self._replicas.items())],
                "pending": sorted(self.pending & names),
                **(budget.counters() if budget is not None else {}),
            }
        )

    def _count(self, name: str) -> int:
        known = self._replicas.get(name)
        return 0 if known is None else known.count

    def _set(self, name: str, count: int) -> None:
        self._total += count - self._count(name)
        known = self._replicas.get(name) or ReplicaRestarts(replica=name, count=0)
        self._replicas[name] = known.model_copy(update={"count": count})


def judge(
    job: EstimatorJob,
    needed: Sequence[Member],
    everyone: Sequence[Member],
    *,
    started: bool,
    gone: Mapping[Replica, int],
    now: datetime,
) -> Verdict:
    """Judges every needed member.

    Args:
        job: The job with its stored status.
        needed: Members that must have a running pod.
        everyone: Members that start again with the whole job.
        started: The status says that all pods have been seen (`startTime`).
        gone: Attempts of pods that were seen and no longer exist.
        now: Time of the failures recorded.
    """
    tally = Tally(job.status.restarts)
    failed: list[tuple[Member, Failure]] = []
    for member in needed:
        tally.see(member)
        was_seen = gone.get(member.replica) == member.attempt
        failure = failure_of(member, started=started, pending=tally.pending, gone=was_seen, now=now)
        failure = failure or late_verdict(job, member, now)
        if failure is not None:
            failed.append((member, failure))
    group = group_of(job, everyone)
    found = [(one, failure, decide(job, failure)) for one, failure in excused(job, needed, failed)]
    restarted: list[Failure] = []
    fault: Fault | None = None
    degraded: str | None = None
    again: set[str] = set()
    budget = Budget(job.status.restarts, limit=job.spec.run_policy.backoff_limit, now=now)
    for member, failure, decision in sorted(found, key=_first):
        if decision.action == "FailJob":
            fault = fault or _fatal(failure, decision)
            continue
        if str(member.replica) not in again:
            if decision.counted and not budget.take(member.replica, failure):
                spent = _spent(job, failure, budget.used_by(member.replica))
                if member.replica.role == c.EVALUATOR:
                    degraded = spent.message
                else:
                    fault = fault or spent
                continue
            together = _together(member, decision, everyone, group)
            for one in together:
                tally.restart(one, failure if one.replica == member.replica else None)
            if len(together) > 1:
                budget.restarted(one.replica for one in together)
            again.update(str(one.replica) for one in together)
        restarted.append(failure)
    # The newest is what people read first: no consequence of another.
    told = sorted((one[1] for one in found), key=lambda one: one.reason != REASON_PEER_DISRUPTED)
    return Verdict(
        restarts=tally.restarts((*needed, *(one for one in everyone if str(one.replica) in again)), budget),
        failures=tuple([*job.status.failures, *told][-FAILURES_KEPT:]),
        restarted=tuple(restarted),
        again=frozenset(again),
        fault=fault,
        degraded=degraded,
    )


def _first(found: tuple[Member, Failure, Decision]) -> tuple[bool, bool]:
    """What starts most replicas comes first, and a cause before its consequences."""
    _, failure, decision = found
    return decision.action != "RestartJob", failure.reason == REASON_PEER_DISRUPTED


def _together(
    member: Member, decision: Decision, everyone: Sequence[Member], group: Sequence[Member]
) -> Sequence[Member]:
    """Who starts again because of a failure of `member`."""
    if decision.action == "RestartJob":
        return everyone
    return group if any(one.replica == member.replica for one in group) else (member,)


def _fatal(failure: Failure, decision: Decision) -> Fault:
    if decision.rule is None:
        return Fault(reason=c.REASON_CONFIGURATION_ERROR, message=describe(failure))
    return Fault(
        reason=c.REASON_FAIL_JOB_RULE,
        message=f"{describe(failure)}; rule {decision.rule} of failurePolicy says FailJob",
    )


def _spent(job: EstimatorJob, failure: Failure, counted: int) -> Fault:
    exports = job.spec.estimator is not None and job.spec.estimator.mode == "Export"
    reason = c.REASON_EXPORT_FAILED if exports else c.REASON_BACKOFF_LIMIT_EXCEEDED
    if failure.message.startswith(c.MODEL_DIR_ERROR):
        reason = c.REASON_MODEL_DIR_UNAVAILABLE
    limit = job.spec.run_policy.backoff_limit
    return Fault(
        reason=reason,
        message=f"{describe(failure)}; {counted} restarts were counted, backoffLimit is {limit}",
    )
