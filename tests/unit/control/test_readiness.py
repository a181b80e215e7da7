"""Readiness of pods: that of the main container, and few writes when it flaps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from job_world import FIVE_PODS

from estimator_operator.kube.pod_summary import summarize
from estimator_operator.kube.resources import PODS

SINCE = "2026-01-01T00:01:00Z"
NOT_READY = {"type": "Ready", "status": "False", "lastTransitionTime": SINCE}
READY = {"type": "Ready", "status": "True", "lastTransitionTime": SINCE}
RUNNING = {"running": {"startedAt": SINCE}}
OVER = {"terminated": {"exitCode": 0, "reason": "Completed"}}


def container(name: str, state: dict[str, Any] = RUNNING, *, ready: bool = True) -> dict[str, Any]:
    return {"name": name, "state": state, "ready": ready}


def summary(condition: dict[str, Any], *containers: dict[str, Any], role: str = "worker"):
    owner = {"kind": "EstimatorJob", "apiVersion": "estimator.dev/v1alpha1", "controller": True}
    labels = {"role": role, "index": "1", "attempt": "0", "job-name": "mnist"}
    record = summarize(
        {
            "metadata": {
                "name": f"mnist-{role}-1",
                "namespace": "default",
                "uid": "u",
                "labels": {f"estimator.dev/{key}": value for key, value in labels.items()},
                "ownerReferences": [owner | {"name": "mnist", "uid": "job"}],
            },
            "status": {
                "phase": "Running",
                "conditions": [condition],
                "containerStatuses": list(containers),
            },
        }
    )
    assert record is not None
    return record.pod


@pytest.mark.parametrize("main", ["worker", "tensorboard"])
@pytest.mark.parametrize(
    "sidecar",
    [container("fetch", OVER, ready=False), container("proxy", ready=False)],
    ids=["one-shot", "unready"],
)
def test_a_sidecar_does_not_decide_readiness(main, sidecar):
    name = "tensorboard" if main == "tensorboard" else "estimator"
    pod = summary(NOT_READY | {"reason": "ContainersNotReady"}, container(name), sidecar, role=main)
    assert (pod.ready, pod.unready, pod.unready_since) == (True, None, None)


@pytest.mark.parametrize(
    ("condition", "ready", "why"),
    [
        ({"reason": "ContainersNotReady"}, False, "ContainersNotReady"),
        # The node lifecycle controller turns the condition and gives no reason; the container stays ready.
        ({}, True, "NodeNotReady"),
        ({"reason": "NodeNotReady"}, True, "NodeNotReady"),
        ({"reason": "ReadinessGatesNotReady"}, True, "ReadinessGatesNotReady"),
        ({}, False, None),
    ],
)
def test_why_a_pod_is_not_ready(condition, ready, why):
    pod = summary(NOT_READY | condition, container("estimator", ready=ready))
    assert (pod.ready, pod.unready) == (False, why)
    assert pod.unready_since == datetime.fromisoformat(SINCE)


def test_a_ready_pod_says_nothing_of_it():
    pod = summary(READY, container("estimator"))
    assert (pod.ready, pod.unready, pod.unready_since) == (True, None, None)


def test_a_gated_pod_names_its_gates():
    pod = summary({"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"})
    assert (pod.reason, pod.message, pod.unschedulable) == ("SchedulingGated", None, False)


def turn(world, name: str, *, ready: bool, reason: str | None = None, main: bool = True) -> None:
    """A pod's Ready condition turns."""
    condition: dict[str, Any] = {
        "type": "Ready",
        "status": str(ready),
        "lastTransitionTime": world.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    if reason is not None:
        condition["reason"] = reason

    def change(pod: dict[str, Any]) -> None:
        pod["status"]["conditions"] = [condition]
        pod["status"]["containerStatuses"][0]["ready"] = main

    world.api.edit(PODS, name, change)


async def at_work(world, operator) -> None:
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    await operator.pass_(120, step=10)
    assert world.state == "Training"


@pytest.mark.parametrize("period", [1, 5, 20, 35])
async def test_a_flapping_pod_writes_the_status_a_few_times_a_minute(world, operator, period):
    await at_work(world, operator)
    before = world.api.calls["patch estimatorjobs/status"], world.api.calls["create events"]
    for second in range(180):
        if second % period == 0:
            on = second // period % 2 == 1
            turn(world, "mnist-worker-1", ready=on, reason=None if on else "ContainersNotReady", main=on)
        await operator.pass_(1)
    assert world.api.calls["patch estimatorjobs/status"] - before[0] <= 3 * 4
    assert world.api.calls["create events"] == before[1]


@pytest.mark.parametrize("skew", [-90, 90])
async def test_a_flapping_pod_on_a_node_whose_clock_is_off_writes_no_more(world, operator, skew):
    await at_work(world, operator)
    before = world.api.calls["patch estimatorjobs/status"]
    for second in range(180):
        world.clock.pass_(skew)
        turn(
            world, "mnist-worker-1", ready=second % 2 == 1, reason="ContainersNotReady", main=second % 2 == 1
        )
        world.clock.pass_(-skew)
        await operator.pass_(1)
    assert world.api.calls["patch estimatorjobs/status"] - before <= 3 * 4


async def test_a_node_that_is_not_ready_is_told_after_half_a_minute_and_its_return_at_once(world, operator):
    await at_work(world, operator)
    turn(world, "mnist-worker-1", ready=False)
    await operator.pass_(29)
    assert world.state == "Training"
    await operator.pass_(2)
    ready = world.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "PodsNotReady")
    assert ready["message"] == "worker-1 is not ready: its node is NotReady (node-1)"
    turn(world, "mnist-worker-1", ready=True)
    await operator.settle()
    assert world.state == "Training"


async def test_a_restart_is_told_at_once(world, operator):
    await at_work(world, operator)
    turn(world, "mnist-worker-1", ready=False)
    await operator.pass_(1)
    world.finish("mnist-worker-1", 1, "boom")
    await operator.settle()
    assert world.state == "Restarting"


async def test_a_finished_one_shot_sidecar_leaves_the_job_training(world, operator):
    await at_work(world, operator)
    turn(world, "mnist-worker-1", ready=False, reason="ContainersNotReady")
    before = world.api.writes()
    await operator.pass_(300, step=10)
    assert world.state == "Training"
    assert world.api.writes() == before
