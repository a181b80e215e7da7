"""Leader election with a Lease: at most one replica works, another takes over within seconds.

Whether somebody else's lease has run out is decided by the local monotonic clock since its record last changed, never
by comparing clocks of two machines. A leader that cannot renew ends *before* others may take over. Its time counts from
the beginning of the last write that the lease is known to show, never from an answer or a look at the lease: others
count from when they see that write, which is later. Election is no fencing: names, uids and resourceVersions make a
short overlap of two leaders harmless.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from estimator_operator.errors import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    LeadershipLostError,
    NotFoundError,
)
from estimator_operator.kube.resources import LEASES, Resource

_log = logging.getLogger(__name__)

Json = dict[str, Any]
Record = tuple[object, ...]
_JITTER: Final = 0.2
_BUSY_MOST: Final = 60.0
"""Longest that a follower leaves a busy server alone; a leader cannot wait, it has a lease to renew."""


_WRITES: Final = 16
"""Own writes that are remembered until the lease shows one of them."""


class LeaseApi(Protocol):
    """The calls of `kube.api.Api` that an election makes."""

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """Reads one object."""
        ...

    async def create(self, resource: Resource, namespace: str, manifest: Json) -> Json:
        """Creates an object."""
        ...

    async def replace(self, resource: Resource, namespace: str, name: str, manifest: Json) -> Json:
        """Replaces an object under the precondition of its resourceVersion."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTiming:
    """Seconds. `renew_deadline + last_try + last_moments` is less than `lease_duration`.

    Attributes:
        lease_duration: How long others wait after the last sign of life.
        renew_deadline: How long after its last renewal the leader begins tries to renew.
        last_try: What the last try has at least: a busy server answers in a second, not in a millisecond.
        last_moments: What is kept for ending the process when the lead is lost.
        retry_period: Time between two tries, with some jitter.
    """

    lease_duration: float = 15.0
    renew_deadline: float = 8.0
    last_try: float = 2.0
    last_moments: float = 4.0
    retry_period: float = 2.0


class Elector:
    """Acquires, holds and releases one Lease.

    Args:
        api: The API server.
        namespace: Namespace of the Lease.
        name: Name of the Lease.
        identity: Who we are; unique among replicas.
        timing: How patient to be.
        monotonic: Clock in seconds.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        api: LeaseApi,
        *,
        namespace: str,
        name: str,
        identity: str,
        timing: LeaseTiming | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self.identity = identity
        self._timing = timing or LeaseTiming()
        self._monotonic = monotonic
        self._sleep = sleep
        self._seen: Record | None = None
        self._seen_at = 0.0
        self._lease: Json | None = None
        self._writes: OrderedDict[str, float] = OrderedDict()
        self._renewed = -math.inf

    async def acquire(self) -> None:
        """Waits until the Lease is ours."""
        _log.info("waiting for the lease %s/%s as %s", self._namespace, self._name, self.identity)
        holder: str | None = None
        while True:
            longer = 0.0
            try:
                if await self._try():
                    break
            except ApiError as error:
                longer = min(error.retry_after or 0.0, _BUSY_MOST)
                _log.warning("the lease cannot be acquired now: %s", error.message)
            if self._lease is not None and self._lease["spec"].get("holderIdentity") != holder:
                holder = self._lease["spec"].get("holderIdentity")
                _log.info("%s leads", holder or "nobody")
            await self._pause(longer)
        _log.info("leading")

    async def hold(self) -> None:
        """Renews the Lease for ever.

        Raises:
            LeadershipLostError: It could not be renewed in time, or another replica holds it.
        """
        timing = self._timing
        while True:
            await self._pause(at_most=self._left())
            left = self._left()
            if left < -(timing.lease_duration - timing.renew_deadline - timing.last_try - 1.0):
                # The whole process stood still: others may lead before a try would have an answer.
                raise self._lost("there was no time to renew the lease")
            try:
                # A server that starts takes connections before it answers; another try must have its chance.
                async with asyncio.timeout(max(min(left, timing.renew_deadline / 2), timing.last_try)):
                    ours = await self._try()
            except (TimeoutError, ApiError) as error:
                if self._left() <= 0:
                    raise self._lost(
                        f"the lease could not be renewed for {timing.renew_deadline:g} s: {error}"
                    ) from error
                _log.warning("the lease could not be renewed, trying again: %s", error)
            else:
                if not ours:
                    raise LeadershipLostError("another replica holds the lease", time_left=1.0)

    @property
    def leads(self) -> bool:
        """No other replica can lead, by the local clock, for some moments more. Other threads may ask."""
        timing = self._timing
        return self._monotonic() < self._renewed + timing.lease_duration - timing.last_moments

    def _left(self) -> float:
        """Seconds in which another try may begin."""
        return self._renewed + self._timing.renew_deadline - self._monotonic()

    def _lost(self, message: str) -> LeadershipLostError:
        timing = self._timing
        left = self._renewed + timing.lease_duration - self._monotonic()
        return LeadershipLostError(message, time_left=max(0.0, min(timing.last_moments, left)))

    async def release(self) -> None:
        """Gives the Lease up so that another replica takes over at once; call when all work has ended."""
        if self._lease is None or self._lease["spec"].get("holderIdentity") != self.identity:
            return
        try:
            released = self._record(self._lease, holder="")
            await self._api.replace(LEASES, self._namespace, self._name, released)
            _log.info("released the lease")
        except ApiError as error:
            _log.warning("the lease could not be released, it runs out by itself: %s", error.message)
        self._lease = None

    async def _try(self) -> bool:
        """One attempt to acquire or renew; tells whether the Lease is ours."""
        try:
            # The leader renews what it wrote last; only a conflict makes it look again.
            lease = self._lease if self._is_ours(self._lease) else None
            if lease is None:
                lease = await self._api.get(LEASES, self._namespace, self._name)
        except NotFoundError:
            return await self._create()
        if not self._is_ours(lease) and not self._is_free(lease):
            self._lease = lease
            return False
        try:
            wanted = self._record(lease, holder=self.identity)
            began = self._note_write(wanted)
            self._lease = await self._api.replace(LEASES, self._namespace, self._name, wanted)
            self._renewed = began
        except (ConflictError, NotFoundError):
            # Somebody was quicker, or an earlier write of our own whose answer was lost. The lease itself says which.
            was_ours = self._is_ours(self._lease)
            self._lease = None
            return await self._is_still_ours() if was_ours else False
        return True

    async def _is_still_ours(self) -> bool:
        try:
            self._lease = await self._api.get(LEASES, self._namespace, self._name)
        except NotFoundError:
            return await self._create()
        if not self._is_ours(self._lease):
            return False
        # Others count from the write that the lease shows. One that is none of ours (an edit by hand) renews nothing.
        self._renewed = max(self._renewed, self._writes.get(_renew_time(self._lease), self._renewed))
        return True

    def _note_write(self, lease: Json) -> float:
        """Remembers when a write began, by the time it bears; returns that moment."""
        began = self._writes[_renew_time(lease)] = self._monotonic()
        if len(self._writes) > _WRITES:
            self._writes.popitem(last=False)
        return began

    async def _create(self) -> bool:
        manifest = self._record(
            {"metadata": {"name": self._name, "namespace": self._namespace}, "spec": {}}, self.identity
        )
        began = self._note_write(manifest)
        try:
            self._lease = await self._api.create(LEASES, self._namespace, manifest)
        except AlreadyExistsError:
            return False
        self._renewed = began
        return True

    def _is_ours(self, lease: Json | None) -> bool:
        return lease is not None and (lease.get("spec") or {}).get("holderIdentity") == self.identity

    def _is_free(self, lease: Json) -> bool:
        """Nobody holds it, or its record has not changed for its duration by our own clock."""
        spec = lease.get("spec") or {}
        record: Record = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        if record != self._seen:
            self._seen = record
            self._seen_at = self._monotonic()
        duration = spec.get("leaseDurationSeconds") or self._timing.lease_duration
        return not spec.get("holderIdentity") or self._monotonic() - self._seen_at >= duration

    def _record(self, lease: Json, holder: str) -> Json:
        spec = dict(lease.get("spec") or {})
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if holder and holder != spec.get("holderIdentity"):
            # A transition is a new holder, as client-go counts: neither the first one nor a release is one.
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + ("holderIdentity" in spec)
        # A released lease is kept for one second only: whoever reads it late must not wait for it.
        spec["leaseDurationSeconds"] = max(1, round(self._timing.lease_duration)) if holder else 1
        spec["holderIdentity"] = holder
        spec["renewTime"] = now
        metadata = {
            key: lease["metadata"][key]
            for key in ("name", "namespace", "uid", "resourceVersion")
            if key in lease["metadata"]
        }
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}

    async def _pause(self, at_least: float = 0.0, at_most: float = math.inf) -> None:
        seconds = max(self._timing.retry_period, at_least) * (1 + random.uniform(0, _JITTER))  # noqa: S311  (spreads)
        await self._sleep(max(0.0, min(seconds, at_most)))


def _renew_time(lease: Json) -> str:
    return str((lease.get("spec") or {}).get("renewTime"))
