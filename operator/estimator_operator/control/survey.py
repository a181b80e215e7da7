"""Whether everything has been listed, and looks at single jobs.

Work begins when the lists of jobs, pods, Services and claims are complete in every namespace that may be listed: a plan
made sooner would take for missing what was not read yet. From then on the watches tell of changes, and of what
vanished in a gap of theirs; asked for by name is only what a decision that cannot be taken back rests on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from estimator_api import constants as c
from estimator_operator.control.job_record import JobKey, JobRecord
from estimator_operator.control.store import Store
from estimator_operator.errors import NotFoundError
from estimator_operator.kube.api import Api
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES, Resource

_log = logging.getLogger(__name__)

LISTED: Final = (JOBS, PODS, SERVICES, CLAIMS)


class Survey:
    """Knows what is listed, and looks single jobs up.

    Args:
        api: The API server.
        store: Where to.
        namespaces: Namespaces that are listed; empty for all.
        count: Told why (start or relist) and how (success or error) each list went.
    """

    def __init__(
        self,
        api: Api,
        store: Store,
        *,
        namespaces: Sequence[str] = (),
        count: Callable[[str, str], None] = lambda _cause, _result: None,
    ) -> None:
        self._api = api
        self._store = store
        self._count = count
        self._missing = {(one, namespace) for one in LISTED for namespace in namespaces or (None,)}
        self._listed: set[tuple[Resource, str | None]] = set()
        self._refused: set[tuple[Resource, str | None]] = set()
        self._complete = asyncio.Event()

    @property
    def awaited(self) -> Sequence[tuple[Resource, str | None]]:
        """Lists that have neither come nor been refused."""
        return tuple(self._missing)

    def listed(self, resource: Resource, namespace: str | None) -> None:
        """A list is complete."""
        one = (resource, namespace)
        self._count("relist" if one in self._listed else "start", "success")
        self._listed.add(one)
        self._refused.discard(one)
        self._settle(one)

    def refused(self, resource: Resource, namespace: str | None) -> None:
        """A list is forbidden for now: its namespace does not keep the others from being served."""
        one = (resource, namespace)
        self._count("relist" if one in self._listed else "start", "error")
        if namespace not in {where for _, where in self._refused}:
            where = f"namespace {namespace}" if namespace else "the cluster"
            _log.warning("%s is not served for now: %s may not be listed", where, resource.plural)
        self._refused.add(one)
        self._settle(one)

    async def complete(self) -> None:
        """Waits until everything has been listed that may be."""
        await self._complete.wait()

    async def look_up(self, record: JobRecord) -> None:
        """Lists one job's pods."""
        namespace, name = record.key
        found = await self._api.list(PODS, namespace, labels=f"{c.LABEL_JOB_NAME}={name}")
        for pod in found.items:
            self._store.put_pod(pod)
        listed = {pod["metadata"]["uid"] for pod in found.items}
        self._store.sweep_pods(namespace, listed, found.version, key=record.key)

    async def find(self, key: JobKey) -> None:
        """Reads one job that seems to be gone: an API server that starts says 404 until it has read its CRDs."""
        with suppress(NotFoundError):
            self._store.put_job(await self._api.get(JOBS, key.namespace, key.name))

    def _settle(self, one: tuple[Resource, str | None]) -> None:
        self._missing.discard(one)
        if not self._missing and {resource for resource, _ in self._listed} == set(LISTED):
            self._complete.set()
