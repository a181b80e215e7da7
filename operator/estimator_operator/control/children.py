"""Services and claims of jobs, as the watch tells of them: whether a job has what it needs beside pods.

They may be told of before their job is. Only what decides about them is kept: whose they are and what they are called.
"""

from __future__ import annotations

from typing import Any, Final

from estimator_api import constants as c
from estimator_operator.control.creation import claim_on, model_claim_name, tensorboard_service_name
from estimator_operator.control.job_record import JobKey, JobRecord
from estimator_operator.control.store import Store
from estimator_operator.kube.decoding import UNREADABLE
from estimator_operator.kube.object_shape import version_of
from estimator_operator.kube.pod_summary import controller_of
from estimator_operator.kube.resources import CLAIMS, SERVICES, Resource

Json = dict[str, Any]
_KEPT: Final = (
    "namespace", "name", "uid", "resourceVersion", "labels", "ownerReferences", "deletionTimestamp",
)  # fmt: skip


class Children:
    """The Services and claims that carry a job's label.

    Args:
        store: The jobs; their records are told what exists.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[JobKey, dict[str, tuple[Resource, Json]]] = {}
        self._keys: dict[str, JobKey] = {}

    def put(self, resource: Resource, manifest: Json) -> JobKey | None:
        """Notes an object; returns the key of its job when that lacks something now, or no longer."""
        metadata = {name: manifest["metadata"][name] for name in _KEPT if name in manifest["metadata"]}
        uid, key = metadata["uid"], _key(manifest)
        was = self._keys.get(uid)
        before = None if was is None else self._known[was][uid][1]
        if before is not None and UNREADABLE in manifest:
            # It exists; whose it is may be what cannot be read.
            key, metadata = was, before["metadata"]
        if before is not None and version_of(before) >= version_of(manifest) > 0:
            return None
        if was is not None and was != key:
            # It was given to another job.
            self._forget(was, uid)
        if key is not None:
            self._known.setdefault(key, {})[uid] = (resource, {"metadata": metadata})
            self._keys[uid] = key
        told = [self._told(one, resource) for one in (was, key) if one is not None]
        return next((one for one in told if one is not None), None)

    def drop(self, resource: Resource, manifest: Json) -> JobKey | None:
        """Forgets an object that no longer exists; returns the key of its job when that lacks something now."""
        key = self._keys.get(manifest["metadata"]["uid"])
        if key is None:
            return None
        self._forget(key, manifest["metadata"]["uid"])
        return self._told(key, resource)

    def _forget(self, key: JobKey, uid: str) -> None:
        del self._keys[uid], self._known[key][uid]
        if not self._known[key]:
            del self._known[key]

    def sweep(
        self, resource: Resource, namespace: str | None, listed: set[str], version: int
    ) -> list[JobKey]:
        """Forgets what a list of that version does not have; returns the keys of the jobs that lack something now."""
        gone = [
            found
            for key, known in self._known.items()
            if namespace in (None, key.namespace)
            for uid, (kind, found) in known.items()
            if kind is resource and uid not in listed and version_of(found) <= version
        ]
        return [key for key in (self.drop(resource, found) for found in gone) if key is not None]

    def tell(self, record: JobRecord, resource: Resource) -> bool:
        """Tells a record what exists of its Services or its claim; returns whether that is news."""
        found = [one for kind, one in self._known.get(record.key, {}).values() if kind is resource]
        before = (record.service_exists, record.tensorboard_service, record.claim_exists)
        if resource is CLAIMS:
            name = model_claim_name(record)
            record.claim_exists = any(
                one["metadata"]["name"] == name and claim_on(record, CLAIMS, one) is None for one in found
            )
        else:
            own = {
                one["metadata"]["name"]: one["metadata"]["uid"]
                for one in found
                if (controller_of(one) or {}).get("uid") == record.uid
            }
            record.service_exists = record.key.name in own
            record.tensorboard_service = own.get(tensorboard_service_name(record))
        return before != (record.service_exists, record.tensorboard_service, record.claim_exists)

    def tell_all(self) -> None:
        """Tells every record, once all lists are complete."""
        for record in self._store:
            for resource in (SERVICES, CLAIMS):
                self.tell(record, resource)

    def _told(self, key: JobKey, resource: Resource) -> JobKey | None:
        record = self._store.job(key)
        return key if record is not None and self.tell(record, resource) else None


def _key(manifest: Json) -> JobKey | None:
    metadata = manifest["metadata"]
    name = (controller_of(manifest) or {}).get("name") or (metadata.get("labels") or {}).get(c.LABEL_JOB_NAME)
    return JobKey(metadata["namespace"], name) if name else None
