"""Numbers about jobs, made from what is known when somebody asks.

Nothing has to be kept up to date in between, and the series of a job end with it. States are counted by namespace:
there are at most as many series as jobs. Progress has series of its own for each job, so their number is limited:
the oldest jobs are shown, whose series then never give way to others before they end, and the rest is counted.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from estimator_api import constants as c
from estimator_operator.control.job_record import JobKey, JobRecord

PREFIX: Final = "estimator_operator"
Jobs = Callable[[], Iterable[JobRecord]]
UNREADABLE: Final = "Unreadable"
"""State of a job whose status cannot be read; no condition ever has this reason."""
SLICE: Final = 100
"""Jobs looked at before others have the event loop for a moment."""
_AT_REST: Final = frozenset({c.REASON_SUSPENDED, c.REASON_SUSPENDING})


class JobSeries(Collector):
    """Counts jobs by namespace and state, and shows how far they are.

    Args:
        jobs: All jobs that are known.
        limit: Most jobs whose progress is shown; 0 for none.
    """

    def __init__(self, jobs: Jobs, *, limit: int) -> None:
        self._jobs = jobs
        self._limit = limit
        self._states: Tally[tuple[str, str]] = Tally()
        self._shown: list[tuple[JobKey, dict[str, float]]] = []
        self._omitted = 0

    async def look(self) -> None:
        """Looks at all jobs, a few at a time: the event loop stands still for none of them."""
        states: Tally[tuple[str, str]] = Tally()
        running: list[tuple[str, str, JobRecord]] = []
        for number, record in enumerate(self._jobs(), start=1):
            if number % SLICE == 0:
                await asyncio.sleep(0)
            try:
                state, shows = record.state, _shows(record)
            except Exception:  # noqa: BLE001  (one object that cannot be read must not end the scrape)
                state, shows = UNREADABLE, False
            states[record.key.namespace, state] += 1
            if shows:
                running.append((record.created_at, record.uid, record))
        oldest = heapq.nsmallest(self._limit, running, key=lambda one: one[:2])
        self._states = states
        self._shown = [
            (record.key, progress_values(record.status.get("progress") or {}) | _store_values(record.status))
            for _, _, record in oldest
        ]
        self._omitted = len(running) - len(oldest)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What the last look has seen: one series for each namespace and state, each job shown and each value."""
        states = GaugeMetricFamily(
            f"{PREFIX}_jobs",
            "Jobs by namespace and state: the reason of their Ready condition.",
            labels=["namespace", "state"],
        )
        for labels, count in sorted(self._states.items()):
            states.add_metric(labels, count)
        yield states
        families = {
            name: GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=["namespace", "job"])
            for name, text in _FAMILIES.items()
        }
        for key, values in self._shown:
            for name, value in values.items():
                families[name].add_metric(key, value)
        yield from families.values()
        omitted = GaugeMetricFamily(
            f"{PREFIX}_job_series_omitted",
            "Jobs whose progress is not shown for the limit of the series.",
        )
        omitted.add_metric((), self._omitted)
        yield omitted


_FAMILIES: Final = {
    "job_global_step": "Global step of a job.",
    "job_steps_per_second": "Global steps per second of a job.",
    "job_loss": "Training loss of a job as last seen.",
    "job_progress_percent": "Global step of max steps, 0 to 100.",
    "job_last_step_timestamp_seconds": "When the global step of a job last changed.",
    "job_model_dir_behind_timestamp_seconds": "Since when the object store of a job's model directory takes nothing.",
}


def progress_values(progress: Mapping[str, Any]) -> dict[str, float]:
    """What `status.progress` says, by metric; what is not known or no number is left out."""
    found = {
        "job_global_step": _number(progress.get("globalStep")),
        "job_steps_per_second": _number(progress.get("stepsPerSecond")),
        "job_loss": _number(progress.get("loss")),
        "job_progress_percent": _number(progress.get("percent")),
        "job_last_step_timestamp_seconds": _moment(progress.get("lastUpdateTime")),
    }
    return {name: value for name, value in found.items() if value is not None}


def _store_values(status: Mapping[str, Any]) -> dict[str, float]:
    checkpoints = status.get("checkpoints")
    since = _moment(checkpoints.get("behindSince")) if isinstance(checkpoints, dict) else None
    return {} if since is None else {"job_model_dir_behind_timestamp_seconds": since}


def _shows(record: JobRecord) -> bool:
    """The job is at work and has said how far it is."""
    if not record.managed or record.finished or record.deleting or record.state in _AT_REST:
        return False
    return isinstance(record.status.get("progress"), dict)


def _number(value: Any) -> float | None:
    """A number or its decimal text. A loss of NaN is a number that somebody wants to see."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if not math.isinf(number) else None


def _moment(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
