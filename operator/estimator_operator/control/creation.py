"""Creating a job's objects: the job's namespace only, and never taking what belongs to somebody else.

An object that exists already is as good as a created one when the job controls it. One that an earlier job of the
same name controls is about to go and is waited for. Anything else is refused with a message that says what stands in
the way. A claim is the exception, for a retained one outlives its job on purpose: it is used again when nothing
controls it and its label names this job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from estimator_api import constants as c
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.limit_defaults import above_default_limit
from estimator_operator.control.store import Store
from estimator_operator.errors import (
    AlreadyExistsError,
    ApiError,
    ForbiddenError,
    InvalidError,
    LeftoverError,
    UnavailableError,
)
from estimator_operator.kube.api import Api
from estimator_operator.kube.pod_summary import controller_of
from estimator_operator.kube.resources import CLAIMS, CONFIG_MAPS, PODS, SERVICES, Resource
from estimator_operator.plan.observed import Plan
from estimator_operator.plan.pods import PodManifests
from estimator_operator.plan.template_path import told_by_place

Json = dict[str, Any]

_ADMISSION: Final = ("admission webhook", "denied request")
"""What refusals of admission say, whatever their code."""
_NO_DRY_RUN: Final = "does not support dry run"
_BATCH: Final = 16
_BATCH_MOST: Final = 64
"""Pods created at once: few at first, so that a quota costs few calls, then twice as many as long as none is refused.
No more manifests than that exist at a time, and no more than that are built without letting others work."""


class Creator:
    """Creates what plans ask for and notes it in the store.

    Args:
        api: The API server.
        store: Where own writes are noted.
        leads: Whether no other replica can lead at this moment.
    """

    def __init__(self, api: Api, store: Store, leads: Callable[[], bool]) -> None:
        self._api = api
        self._store = store
        self._leads = leads

    async def dry_run(self, record: JobRecord, manifests: Sequence[Json]) -> None:
        """Lets the API server judge one pod of each kind before anything is created, once per version of the spec.

        A template that the API server will never accept is found before the first pod of another role runs. Roles of
        which the spec says the same are one kind, and pods of which it says nothing cannot be wrong. Of a kind that comes
        later only a fault of the spec is of interest now.
        """
        work, generation = record.work, record.object.generation
        if work.dry_run_generation != generation:
            work.dry_run, work.dry_run_generation = set(), generation
        if not isinstance(manifests, PodManifests):
            return
        samples = manifests.samples(work.dry_run)
        later = manifests.later_samples({*work.dry_run, *samples})
        *_, judged = await every(
            [
                *(self._dry_run(record, one) for one in samples.values()),
                self._dry_run_later(record, later),
            ]
        )
        work.dry_run |= samples.keys() | judged

    async def _dry_run_later(self, record: JobRecord, samples: Mapping[str, Json]) -> set[str]:
        """The kinds that are judged by this; what a quota has against the others will be asked in their turn."""
        judged = set()
        for kind, manifest in samples.items():
            try:
                await self._dry_run(record, manifest)
            except ApiError as error:
                if isinstance(error, InvalidError) and not is_refusal(error):
                    raise
            else:
                judged.add(kind)
        return judged

    async def _dry_run(self, record: JobRecord, manifest: Json) -> None:
        try:
            await self._api.create(PODS, record.key.namespace, manifest, dry_run=True)
        except AlreadyExistsError:
            return
        except InvalidError as error:
            # A webhook with side effects: it will be asked when the pod is created.
            if _NO_DRY_RUN in error.message:
                return
            if (lifted := above_default_limit(manifest, error)) is not None:
                raise lifted from error
            if is_refusal(error):
                raise
            told = told_by_place(record.manifest.get("spec") or {}, manifest, error.message)
            raise InvalidError(told, status=error.status) from error

    async def surroundings(self, record: JobRecord, made: Plan) -> None:
        """Creates the claim, the headless Service, and the file of variables that are too large for an environment."""
        if made.create_claim is not None:
            _, record.work.claim_compared = await self._create(record, CLAIMS, made.create_claim)
            record.claim_exists = True
        if made.create_service is not None:
            await self._create(record, SERVICES, made.create_service)
            record.service_exists = True
        if isinstance(made.create_pods, PodManifests) and made.create_pods.environment_file is not None:
            await self._environment_file(record, made.create_pods.environment_file)

    async def pods(
        self,
        record: JobRecord,
        manifests: Iterable[Json],
        created: list[str],
        *,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Creates pods; `created` gets the names of those that did not exist, also when another is refused.

        `wanted` is asked before each batch: a job may be deleted, suspended or changed while its pods are made.
        """
        left, size = iter(manifests), _BATCH
        while wanted() and (batch := list(islice(left, size))):
            await every([self._pod(record, one, created) for one in batch])
            size = min(2 * size, _BATCH_MOST)

    async def tensorboard(
        self, record: JobRecord, service: Json | None, pods: Iterable[Json], created: list[str]
    ) -> None:
        """Creates TensorBoard's Service, then its pod."""
        if service is not None:
            found, _ = await self._create(record, SERVICES, service)
            record.tensorboard_service = found["metadata"]["uid"]
        await self.pods(record, pods, created)

    async def _pod(self, record: JobRecord, manifest: Json, created: list[str]) -> None:
        found, is_new = await self._create(record, PODS, manifest)
        if is_new:
            created.append(found["metadata"]["name"])
            self._store.put_pod(found)
        else:
            # Perhaps no list shows it, as its labels were changed.
            self._store.put_stray(record.key, found)

    async def _environment_file(self, record: JobRecord, manifest: Json) -> None:
        """Creates it each time pods are made: nobody watches it, and it is one call of a job with very many."""
        found, _ = await self._create(record, CONFIG_MAPS, manifest)
        name = found["metadata"]["name"]
        if found.get("data") != manifest["data"]:
            raise ForbiddenError(
                f"configmaps {name} exists and does not hold what this job's pods need: delete it", status=403
            )
        record.work.environment_files.add(name)

    async def _create(self, record: JobRecord, resource: Resource, manifest: Json) -> tuple[Json, bool]:
        """The object as stored, and whether it did not exist before."""
        name = manifest["metadata"]["name"]
        if not self._leads():
            # A creation has no version to hold it to, as deletions and status writes have.
            raise UnavailableError(f"{resource.plural} {name} is not created: another replica may lead")
        try:
            return await self._api.create(resource, record.key.namespace, manifest), True
        except AlreadyExistsError:
            found = await self._api.get(resource, record.key.namespace, name)
        except InvalidError as error:
            if resource is PODS and (lifted := above_default_limit(manifest, error)) is not None:
                raise lifted from error
            raise
        fault = claim_on(record, resource, found)
        if fault is not None:
            raise fault
        return found, False


def claim_on(record: JobRecord, resource: Resource, found: Json) -> ApiError | None:
    """Why an object that stands where one of the job belongs cannot be taken for the job's own, or None.

    Returns:
        LeftoverError where waiting helps, ForbiddenError where somebody has to do something.
    """
    metadata = found["metadata"]
    what = f"{resource.plural} {metadata['name']}"
    owner = controller_of(found)
    if owner is not None:
        if owner["uid"] == record.uid:
            return None
        if owner["name"] != record.key.name:
            return ForbiddenError(
                f"{what} belongs to EstimatorJob {owner['name']}: choose another name for one of the jobs",
                status=403,
            )
    if owner is not None or metadata.get("deletionTimestamp"):
        # A job of the same name has been deleted and takes its objects along, which may take a pod its grace.
        return LeftoverError(f"{what} is left from an earlier job and about to go", status=409)
    controlled = any(one.get("controller") for one in metadata.get("ownerReferences") or ())
    if resource is not CLAIMS or controlled:
        return ForbiddenError(
            f"{what} exists and does not belong to this job: delete it, or choose another name for the job",
            status=403,
        )
    if (metadata.get("labels") or {}).get(c.LABEL_JOB_NAME) != record.key.name:
        return ForbiddenError(
            f"{what} exists and was not made for this job: label it {c.LABEL_JOB_NAME}={record.key.name} to let the "
            "job continue from what is in it, or name it in modelDir.persistentVolumeClaim",
            status=403,
        )
    return None


def model_claim_name(record: JobRecord) -> str:
    """Name of the claim that is made from a volumeClaimTemplate, as the API promises it."""
    return f"{record.key.name}-model"


def tensorboard_service_name(record: JobRecord) -> str:
    """Name of TensorBoard's Service, as the API promises it."""
    return f"{record.key.name}-{c.TENSORBOARD}"


async def every(calls: Sequence[Awaitable[Any]]) -> list[Any]:
    """Waits for every call, so that each success is noted, then raises the first failure."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def is_refusal(error: ApiError) -> bool:
    """Time or a person can lift the error without touching the job, and nobody need see it twice to know that."""
    if isinstance(error, (ForbiddenError, LeftoverError)):
        return True
    if isinstance(error, UnavailableError):
        # A webhook that is away may stay away; people have to see it.
        return "failed calling webhook" in error.message
    # A webhook may say 400 where it means 403, and a ValidatingAdmissionPolicy says 422 unless told otherwise.
    return isinstance(error, InvalidError) and any(words in error.message for words in _ADMISSION)


async def error_of(calls: Awaitable[None]) -> ApiError | None:
    """Awaits calls; returns what the API server had against them, if anything."""
    try:
        await calls
    except ApiError as error:
        return error
    return None
