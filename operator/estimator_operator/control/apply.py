"""Doing what a plan says, in the plan's order, and noting in the store what was done as soon as the answer is there.

Every call may find that the world has moved on: somebody else has created the pod, the pod to delete is gone, the job
has changed. Each of these is either the wished result or a reason to plan again, never an error. Deletions and status
writes carry the uid and the resourceVersion that the plan was made from, not the newest that is known: what arrives
while a plan is acted on makes it outdated, and two operators at once cannot undo each other's work.

TensorBoard comes last, with a refusal of its own: nothing waits for it, and nothing fails of it, whatever the API
server answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from estimator_api import constants as c
from estimator_operator.control.clock import Clock
from estimator_operator.control.creation import (
    Creator,
    claim_on,
    error_of,
    every,
    is_refusal,
    tensorboard_service_name,
)
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.job_writer import JobWriter
from estimator_operator.control.recorder import Recorder
from estimator_operator.control.refusal import passes
from estimator_operator.control.store import Store
from estimator_operator.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from estimator_operator.kube.api import Api
from estimator_operator.kube.resources import CONFIG_MAPS, PODS, SERVICES
from estimator_operator.log_format import about_job
from estimator_operator.plan.observed import JobEvent, Plan, PodDeletion

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_NAMED_MOST: Final = 5
_DELETED_AT_ONCE: Final = 64
_TOLD_AT: Final = 2
"""Failures of TensorBoard in a row after which also one that most often passes is told by an event."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of acting on a plan.

    Attributes:
        anew: The plan must be made anew: what is refused has changed, or a pod was not what it was taken for.
        failed: A pod could not be deleted. The status is written all the same, then it is tried again.
    """

    anew: bool = False
    failed: ApiError | None = None


class Applier(JobWriter):
    """Acts on plans.

    Args:
        api: The API server.
        store: Where own writes are noted.
        clock: For the delay after refusals.
        recorder: Tells people what is wrong with TensorBoard, for which the status has no place.
        away: Whether there is an outage of the API server: its errors are then no refusals of one job.
        leads: Whether no other replica can lead at this moment: else nothing is created.
        on_pruned: Told of every status write of which the API server kept only a part.
        on_refused: Told of every status write that it refuses as invalid.
    """

    def __init__(
        self,
        api: Api,
        store: Store,
        clock: Clock,
        recorder: Recorder,
        *,
        away: Callable[[], bool] = lambda: False,
        leads: Callable[[], bool] = lambda: True,
        on_pruned: Callable[[], None] = lambda: None,
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(api, store, clock, recorder, on_pruned=on_pruned, on_refused=on_refused)
        self._away = away
        self._creator = Creator(api, store, leads)

    async def act(self, record: JobRecord, made: Plan) -> Acted:
        """Creates and deletes what the plan says.

        Raises:
            InvalidError: The API server will never accept a pod or claim made from this spec.
            ApiError: Something could not be created that may be created in a moment.
        """
        before = record.creation.message
        wanted = bool(made.create_claim or made.create_service or made.create_pods)
        # What is refused of pods that the job can do without, as a quota may for hours, holds up nothing else.
        apart = record.creation.optional and not made.optional
        # While creation is refused no manifest is made either.
        creating = wanted and (apart or record.creation.allows(self._clock.monotonic()))
        error: ApiError | None = None
        if creating:
            error = await error_of(self._prepare(record, made))
        board, replicas = _parted(record, made.delete_pods)
        current, failed = await self._delete_pods(record, replicas)
        if creating and error is None:
            if self._is_outdated(record, made):
                # Another attempt may be the present one.
                return Acted(anew=True, failed=failed)
            error = await self._create_pods(record, made)
        if error is not None:
            self._refuse(record, error, optional=made.optional)
            if not made.create_pods and record.creation.message != before:
                # Every pod runs, so the status has no place for it.
                await self._tell_surroundings(record)
        elif made.put_off and not wanted:
            record.creation.put_off(self._clock.monotonic())
        elif (creating and not apart) or not wanted:
            record.creation.clear()
        await self._see_to_tensorboard(record, made, board)
        if made.delete_environment_file is not None:
            failed = failed or await error_of(
                self._delete_environment_files(record, made.delete_environment_file)
            )
        return Acted(anew=record.creation.message != before or not current, failed=failed)

    async def _prepare(self, record: JobRecord, made: Plan) -> None:
        if made.create_pods:
            await self._creator.dry_run(record, made.create_pods)
            if self._is_outdated(record, made):
                return
        await self._creator.surroundings(record, made)

    async def _tell_surroundings(self, record: JobRecord) -> None:
        note = f"the Service or claim of the job cannot be made: {record.creation.message}"
        event = JobEvent(
            type="Warning", reason=c.REASON_POD_CREATION_FORBIDDEN, action="CreateService", note=note
        )
        await self._recorder.record(record, event)

    def _refuse(self, record: JobRecord, error: ApiError, *, optional: bool) -> None:
        """Notes a refusal of creation, or raises what is none."""
        now, creation = self._clock.monotonic(), record.creation
        if not is_refusal(error) and (
            isinstance(error, InvalidError) or not creation.persists(error, now, outage=self._away())
        ):
            raise error
        delay = creation.note(error, now, optional=optional)
        _log.warning("refused, next try in %.0f s: %s", delay, error.message, extra=_about(record))

    def creation_wait(self, record: JobRecord) -> float | None:
        """Seconds until something may be created again after a refusal, or None when nothing was refused."""
        now = self._clock.monotonic()
        waits = [one for one in (record.creation.wait(now), record.tensorboard.wait(now)) if one is not None]
        return min(waits, default=None)

    async def _create_pods(self, record: JobRecord, made: Plan) -> ApiError | None:
        created: list[str] = []

        def wanted() -> bool:
            return not self._is_outdated(record, made)

        try:
            return await error_of(self._creator.pods(record, made.create_pods, created, wanted=wanted))
        finally:
            _log_created(record, created)

    async def _see_to_tensorboard(
        self, record: JobRecord, made: Plan, deletions: Sequence[PodDeletion]
    ) -> None:
        """Deletes and creates what TensorBoard needs; whatever goes wrong with that is its own refusal."""
        wanted = made.create_tensorboard_service is not None or made.create_tensorboard_pod is not None
        now = self._clock.monotonic()
        if not (wanted or deletions or made.delete_tensorboard_service):
            record.tensorboard.clear()
            return
        if not record.tensorboard.allows(now):
            return
        error = await error_of(self._act_on_tensorboard(record, made, deletions))
        if error is None:
            record.tensorboard.clear()
            return
        before = record.tensorboard.message
        delay = record.tensorboard.note(error, now)
        if passes(error):
            told = record.tensorboard.count == _TOLD_AT and not self._away()
        else:
            told = before != error.message and not isinstance(error, ConflictError)
        _log.warning("TensorBoard fails, next try in %.0f s: %s", delay, error.message, extra=_about(record))
        if told:
            event = JobEvent(
                type="Warning",
                reason=c.REASON_POD_CREATION_FORBIDDEN,
                action="CreateTensorBoard",
                note=f"TensorBoard: {error.message}",
            )
            await self._recorder.record(record, event)

    async def _act_on_tensorboard(
        self, record: JobRecord, made: Plan, deletions: Sequence[PodDeletion]
    ) -> None:
        if made.delete_tensorboard_service:
            await self._delete_tensorboard_service(record)
        _, failed = await self._delete_pods(record, deletions)
        if failed is not None:
            raise failed
        created: list[str] = []
        pods = () if made.create_tensorboard_pod is None else (made.create_tensorboard_pod,)
        try:
            await self._creator.tensorboard(record, made.create_tensorboard_service, pods, created)
        finally:
            _log_created(record, created)

    async def _delete_tensorboard_service(self, record: JobRecord) -> None:
        namespace, name = record.key.namespace, tensorboard_service_name(record)
        uid = record.tensorboard_service
        try:
            if uid is None:
                found = await self._api.get(SERVICES, namespace, name)
                if claim_on(record, SERVICES, found) is not None:
                    return
                uid = found["metadata"]["uid"]
            await self._api.delete(SERVICES, namespace, name, uid=uid)
        except (NotFoundError, ConflictError):
            # It is gone, or another stands in its place, which is not ours to delete.
            record.tensorboard_service = None
            return
        record.tensorboard_service = None
        _log.info("deleted the Service of TensorBoard", extra=_about(record))

    async def _delete_environment_files(self, record: JobRecord, last: str) -> None:
        """Deletes the ConfigMap `last`, and those of earlier specs that this process knows of."""
        for name in sorted({last, *record.work.environment_files}):
            try:
                found = await self._api.get(CONFIG_MAPS, record.key.namespace, name)
                if claim_on(record, CONFIG_MAPS, found) is None:
                    uid = found["metadata"]["uid"]
                    await self._api.delete(CONFIG_MAPS, record.key.namespace, name, uid=uid)
            except (NotFoundError, ConflictError):
                pass
            except ForbiddenError as error:
                # It goes with the job at the latest.
                _log.info("configmap %s stays: %s", name, error.message, extra=_about(record))
        record.work.environment_files.clear()

    async def _delete_pods(
        self, record: JobRecord, deletions: Sequence[PodDeletion]
    ) -> tuple[bool, ApiError | None]:
        """Deletes pods.

        Returns:
            Whether all were what the plan took them for; and the first error, which is no reason not to go on.
        """
        deleted: dict[str, list[str]] = {}
        current, left = True, iter(deletions)
        try:
            while batch := list(islice(left, _DELETED_AT_ONCE)):
                current &= all(await every([self._delete_pod(record, one, deleted) for one in batch]))
        except ApiError as error:
            return current, error
        finally:
            for reason, names in deleted.items():
                _log.info("deleted %s: %s", _named(names), reason, extra=_about(record, pods=names))
        return current, None

    async def _delete_pod(
        self, record: JobRecord, deletion: PodDeletion, deleted: dict[str, list[str]]
    ) -> bool:
        namespace, name, uid = record.key.namespace, deletion.name, deletion.uid
        self._store.expect_end(record.key, uid)
        try:
            answer = await self._api.delete(
                PODS, namespace, name, uid=uid, resource_version=deletion.version, force=deletion.force
            )
        except NotFoundError:
            self._store.forget_pod(record.key, name, uid)
            return True
        except ConflictError:
            self._store.expect_end(record.key, uid, expected=False)
            await self._read_pod_again(record, deletion)
            return False
        reason = f"{deletion.reason} (by force)" if deletion.force else deletion.reason
        deleted.setdefault(reason, []).append(name)
        held = answer.get("kind") == "Pod" and (
            not deletion.force or bool(answer["metadata"].get("finalizers"))
        )
        if held:
            # Told by the watch already that it is gone: the answer is older than that.
            if self._store.knows_pod(record.key, uid):
                self._store.put_stray(record.key, answer)
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
        self._store.put_stray(record.key, found)


def _parted(
    record: JobRecord, deletions: Iterable[PodDeletion]
) -> tuple[list[PodDeletion], list[PodDeletion]]:
    """Deletions of TensorBoard's pod, and those of replicas."""
    name = tensorboard_service_name(record)
    parts: tuple[list[PodDeletion], list[PodDeletion]] = ([], [])
    for one in deletions:
        parts[one.name != name].append(one)
    return parts


def _about(record: JobRecord, **fields: Any) -> Json:
    return about_job(record.key, record.uid, **fields)


def _log_created(record: JobRecord, names: Sequence[str]) -> None:
    if names:
        _log.info("created %s", _named(names), extra=_about(record, pods=list(names)))


def _named(names: Sequence[str]) -> str:
    noun = "pod" if len(names) == 1 else f"{len(names)} pods"
    more = f" and {len(names) - _NAMED_MOST} more" if len(names) > _NAMED_MOST else ""
    return f"{noun} {', '.join(sorted(names)[:_NAMED_MOST])}{more}"
