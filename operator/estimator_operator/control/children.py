"""Services and claims of jobs, as the watch tells of them: a deleted one is made again at once."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

from estimator_api import constants as c
from estimator_operator.control.creation import claim_on, model_claim_name, tensorboard_service_name
from estimator_operator.control.job_object import version_of
from estimator_operator.control.job_record import JobKey, JobRecord
from estimator_operator.control.store import Store
from estimator_operator.kube.resources import CLAIMS, SERVICES, Resource

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Child:
    """An object that the watch told of and that is a job's own."""

    resource: Resource
    namespace: str
    name: str
    job: JobKey
    version: int


class Children:
    """Notes Services and claims in the records of their jobs.

    Args:
        store: The records.
        look_at: Asks for a look at a job that misses something now.
    """

    def __init__(self, store: Store, look_at: Callable[[JobKey], None]) -> None:
        self._store = store
        self._look_at = look_at
        self._known: dict[str, _Child] = {}

    def service_event(self, kind: str | None, service: Json) -> None:
        """A Service was ADDED, MODIFIED or DELETED, or was listed (None)."""
        self._event(SERVICES, kind, service)

    def claim_event(self, kind: str | None, claim: Json) -> None:
        """The same for a claim."""
        self._event(CLAIMS, kind, claim)

    def relisted(self, resource: Resource, namespace: str | None, uids: Container[str], version: int) -> None:
        """What is known up to that version and is not among the uids of a complete list is gone."""
        gone = [
            uid
            for uid, one in self._known.items()
            if one.resource == resource
            and namespace in (None, one.namespace)
            and uid not in uids
            and one.version <= version
        ]
        for uid in gone:
            self._gone(uid, self._known[uid])

    def _event(self, resource: Resource, kind: str | None, manifest: Json) -> None:
        metadata = manifest["metadata"]
        uid, name = metadata["uid"], metadata["name"]
        job = (metadata.get("labels") or {}).get(c.LABEL_JOB_NAME)
        if job is None:
            return
        child = _Child(
            resource, metadata["namespace"], name, JobKey(metadata["namespace"], job), version_of(manifest)
        )
        if kind == "DELETED":
            self._gone(uid, child)
            return
        record = self._store.job(child.job)
        if record is None or name not in _names(record, resource) or claim_on(record, resource, manifest):
            return
        self._known[uid] = child
        _set(record, child, uid)

    def _gone(self, uid: str, child: _Child) -> None:
        known = self._known.pop(uid, None)
        record = self._store.job(child.job)
        if record is None or not record.managed or child.name not in _names(record, child.resource):
            return
        if known is None and any(
            one.name == child.name and one.job == child.job for one in self._known.values()
        ):
            # Another has taken its place, and the watch told of that first.
            return
        _set(record, child, None)
        self._look_at(child.job)


def _names(record: JobRecord, resource: Resource) -> tuple[str, ...]:
    if resource == CLAIMS:
        return (model_claim_name(record),)
    return record.key.name, tensorboard_service_name(record)


def _set(record: JobRecord, child: _Child, uid: str | None) -> None:
    if child.resource == CLAIMS:
        record.claim_exists = uid is not None
    elif child.name == record.key.name:
        record.service_exists = uid is not None
    else:
        record.tensorboard_service = uid
