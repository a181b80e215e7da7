"""What the operator knows of jobs and pods: the newest version it has seen of each, from watches and own writes alike.

Own writes are noted at once: a plan made from a store that did not know them would make them again. An event that is
older than what is known changes nothing. Pods are kept as summaries, jobs without their managedFields, and jobs for
which there is nothing to do as stubs.

Whatever goes wrong while one object is read is that object's: it is reported and passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from estimator_api import Progress
from estimator_api import constants as c
from estimator_operator.control.job_object import JobObject
from estimator_operator.control.job_record import JobKey, JobRecord, job_key
from estimator_operator.control.job_stub import JobStub, stub_at_first_sight
from estimator_operator.control.known_pods import KnownPods, claimed, has_controller, is_owned_by, pod_key
from estimator_operator.control.observation import observe, pods_of
from estimator_operator.control.pod_reader import ObjectErrorObserver, PodReader
from estimator_operator.control.tombstones import Tombstones
from estimator_operator.kube.decoding import UNREADABLE
from estimator_operator.kube.object_shape import in_shape, version_of
from estimator_operator.kube.pod_summary import PodRecord, summarize
from estimator_operator.kube.resources import JOBS
from estimator_operator.plan.observed import Observed, Pod

Json = dict[str, Any]
StatusObserver = Callable[[JobRecord, Json], None]
"""Told of every new status of a job that is known already, with the one before; once, whoever wrote it."""


class Store:
    """Jobs by key and pods by the key of their job.

    Args:
        parse_pod: Makes a summary of a pod.
        on_status: Told of every change of a status.
        on_error: Told of objects that cannot be read.
    """

    def __init__(
        self,
        parse_pod: Callable[[Json], PodRecord | None] = summarize,
        *,
        on_status: StatusObserver = lambda _record, _before: None,
        on_error: ObjectErrorObserver = lambda _plural, _manifest, _error: None,
    ) -> None:
        self._reader = PodReader(parse_pod, on_error)
        self._on_status = on_status
        self._on_error = on_error
        self._jobs: dict[JobKey, JobRecord] = {}
        self._pods: dict[JobKey, KnownPods] = {}
        self._keys: dict[str, JobKey] = {}
        self._gone, self._gone_jobs = Tombstones(), Tombstones()

    def __iter__(self) -> Iterator[JobRecord]:
        return iter(tuple(self._jobs.values()))

    def __len__(self) -> int:
        return len(self._jobs)

    def job(self, key: JobKey) -> JobRecord | None:
        """The job, or None when it does not exist."""
        return self._jobs.get(key)

    def put_job(self, manifest: Json, *, whole: bool = False) -> tuple[JobKey, bool]:
        """Notes a job; tells its key and whether this was news.

        Args:
            manifest: The job.
            whole: It was read because it needs a look: it is not to become a stub again before that.

        Raises:
            UndecodableError: It has no identity.
        """
        manifest = in_shape(manifest, JOBS)
        key, uid = job_key(manifest), manifest["metadata"]["uid"]
        known = self._jobs.get(key)
        if uid in self._gone_jobs:
            # A list that was read before the deletion and arrives after it.
            return key, False
        if known is not None and known.uid != uid and version_of(manifest) < known.version:
            return key, False
        if known is None or known.uid != uid:
            # A job of the same name that was deleted and made anew shares nothing with the old one. One that nobody
            # has answered yet has no objects; should a crashed operator have made some, creating them says so.
            answered = bool((manifest.get("status") or {}).get("conditions"))
            if known is not None:
                # Its name is taken, so it is gone, whether or not the watch has told of that yet.
                self.drop_job(key, known.uid, told=True)
            self._jobs[key] = record = JobRecord(key=key, manifest=manifest, fresh=not answered)
            if not whole:
                self._shrink(record)
            return key, True
        stub = known.stub
        if UNREADABLE in manifest and not version_of(manifest):
            # How new it is cannot be told; that what was known is not true any more, can.
            metadata = {**manifest["metadata"], "resourceVersion": known.resource_version}
            manifest = {**manifest, "metadata": metadata}
        elif version_of(manifest) <= known.version:
            if stub is not None and whole and version_of(manifest) == known.version:
                known.put(JobObject(manifest))
            return key, False
        before = known.status
        known.put(JobObject(manifest))
        if stub is not None:
            self._woken(known, before, same=stub.has_status(known.status))
            if not whole:
                self._shrink(known)
        elif known.status != before:
            self._tell(known, before)
        return key, True

    def _shrink(self, record: JobRecord) -> None:
        """Keeps a stub of a job that needs nothing, before anybody has looked at it: there may be many."""
        if not isinstance(record.object, JobObject):
            return
        try:
            stub = stub_at_first_sight(record.object)
        except Exception:  # noqa: BLE001  (it is kept whole, and its reconcile says what is wrong with it)
            return
        if stub is not None:
            record.rest(stub)

    def _woken(self, record: JobRecord, before: Json, *, same: bool) -> None:
        """Tells of a status that was written while only a stub was known; what it counted is not counted again."""
        if same:
            return
        counted: Json = {key: record.status[key] for key in ("restarts", "failures") if key in record.status}
        self._tell(record, {**before, **counted})

    def _tell(self, record: JobRecord, before: Json) -> None:
        try:
            self._on_status(record, before)
        except Exception as error:  # noqa: BLE001  (a status that nobody can explain is still the newest)
            self._on_error("estimatorjobs", record.manifest, error)

    def rest(self, record: JobRecord, stub: JobStub) -> None:
        """There is nothing to do for a job: keeps a stub of it, and of its pods only those that exist."""
        record.rest(stub)
        if (pods := self._pods.get(record.key)) is None:
            return
        pods.gone.clear()
        pods.last_words.clear()
        if record.finished:
            pods.departed.clear()
        if not pods.records and not pods.departed:
            del self._pods[record.key]

    def drop_job(self, key: JobKey, uid: str, *, told: bool = False) -> bool:
        """Forgets a job that no longer exists, and its pods; tells whether it was known.

        Args:
            key: Which job.
            uid: Its uid.
            told: The watch told of its deletion: this uid never comes back. A 404 of an API server that starts is no
                such evidence.
        """
        if told:
            self._gone_jobs.add(uid)
        if (known := self._jobs.get(key)) is None or known.uid != uid:
            return False
        del self._jobs[key]
        pods = self._pods.pop(key, KnownPods())
        others = {name: one for name, one in pods.records.items() if one.owner_uid != uid}
        for name in [name for name in pods.records if name not in others]:
            self._drop(pods, name)
        pods.forget_gone()
        if pods.records:
            self._pods[key] = pods
        return True

    def put_pod(self, manifest: Json) -> JobKey | None:
        """Notes a pod; returns the key of the job that has it, or had it, when this was news."""
        shaped = self._reader.shaped(manifest)
        if shaped is None:
            return None
        name, before = shaped["metadata"]["name"], self._keys.get(shaped["metadata"]["uid"])
        # Whose it is may be what cannot be read.
        key = (before if UNREADABLE in shaped else None) or pod_key(shaped) or before
        if key is None:
            return None
        pods = self._pods.get(key)
        known = None if pods is None else pods.records.get(name)
        # Most pods that the watch tells of are known in this version, for we made them: those are not read again.
        if known is not None and known.version >= version_of(shaped) > 0:
            return None
        record = self._reader.summary(shaped, known)
        job = self._jobs.get(key)
        if record is not None and known is not None and job is not None and known.pod.uid == record.pod.uid:
            # Another uid in its owner reference is as if it had none.
            record = None if known.owner_uid == job.uid != record.owner_uid else record
        if record is None and pods is not None and name in pods.strays:
            return self._put_pod(key, self._read_stray(key, shaped), stray=True)
        if record is None and pods is not None and known is not None:
            # It was given away: what was known of it is not true any more. Whether it is still the job's own is asked
            # by name before another takes its place.
            self._miss(key, known)
            self._drop(pods, name)
            return key
        if before is None or before == key:
            return self._put_pod(key, record, stray=False)
        # It was given to another job.
        self._miss(before, self._pods[before].records[name])
        self._drop(self._pods[before], name)
        self._put_pod(key, record, stray=False)
        return before

    def _drop(self, pods: KnownPods, name: str) -> None:
        """Forgets a pod without a word on what became of it."""
        if (known := pods.records.get(name)) is not None:
            self._keys.pop(known.pod.uid, None)
        pods.drop(name)

    def put_stray(self, key: JobKey, manifest: Json) -> bool:
        """Notes a pod that was found by its name; tells whether the job's own pod stands there.

        Args:
            key: The job that its name belongs to.
            manifest: The pod, whatever its labels say.
        """
        shaped, job = self._reader.shaped(manifest), self._jobs.get(key)
        record = None if shaped is None else self._read_stray(key, shaped)
        if shaped is None or record is None or job is None or record.owner_uid != job.uid:
            return False
        # That it left the watch was taken for its end.
        self._gone.discard(record.pod.uid)
        pods = self._pods.setdefault(key, KnownPods())
        pods.departed.pop(record.pod.name, None)
        pods.gone.pop(record.pod.replica, None)
        shown = (shaped["metadata"].get("labels") or {}).get(c.LABEL_JOB_NAME) == key.name
        owned = is_owned_by(shaped, job.uid)
        self._put_pod(key, record, stray=not (shown and owned))
        (pods.adopted.discard if owned or not has_controller(shaped) else pods.adopted.add)(record.pod.name)
        return True

    def _read_stray(self, key: JobKey, shaped: Json) -> PodRecord | None:
        """A summary, by who made the pod where its owner was changed by hand."""
        job, pods = self._jobs.get(key), self._pods.get(key, KnownPods())
        if job is not None:
            shaped = claimed(shaped, key, job.uid, {one.pod.uid for one in self.pod_records(job)})
        return self._reader.summary(shaped, pods.records.get(shaped["metadata"]["name"]))

    def adopted(self, key: JobKey) -> frozenset[str]:
        """Names of the job's pods that another controller owns by now."""
        return frozenset(self._pods.get(key, KnownPods()).adopted)

    def knows_pod(self, key: JobKey, uid: str) -> bool:
        """A pod of that uid exists, as far as is known."""
        return self._pods_with(key, uid) is not None

    def strays(self, key: JobKey) -> tuple[tuple[str, str], ...]:
        """Name and uid of the job's pods that no list by label shows."""
        pods = self._pods.get(key, KnownPods())
        return tuple((name, pods.records[name].pod.uid) for name in sorted(pods.strays))

    def _put_pod(self, key: JobKey, record: PodRecord | None, *, stray: bool) -> JobKey | None:
        if record is None or record.pod.uid in self._gone:
            return None
        pods = self._pods.setdefault(key, KnownPods())
        name = record.pod.name
        known = pods.records.get(name)
        if known is not None and known.version > record.version:
            return None
        if known is not None and known.pod.uid != record.pod.uid:
            self._drop(pods, name)
        pods.put(record)
        self._keys[record.pod.uid] = key
        (pods.strays.add if stray else pods.strays.discard)(name)
        pods.adopted.intersection_update(pods.strays)
        return None if known is not None and known.pod == record.pod else key

    def drop_pod(self, manifest: Json) -> JobKey | None:
        """Forgets a pod that no longer exists; returns the key of its job when it was known."""
        name, uid = manifest["metadata"]["name"], manifest["metadata"]["uid"]
        key = self._keys.get(uid) or pod_key(manifest)
        return key if key is not None and self.forget_pod(key, name, uid) else None

    def expect_end(self, key: JobKey, uid: str, *, expected: bool = True) -> None:
        """Notes that this operator asks for the deletion of a pod, or that the pod was not deleted after all."""
        pods = self._pods.get(key)
        if pods is not None and expected and uid in pods.uids:
            pods.told.add(uid)
        elif pods is not None:
            pods.told.discard(uid)

    def forget_pod(self, key: JobKey, name: str, uid: str) -> bool:
        """Forgets a pod that no longer exists; tells whether it was known."""
        self._gone.add(uid)
        pods = self._pods.get(key)
        known = pods.records.get(name) if pods is not None else None
        if pods is None or known is None or known.pod.uid != uid:
            return False
        told, job = uid in pods.told, self._jobs.get(key)
        owner = job if job is not None and job.uid == known.owner_uid else None
        self._miss(key, known)
        if owner is not None and not owner.finished:
            pods.keep_last_words(known.pod)
        self._drop(pods, name)
        is_replica = known.pod.replica.role != c.TENSORBOARD
        if known.pod.phase == "Succeeded" and job is not None and is_replica:
            pods.departed[name] = replace(known, pod=replace(known.pod, deleting=True, remembered=True))
        if is_replica and not told and owner is not None:
            pods.gone[known.pod.replica] = max(known.pod.attempt, pods.gone.get(known.pod.replica, 0))
        if not pods.records and not pods.departed and not pods.gone and not pods.last_words:
            del self._pods[key]
        return True

    def _miss(self, key: JobKey, known: PodRecord) -> None:
        """A pod has left the watch, which may be its end or only a changed label: it is to be asked for by name."""
        job, pod = self._jobs.get(key), known.pod
        if job is None or job.uid != known.owner_uid or pod.finished or (pod.deleting and job.finished):
            return
        if job.stub is None or job.stub.unwanted(pod):
            job.work.vanished.add(pod.name)

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
            if namespace in (None, one.key.namespace) and one.uid not in listed and one.version <= version
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
            if known.pod.uid not in listed
            and known.version <= version
            # A list by label does not show these.
            and known.pod.name not in pods.strays
        ]
        for job, pod in swept:
            self.forget_pod(job, pod.name, pod.uid)
        return [job for job, _ in swept]

    def put_progress(self, key: JobKey, uid: str, progress: Progress, *, at: datetime) -> bool:
        """Notes what a pod says of itself at a moment; tells whether it says something new."""
        pods = self._pods_with(key, uid)
        if pods is None:
            return False
        known = pods.progress.get(uid)
        pods.progress[uid], pods.heard[uid] = progress, at
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
        return self._pods.get(key, KnownPods()).looks.get(uid)

    def pod_records(self, record: JobRecord) -> tuple[PodRecord, ...]:
        """The pods that exist and that a job owns, with what the plan does not need to know of them."""
        records = self._pods.get(record.key, KnownPods()).records
        return tuple(one for one in records.values() if one.owner_uid == record.uid)

    def pods(self, record: JobRecord) -> tuple[Pod, ...]:
        """The pods that a job owns, by name."""
        pods = self._pods.get(record.key)
        return () if pods is None else pods_of(record, pods)

    def observe(self, record: JobRecord) -> Observed:
        """Everything known of a job's objects."""
        return observe(record, self._pods.get(record.key, KnownPods()))

    def _pods_with(self, key: JobKey, uid: str) -> KnownPods | None:
        pods = self._pods.get(key)
        return pods if pods is not None and uid in pods.uids else None
