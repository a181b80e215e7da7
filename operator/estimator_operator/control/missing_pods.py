"""Pods that the watch does not show, asked for by name before they are taken for gone, and as long as they stay unseen.

The watch and every list select pods by a label, and people change labels: to take a pod out of a Service, to keep it
for a look. For a selector that is the pod's end, and a second chief beside the first would corrupt the model. Name and
owner of a pod cannot be changed, so these decide. A job that misses many pods has its namespace listed once instead.
"""

from __future__ import annotations

from typing import Any, Final

from estimator_api import EstimatorJobStatus
from estimator_operator.control.clock import Clock
from estimator_operator.control.creation import every
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.second_look import ends_suspending
from estimator_operator.control.store import Store
from estimator_operator.errors import NotFoundError
from estimator_operator.kube.api import Api
from estimator_operator.kube.resources import PODS
from estimator_operator.plan import Plan, Replica
from estimator_operator.plan.cluster_spec import replicas_of
from estimator_operator.plan.pods import pod_name

Json = dict[str, Any]

ASKED_EVERY: Final = 30.0
"""Seconds between two looks at a pod that the watch cannot see."""
_ONE_BY_ONE: Final = 16


class MissingPods:
    """Asks for pods by name.

    Args:
        api: The API server.
        store: Where what is found is noted.
        clock: To ask again in time.
    """

    def __init__(self, api: Api, store: Store, clock: Clock) -> None:
        self._api = api
        self._store = store
        self._clock = clock

    async def find(self, record: JobRecord, before: EstimatorJobStatus, made: Plan) -> bool:
        """Asks for the pods that a plan takes to be gone and that nobody has seen end; tells whether one exists."""
        known = {one.pod.name for one in self._store.pod_records(record)}
        names = sorted(_taken_for_gone(record, before, made) - known)
        if not names:
            return False
        if len(names) <= _ONE_BY_ONE:
            found = any(await every([self._ask(record, name) for name in names]))
        else:
            found = await self._list(record, frozenset(names))
        if found:
            record.work.strays_at = self._clock.monotonic() + ASKED_EVERY
        return found

    async def refresh(self, record: JobRecord) -> float | None:
        """Asks again for the pods that the watch cannot see, when it is time.

        Returns:
            Seconds until it is time again; None when there is no such pod.
        """
        strays = self._store.strays(record.key)
        if not strays:
            return None
        now = self._clock.monotonic()
        if now >= record.work.strays_at:
            record.work.strays_at = now + ASKED_EVERY
            for name, uid in strays:
                if not await self._ask(record, name):
                    self._store.forget_pod(record.key, name, uid)
            if not self._store.strays(record.key):
                return None
        return record.work.strays_at - now

    async def _ask(self, record: JobRecord, name: str) -> bool:
        try:
            found = await self._api.get(PODS, record.key.namespace, name)
        except NotFoundError:
            return False
        return self._store.put_stray(record.key, found)

    async def _list(self, record: JobRecord, names: frozenset[str]) -> bool:
        found = False
        async for page in self._api.pages(PODS, record.key.namespace):
            for one in page.items:
                if one["metadata"]["name"] in names:
                    found |= self._store.put_stray(record.key, one)
        return found


def _taken_for_gone(record: JobRecord, before: EstimatorJobStatus, made: Plan) -> set[str]:
    """Names of the pods in whose place the plan wants others: the attempts whose count it raises.

    When a suspension has left no pod those of all replicas are: they may be of another spec than the next ones.
    """
    had = {one.replica: one.count for one in before.restarts.by_replica}
    names = set()
    if ends_suspending(before, made):
        replicas = replicas_of(record.job().spec)
        names = {pod_name(record.key.name, one, had.get(str(one), 0)) for one in replicas}
    for one in made.status.restarts.by_replica:
        count = had.get(one.replica, 0)
        if one.count > count:
            role, _, index = one.replica.rpartition("-")
            names.add(pod_name(record.key.name, Replica(role, int(index)), count))
    return names
