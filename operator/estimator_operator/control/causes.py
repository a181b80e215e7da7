"""Why a pod waits, where only its events say so: a ConfigMap that does not exist, a volume that cannot be mounted.

Looked up only for pods that have waited longer than an ordinary start takes, at 10 s of age, then at three times the
age of the look before. A look is one list of the namespace's warnings about pods for all jobs of the namespace that wait
for one, made beside the reconciles: a job whose 1,000 pods pull their image costs one call and stays responsive. A
pod's own waiting reason and the scheduler's condition come with the watch and cost nothing; whether the claim of the
model directory exists and has its volume is one GET for each job that waits.

Whatever goes wrong with an event or a claim is that object's, and whatever else goes wrong in a look is that
namespace's: it is counted and tried again, ever more rarely, and the other namespaces are looked into as before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from estimator_api import InvalidJobError
from estimator_operator.control.clock import Clock
from estimator_operator.control.job_record import JobKey, JobRecord
from estimator_operator.control.store import Store
from estimator_operator.errors import ApiError, NotFoundError
from estimator_operator.kube.api import Api
from estimator_operator.kube.fence import Fence
from estimator_operator.kube.resources import CLAIMS, CORE_EVENTS
from estimator_operator.plain_text import one_line
from estimator_operator.plan.observed import Pod

_log = logging.getLogger(__name__)

LOOKUPS: Final = 2
"""Namespaces that are looked into at the same time."""
_FIRST_LOOK: Final = 10.0
_LOOK_FACTOR: Final = 3.0
_PAGES_MOST: Final = 20
_SILENT: Final = frozenset({None, "ContainerCreating", "PodInitializing"})
_IRRELEVANT: Final = frozenset({"FailedScheduling", "Unhealthy", "BackOff"})
"""Reasons of warnings that are over, or that the pod's own status tells better."""
_FIELDS: Final = "involvedObject.kind=Pod,type=Warning"
_LINE_MOST: Final = 1024
_READ_MOST: Final = 8 * _LINE_MOST
_RETRY_FIRST: Final = 10.0
_RETRY_MOST: Final = 300.0
"""Backoff of a namespace in which a look failed."""


class Causes:
    """Looks up why pods wait.

    Args:
        api: The API server.
        store: Where the causes are noted.
        clock: To judge how long a pod has waited.
        fence: Around each object that is looked at, and each namespace.
    """

    def __init__(
        self,
        api: Api,
        store: Store,
        clock: Clock,
        *,
        fence: Fence | None = None,
    ) -> None:
        self._api = api
        self._store = store
        self._clock = clock
        self._fence = fence or Fence()
        self._failures: dict[str, tuple[int, float]] = {}
        self._wanted: dict[str, dict[JobKey, None]] = {}
        self._wake = asyncio.Event()

    def ask(self, record: JobRecord) -> float | None:
        """Asks for a look at a job's pods if one is due.

        Returns:
            Seconds until one is due; None when none will be, or when one was asked for.
        """
        waits = [due - age for _, age, due in self._waiting(record)]
        wait = min(waits, default=None)
        if wait is None:
            record.work.claim_state = None
        if wait is None or wait > 0:
            return wait
        _, retry_at = self._failures.get(record.key.namespace, (0, 0.0))
        if (pause := retry_at - self._clock.monotonic()) > 0:
            return pause
        self._wanted.setdefault(record.key.namespace, {})[record.key] = None
        self._wake.set()
        return None

    async def work(self, found: Callable[[JobKey], None]) -> None:
        """Looks when it was asked for; calls `found` with every job that was looked at."""
        while True:
            if not await self.look(found):
                self._wake.clear()
                await self._wake.wait()

    async def look(self, found: Callable[[JobKey], None]) -> bool:
        """Looks into one namespace for all its jobs that wait for it; tells whether there was one."""
        namespace = next(iter(self._wanted), None)
        if namespace is None:
            return False
        keys = self._wanted.pop(namespace)
        try:
            await self._look_into(namespace, keys)
        except Exception as error:  # noqa: BLE001  (one namespace must not end the looks into the others)
            self._note_failure(namespace, error)
        else:
            self._failures.pop(namespace, None)
        for key in keys:
            found(key)
        return True

    async def _look_into(self, namespace: str, keys: Iterable[JobKey]) -> None:
        records = [one for one in map(self._store.job, keys) if one is not None]
        due = [
            (record, pod, age) for record in records for pod, age, due in self._waiting(record) if due <= age
        ]
        waiting = {pod.uid: (record.key, age) for record, pod, age in due}
        for record in {record.key: record for record, _, _ in due}.values():
            await self._look_at_claim(record)
        causes: dict[str, str] = {}
        try:
            if any(not pod.unschedulable for _, pod, _ in due):
                causes = await self._causes(namespace, waiting)
        except ApiError as error:
            # It is asked again when the next look is due: nothing depends on it.
            _log.info("why pods in %s wait cannot be looked up: %s", namespace, error.message)
        for uid, (key, age) in waiting.items():
            self._store.put_cause(key, uid, causes.get(uid), age=age)

    def _note_failure(self, namespace: str, error: Exception) -> None:
        count, _ = self._failures.get(namespace, (0, 0.0))
        pause = min(_RETRY_FIRST * 2.0 ** min(count, 16), _RETRY_MOST)
        self._failures[namespace] = count + 1, self._clock.monotonic() + pause
        about = {"metadata": {"namespace": namespace, "name": "*"}}
        self._fence.note(CORE_EVENTS.plural, about, error, "failed")

    def _waiting(self, record: JobRecord) -> list[tuple[Pod, float, float]]:
        """The pods that wait silently, or for a claim perhaps, with their age and the age at which the next look is due."""
        now, found = self._clock.now(), []
        for pod in self._store.pods(record):
            # The scheduler says why itself, but not what has become of a claim.
            asks = _waits_silently(pod) or (_waits_for_a_node(pod) and _claim_name(record) is not None)
            if not asks or pod.created_at is None:
                continue
            age = (now - pod.created_at) / timedelta(seconds=1)
            looked_at = self._store.looked_at(record.key, pod.uid)
            due = _FIRST_LOOK if looked_at is None else _LOOK_FACTOR * max(looked_at, _FIRST_LOOK)
            found.append((pod, age, due))
        return found

    async def _look_at_claim(self, record: JobRecord) -> None:
        name = _claim_name(record)
        if name is None:
            return
        try:
            claim = await self._api.get(CLAIMS, record.key.namespace, name)
        except NotFoundError:
            record.work.claim_state = "Missing"
        except ApiError as error:
            _log.info("claim %s/%s cannot be read: %s", record.key.namespace, name, error.message)
        else:
            with self._fence.around(CLAIMS.plural, claim):
                is_lost = (claim.get("status") or {}).get("phase") == "Lost"
                record.work.claim_state = "Lost" if is_lost else None

    async def _causes(self, namespace: str, uids: Mapping[str, object]) -> dict[str, str]:
        """The newest warning of each pod that has one."""
        newest: dict[str, tuple[str, str]] = {}
        pages = 0
        async for page in self._api.pages(CORE_EVENTS, namespace, fields=_FIELDS):
            for one in page.items:
                with self._fence.around(CORE_EVENTS.plural, one):
                    uid = str((one.get("involvedObject") or {}).get("uid"))
                    if uid not in uids or one.get("reason") in _IRRELEVANT or not one.get("message"):
                        continue
                    line = one_line(str(one["message"])[:_READ_MOST])[:_LINE_MOST]
                    newest[uid] = max(newest.get(uid, ("", "")), (_seen_at(one), line))
            pages += 1
            if pages == _PAGES_MOST:
                _log.info("%s has more warnings than are looked at", namespace)
                break
        return {uid: line for uid, (_, line) in newest.items()}


def _waits_silently(pod: Pod) -> bool:
    """A node has the pod, its containers do not start, and its status does not say why."""
    return (
        pod.phase == "Pending"
        and pod.node is not None
        and not pod.deleting
        and not pod.unschedulable
        and pod.reason in _SILENT
    )


def _waits_for_a_node(pod: Pod) -> bool:
    return pod.phase == "Pending" and pod.unschedulable and not pod.deleting


def _claim_name(record: JobRecord) -> str | None:
    """Name of the claim of the model directory, if there is one."""
    try:
        return record.job().spec.model_dir.claim_name(record.key.name)
    except InvalidJobError:
        return None


def _seen_at(event: Mapping[str, Any]) -> str:
    """When an event was last seen; RFC 3339 in UTC sorts as text."""
    series = event.get("series") or {}
    moments = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next((one for one in moments if one), event["metadata"].get("creationTimestamp") or ""))
