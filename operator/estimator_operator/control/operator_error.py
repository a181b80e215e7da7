"""What keeps the operator from its work at one job, told where people look: in the job's status, or else in an event.

Either the operator itself fails at the job, or the API server takes no status that the job would get: its CRD is of
another version, or somebody has edited it. Without its status nothing can be decided about a job, for counters and ends
are stored before anything is done. So such a job is left alone, after each refusal for longer, whatever happens in it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from estimator_api import EstimatorJobStatus, Metadata
from estimator_api import constants as c
from estimator_operator.control.clock import Clock
from estimator_operator.control.job_record import JobKey, JobRecord
from estimator_operator.control.recorder import Recorder
from estimator_operator.control.work_queue import WorkQueue
from estimator_operator.errors import ApiError, InvalidError
from estimator_operator.log_format import about_job
from estimator_operator.plain_text import one_line
from estimator_operator.plan import Plan, crashed
from estimator_operator.plan.observed import JobEvent

_log = logging.getLogger(__name__)

REFUSED: Final = "the API server refuses the status"
"""Reason of the hold."""
_TEXT_MOST: Final = 512
_REMEDY: Final = (
    "the API server refuses this job's status, and nothing is decided about the job until it takes it: apply "
    "crds/estimatorjobs.yaml of the operator's version (the chart does with crds.enabled=true)"
)


class OperatorErrors:
    """Tells them.

    Args:
        queue: Where a job is held whose status is refused.
        recorder: Writes the event where the status has no place.
        clock: Time.
        write: Writes a plan's status over the stored one, then its events; tells whether it was written.
    """

    def __init__(
        self,
        queue: WorkQueue[JobKey],
        recorder: Recorder,
        clock: Clock,
        write: Callable[[JobRecord, EstimatorJobStatus, Plan], Awaitable[bool | None]],
    ) -> None:
        self._queue = queue
        self._recorder = recorder
        self._clock = clock
        self._write = write

    async def tell_crash(self, record: JobRecord, error: Exception) -> None:
        """The operator failed at a job, and not for the first time."""
        text = f"the operator fails at this job and tries again: {type(error).__name__}: {error}"
        await self._tell(record, text)

    async def tell_refusal(self, record: JobRecord, error: InvalidError) -> None:
        """The API server took a job's status for invalid: told once, until it takes one."""
        refusal = record.work.status
        first = refusal.message is None
        self._queue.hold(record.key, refusal.note(error, self._clock.monotonic()), REFUSED)
        if not first:
            return
        text = f"{_REMEDY}: {one_line(error.message)}"
        _log.warning("%s", text, extra=about_job(record.key, record.uid))
        if not await self._tell(record, text):
            event = JobEvent(type="Warning", reason=c.REASON_OPERATOR_ERROR, action="WriteStatus", note=text)
            await self._recorder.record(record, event)

    async def _tell(self, record: JobRecord, text: str) -> bool:
        """Writes conditions that say so, which may be taken where the rest is not; tells whether they were."""
        about = about_job(record.key, record.uid)
        try:
            before = EstimatorJobStatus.model_validate(record.status)
            metadata = Metadata.model_validate(record.manifest["metadata"])
            made = crashed(metadata, before, one_line(text)[:_TEXT_MOST], self._clock.now())
            return bool(await self._write(record, before, made))
        except ApiError as fault:
            _log.info("what is wrong cannot be told: %s", fault.message, extra=about)
        except Exception:  # noqa: BLE001  (whatever made the operator fail may do it here, too)
            _log.exception("what is wrong cannot be told", extra=about)
        return False
