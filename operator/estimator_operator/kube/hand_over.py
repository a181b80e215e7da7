"""From the watches to whoever is told: object by object, each within the fence, in pages that let others have a turn.

What is handed over has the shape of an object (`object_shape.py`): who is told can rely on its metadata. One that is
not so, or that could not be decoded, is handed over as a stub that says why, lest what was known of it before stays
true for ever. One without an identity is counted and left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from estimator_operator.kube.decoding import UNREADABLE, UndecodableError, has_name
from estimator_operator.kube.fence import Fence
from estimator_operator.kube.object_shape import in_shape
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES, Resource

Json = dict[str, Any]
Teller = Callable[[str | None, Json], None]

TURN: Final = 20
"""Objects that are handed over before others have their turn in the event loop."""


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

    def knows_job(self, job: Json) -> bool:
        """That version of the job is known already, or a newer one: an event that tells of it is no news."""

    def relisted(self, resource: Resource, namespace: str | None, uids: set[str], version: int) -> None:
        """A list is complete: what was known up to that version and is not among the uids is gone."""

    def refused(self, resource: Resource, namespace: str | None) -> None:
        """The list is forbidden for now."""

    def heard(self, resource: Resource, namespace: str | None) -> None:
        """The watch got an answer of any kind, or tries to get one: it is alive."""


class HandOver:
    """Tells an observer what the watches see.

    Args:
        observer: Who is told.
        fence: Around each object.
    """

    def __init__(self, observer: WatchObserver, fence: Fence) -> None:
        self._observer = observer
        self._fence = fence
        self._tellers: dict[Resource, Teller] = {
            JOBS: observer.job_event,
            PODS: observer.pod_event,
            SERVICES: observer.service_event,
            CLAIMS: observer.claim_event,
        }

    def event(self, resource: Resource, kind: str | None, found: Any) -> None:
        """Something was ADDED, MODIFIED or DELETED, or was listed (None)."""
        try:
            told = in_shape(found, resource)
        except UndecodableError as error:
            self._fence.note(resource.plural, found, error)
            return
        with self._fence.around(resource.plural, found, "failed"):
            if UNREADABLE in told:
                self._fence.note(resource.plural, found, str(told[UNREADABLE]))
            self._tellers[resource](kind, told)

    def knows_job(self, job: Json) -> bool:
        """That version of the job, or a newer one, is known already."""
        return self._observer.knows_job(job)

    async def page(self, resource: Resource, items: Iterable[Any], uids: set[str]) -> None:
        """Tells of the objects of a page of a list, and adds their uids to those that exist."""
        for number, found in enumerate(items, start=1):
            if has_name(found):
                uids.add(found["metadata"]["uid"])
            self.event(resource, None, found)
            if number % TURN == 0:
                await asyncio.sleep(0)

    def relisted(self, resource: Resource, namespace: str | None, uids: set[str], version: int) -> None:
        """A list is complete."""
        self._observer.relisted(resource, namespace, uids, version)

    def refused(self, resource: Resource, namespace: str | None) -> None:
        """A list is forbidden."""
        self._observer.refused(resource, namespace)

    def heard(self, resource: Resource, namespace: str | None) -> None:
        """A watch is alive."""
        self._observer.heard(resource, namespace)
