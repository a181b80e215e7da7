"""What the plan sees of a job: made of its record and of what is known of its pods."""

from __future__ import annotations

from estimator_api import constants as c
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.known_pods import KnownPods
from estimator_operator.plan.observed import Observed, Pod


def pods_of(record: JobRecord, known: KnownPods) -> tuple[Pod, ...]:
    """The pods that a job owns, by name, and those that ended with success and are gone until the status knows it."""
    recorded = set(record.status.get("completedReplicas") or ())
    departed = (one for one in known.departed.values() if str(one.pod.replica) not in recorded)
    all_pods = (*known.records.values(), *(() if record.finished else departed))
    owned = (one.pod for one in all_pods if one.owner_uid == record.uid)
    return tuple(sorted(owned, key=lambda pod: pod.name))


def observe(record: JobRecord, known: KnownPods) -> Observed:
    """Everything known of a job's objects."""
    if record.state in (c.REASON_SUSPENDING, c.REASON_SUSPENDED):
        # A resumed job makes pods of the same names again.
        known.gone.clear()
    if record.state == c.REASON_SUSPENDED:
        # What had completed is in the status; what was cut short is run again.
        known.departed.clear()
    if record.state == c.REASON_SUSPENDED or record.finished:
        known.last_words.clear()
    pods = pods_of(record, known)
    by_attempt = sorted(pods, key=lambda pod: pod.attempt)
    present = {pod.replica: pod.uid for pod in by_attempt}
    progress = {replica: words for replica, words in known.last_words.items() if replica not in present}
    progress |= {pod.replica: known.progress[pod.uid] for pod in by_attempt if pod.uid in known.progress}
    heard = {replica: known.heard[uid] for replica, uid in present.items() if uid in known.heard}
    causes = {
        pod.replica: known.causes[pod.uid]
        for pod in pods
        if pod.uid in known.causes and pod.phase == "Pending"
    }
    return Observed(
        pods=pods,
        progress=progress,
        heard_at=heard,
        service_exists=record.service_exists,
        claim_exists=record.claim_exists,
        refused=record.creation.message,
        causes=causes,
        watched_since=record.work.watched_since,
        tensorboard_service_exists=record.tensorboard_service is not None,
        gone=dict(known.gone),
        claim_state=record.work.claim_state,
    )
