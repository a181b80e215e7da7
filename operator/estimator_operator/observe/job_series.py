"""Numbers about jobs, made from what is known when somebody asks.

Nothing has to be kept up to date in between, and the series of a job end with it. States are counted by namespace:
there are at most as many series as jobs. Progress has series of its own for each job, so their number is limited:
the oldest jobs are shown, whose series then never give way to others before they end, and the rest is counted.
"""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from estimator_api import constants as c
from estimator_operator.control.job_record import JobRecord

PREFIX: Final = "estimator_operator"
Jobs = Callable[[], Iterable[JobRecord]]
_AT_REST: Final = frozenset({c.REASON_SUSPENDED, c.REASON_SUSPENDING})


class JobStates(Collector):
    """Counts jobs by namespace and state.

    Args:
        jobs: All jobs that are known.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The counts."""
        family = GaugeMetricFamily(
            f"{PREFIX}_jobs",
            "Jobs by namespace and state: the reason of their Ready condition.",
            labels=["namespace", "state"],
        )
        tally = Tally((one.key.namespace, one.state) for one in self._jobs())
        for labels, count in sorted(tally.items()):
            family.add_metric(labels, count)
        yield family


class JobProgress(Collector):
    """Shows how far jobs are.

    Args:
        jobs: All jobs that are known.
        limit: Most jobs that are shown; 0 for none.
    """

    def __init__(self, jobs: Jobs, *, limit: int) -> None:
        self._jobs = jobs
        self._limit = limit

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One series for each job shown and each thing known of it."""
        families = {
            name: GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=["namespace", "job"])
            for name, text in _FAMILIES.items()
        }
        found = [one for one in self._jobs() if _shows(one)]
        found.sort(key=lambda one: (one.created_at, one.uid))
        for record in found[: self._limit]:
            for name, value in progress_values(record.status["progress"]).items():
                families[name].add_metric(record.key, value)
        yield from families.values()
        omitted = GaugeMetricFamily(
            f"{PREFIX}_job_series_omitted",
            "Jobs whose progress is not shown for the limit of the series.",
        )
        omitted.add_metric((), max(0, len(found) - self._limit))
        yield omitted


_FAMILIES: Final = {
    "job_global_step": "Global step of a job.",
    "job_steps_per_second": "Global steps per second of a job.",
    "job_loss": "Training loss of a job as last seen.",
    "job_progress_percent": "Global step of max steps, 0 to 100.",
    "job_last_step_timestamp_seconds": "When the global step of a job last changed.",
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
    except (TypeError, ValueError):
        return None
    return number if not math.isinf(number) else None


def _moment(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return None
