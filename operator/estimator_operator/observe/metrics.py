"""The operator's own numbers, for Prometheus. `docs/operations.md` explains each.

What is counted has labels with few values: results, verbs, roles, reasons. Namespaces and names of jobs are labels
only of what is looked up when somebody asks (see `job_series.py`), so that nothing is left of what is gone.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from estimator_operator import __version__
from estimator_operator.control.job_record import JobRecord
from estimator_operator.observe.job_series import PREFIX, JobSeries
from estimator_operator.observe.standstill import Standstill

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_RUNTIMES: Final = (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400, 259200, 604800)
_REASON: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_REASONS_MOST: Final = 64
OTHER: Final = "Other"
"""Label of reasons that are no reasons, or one too many: they come from kubelets and container runtimes."""


class Metrics:
    """Counts what the operator does.

    Args:
        jobs: All jobs that are known.
        queue_depth: How many jobs wait for a worker.
        progress_limit: Jobs whose progress is shown; 0 for none.
        standstill: How long the event loop stood still lately.
    """

    def __init__(
        self,
        *,
        jobs: Callable[[], Iterable[JobRecord]],
        queue_depth: Callable[[], int],
        progress_limit: int = 0,
        standstill: Standstill | None = None,
    ) -> None:
        # A start time for every series doubles their number and tells nobody anything.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        for standard in (ProcessCollector, PlatformCollector, GCCollector):
            standard(registry=registry)
        self._series = JobSeries(jobs, limit=progress_limit)
        registry.register(self._series)
        self._reasons: set[str] = set()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{PREFIX}_{name}", text, labels, registry=registry)

        def seconds(name: str, text: str, *labels: str, buckets: Iterable[float] = _SECONDS) -> Histogram:
            return Histogram(f"{PREFIX}_{name}", text, labels, buckets=tuple(buckets), registry=registry)

        build = Gauge(
            f"{PREFIX}_build_info",
            "1, with the versions of the operator and of Python.",
            ["version", "python"],
            registry=registry,
        )
        build.labels(__version__, platform.python_version()).set(1)
        self._leader = Gauge(f"{PREFIX}_leader", "1 while this replica works.", registry=registry)
        self._restarts = counter(
            "replica_restarts", "Restarts of replicas by role and reason.", "role", "reason"
        )
        self._ended = counter("jobs_ended", "Jobs that ended, by result and reason.", "result", "reason")
        self._runtime = seconds(
            "job_duration_seconds", "Time from a job's start to its end.", "result", buckets=_RUNTIMES
        )
        self._reconciles = counter("reconcile", "Reconciles by result.", "result")
        self._seconds = seconds("reconcile_seconds", "Duration of reconciles by result.", "result")
        depth = Gauge(f"{PREFIX}_queue_depth", "Jobs that wait for a worker.", registry=registry)
        depth.set_function(queue_depth)
        still = Gauge(
            f"{PREFIX}_loop_standstill_seconds",
            "Longest time in the last minute that the event loop could run no other task.",
            registry=registry,
        )
        busy = Gauge(
            f"{PREFIX}_loop_busy_seconds",
            "The same, of CPU that the loop itself used without a pause: a busy machine apart.",
            registry=registry,
        )
        if standstill is not None:
            still.set_function(lambda: standstill.longest)
            busy.set_function(lambda: standstill.busiest)
        self._latency = seconds("queue_latency_seconds", "How long jobs waited for a worker.")
        self._retries = counter("queue_retries", "Reconciles that failed and are tried again.")
        self._calls = counter(
            "api_requests",
            "Calls to the API server, watches apart; code 0 is no answer.",
            "verb",
            "resource",
            "code",
        )
        self._call_seconds = seconds(
            "api_request_seconds", "Duration of calls to the API server.", "verb", "resource"
        )
        self._throttled = seconds(
            "rate_limit_wait_seconds", "How long calls waited for the rate limit, those that had to."
        )
        self._told = counter("watch_events", "Objects that the watch told of.", "resource", "type")
        self._surveys = counter(
            "surveys", "Complete lists of a resource, by cause (start, relist).", "cause", "result"
        )
        self._skipped = counter(
            "skipped_objects",
            "Objects that could not be taken in, as often as they were told of: unreadable or failed.",
            "resource",
            "reason",
        )
        self._pruned = counter(
            "pruned_status_writes",
            "Status writes of which the API server kept only a part: the CRD is older than the operator.",
        )
        self._refused = counter(
            "refused_status_writes",
            "Status writes that the API server refused as invalid: the CRD is of another version.",
        )
        self._events = counter("events", "Kubernetes events by what became of them.", "result")
        self._polls = counter("progress_polls", "Looks at the progress of pods by result.", "result")

    def reconciled(self, result: str, seconds: float) -> None:
        """A reconcile ended."""
        self._reconciles.labels(result).inc()
        self._seconds.labels(result).observe(seconds)

    def waited(self, seconds: float) -> None:
        """A worker took a job that had waited so long."""
        self._latency.observe(seconds)

    def retried(self) -> None:
        """A reconcile failed and will be tried again."""
        self._retries.inc()

    def called(self, verb: str, resource: str, status: int, seconds: float) -> None:
        """The API server answered a call."""
        self._calls.labels(verb, resource, str(status)).inc()
        self._call_seconds.labels(verb, resource).observe(seconds)

    def throttled(self, seconds: float) -> None:
        """A call has to wait for the rate limit."""
        self._throttled.observe(seconds)

    def told(self, resource: str, kind: str | None) -> None:
        """A watch told of an object; None: it listed it."""
        self._told.labels(resource, kind or "LISTED").inc()

    def surveyed(self, cause: str, result: str) -> None:
        """A list of a resource is complete, or forbidden."""
        self._surveys.labels(cause, result).inc()

    def skipped(self, resource: str, reason: str) -> None:
        """An object could not be taken in."""
        self._skipped.labels(resource, reason).inc()

    def pruned(self) -> None:
        """The API server kept only a part of a status."""
        self._pruned.inc()

    def refused(self) -> None:
        """The API server refused a status as invalid."""
        self._refused.inc()

    def recorded(self, result: str) -> None:
        """An event was written, or not."""
        self._events.labels(result).inc()

    def polled(self, result: str) -> None:
        """A pod was asked for its progress."""
        self._polls.labels(result).inc()

    def restarted(self, role: str, reason: str) -> None:
        """A replica is restarted."""
        self._restarts.labels(role, self._bounded(reason)).inc()

    def ended(self, result: str, reason: str, seconds: float | None) -> None:
        """A job ended with Complete or Failed, after so many seconds if that is known."""
        self._ended.labels(result, self._bounded(reason)).inc()
        if seconds is not None:
            self._runtime.labels(result).observe(seconds)

    def leads(self, leading: bool) -> None:
        """This replica began or ceased to work."""
        self._leader.set(1 if leading else 0)

    async def text(self) -> bytes:
        """All numbers in Prometheus' text format."""
        await self._series.look()
        return generate_latest(self._registry)

    def _bounded(self, reason: str) -> str:
        if not _REASON.fullmatch(reason):
            return OTHER
        if reason not in self._reasons and len(self._reasons) >= _REASONS_MOST:
            return OTHER
        self._reasons.add(reason)
        return reason
