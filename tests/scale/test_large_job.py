"""A thousand workers and a thousand ps: the largest job that the API takes."""

from __future__ import annotations

import time

import pytest
from audit_log import AuditLog
from fake_kubelet import FakeKubelet
from large_job import make_large_job, pods_of
from live_namespace import LiveNamespace

REPLICAS = 1000


@pytest.mark.timeout(900)
async def test_a_thousand_workers_and_a_thousand_ps(
    live: LiveNamespace, kubelet: FakeKubelet, audit: AuditLog, start_operator
) -> None:
    """All 2,002 pods are made under one leader, and other jobs do not wait until they are."""
    operator = await start_operator("--leader-elect")
    began = time.monotonic()
    asked = await make_large_job(live, kubelet, operator, audit, replicas=REPLICAS, timeout=600)
    pods = len(pods_of(REPLICAS))
    print(f"{pods} pods in {time.monotonic() - began:.0f} s; {dict(asked)}")
    assert pods <= asked["create pods"] <= pods + 4
    assert asked["patch estimatorjobs/status"] <= 60
    small = (await live.get("pods", "small-chief-0-r1"))["metadata"]["creationTimestamp"]
    last = max(one["metadata"]["creationTimestamp"] for one in (await live.list("pods")).values())
    assert small < last, "the small job did not wait for the last pod of the large one"
