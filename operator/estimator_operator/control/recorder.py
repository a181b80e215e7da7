"""Kubernetes events on jobs: written after the status that they tell of, lost rather than in anybody's way.

Events tell of transitions, and a job that flaps has many. What costs the API server least is an event that is not
written: one that says the same of the same job within a minute of the last is only counted, and the next one that is
written says how many there were. A job that has something new to say all the time gets a few at once and then one a
minute. What is kept for that is bounded, and forgotten with the process.
"""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from estimator_api import constants as c
from estimator_operator.control.clock import Clock
from estimator_operator.control.job_record import JobRecord
from estimator_operator.errors import ApiError
from estimator_operator.kube.api import Api
from estimator_operator.kube.resources import EVENTS
from estimator_operator.log_format import about_job
from estimator_operator.plain_text import first_bytes
from estimator_operator.plan.observed import NOTE_BYTES, JobEvent

_log = logging.getLogger(__name__)

CONTROLLER: Final = f"{c.GROUP}/{c.MANAGED_BY}"
WINDOW: Final = 60.0
"""Seconds in which the same event is not written again."""
BURST: Final = 20.0
REFILL: Final = 1 / 60
"""Events of one job that may come at once, and how many a second after that."""
JOBS_MOST: Final = 2000
NOTES_MOST: Final = 16
"""Jobs, and events of each, that are remembered. Of an event only its hash is kept: all together some megabytes."""
_INSTANCE_BYTES: Final = 128


@dataclass(slots=True)
class _Seen:
    """One event as it was last written, and how often it was left out since."""

    written_at: float
    left_out: int = 0


@dataclass(slots=True)
class _Memory:
    """What was said of one job."""

    tokens: float = BURST
    updated: float = 0.0
    seen: OrderedDict[int, _Seen] = field(default_factory=OrderedDict)


class Recorder:
    """Writes events.

    Args:
        api: The API server.
        clock: Time of the events.
        instance: Which replica of the operator this is.
        count: Told what became of each event: written, repeated, limited or failed.
    """

    def __init__(
        self, api: Api, clock: Clock, *, instance: str, count: Callable[[str], None] = lambda _: None
    ) -> None:
        self._api = api
        self._clock = clock
        self._instance = first_bytes(instance, _INSTANCE_BYTES)
        self._count = count
        self._memories: OrderedDict[str, _Memory] = OrderedDict()

    async def record(self, job: JobRecord, event: JobEvent) -> None:
        """Writes one event on `job`, unless it was just written or the job has said too much."""
        note = self._note_for(job, event)
        if note is None:
            return
        manifest = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{job.key.name}.{secrets.token_hex(8)}", "namespace": job.key.namespace},
            "eventTime": self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "regarding": {
                "apiVersion": c.API_VERSION,
                "kind": c.KIND,
                "namespace": job.key.namespace,
                "name": job.key.name,
                "uid": job.uid,
                "resourceVersion": job.resource_version,
            },
            "type": event.type,
            "reason": event.reason,
            "action": event.action,
            "note": note,
        }
        try:
            await self._api.create(EVENTS, job.key.namespace, manifest)
        except ApiError as error:
            self._count("failed")
            about = about_job(job.key, job.uid, reason=event.reason)
            _log.warning("the event %s could not be recorded: %s", event.reason, error.message, extra=about)
        else:
            self._count("written")

    def forget(self, uid: str) -> None:
        """The job is gone, and nothing more will be said of it."""
        self._memories.pop(uid, None)

    def _note_for(self, job: JobRecord, event: JobEvent) -> str | None:
        """The note to write, or None when the event is left out."""
        now, memory = self._clock.monotonic(), self._memory(job.uid)
        digest = hash(event)
        known = memory.seen.get(digest)
        if known is not None and now - known.written_at < WINDOW:
            known.left_out += 1
            self._count("repeated")
            return None
        memory.tokens = min(BURST, memory.tokens + (now - memory.updated) * REFILL)
        memory.updated = now
        if memory.tokens < 1.0:
            if known is not None:
                known.left_out += 1
            self._count("limited")
            return None
        memory.tokens -= 1.0
        memory.seen[digest] = _Seen(written_at=now)
        memory.seen.move_to_end(digest)
        if len(memory.seen) > NOTES_MOST:
            memory.seen.popitem(last=False)
        if known is None or not known.left_out:
            return event.note
        more = f" (and {known.left_out} more since the last event of this kind)"
        return first_bytes(event.note, NOTE_BYTES - len(more)) + more

    def _memory(self, uid: str) -> _Memory:
        memory = self._memories.setdefault(uid, _Memory(updated=self._clock.monotonic()))
        self._memories.move_to_end(uid)
        if len(self._memories) > JOBS_MOST:
            self._memories.popitem(last=False)
        return memory
