"""The operator's own numbers, for Prometheus."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

PREFIX: Final = "estimator_operator"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class _JobStates(Collector):
    """Counts jobs by state when somebody asks: nothing has to be kept up to date in between."""

    def __init__(self, states: Callable[[], Iterable[str]]) -> None:
        self._states = states

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            f"{PREFIX}_jobs", "Jobs by state: the reason of their Ready condition.", labels=["state"]
        )
        tally: Mapping[str, int] = Tally(self._states())
        for state, count in sorted(tally.items()):
            family.add_metric([state], count)
        yield family


class Metrics:
    """Counts what the operator does.

    Args:
        states: States of all jobs.
        queue_depth: How many jobs wait for a worker.
    """

    def __init__(self, *, states: Callable[[], Iterable[str]], queue_depth: Callable[[], int]) -> None:
        # A start time for every series doubles their number and tells nobody anything.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        for standard in (ProcessCollector, PlatformCollector, GCCollector):
            standard(registry=registry)
        registry.register(_JobStates(states))
        self._reconciles = Counter(
            f"{PREFIX}_reconcile", "Reconciles by result.", ["result"], registry=registry
        )
        self._seconds = Histogram(
            f"{PREFIX}_reconcile_seconds", "Duration of reconciles.", buckets=_SECONDS, registry=registry
        )
        depth = Gauge(f"{PREFIX}_queue_depth", "Jobs that wait for a worker.", registry=registry)
        depth.set_function(queue_depth)
        self._latency = Histogram(
            f"{PREFIX}_queue_latency_seconds",
            "How long jobs waited for a worker.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._calls = Counter(
            f"{PREFIX}_api_requests",
            "Calls to the API server, watches apart; code 0 is no answer.",
            ["verb", "resource", "code"],
            registry=registry,
        )
        self._polls = Counter(
            f"{PREFIX}_progress_polls",
            "Looks at the progress of pods by result.",
            ["result"],
            registry=registry,
        )
        self._leader = Gauge(f"{PREFIX}_leader", "1 while this replica works.", registry=registry)

    def reconciled(self, result: str, seconds: float) -> None:
        """A reconcile ended."""
        self._reconciles.labels(result).inc()
        self._seconds.observe(seconds)

    def waited(self, seconds: float) -> None:
        """A worker took a job that had waited so long."""
        self._latency.observe(seconds)

    def called(self, verb: str, resource: str, status: int) -> None:
        """The API server answered a call."""
        self._calls.labels(verb, resource, str(status)).inc()

    def polled(self, result: str) -> None:
        """A pod was asked for its progress."""
        self._polls.labels(result).inc()

    def leads(self, leading: bool) -> None:
        """This replica began or ceased to work."""
        self._leader.set(1 if leading else 0)

    def text(self) -> bytes:
        """All numbers in Prometheus' text format."""
        return generate_latest(self._registry)
