"""Writes to the job itself: its status, and its deletion when its time to live is over.

Both carry the uid and the resourceVersion that the plan was made from. The answer to a status write is compared with
what was sent: what the API server dropped is kept in memory (`pruned_status.py`), and told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from estimator_api import constants as c
from estimator_operator.control.clock import Clock
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.merge_patch import merge_patch
from estimator_operator.control.pruned_status import Unkept, unkept
from estimator_operator.control.recorder import Recorder
from estimator_operator.control.store import Store
from estimator_operator.errors import ConflictError, InvalidError, NotFoundError
from estimator_operator.kube.api import Api
from estimator_operator.kube.resources import JOBS
from estimator_operator.log_format import about_job
from estimator_operator.plan.observed import JobEvent, Plan

_log = logging.getLogger(__name__)

Json = dict[str, Any]

TRIED_EVERY: Final = 300.0
"""Seconds after which a status that differs only in what the CRD does not know is sent all the same: the CRD may be
another by now."""


class JobWriter:
    """Writes jobs.

    Args:
        api: The API server.
        store: Where own writes are noted.
        clock: Tells when a status was written.
        recorder: Tells people that the CRD is older than the operator.
        on_pruned: Told of every write of which the API server kept only a part.
        on_refused: Told of every status that it refuses as invalid.
    """

    def __init__(
        self,
        api: Api,
        store: Store,
        clock: Clock,
        recorder: Recorder,
        *,
        on_pruned: Callable[[], None],
        on_refused: Callable[[], None],
    ) -> None:
        self._api = api
        self._store = store
        self._clock = clock
        self._recorder = recorder
        self._on_pruned = on_pruned
        self._on_refused = on_refused
        self._told: frozenset[str] = frozenset()

    async def write_status(self, record: JobRecord, made: Plan) -> bool:
        """Writes the plan's status onto the version of the job that the plan was made from.

        Returns:
            False when the job is at another version by now; what has become of it is then in the store.

        Raises:
            InvalidError: The CRD that is installed, or an admission plugin, does not allow such a status.
        """
        if self._is_outdated(record, made):
            return False
        sent = made.status.to_json()
        if not self._is_worth_a_call(record, sent):
            record.remember(Unkept(sent, record.work.unkept.paths) if record.work.unkept else None)
            return True
        patch = {
            "metadata": {"uid": record.uid, "resourceVersion": record.resource_version},
            "status": merge_patch(record.kept_status, sent),
        }
        namespace, name = record.key
        try:
            written = await self._api.patch(JOBS, namespace, name, patch, subresource="status")
        except ConflictError:
            await self.read_again(record)
            return False
        except NotFoundError:
            self._store.drop_job(record.key, record.uid)
            return False
        except InvalidError:
            self._on_refused()
            raise
        record.work.written_at = self._clock.monotonic()
        before = record.work.unkept
        dropped = unkept(sent, written.get("status") or {})
        # Before the answer is noted: the status that is told of is the one that was sent.
        record.work.unkept = dropped
        self._store.put_job(written, whole=True)
        record.remember(dropped)
        await self._tell(record, before, dropped)
        return True

    async def delete_job(self, record: JobRecord, made: Plan) -> bool:
        """Deletes a job whose time to live is over; False when it is at another version than was planned for."""
        if self._is_outdated(record, made):
            return False
        namespace, name = record.key
        try:
            await self._api.delete(
                JOBS, namespace, name, uid=record.uid, resource_version=record.resource_version
            )
        except ConflictError:
            await self.read_again(record)
            return False
        except NotFoundError:
            self._store.drop_job(record.key, record.uid)
        return True

    async def read_again(self, record: JobRecord) -> None:
        """Reads the whole job from the API server."""
        namespace, name = record.key
        try:
            self._store.put_job(await self._api.get(JOBS, namespace, name), whole=True)
        except NotFoundError:
            self._store.drop_job(record.key, record.uid)

    def _is_outdated(self, record: JobRecord, made: Plan) -> bool:
        """The store has heard of another version of the job since the plan was made, or of its end.

        A write would be refused then; a creation has no version to be held to, so it is asked here.
        """
        if self._store.job(record.key) is not record:
            return True
        return made.based_on is not None and made.based_on != record.resource_version

    def _is_worth_a_call(self, record: JobRecord, sent: Json) -> bool:
        """Something is new that the CRD knows, or it is time to see whether it knows more."""
        work = record.work
        if work.unkept is None or work.unkept.without(sent) != record.kept_status:
            return True
        return work.written_at is None or self._clock.monotonic() - work.written_at >= TRIED_EVERY

    async def _tell(self, record: JobRecord, before: Unkept | None, dropped: Unkept | None) -> None:
        if dropped is None:
            if before is not None:
                _log.info("the CRD keeps the whole status again", extra=about_job(record.key, record.uid))
                self._told = frozenset()
            return
        self._on_pruned()
        fields = dropped.fields
        text = (
            f"the CRD is older than the operator and does not keep {', '.join(fields)}: apply "
            "crds/estimatorjobs.yaml of the operator's version (the chart does with crds.enabled=true); until then "
            "this is known to the running operator alone"
        )
        if not self._told.issuperset(fields):
            self._told |= frozenset(fields)
            _log.warning("%s", text, extra=about_job(record.key, record.uid))
        if before is None:
            event = JobEvent(type="Warning", reason=c.REASON_CRD_OUTDATED, action="WriteStatus", note=text)
            await self._recorder.record(record, event)
