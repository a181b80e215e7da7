"""The small form of a large job: 150 workers and 150 ps. `make scale` has a thousand of each."""

from __future__ import annotations

import pytest
from audit_log import AuditLog
from fake_kubelet import FakeKubelet
from large_job import make_large_job, pods_of
from live_namespace import LiveNamespace

REPLICAS = 150
ROLES = 4


@pytest.mark.timeout(180)
async def test_large_job_keeps_its_leader_and_costs_a_call_a_pod(
    live: LiveNamespace, kubelet: FakeKubelet, audit: AuditLog, start_operator
) -> None:
    operator = await start_operator("--leader-elect")
    asked = await make_large_job(live, kubelet, operator, audit, replicas=REPLICAS, timeout=120)
    pods = len(pods_of(REPLICAS))
    # One dry run for each role, before the first pod of a job is made.
    assert pods <= asked["create pods"] <= pods + ROLES
    assert asked["create services"] == 1
    assert asked["delete pods"] == 0
    assert asked["list pods"] + asked["get pods"] <= ROLES
    assert asked["list events"] <= 3, "why pods wait is asked once a job, not once a pod"
    assert asked["patch estimatorjobs/status"] <= 12, asked
