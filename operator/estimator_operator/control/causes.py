"""Why a pod waits, where only its events say so: a ConfigMap that does not exist, a volume that cannot be mounted.

Looked up only for pods that have waited longer than an ordinary start takes, at 10 s of age, then at three times the
age of the look before: it costs a call for each. A pod's own waiting reason and the scheduler's condition come with the watch and cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from estimator_operator.control.clock import Clock
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.store import Store
from estimator_operator.kube.api import Api
from estimator_operator.kube.resources import CORE_EVENTS
from estimator_operator.plan.observed import Pod

_FIRST_LOOK: Final = 10.0
_LOOK_FACTOR: Final = 3.0
_SILENT: Final = frozenset({None, "ContainerCreating", "PodInitializing"})
_IRRELEVANT: Final = frozenset({"FailedScheduling", "Unhealthy", "BackOff"})
"""Reasons of warnings that are over, or that the pod's own status tells better."""
_LINE_MOST: Final = 1024


class Causes:
    """Looks up why pods wait.

    Args:
        api: The API server.
        store: Where the causes are noted.
        clock: To judge how long a pod has waited.
    """

    def __init__(self, api: Api, store: Store, clock: Clock) -> None:
        self._api = api
        self._store = store
        self._clock = clock

    async def look(self, record: JobRecord) -> tuple[bool, float | None]:
        """Looks for the causes that are due; tells whether there is news, and in how many seconds to look again."""
        now, news = self._clock.now(), False
        waits: list[float] = []
        for pod in self._store.pods(record):
            if not _waits_silently(pod) or pod.created_at is None:
                continue
            age = (now - pod.created_at) / timedelta(seconds=1)
            looked_at = self._store.looked_at(record.key, pod.uid)
            due = _FIRST_LOOK if looked_at is None else _LOOK_FACTOR * max(looked_at, _FIRST_LOOK)
            if due <= age:
                cause = await self._find(record, pod)
                news |= self._store.put_cause(record.key, pod.uid, cause, age=age)
                due = _LOOK_FACTOR * age
            waits.append(due - age)
        return news, min(waits, default=None)

    async def _find(self, record: JobRecord, pod: Pod) -> str | None:
        fields = f"involvedObject.uid={pod.uid},type=Warning"
        found = await self._api.list(CORE_EVENTS, record.key.namespace, fields=fields)
        warnings = [one for one in found.items if one.get("reason") not in _IRRELEVANT and one.get("message")]
        if not warnings:
            return None
        return " ".join(str(max(warnings, key=_seen_at)["message"]).split())[:_LINE_MOST]


def _waits_silently(pod: Pod) -> bool:
    """A node has the pod, its containers do not start, and its status does not say why."""
    return (
        pod.phase == "Pending"
        and pod.node is not None
        and not pod.deleting
        and not pod.unschedulable
        and pod.reason in _SILENT
    )


def _seen_at(event: Mapping[str, Any]) -> str:
    """When an event was last seen; RFC 3339 in UTC sorts as text."""
    series = event.get("series") or {}
    moments = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next((one for one in moments if one), event["metadata"].get("creationTimestamp") or ""))
