"""Doing what a plan says, in the plan's order, and noting in the store what was done as soon as the answer is there.

Every call may find that the world has moved on: somebody else has created the pod, the pod to delete is gone, the job
has changed. Each of these is either the wished result or a reason to plan again, never an error. Deletions and status
writes carry uid and resourceVersion: nobody acts on what was true a moment ago, and two operators at once cannot undo
each other's work.

TensorBoard comes last, with a refusal of its own: nothing waits for it, and nothing fails of it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from estimator_api import EstimatorJobStatus
from estimator_api import constants as c
from estimator_operator.control.clock import Clock
from estimator_operator.control.creation import (
    Creator,
    any_refusal_of,
    claim_on,
    every,
    refusal_of,
    tensorboard_service_name,
)
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.merge_patch import merge_patch
from estimator_operator.control.recorder import Recorder
from estimator_operator.control.store import Store
from estimator_operator.errors import ApiError, ConflictError, NotFoundError
from estimator_operator.kube.api import Api
from estimator_operator.kube.resources import JOBS, PODS, SERVICES
from estimator_operator.log_format import about_job
from estimator_operator.plan.observed import JobEvent, Plan, PodDeletion

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_NAMED_MOST: Final = 5


class Applier:
    """Acts on plans.

    Args:
        api: The API server.
        store: Where own writes are noted.
        clock: For the delay after refusals.
        recorder: Tells people what is wrong with TensorBoard, for which the status has no place.
    """

    def __init__(self, api: Api, store: Store, clock: Clock, recorder: Recorder) -> None:
        self._api = api
        self._store = store
        self._clock = clock
        self._recorder = recorder
        self._creator = Creator(api, store)

    async def act(self, record: JobRecord, made: Plan) -> bool:
        """Creates and deletes what the plan says; tells whether it must be made anew.

        That is when what is refused has changed, and when a pod was not what the plan took it for.

        Raises:
            InvalidError: The API server will never accept a pod or claim made from this spec.
            ApiError: Something went wrong that may go right later.
        """
        boards = [] if made.create_tensorboard_pod is None else [made.create_tensorboard_pod]
        before = record.creation.message
        wanted = bool(made.create_claim or made.create_service or made.create_pods)
        creating = wanted and record.creation.allows(self._clock.monotonic())
        refusal: ApiError | None = None
        if creating:
            refusal = await refusal_of(self._creator.surroundings(record, made))
        current = await self._delete_pods(record, made.delete_pods)
        if creating and refusal is None:
            refusal = await self._create_pods(record, made.create_pods)
        if refusal is not None:
            delay = record.creation.note(refusal, self._clock.monotonic())
            _log.warning("refused, next try in %.0f s: %s", delay, refusal.message, extra=_about(record))
        elif creating or not wanted:
            record.creation.clear()
        await self._see_to_tensorboard(record, made, boards)
        return record.creation.message != before or not current

    def creation_wait(self, record: JobRecord) -> float | None:
        """Seconds until something may be created again after a refusal, or None when nothing was refused."""
        now = self._clock.monotonic()
        waits = [one for one in (record.creation.wait(now), record.tensorboard.wait(now)) if one is not None]
        return min(waits, default=None)

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

    async def _create_pods(self, record: JobRecord, manifests: Sequence[Json]) -> ApiError | None:
        created: list[str] = []
        try:
            return await refusal_of(self._creator.pods(record, manifests, created))
        finally:
            _log_created(record, created)

    async def _see_to_tensorboard(self, record: JobRecord, made: Plan, pods: Sequence[Json]) -> None:
        if made.delete_tensorboard_service:
            await self._delete_tensorboard_service(record)
        wanted = made.create_tensorboard_service is not None or bool(pods)
        if not wanted:
            record.tensorboard.clear()
            return
        now = self._clock.monotonic()
        if not record.tensorboard.allows(now):
            return
        created: list[str] = []
        service, before = made.create_tensorboard_service, record.tensorboard.message
        refusal = await any_refusal_of(self._creator.tensorboard(record, service, pods, created))
        _log_created(record, created)
        if refusal is None:
            record.tensorboard.clear()
            return
        delay = record.tensorboard.note(refusal, now)
        _log.warning(
            "TensorBoard is refused, next try in %.0f s: %s", delay, refusal.message, extra=_about(record)
        )
        if before != refusal.message and not isinstance(refusal, ConflictError):
            note = f"TensorBoard: {refusal.message}"[:1024]
            event = JobEvent(
                type="Warning",
                reason=c.REASON_POD_CREATION_FORBIDDEN,
                action="CreateTensorBoard",
                note=note,
            )
            await self._recorder.record(record, event)

    async def _delete_tensorboard_service(self, record: JobRecord) -> None:
        namespace, name = record.key.namespace, tensorboard_service_name(record)
        uid, record.tensorboard_service = record.tensorboard_service, None
        try:
            if uid is None:
                found = await self._api.get(SERVICES, namespace, name)
                if claim_on(record, SERVICES, found) is not None:
                    return
                uid = found["metadata"]["uid"]
            await self._api.delete(SERVICES, namespace, name, uid=uid)
        except (NotFoundError, ConflictError):
            # It is gone, or another stands in its place, which is not ours to delete.
            return
        _log.info("deleted the Service of TensorBoard", extra=_about(record))

    async def _delete_pods(self, record: JobRecord, deletions: Sequence[PodDeletion]) -> bool:
        """Deletes pods; False when one has changed since the plan was made, and with it perhaps the plan."""
        deleted: dict[str, list[str]] = {}
        try:
            return all(await every([self._delete_pod(record, one, deleted) for one in deletions]))
        finally:
            for reason, names in deleted.items():
                _log.info("deleted %s: %s", _named(names), reason, extra=_about(record, pods=names))

    async def _delete_pod(
        self, record: JobRecord, deletion: PodDeletion, deleted: dict[str, list[str]]
    ) -> bool:
        namespace, name, uid = record.key.namespace, deletion.name, deletion.uid
        version = self._store.pod_version(record.key, name, uid)
        try:
            answer = await self._api.delete(
                PODS, namespace, name, uid=uid, resource_version=version, force=deletion.force
            )
        except NotFoundError:
            self._store.forget_pod(record.key, name, uid)
            return True
        except ConflictError:
            await self._read_pod_again(record, deletion)
            return False
        reason = f"{deletion.reason} (by force)" if deletion.force else deletion.reason
        deleted.setdefault(reason, []).append(name)
        held = answer.get("kind") == "Pod" and (
            not deletion.force or bool(answer["metadata"].get("finalizers"))
        )
        if held:
            self._store.put_pod(answer)
        else:
            # Without grace there is nothing to wait for: the pod is gone with the answer.
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


def _about(record: JobRecord, **fields: Any) -> Json:
    return about_job(record.key, record.uid, **fields)


def _log_created(record: JobRecord, names: Sequence[str]) -> None:
    if names:
        _log.info("created %s", _named(names), extra=_about(record, pods=list(names)))


def _named(names: Sequence[str]) -> str:
    noun = "pod" if len(names) == 1 else f"{len(names)} pods"
    more = f" and {len(names) - _NAMED_MOST} more" if len(names) > _NAMED_MOST else ""
    return f"{noun} {', '.join(sorted(names)[:_NAMED_MOST])}{more}"
