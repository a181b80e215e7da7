"""Doing what a plan says, in the plan's order, and noting in the store what was done as soon as the answer is there.

Every call may find that the world has moved on: somebody else has created the pod, the pod to delete is gone, the job
has changed. Each of these is either the wished result or a reason to plan again, never an error. Deletions and status
writes carry uid and resourceVersion: nobody acts on what was true a moment ago, and two operators at once cannot undo
each other's work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from estimator_api import EstimatorJobStatus
from estimator_operator.control.clock import Clock
from estimator_operator.control.merge_patch import merge_patch
from estimator_operator.control.store import JobRecord, Store
from estimator_operator.errors import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from estimator_operator.kube.api import Api
from estimator_operator.kube.pod_summary import controller_of
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES, Resource
from estimator_operator.plan.observed import Plan, PodDeletion

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_BATCH: Final = 16
"""Pods created at once at first; doubled as long as none is refused, so that a quota costs few calls."""
_RETRY_FIRST: Final = 5.0
_RETRY_MOST: Final = 300.0


class Applier:
    """Acts on plans.

    Args:
        api: The API server.
        store: Where own writes are noted.
        clock: For the delay after refusals.
    """

    def __init__(self, api: Api, store: Store, clock: Clock) -> None:
        self._api = api
        self._store = store
        self._clock = clock

    async def act(self, record: JobRecord, made: Plan) -> bool:
        """Creates and deletes what the plan says; tells whether it must be made anew.

        That is when what is refused has changed, and when a pod was not what the plan took it for.

        Raises:
            InvalidError: The API server will never accept a pod or claim made from this spec.
            ApiError: Something went wrong that may go right later.
        """
        before = record.refused
        wanted = bool(made.create_claim or made.create_service or made.create_pods)
        creating = wanted and self._clock.monotonic() >= record.create_at
        refusal: ApiError | None = None
        if creating:
            refusal = await _refusal_of(self._create_surroundings(record, made))
        current = await _all([self._delete_pod(record, one) for one in made.delete_pods])
        if creating and refusal is None:
            refusal = await _refusal_of(self._create_pods(record, made.create_pods))
        if refusal is not None:
            self._refuse(record, refusal)
        elif creating or not wanted:
            record.refused, record.refusals, record.create_at = None, 0, 0.0
        return record.refused != before or not all(current)

    def creation_wait(self, record: JobRecord) -> float | None:
        """Seconds until something may be created again after a refusal, or None when nothing was refused."""
        return None if record.refused is None else max(0.0, record.create_at - self._clock.monotonic())

    async def write_status(self, record: JobRecord, status: EstimatorJobStatus) -> bool:
        """Writes a status onto the job as it is known; False when the job is not what is known of it.

        What has become of it is then in the store.
        """
        patch = {
            "metadata": {"uid": record.uid, "resourceVersion": record.resource_version},
            "status": merge_patch(record.status, status.to_json()),
        }
        namespace, name = record.key
        try:
            written = await self._api.patch(JOBS, namespace, name, patch, subresource="status")
        except ConflictError:
            await self._read_again(record)
            return False
        except NotFoundError:
            self._store.drop_job(record.key, record.uid)
            return False
        self._store.put_job(written)
        record.written_at = self._clock.monotonic()
        return True

    async def delete_job(self, record: JobRecord) -> bool:
        """Deletes a job whose time to live is over; False when it is not what is known of it."""
        namespace, name = record.key
        try:
            await self._api.delete(
                JOBS, namespace, name, uid=record.uid, resource_version=record.resource_version
            )
        except ConflictError:
            await self._read_again(record)
            return False
        except NotFoundError:
            self._store.drop_job(record.key, record.uid)
        return True

    async def _read_again(self, record: JobRecord) -> None:
        namespace, name = record.key
        try:
            self._store.put_job(await self._api.get(JOBS, namespace, name))
        except NotFoundError:
            self._store.drop_job(record.key, record.uid)

    async def _create_surroundings(self, record: JobRecord, made: Plan) -> None:
        if made.create_claim is not None:
            await self._create(record, CLAIMS, made.create_claim)
            record.claim_exists = True
        if made.create_service is not None:
            await self._create(record, SERVICES, made.create_service)
            record.service_exists = True

    async def _create_pods(self, record: JobRecord, manifests: Sequence[Json]) -> None:
        size = _BATCH
        while manifests:
            batch, manifests = manifests[:size], manifests[size:]
            await _all([self._create_pod(record, one) for one in batch])
            size *= 2

    async def _create_pod(self, record: JobRecord, manifest: Json) -> None:
        self._store.put_pod(await self._create(record, PODS, manifest))

    async def _create(self, record: JobRecord, resource: Resource, manifest: Json) -> Json:
        """Creates an object of the job; one of that name that is the job's already is as good."""
        name = manifest["metadata"]["name"]
        try:
            return await self._api.create(resource, record.key.namespace, manifest)
        except AlreadyExistsError:
            found = await self._api.get(resource, record.key.namespace, name)
        owner = controller_of(found)
        if owner is not None and owner["uid"] == record.uid:
            return found
        what = f"{resource.plural} {name}"
        if owner is not None or found["metadata"].get("deletionTimestamp"):
            # A job of the same name has been deleted and takes its objects along, which may take a pod its grace.
            raise ConflictError(f"{what} is left from an earlier job and about to go", status=409)
        if resource is CLAIMS:
            # Retained from an earlier job, or made by a person: its checkpoints are what this job continues from.
            return found
        raise ForbiddenError(
            f"{what} exists and does not belong to this job: delete it, or choose another name for the job",
            status=403,
        )

    async def _delete_pod(self, record: JobRecord, deletion: PodDeletion) -> bool:
        """Deletes a pod; False when it has changed since the plan was made, and with it perhaps the plan."""
        namespace, name, uid = record.key.namespace, deletion.name, deletion.uid
        version = self._store.pod_version(record.key, name, uid)
        try:
            answer = await self._api.delete(PODS, namespace, name, uid=uid, resource_version=version)
        except NotFoundError:
            self._store.forget_pod(record.key, name, uid)
            return True
        except ConflictError:
            await self._read_pod_again(record, deletion)
            return False
        _log.info("%s: deleted pod %s: %s", record.key, name, deletion.reason)
        if answer.get("kind") == "Pod":
            self._store.put_pod(answer)
        else:
            self._store.forget_pod(record.key, name, uid)
        return True

    async def _read_pod_again(self, record: JobRecord, deletion: PodDeletion) -> None:
        try:
            found = await self._api.get(PODS, record.key.namespace, deletion.name)
        except NotFoundError:
            self._store.forget_pod(record.key, deletion.name, deletion.uid)
            return
        if found["metadata"]["uid"] != deletion.uid:
            self._store.forget_pod(record.key, deletion.name, deletion.uid)
        self._store.put_pod(found)

    def _refuse(self, record: JobRecord, error: ApiError) -> None:
        delay = min(_RETRY_FIRST * 2.0 ** min(record.refusals, 10), _RETRY_MOST)
        record.refused = error.message
        record.refusals += 1
        record.create_at = self._clock.monotonic() + max(delay, error.retry_after or 0.0)
        _log.warning("%s: refused, next try in %.0f s: %s", record.key, delay, error.message)


async def _all(calls: Sequence[Awaitable[Any]]) -> list[Any]:
    """Waits for every call, so that each success is noted, then raises the first failure."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


async def _refusal_of(creation: Awaitable[None]) -> ApiError | None:
    """Awaits a creation; returns why it was refused, if a person can lift that without touching the job."""
    try:
        await creation
    except ForbiddenError as error:
        return error
    except InvalidError as error:
        # A webhook may say 400 where it means 403.
        if "admission webhook" in error.message:
            return error
        raise
    return None
