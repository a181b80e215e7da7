"""When progress is written to the status: news of many jobs a second, of which few are worth a write each."""

from __future__ import annotations

from typing import Final

from estimator_operator.control.job_record import JobRecord

PROGRESS: Final = "progress to be written"
"""Reason of the look that writes it."""


def write_wait(record: JobRecord, interval: float, now: float) -> float:
    """Seconds until a status that differs in progress alone may be written; 0 or less for at once.

    Args:
        record: The job.
        interval: Least seconds between two such writes of one job.
        now: Monotonic time.
    """
    written_at = None if record.stub is not None else record.work.written_at
    return 0.0 if written_at is None else written_at + interval - now


def progress_wait(record: JobRecord, interval: float, now: float) -> float:
    """Seconds until news of a pod's progress need a look, of a job without a stall timeout; see `write_wait`.

    A look before that would make a plan, compare it and throw it away: of a large fleet, more often than all other looks
    together. The first steps are looked at always, for they may say more than how far the job is.
    """
    known = record.status.get("progress")
    begun = isinstance(known, dict) and bool(known.get("globalStep"))
    return write_wait(record, interval, now) if begun else 0.0
