"""Pods that the watch does not show, asked for by name before they are taken for gone, and as long as they stay unseen.

A pod is taken for gone when another takes its place, when its replica has completed without it, when the job ends or
is suspended, and when a scale-down drops its replica: a pod that nobody deletes then would run for ever. One that left
the watch alive is asked for in any case, at the next look.

The watch and every list select pods by a label, and people change labels: to take a pod out of a Service, to keep it
for a look. For a selector that is the pod's end, and a second chief beside the first would corrupt the model. Name and
owner of a pod cannot be changed, so these decide. A job that misses many pods has its namespace listed once instead.
"""

from __future__ import annotations

from typing import Any, Final

from estimator_api import EstimatorJobStatus, InvalidJobError
from estimator_api import constants as c
from estimator_operator.control.clock import Clock
from estimator_operator.control.creation import every
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.second_look import ends, ends_suspending
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
_REPLICAS_MOST: Final = 1000
"""No role has more replicas, whatever a status says."""


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
        names = sorted(self._unproven(record, before, made))
        if not names:
            return False
        if len(names) <= _ONE_BY_ONE:
            found = any(await every([self._ask(record, name) for name in names]))
        else:
            found = await self._list(record, frozenset(names))
        record.work.vanished.difference_update(names)
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

    def _unproven(self, record: JobRecord, before: EstimatorJobStatus, made: Plan) -> set[str]:
        """Names of pods that a plan takes for gone although nobody saw them end."""
        if record.deleting:
            # Its pods are collected by their owner, whatever their labels say.
            return set()
        exist = {one.pod.name for one in self._store.pod_records(record)}
        seen = {one.name for one in self._store.pods(record)}
        name, counts = record.key.name, {one.replica: one.count for one in before.restarts.by_replica}
        ends = {pod_name(name, one, counts.get(str(one), 0)) for one in _ended(record, before, made)}
        return ((_replaced(record, before, made) | record.vanished) - exist) | (ends - seen)

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


def _replaced(record: JobRecord, before: EstimatorJobStatus, made: Plan) -> set[str]:
    """Names of the pods in whose place the plan wants others: the attempts whose count it raises.

    When a suspension has left no pod those of all replicas are: they may be of another spec than the next ones.
    """
    had = {one.replica: one.count for one in before.restarts.by_replica}
    names = set()
    if ends_suspending(before, made):
        names = {
            pod_name(record.key.name, one, had.get(str(one), 0)) for one in _replicas(record, before, made)
        }
    for one in made.status.restarts.by_replica:
        count = had.get(one.replica, 0)
        if one.count > count:
            role, _, index = one.replica.rpartition("-")
            names.add(pod_name(record.key.name, Replica(role, int(index)), count))
    return names


def _ended(record: JobRecord, before: EstimatorJobStatus, made: Plan) -> set[Replica]:
    """Replicas that have completed, or shall have no pod any more, by this plan and not before."""
    # A job that nobody has answered yet has no pods.
    final = ends(before, made) and bool(before.conditions)
    completed = len(made.status.completed_replicas) > len(before.completed_replicas)
    had, has = (one.worker_replicas or 0 for one in (before, made.status))
    if not (final or completed or had > has):
        return set()
    known, now = set(before.completed_replicas), set(made.status.completed_replicas)
    dropped = {Replica(c.WORKER, index) for index in range(max(has, 0), min(had, _REPLICAS_MOST))}
    ended = {one for one in _replicas(record, before, made) if final or str(one) in now}
    return {one for one in ended | dropped if str(one) not in known}


def _replicas(record: JobRecord, before: EstimatorJobStatus, made: Plan) -> set[Replica]:
    """The replicas that the job has or had: a spec that changed while nobody looked may have fewer."""
    roles = (*before.roles, *made.status.roles)
    counts = [(one.role, one.desired) for one in roles if one.role in c.ROLES]
    found = {Replica(role, index) for role, most in counts for index in range(min(most, _REPLICAS_MOST))}
    try:
        return found | set(replicas_of(record.job().spec))
    except InvalidJobError:
        return found
