"""Looking at everything anew: what no event has told.

A watch tells of changes; what happened before it began, or in a gap of it, only a list tells. The whole is listed
when the operator begins to work, when the watch has listed anew, and every five minutes (a watch that lists anew and
finds nothing at all tells nobody that it did); one job's pods when they may have changed unseen. Lists are read page by page and objects kept as summaries: memory does not grow with the page
count. The order is jobs before pods: a status can then never tell of pods that the list of pods is too old to have.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from estimator_api import constants as c
from estimator_operator.control.creation import claim_on, model_claim_name, tensorboard_service_name
from estimator_operator.control.freshness import Freshness
from estimator_operator.control.job_record import JobKey, JobRecord
from estimator_operator.control.store import Store
from estimator_operator.errors import ApiError, ForbiddenError
from estimator_operator.kube.api import Api
from estimator_operator.kube.pod_summary import controller_of
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES, Resource

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_INTERVAL: Final = 300.0
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
        count: Told why (start, relist or interval) and how (success or error) each survey went.
    """

    def __init__(
        self,
        api: Api,
        store: Store,
        freshness: Freshness,
        *,
        namespaces: Sequence[str] = (),
        count: Callable[[str, str], None] = lambda _cause, _result: None,
    ) -> None:
        self._api = api
        self._store = store
        self._freshness = freshness
        self._namespaces: Sequence[str | None] = tuple(namespaces) or (None,)
        self._count = count
        self._wanted = asyncio.Event()
        self._forbidden: set[str | None] = set()

    def want(self) -> None:
        """Asks for a survey soon."""
        self._wanted.set()

    async def repeat(self, done: Callable[[], None]) -> None:
        """Surveys every five minutes and when it is wanted; calls `done` after each."""
        while True:
            # Replicas and restarts must not ask in step.
            interval = _INTERVAL * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
            cause = "relist"
            try:
                async with asyncio.timeout(interval):
                    await self._wanted.wait()
                await asyncio.sleep(_SETTLE)
            except TimeoutError:
                cause = "interval"
                _log.debug("looking at everything anew")
            self._wanted.clear()
            await self.complete(cause)
            done()

    async def complete(self, cause: str = "start") -> None:
        """Surveys everything; tries until it succeeds."""
        while True:
            try:
                self._freshness.begin()
                await self._survey_all()
            except ApiError as error:
                self._count(cause, "error")
                _log.warning("jobs and their objects cannot be listed, trying again: %s", error.message)
                await asyncio.sleep(max(_RETRY, error.retry_after or 0.0))
            else:
                self._count(cause, "success")
                return

    async def look_up(self, record: JobRecord) -> None:
        """Lists one job's pods, and its Services when nobody has looked for them yet."""
        namespace, name = record.key
        labels = f"{c.LABEL_JOB_NAME}={name}"
        found = await self._api.list(PODS, namespace, labels=labels)
        for pod in found.items:
            self._store.put_pod(pod)
        listed = {pod["metadata"]["uid"] for pod in found.items}
        self._store.sweep_pods(namespace, listed, found.version, key=record.key)
        if not record.fresh:
            for one in (await self._api.list(SERVICES, namespace, labels=labels)).items:
                _note_service(record, one)
        record.fresh = True

    async def _survey_all(self) -> None:
        """Surveys each namespace; one that may not be listed does not keep the others from it.

        Raises:
            ForbiddenError: None may be listed.
        """
        refusals: list[ForbiddenError] = []
        for namespace in self._namespaces:
            try:
                await self._survey(namespace)
            except ForbiddenError as error:
                refusals.append(error)
                if namespace not in self._forbidden:
                    self._forbidden.add(namespace)
                    _log.warning("namespace %s is not served for now: %s", namespace, error.message)
            else:
                self._forbidden.discard(namespace)
        if len(refusals) == len(self._namespaces):
            raise refusals[0]

    async def _survey(self, namespace: str | None) -> None:
        listed, version = await self._list(JOBS, namespace, self._put_job)
        self._store.sweep_jobs(namespace, listed, version)
        jobs = [one for one in self._store if namespace in (None, one.key.namespace) and one.uid in listed]
        listed, version = await self._list(PODS, namespace, self._put_pod)
        self._store.sweep_pods(namespace, listed, version)
        # What is created while the lists are read is in neither, and stays known.
        had_service = {one.uid for one in jobs if one.service_exists}
        had_board = {one.uid: one.tensorboard_service for one in jobs if one.tensorboard_service}
        had_claim = {one.uid for one in jobs if one.claim_exists}
        services, claims = await self._services(namespace), await self._claims(namespace)
        for record in jobs:
            own = services.get(record.uid, {})
            if record.key.name in own or record.uid in had_service:
                record.service_exists = record.key.name in own
            board = own.get(tensorboard_service_name(record))
            if board is not None or record.tensorboard_service == had_board.get(record.uid):
                record.tensorboard_service = board
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

    async def _services(self, namespace: str | None) -> dict[str, dict[str, str]]:
        """Uids of Services by name, by the uid of the job that controls them."""
        found: dict[str, dict[str, str]] = {}

        def put(manifest: Json) -> None:
            owner = controller_of(manifest)
            if owner is not None:
                metadata = manifest["metadata"]
                found.setdefault(owner["uid"], {})[metadata["name"]] = metadata["uid"]

        await self._list(SERVICES, namespace, put)
        return found

    async def _claims(self, namespace: str | None) -> set[JobKey]:
        """Jobs whose claim exists and may be theirs: named as they name it, controlled by no other object."""
        found: set[JobKey] = set()

        def put(claim: Json) -> None:
            metadata = claim["metadata"]
            key = JobKey(metadata["namespace"], metadata["labels"][c.LABEL_JOB_NAME])
            record = self._store.job(key)
            if record is None or metadata["name"] != model_claim_name(record):
                return
            if claim_on(record, CLAIMS, claim) is None:
                found.add(key)

        await self._list(CLAIMS, namespace, put)
        return found


def _note_service(record: JobRecord, manifest: Json) -> None:
    owner, metadata = controller_of(manifest), manifest["metadata"]
    if owner is None or owner["uid"] != record.uid:
        return
    if metadata["name"] == record.key.name:
        record.service_exists = True
    elif metadata["name"] == tensorboard_service_name(record):
        record.tensorboard_service = metadata["uid"]
