"""The fence between the watches and whoever is told: what goes wrong with one object ends with that object.

Labels, names and whatever else a foreign object says is hostile input. An exception while one is taken in is counted
and logged (once a minute for each object), and the next object is served.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from estimator_operator.kube.decoding import UNREADABLE
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES, Resource

_log = logging.getLogger(__name__)

Json = dict[str, Any]
Teller = Callable[[str | None, Json], None]

_LOG_EVERY: Final = 60.0
_REMEMBERED_MOST: Final = 1000


class WatchObserver(Protocol):
    """Who is told of events. Calls come from the event loop and must not block."""

    def job_event(self, kind: str | None, job: Json) -> None:
        """A job was ADDED, MODIFIED or DELETED, or was listed (None)."""

    def pod_event(self, kind: str | None, pod: Json) -> None:
        """The same for a pod that carries the job-name label."""

    def service_event(self, kind: str | None, service: Json) -> None:
        """The same for a Service that carries it."""

    def claim_event(self, kind: str | None, claim: Json) -> None:
        """The same for a PersistentVolumeClaim that carries it."""

    def relisted(self, resource: Resource, namespace: str | None, uids: set[str], version: int) -> None:
        """A list is complete: what was known up to that version and is not among the uids is gone."""

    def refused(self, resource: Resource, namespace: str | None) -> None:
        """The list is forbidden for now."""

    def heard(self, resource: Resource, namespace: str | None) -> None:
        """The watch got an answer of any kind, or tries to get one: it is alive."""


class Fence:
    """An observer whose failures with one object stay with it.

    Args:
        observer: Who is told.
        count: Told of each object that could not be taken in: its resource and `unreadable` or `failed`.
        monotonic: Clock in seconds.
    """

    def __init__(
        self,
        observer: WatchObserver,
        *,
        count: Callable[[str, str], None] = lambda _resource, _why: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observer = observer
        self._count = count
        self._monotonic = monotonic
        self._logged: dict[str, float] = {}
        self._tellers: dict[Resource, Teller] = {
            JOBS: observer.job_event,
            PODS: observer.pod_event,
            SERVICES: observer.service_event,
            CLAIMS: observer.claim_event,
        }

    def event(self, resource: Resource, kind: str | None, found: Json) -> None:
        """Something was ADDED, MODIFIED or DELETED, or was listed (None)."""
        try:
            if UNREADABLE in found:
                self._count(resource.plural, "unreadable")
                self._log(resource, found, found[UNREADABLE])
            self._tellers[resource](kind, found)
        except Exception as error:  # noqa: BLE001  (one object must not stop the others)
            self._count(resource.plural, "failed")
            self._log(resource, found, repr(error))

    def relisted(self, resource: Resource, namespace: str | None, uids: set[str], version: int) -> None:
        """A list is complete."""
        self._observer.relisted(resource, namespace, uids, version)

    def refused(self, resource: Resource, namespace: str | None) -> None:
        """A list is forbidden."""
        self._observer.refused(resource, namespace)

    def heard(self, resource: Resource, namespace: str | None) -> None:
        """A watch is alive."""
        self._observer.heard(resource, namespace)

    def _log(self, resource: Resource, found: Any, why: str) -> None:
        metadata = found.get("metadata") if isinstance(found, dict) else None
        metadata = metadata if isinstance(metadata, dict) else {}
        what = f"{resource.plural} {metadata.get('namespace')}/{metadata.get('name')}"
        now = self._monotonic()
        if now - self._logged.get(what, -_LOG_EVERY) < _LOG_EVERY:
            return
        if len(self._logged) >= _REMEMBERED_MOST:
            self._logged.clear()
        self._logged[what] = now
        _log.warning("%s cannot be taken in: %s", what, why)
