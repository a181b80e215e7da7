"""What the operator knows of jobs and pods: the newest version it has seen of each, from watches and own writes alike.

Own writes are noted at once: a plan made from a store that did not know them would make them again. An event that is
older than what is known changes nothing. Pods are kept as summaries, jobs without their managedFields.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from estimator_api import EstimatorJob, InvalidJobError, Progress, parse_job
from estimator_api import constants as c
from estimator_operator.kube.pod_summary import PodRecord, summarize
from estimator_operator.plan.observed import Observed, Pod

Json = dict[str, Any]
_TOMBSTONES: Final = 20_000


class JobKey(NamedTuple):
    """Which job."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclass(slots=True, kw_only=True)
class JobRecord:
    """One job as known.

    Attributes:
        key: Which job.
        manifest: The object as the API server has it.
        fresh: Pods, Service and claim were looked up since the operator started (or cannot exist yet).
        resync_at: Monotonic time when everything is looked up anew.
        service_exists: The headless Service is known to exist.
        claim_exists: The model claim is known to exist.
        refused: Why the API server refused to create something, until it no longer does.
        create_at: Monotonic time before which nothing is created, after a refusal.
        written_at: Monotonic time of the last status write, or None.
    """

    key: JobKey
    manifest: Json
    fresh: bool = False
    resync_at: float = 0.0
    service_exists: bool = False
    claim_exists: bool = False
    refused: str | None = None
    create_at: float = 0.0
    written_at: float | None = None
    _parsed: EstimatorJob | InvalidJobError | None = None

    @property
    def uid(self) -> str:
        """The job's uid."""
        return str(self.manifest["metadata"]["uid"])

    @property
    def resource_version(self) -> str:
        """The job's resourceVersion."""
        return str(self.manifest["metadata"]["resourceVersion"])

    @property
    def deleting(self) -> bool:
        """Somebody deleted the job; it waits for its dependents or a finalizer."""
        return bool(self.manifest["metadata"].get("deletionTimestamp"))

    @property
    def finished(self) -> bool:
        """The status says Complete or Failed."""
        conditions = (self.manifest.get("status") or {}).get("conditions") or ()
        return any(one["type"] in (c.COMPLETE, c.FAILED) and one["status"] == "True" for one in conditions)

    @property
    def state(self) -> str:
        """Reason of the Ready condition, or New."""
        conditions = (self.manifest.get("status") or {}).get("conditions") or ()
        return next((str(one["reason"]) for one in conditions if one["type"] == c.READY), "New")

    def job(self) -> EstimatorJob:
        """The job as a model.

        Raises:
            InvalidJobError: It cannot be read.
        """
        if self._parsed is None:
            try:
                self._parsed = parse_job(self.manifest)
            except InvalidJobError as error:
                self._parsed = error
        if isinstance(self._parsed, InvalidJobError):
            raise self._parsed
        return self._parsed

    def put(self, manifest: Json) -> None:
        """Replaces the object by a newer one."""
        if manifest["metadata"].get("generation") != self.manifest["metadata"].get("generation"):
            self.create_at = 0.0
        self.manifest = _slim(manifest)
        self._parsed = None


@dataclass(slots=True)
class _Pods:
    """The pods under one job name, and what was learnt of them beyond their objects; by uid where names repeat."""

    records: dict[str, PodRecord] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)

    def drop(self, name: str) -> None:
        record = self.records.pop(name, None)
        if record is not None:
            self.progress.pop(record.pod.uid, None)
            self.causes.pop(record.pod.uid, None)


class Store:
    """Jobs by key and pods by the key of their job."""

    def __init__(self, parse_pod: Callable[[Json], PodRecord | None] = summarize) -> None:
        self._parse_pod = parse_pod
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
            # A job of the same name that was deleted and made anew shares nothing with the old one.
            self._jobs[key] = JobRecord(key=key, manifest=_slim(manifest))
            return key, True
        if _version(manifest) <= _version(known.manifest):
            return key, False
        known.put(manifest)
        return key, True

    def drop_job(self, key: JobKey, uid: str) -> bool:
        """Forgets a job that no longer exists, and its pods; tells whether it was known."""
        known = self._jobs.get(key)
        if known is None or known.uid != uid:
            return False
        del self._jobs[key]
        pods = self._pods.pop(key, _Pods())
        pods.records = {name: one for name, one in pods.records.items() if one.owner_uid != uid}
        if pods.records:
            self._pods[key] = pods
        return True

    def put_pod(self, manifest: Json) -> JobKey | None:
        """Notes a pod; returns the key of its job when this was news."""
        key, record = _pod_key(manifest), self._parse_pod(manifest)
        if key is None or record is None or record.pod.uid in self._gone:
            return None
        pods = self._pods.setdefault(key, _Pods())
        known = pods.records.get(record.pod.name)
        if known is not None and known.version >= record.version:
            return None
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
        uid = manifest["metadata"]["uid"]
        # A list that was read before the deletion may arrive after it: this uid never comes back.
        self._gone[uid] = None
        if len(self._gone) > _TOMBSTONES:
            self._gone.popitem(last=False)
        pods = self._pods.get(key)
        known = pods and pods.records.get(manifest["metadata"]["name"])
        if pods is None or known is None or known.pod.uid != uid:
            return None
        self._drop(key, known.pod.name)
        return key

    def forget_pod(self, key: JobKey, name: str, uid: str) -> None:
        """Forgets a pod that the API server does not know."""
        pods = self._pods.get(key)
        known = pods and pods.records.get(name)
        if known is not None and known.pod.uid == uid:
            self._drop(key, name)

    def replace_pods(self, key: JobKey, manifests: Iterable[Json], version: int) -> None:
        """Makes what was listed the truth, but for pods that are known in a version newer than the list."""
        listed = set()
        for manifest in manifests:
            listed.add(manifest["metadata"]["name"])
            self.put_pod(manifest)
        pods = self._pods.get(key)
        for name, record in tuple(pods.records.items()) if pods is not None else ():
            if name not in listed and record.version <= version:
                self._drop(key, name)

    def put_progress(self, key: JobKey, uid: str, progress: Progress) -> bool:
        """Notes what a pod says of itself; tells whether it says something new."""
        pods = self._pods.get(key)
        if pods is None or not any(one.pod.uid == uid for one in pods.records.values()):
            return False
        changed = pods.progress.get(uid) != progress
        pods.progress[uid] = progress
        return changed

    def put_cause(self, key: JobKey, uid: str, cause: str) -> bool:
        """Notes why a pod waits; tells whether that is news."""
        pods = self._pods.get(key)
        if pods is None or not any(one.pod.uid == uid for one in pods.records.values()):
            return False
        changed = pods.causes.get(uid) != cause
        pods.causes[uid] = cause
        return changed

    def pods(self, record: JobRecord) -> tuple[Pod, ...]:
        """The pods that a job owns, by name."""
        pods = self._pods.get(record.key)
        if pods is None:
            return ()
        owned = (one.pod for one in pods.records.values() if one.owner_uid == record.uid)
        return tuple(sorted(owned, key=lambda pod: pod.name))

    def observe(self, record: JobRecord) -> Observed:
        """Everything known of a job's objects."""
        pods, known = self.pods(record), self._pods.get(record.key, _Pods())
        progress = {pod.replica: known.progress[pod.uid] for pod in pods if pod.uid in known.progress}
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
            refused=record.refused,
            causes=causes,
        )

    def has_cause(self, record: JobRecord, pod: Pod) -> bool:
        """Whether it was learnt why a pod waits."""
        return pod.uid in self._pods.get(record.key, _Pods()).causes

    def _drop(self, key: JobKey, name: str) -> None:
        pods = self._pods[key]
        pods.drop(name)
        if not pods.records:
            del self._pods[key]


def job_key(manifest: Json) -> JobKey:
    """The key of a job."""
    return JobKey(manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def created_at(pod: Pod, default: datetime) -> datetime:
    """When a pod was created; `default` when that is not known."""
    return pod.created_at or default


def _pod_key(manifest: Json) -> JobKey | None:
    metadata = manifest["metadata"]
    name = (metadata.get("labels") or {}).get(c.LABEL_JOB_NAME)
    return JobKey(metadata["namespace"], name) if name else None


def _version(manifest: Json) -> int:
    text = manifest["metadata"].get("resourceVersion") or "0"
    return int(text) if text.isdecimal() else 0


def _slim(manifest: Json) -> Json:
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    return {**manifest, "metadata": metadata}
