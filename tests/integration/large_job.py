"""A job of many replicas, and what holds of it at any size: all its pods, one leader throughout, others served."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Final

from audit_log import AuditLog, tally
from fake_kubelet import FakeKubelet, hold
from history import History
from live_jobs import condition, has_reason, is_running, job, not_failed
from live_namespace import LiveNamespace
from operator_process import OperatorProcess, account_user

Json = dict[str, Any]
LEASE: Final = "estimator-operator"


def pods_of(replicas: int) -> set[str]:
    """Names of all pods of the job: so many workers, as many ps, chief and evaluator."""
    numbered = {f"large-{role}-{index}" for role in ("worker", "ps") for index in range(replicas)}
    return numbered | {"large-chief-0", "large-evaluator-0"}


async def make_large_job(
    live: LiveNamespace,
    kubelet: FakeKubelet,
    operator: OperatorProcess,
    audit: AuditLog,
    *,
    replicas: int,
    timeout: float,
) -> Counter[str]:
    """Creates the job and waits for all its pods, while another job comes, trains and is restarted.

    Returns how often the operator made each call about the large job.

    Raises:
        AssertionError: Something does not hold; with the operator's log when the operator has ended.
    """
    making = asyncio.create_task(_make(live, kubelet, audit, replicas, timeout))
    ending = asyncio.create_task(operator.wait())
    try:
        await asyncio.wait({making, ending}, return_when=asyncio.FIRST_COMPLETED)
        assert operator.running, operator.text()
        return await making
    finally:
        for task in (making, ending):
            task.cancel()
        await asyncio.gather(making, ending, return_exceptions=True)


async def _make(
    live: LiveNamespace, kubelet: FakeKubelet, audit: AuditLog, replicas: int, timeout: float
) -> Counter[str]:
    kubelet.scripts |= {f"large-{role}-0": hold for role in ("chief", "evaluator")}
    kubelet.scripts |= {role: hold for role in ("worker", "ps")}
    wanted = pods_of(replicas)
    await live.until("leases", LEASE, lambda one: one["spec"].get("holderIdentity"), "leader")
    async with History.record(live, "leases") as leases:
        count = {"replicas": replicas}
        await live.create(
            "estimatorjobs", job("large", worker=count, ps=count, evaluator={}, progressPort=8787)
        )
        await live.until_all("pods", bool, "the first pod", timeout=timeout)
        await asyncio.gather(
            _serve_another(live, timeout),
            live.until_all(
                "pods", lambda found: wanted <= set(found), f"{len(wanted)} pods", timeout=timeout
            ),
        )
        state = await live.until(
            "estimatorjobs",
            "large",
            lambda one: (
                not_failed(one).get("status", {}).get("replicas", {}).get("desired") == len(wanted)
                and condition(one, "Ready").get("reason") == "PodsPending"
            ),
            "their number",
            timeout=timeout,
        )
    holders = {
        (one["spec"]["holderIdentity"], one["spec"].get("leaseTransitions", 0)) for one in leases.of(LEASE)
    }
    assert len(holders) == 1, f"the leader changed: {holders}"
    assert state["status"].get("restarts", {}).get("total", 0) == 0
    assert all(kubelet.born[name] == 1 for name in wanted), "each pod was made once"
    calls = audit.calls(user=account_user(live.name))
    return tally(one for one in calls if one.name.startswith("large") and one.code < 300)


async def _serve_another(live: LiveNamespace, timeout: float) -> None:
    await live.create("estimatorjobs", job("small"))
    await live.until(
        "estimatorjobs", "small", has_reason("Training"), "training of a small job", timeout=timeout
    )
    await live.delete("pods", "small-chief-0")
    await live.until("pods", "small-chief-0-r1", is_running, "its restart", timeout=timeout)
