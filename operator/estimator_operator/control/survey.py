"""Looking at everything anew: what no event has told.

A watch tells of changes; what happened before it began, or in a gap of it, only a list tells. The whole is listed
when the operator begins to work, when the watch has listed anew, and every ten minutes; one job's pods when they may
have changed unseen. Lists are read page by page and objects kept as summaries: memory does not grow with the page
count. The order is jobs before pods: a status can then never tell of pods that the list of pods is too old to have.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from estimator_api import constants as c
from estimator_operator.control.freshness import Freshness
from estimator_operator.control.store import JobKey, JobRecord, Store, job_key
from estimator_operator.errors import ApiError
from estimator_operator.kube.api import Api
from estimator_operator.kube.pod_summary import controller_of
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES, Resource

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_INTERVAL: Final = 600.0
_JITTER: Final = 0.2
_SETTLE: Final = 2.0
"""A watch that lists anew tells of every object: wait for the end of it."""
_RETRY: Final = 5.0


class Survey:
    """Lists jobs, pods, Services and claims into the store.

    Args:
        api: The API server.
        store: Where to.
        freshness: Compares what is found with what the watch told.
        namespaces: Namespaces to list; empty for all.
    """

    def __init__(
        self, api: Api, store: Store, freshness: Freshness, *, namespaces: Sequence[str] = ()
    ) -> None:
        self._api = api
        self._store = store
        self._freshness = freshness
        self._namespaces: Sequence[str | None] = tuple(namespaces) or (None,)
        self._wanted = asyncio.Event()

    def want(self) -> None:
        """Asks for a survey soon."""
        self._wanted.set()

    async def repeat(self, done: Callable[[], None]) -> None:
        """Surveys every ten minutes and when it is wanted; calls `done` after each."""
        while True:
            # Replicas and restarts must not ask in step.
            interval = _INTERVAL * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
            try:
                async with asyncio.timeout(interval):
                    await self._wanted.wait()
                await asyncio.sleep(_SETTLE)
            except TimeoutError:
                _log.debug("looking at everything anew")
            self._wanted.clear()
            await self.complete()
            done()

    async def complete(self) -> None:
        """Surveys everything; tries until it succeeds."""
        while True:
            try:
                self._freshness.begin()
                for namespace in self._namespaces:
                    await self._survey(namespace)
            except ApiError as error:
                _log.warning("jobs and their objects cannot be listed, trying again: %s", error.message)
                await asyncio.sleep(max(_RETRY, error.retry_after or 0.0))
            else:
                return

    async def look_up(self, record: JobRecord) -> None:
        """Lists one job's pods."""
        namespace, name = record.key
        found = await self._api.list(PODS, namespace, labels=f"{c.LABEL_JOB_NAME}={name}")
        for pod in found.items:
            self._store.put_pod(pod)
        listed = {pod["metadata"]["uid"] for pod in found.items}
        self._store.sweep_pods(namespace, listed, found.version, key=record.key)
        record.fresh = True

    async def _survey(self, namespace: str | None) -> None:
        listed, version = await self._list(JOBS, namespace, self._put_job)
        self._store.sweep_jobs(namespace, listed, version)
        jobs = [one for one in self._store if namespace in (None, one.key.namespace) and one.uid in listed]
        listed, version = await self._list(PODS, namespace, self._put_pod)
        self._store.sweep_pods(namespace, listed, version)
        # What is created while the lists are read is in neither, and stays known.
        had_service = {one.uid for one in jobs if one.service_exists}
        had_claim = {one.uid for one in jobs if one.claim_exists}
        services, claims = await self._owned(SERVICES, namespace), await self._claims(namespace)
        for record in jobs:
            if (record.key, record.uid) in services or record.uid in had_service:
                record.service_exists = (record.key, record.uid) in services
            if record.key in claims or record.uid in had_claim:
                record.claim_exists = record.key in claims
            record.fresh = True

    async def _list(
        self, resource: Resource, namespace: str | None, put: Callable[[Json], object]
    ) -> tuple[set[str], int]:
        """Puts every object of a kind; returns their uids and the version of the list."""
        labels = None if resource is JOBS else c.LABEL_JOB_NAME
        uids: set[str] = set()
        version = 0
        async for page in self._api.pages(resource, namespace, labels=labels):
            version = page.version
            for one in page.items:
                uids.add(one["metadata"]["uid"])
                put(one)
        return uids, version

    def _put_job(self, manifest: Json) -> None:
        self._freshness.found(manifest, news=self._store.put_job(manifest)[1])

    def _put_pod(self, manifest: Json) -> None:
        self._freshness.found(manifest, news=self._store.put_pod(manifest) is not None)

    async def _owned(self, resource: Resource, namespace: str | None) -> set[tuple[JobKey, str]]:
        found: set[tuple[JobKey, str]] = set()

        def put(manifest: Json) -> None:
            owner = controller_of(manifest)
            if owner is not None and owner["name"] == manifest["metadata"]["name"]:
                found.add((job_key(manifest), owner["uid"]))

        await self._list(resource, namespace, put)
        return found

    async def _claims(self, namespace: str | None) -> set[JobKey]:
        """Jobs whose claim exists, whoever made it."""
        found: set[JobKey] = set()
        await self._list(CLAIMS, namespace, lambda one: found.add(_claimant(one)))
        return found


def _claimant(claim: Json) -> JobKey:
    return JobKey(claim["metadata"]["namespace"], claim["metadata"]["labels"][c.LABEL_JOB_NAME])
