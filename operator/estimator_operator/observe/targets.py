"""Which pods are asked for their progress: chief and evaluator of every job that has not ended, when they run.

Of each role one pod is asked, too, that stages its inputs (`plan/staging.py`).

Only pods that the job controls are asked, by address (no name is looked up, no redirect followed), and only at
addresses that belong to pods (`kube/pod_address.py`). Addresses are used again: where two pods seem to have the same
one, the younger has it, and the older is not asked, lest one job's progress be told of another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from estimator_api import constants as c
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.store import Store
from estimator_operator.kube.pod_address import Network, may_ask
from estimator_operator.kube.pod_summary import PodRecord
from estimator_operator.observe.poll_schedule import Target
from estimator_operator.plan.staging import asked_of

_log = logging.getLogger(__name__)

_PORT_MOST: Final = 65535
_UNKNOWN_AGE: Final = datetime.min.replace(tzinfo=UTC)
_SLICE: Final = 100
"""Jobs looked at before others have the event loop for a moment."""


async def targets_of(store: Store, networks: Sequence[Network] = ()) -> list[Target]:
    """The pods to ask now.

    Args:
        store: What is known.
        networks: The only networks in which pods are asked; empty for all but dangerous addresses.
    """
    newest: dict[str, datetime] = {}
    found: list[tuple[Target, datetime]] = []
    networks = tuple(networks)
    for number, record in enumerate(store, start=1):
        if number % _SLICE == 0:
            await asyncio.sleep(0)
        try:
            # Most jobs that are known have ended long ago: their pods are not even looked up.
            if not (record.finished or record.deleting) and record.managed:
                _look_at(record, store.pod_records(record), networks, newest, found)
        except Exception:  # noqa: BLE001  (one object that cannot be read must not end the polls of all others)
            _log.debug("%s: whom to ask cannot be told", record.key, exc_info=True)
    return [target for target, age in found if newest.get(target.host, age) == age]


def _look_at(
    record: JobRecord,
    pods: Sequence[PodRecord],
    networks: tuple[Network, ...],
    newest: dict[str, datetime],
    found: list[tuple[Target, datetime]],
) -> None:
    """Adds the addresses of a job's pods with their age, and the pods to ask."""
    staging = {pod.uid for pod in asked_of(one.pod for one in pods).values()}
    for one in pods:
        ip = one.pod.ip
        if not ip:
            continue
        age = one.pod.created_at or _UNKNOWN_AGE
        if not one.host_network and newest.get(ip, _UNKNOWN_AGE) <= age:
            newest[ip] = age
        if (_reports(one) or one.pod.uid in staging) and may_ask(
            ip, host_network=one.host_network, networks=networks
        ):
            target = _target(record, one, ip)
            if target is not None:
                found.append((target, age))


def _target(record: JobRecord, one: PodRecord, ip: str) -> Target | None:
    """The pod as a target; None when the spec is not one that this version can read."""
    # Not the parsed job: thousands of them would be kept in memory for two numbers.
    spec: Any = record.manifest.get("spec")
    policy = spec.get("runPolicy") if isinstance(spec, dict) else None
    timeout = policy.get("stallTimeoutSeconds") if isinstance(policy, dict) else None
    port = spec.get("progressPort", c.PROGRESS_PORT) if isinstance(spec, dict) else None
    if not isinstance(port, int) or not 0 < port <= _PORT_MOST or not isinstance(timeout, int | None):
        return None
    steps = one.pod.replica.role == c.CHIEF and _reports(one)
    return Target(
        job=record.key,
        uid=one.pod.uid,
        replica=one.pod.replica,
        host=ip,
        port=port,
        stall_timeout=float(timeout) if timeout is not None and steps else None,
        stages=not _reports(one),
    )


def _reports(one: PodRecord) -> bool:
    """Its chief or evaluator runs; workers and ps know nothing that these do not, and TensorBoard is no replica."""
    pod = one.pod
    reports = pod.replica.index == 0 and pod.replica.role in (c.CHIEF, c.EVALUATOR)
    return reports and pod.phase == "Running" and pod.exit_code is None
