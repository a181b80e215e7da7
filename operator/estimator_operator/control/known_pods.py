"""The pods under one job name, as the store keeps them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from estimator_api import Progress
from estimator_api import constants as c
from estimator_operator.control.job_record import JobKey
from estimator_operator.kube.pod_summary import PodRecord, controller_of
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA, EVALUATOR_REPLICA
from estimator_operator.plan.observed import Pod, Replica

Json = dict[str, Any]


@dataclass(slots=True)
class KnownPods:
    """The pods under one job name; and by uid, since names repeat, what was learnt of them beyond their objects.

    Attributes:
        records: Summaries by name.
        progress: What they said of themselves when they were last asked.
        heard: When that was.
        causes: Why they wait.
        looks: Their age in seconds when it was last looked up why they wait.
        departed: Pods that ended with success and are gone: their replicas must not run again, and a status that
            says so may not be written yet.
        last_words: Of replicas whose newest pod is gone, what it said of itself last: the status may not say it yet.
        gone: Attempts of the newest pods that are gone, by replica: the status may not say yet that they were seen.
        told: Uids of pods whose deletion this operator has asked for: their end is no loss.
        uids: Uids of the pods that exist.
        adopted: Names of pods that another controller has been made the owner of: they are left alone.
        strays: Names of pods that a list by label does not show, as their labels were changed by hand; they are known
            by name and owner.
    """

    records: dict[str, PodRecord] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    heard: dict[str, datetime] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    looks: dict[str, float] = field(default_factory=dict)
    departed: dict[str, PodRecord] = field(default_factory=dict)
    last_words: dict[Replica, Progress] = field(default_factory=dict)
    gone: dict[Replica, int] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    uids: set[str] = field(default_factory=set)
    adopted: set[str] = field(default_factory=set)
    strays: set[str] = field(default_factory=set)

    def put(self, record: PodRecord) -> None:
        """Notes a pod."""
        self.records[record.pod.name] = record
        self.uids.add(record.pod.uid)
        self.last_words.pop(record.pod.replica, None)

    def keep_last_words(self, pod: Pod) -> None:
        """Notes what a pod that is going to be dropped says of itself in the end, if it is one whose words are told."""
        words = pod.report or self.progress.get(pod.uid)
        if words is not None and pod.replica in (CHIEF_REPLICA, EVALUATOR_REPLICA):
            self.last_words[pod.replica] = words

    def forget_gone(self) -> None:
        """Forgets what is known of pods that no longer exist."""
        for known in (self.departed, self.last_words, self.gone):
            known.clear()

    def drop(self, name: str) -> None:
        """Forgets a pod, and what was learnt of it."""
        record = self.records.pop(name, None)
        self.strays.discard(name)
        self.adopted.discard(name)
        if record is not None:
            self.uids.discard(record.pod.uid)
            self.told.discard(record.pod.uid)
            for learnt in (self.progress, self.heard, self.causes, self.looks):
                learnt.pop(record.pod.uid, None)


def pod_key(manifest: Json) -> JobKey | None:
    """The job that a pod belongs to by its label, or None."""
    metadata = manifest["metadata"]
    name = (controller_of(manifest) or {}).get("name") or (metadata.get("labels") or {}).get(c.LABEL_JOB_NAME)
    return JobKey(metadata["namespace"], name) if name else None


def is_owned_by(manifest: Json, uid: str) -> bool:
    """The pod names the job of that uid as its controller."""
    return (controller_of(manifest) or {}).get("uid") == uid


def has_controller(manifest: Json) -> bool:
    """Some controller owns the pod, of whatever kind."""
    return any(one.get("controller") for one in manifest["metadata"].get("ownerReferences") or ())


def claimed(manifest: Json, key: JobKey, uid: str, known: Collection[str]) -> Json:
    """A pod with the job as its owner, when it was made for the job and somebody has edited its owner references.

    It runs the job's program all the same, and a second chief beside it would corrupt the model. That it was made for
    the job its containers tell, which cannot be changed.

    Args:
        manifest: The pod.
        key: The job.
        uid: The job's uid.
        known: Uids of pods that are known to be the job's.
    """
    metadata = manifest["metadata"]
    told = {"name": c.ENV_JOB_UID, "value": uid}
    containers = (manifest.get("spec") or {}).get("containers") or ()
    ours = metadata["uid"] in known or any(told in (one.get("env") or ()) for one in containers)
    if not ours or is_owned_by(manifest, uid):
        return manifest
    owner = {"apiVersion": c.API_VERSION, "kind": c.KIND, "name": key.name, "uid": uid, "controller": True}
    return {**manifest, "metadata": {**metadata, "ownerReferences": [owner]}}
