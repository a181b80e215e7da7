"""What the operator knows of jobs and pods: the newest version it has seen of each, from watches and own writes alike.

Own writes are noted at once: a plan made from a store that did not know them would make them again. An event that is
older than what is known changes nothing. Pods are kept as summaries, jobs without their managedFields.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from estimator_api import Progress
from estimator_api import constants as c
from estimator_operator.control.job_record import JobKey, JobRecord, slim
from estimator_operator.kube.pod_summary import PodRecord, summarize
from estimator_operator.plan.observed import Observed, Pod, Replica

Json = dict[str, Any]
StatusObserver = Callable[[JobRecord, Json], None]
"""Told of every new status of a job that is known already, with the one before; once, whoever wrote it."""
_TOMBSTONES: Final = 20_000


@dataclass(slots=True)
class _Pods:
    """The pods under one job name; and by uid, since names repeat, what was learnt of them beyond their objects.

    Attributes:
        records: Summaries by name.
        progress: What they said of themselves when they were last asked.
        causes: Why they wait.
        looks: Their age in seconds when it was last looked up why they wait.
        departed: Pods that ended with success and are gone: their replicas must not run again, and a status that
            says so may not be written yet.
        gone: Attempts of the newest pods that are gone, by replica: the status may not say yet that they were seen.
    """

    records: dict[str, PodRecord] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    looks: dict[str, float] = field(default_factory=dict)
    departed: dict[str, PodRecord] = field(default_factory=dict)
    gone: dict[Replica, int] = field(default_factory=dict)

    def drop(self, name: str) -> None:
        record = self.records.pop(name, None)
        if record is not None:
            for learnt in (self.progress, self.causes, self.looks):
                learnt.pop(record.pod.uid, None)


class Store:
    """Jobs by key and pods by the key of their job.

    Args:
        parse_pod: Makes a summary of a pod.
        on_status: Told of every change of a status.
    """

    def __init__(
        self,
        parse_pod: Callable[[Json], PodRecord | None] = summarize,
        *,
        on_status: StatusObserver = lambda _record, _before: None,
    ) -> None:
        self._parse_pod = parse_pod
        self._on_status = on_status
        self._jobs: dict[JobKey, JobRecord] = {}
        self._pods: dict[JobKey, _Pods] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def __iter__(self) -> Iterator[JobRecord]:
        return iter(tuple(self._jobs.values()))

    def __len__(self) -> int:
        return len(self._jobs)

    def job(self, key: JobKey) -> JobRecord | None:
        """The job, or None when it does not exist."""
        return self._jobs.get(key)

    def put_job(self, manifest: Json) -> tuple[JobKey, bool]:
        """Notes a job; tells its key and whether this was news."""
        key = job_key(manifest)
        known = self._jobs.get(key)
        if known is None or known.uid != manifest["metadata"]["uid"]:
            # A job of the same name that was deleted and made anew shares nothing with the old one. One that nobody
            # has answered yet has no objects; should a crashed operator have made some, creating them says so.
            answered = bool((manifest.get("status") or {}).get("conditions"))
            self._jobs[key] = JobRecord(key=key, manifest=slim(manifest), fresh=not answered)
            return key, True
        if _version(manifest) <= _version(known.manifest):
            return key, False
        before = known.status
        known.put(manifest)
        if known.status != before:
            self._on_status(known, before)
        return key, True

    def drop_job(self, key: JobKey, uid: str) -> bool:
        """Forgets a job that no longer exists, and its pods; tells whether it was known."""
        known = self._jobs.get(key)
        if known is None or known.uid != uid:
            return False
        del self._jobs[key]
        pods = self._pods.pop(key, _Pods())
        pods.records = {name: one for name, one in pods.records.items() if one.owner_uid != uid}
        pods.gone.clear()
        if pods.records:
            self._pods[key] = pods
        return True

    def put_pod(self, manifest: Json) -> JobKey | None:
        """Notes a pod; returns the key of its job when this was news."""
        key = _pod_key(manifest)
        if key is None:
            return None
        pods = self._pods.get(key, _Pods())
        known = pods.records.get(manifest["metadata"]["name"])
        # Most pods that the watch tells of are known in this version, for we made them: those are not read again.
        if known is not None and known.version >= _version(manifest):
            return None
        record = self._parse_pod(manifest)
        if record is None or record.pod.uid in self._gone:
            return None
        self._pods[key] = pods
        if known is not None and known.pod.uid != record.pod.uid:
            pods.drop(record.pod.name)
        if known is not None and known.pod == record.pod:
            pods.records[record.pod.name] = record
            return None
        pods.records[record.pod.name] = record
        return key

    def drop_pod(self, manifest: Json) -> JobKey | None:
        """Forgets a pod that no longer exists; returns the key of its job when it was known."""
        key = _pod_key(manifest)
        if key is None:
            return None
        return (
            key if self.forget_pod(key, manifest["metadata"]["name"], manifest["metadata"]["uid"]) else None
        )

    def forget_pod(self, key: JobKey, name: str, uid: str) -> bool:
        """Forgets a pod that no longer exists; tells whether it was known."""
        # A list that was read before the deletion may arrive after it: this uid never comes back.
        self._gone[uid] = None
        if len(self._gone) > _TOMBSTONES:
            self._gone.popitem(last=False)
        pods = self._pods.get(key)
        known = pods.records.get(name) if pods is not None else None
        if pods is None or known is None or known.pod.uid != uid:
            return False
        pods.drop(name)
        is_replica = known.pod.replica.role != c.TENSORBOARD
        if known.pod.phase == "Succeeded" and key in self._jobs and is_replica:
            pods.departed[name] = replace(known, pod=replace(known.pod, deleting=True, remembered=True))
        job = self._jobs.get(key)
        if is_replica and job is not None and job.uid == known.owner_uid:
            pods.gone[known.pod.replica] = max(known.pod.attempt, pods.gone.get(known.pod.replica, 0))
        if not pods.records and not pods.departed and not pods.gone:
            del self._pods[key]
        return True

    def sweep_jobs(self, namespace: str | None, listed: Container[str], version: int) -> list[JobKey]:
        """Forgets jobs of a namespace (None: of all) that a list of that version does not have; returns their keys.

        Args:
            namespace: What was listed.
            listed: Uids of the jobs listed.
            version: The list's resourceVersion; jobs known in a newer one are kept.
        """
        swept = [
            one.key
            for one in self
            if namespace in (None, one.key.namespace)
            and one.uid not in listed
            and _version(one.manifest) <= version
        ]
        for key in swept:
            self.drop_job(key, self._jobs[key].uid)
        return swept

    def sweep_pods(
        self, namespace: str | None, listed: Container[str], version: int, *, key: JobKey | None = None
    ) -> list[JobKey]:
        """The same for pods; with `key`, only those of one job were listed."""
        swept = [
            (job, known.pod)
            for job, pods in self._pods.items()
            if key in (None, job) and namespace in (None, job.namespace)
            for known in pods.records.values()
            if known.pod.uid not in listed and known.version <= version
        ]
        for job, pod in swept:
            self.forget_pod(job, pod.name, pod.uid)
        return [job for job, _ in swept]

    def put_progress(self, key: JobKey, uid: str, progress: Progress) -> bool:
        """Notes what a pod says of itself; tells whether it says something new."""
        pods = self._pods_with(key, uid)
        if pods is None:
            return False
        known = pods.progress.get(uid)
        pods.progress[uid] = progress
        # Every document has the time at which it was made.
        return known is None or known.model_copy(update={"time": progress.time}) != progress

    def put_cause(self, key: JobKey, uid: str, cause: str | None, *, age: float) -> bool:
        """Notes that it was looked up at that age why a pod waits, and what was found; tells whether that is news."""
        pods = self._pods_with(key, uid)
        if pods is None:
            return False
        pods.looks[uid] = age
        if cause is None or pods.causes.get(uid) == cause:
            return False
        pods.causes[uid] = cause
        return True

    def looked_at(self, key: JobKey, uid: str) -> float | None:
        """The age of a pod in seconds when it was last looked up why it waits, or None when it never was."""
        pods = self._pods.get(key)
        return pods.looks.get(uid) if pods is not None else None

    def pod_records(self, record: JobRecord) -> tuple[PodRecord, ...]:
        """The pods that exist and that a job owns, with what the plan does not need to know of them."""
        pods = self._pods.get(record.key)
        if pods is None:
            return ()
        return tuple(one for one in pods.records.values() if one.owner_uid == record.uid)

    def pods(self, record: JobRecord) -> tuple[Pod, ...]:
        """The pods that a job owns, by name."""
        pods = self._pods.get(record.key)
        if pods is None:
            return ()
        recorded = set((record.manifest.get("status") or {}).get("completedReplicas") or ())
        departed = (one for one in pods.departed.values() if str(one.pod.replica) not in recorded)
        all_pods = (*pods.records.values(), *(() if record.finished else departed))
        owned = (one.pod for one in all_pods if one.owner_uid == record.uid)
        return tuple(sorted(owned, key=lambda pod: pod.name))

    def pod_version(self, key: JobKey, name: str, uid: str) -> str | None:
        """The resourceVersion in which a pod is known, or None when it is not."""
        pods = self._pods.get(key)
        known = pods.records.get(name) if pods is not None else None
        return str(known.version) if known is not None and known.pod.uid == uid else None

    def observe(self, record: JobRecord) -> Observed:
        """Everything known of a job's objects."""
        known = self._pods.get(record.key, _Pods())
        if record.state in (c.REASON_SUSPENDING, c.REASON_SUSPENDED):
            # A resumed job makes pods of the same names again.
            known.gone.clear()
        if record.state == c.REASON_SUSPENDED:
            # What had completed is in the status; what was cut short is run again.
            known.departed.clear()
        pods = self.pods(record)
        by_attempt = sorted(pods, key=lambda pod: pod.attempt)
        progress = {pod.replica: known.progress[pod.uid] for pod in by_attempt if pod.uid in known.progress}
        causes = {
            pod.replica: known.causes[pod.uid]
            for pod in pods
            if pod.uid in known.causes and pod.phase == "Pending"
        }
        return Observed(
            pods=pods,
            progress=progress,
            service_exists=record.service_exists,
            claim_exists=record.claim_exists,
            refused=record.creation.message,
            causes=causes,
            watched_since=record.watched_since,
            tensorboard_service_exists=record.tensorboard_service is not None,
            gone=dict(known.gone),
        )

    def _pods_with(self, key: JobKey, uid: str) -> _Pods | None:
        pods = self._pods.get(key)
        if pods is None or not any(one.pod.uid == uid for one in pods.records.values()):
            return None
        return pods


def job_key(manifest: Json) -> JobKey:
    """The key of a job."""
    return JobKey(manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _pod_key(manifest: Json) -> JobKey | None:
    metadata = manifest["metadata"]
    name = (metadata.get("labels") or {}).get(c.LABEL_JOB_NAME)
    return JobKey(metadata["namespace"], name) if name else None


def _version(manifest: Json) -> int:
    text = manifest["metadata"].get("resourceVersion") or "0"
    return int(text) if text.isdecimal() else 0
