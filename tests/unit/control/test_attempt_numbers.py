"""The number of an attempt whose pod was made never comes back, whichever operator counts the next one."""

from __future__ import annotations

import pytest
from fake_api import status_error
from fake_operator import FakeOperator
from job_world import FIVE_PODS, World, trained

from estimator_operator.kube.resources import PODS

REPLICAS = ["chief-0", "worker-1", "ps-0", "evaluator-0"]


async def succeeded(world: World) -> FakeOperator:
    """Another operator takes over, some time after the one before has ended without a word."""
    world.clock.pass_(20)
    successor = world.operator()
    await successor.start()
    await successor.pass_(60)
    return successor


def counts(world: World) -> dict[str, int]:
    return {one["replica"]: one["count"] for one in world.status["restarts"]["byReplica"]}


@pytest.mark.parametrize("runs", [False, True], ids=["made", "running"])
@pytest.mark.parametrize("replica", REPLICAS)
async def test_a_restarted_pod_that_is_deleted_while_no_operator_is_there_is_counted(
    world, operator, replica, runs
):
    await trained(world, operator)
    world.api.remove(PODS, "default", f"mnist-{replica}", now=True)
    await operator.settle()
    assert f"mnist-{replica}-r1" in world.pods
    if runs:
        world.run(f"mnist-{replica}-r1")
    world.api.remove(PODS, "default", f"mnist-{replica}-r1", now=True)
    await succeeded(world)
    assert f"mnist-{replica}-r2" in world.pods
    assert f"mnist-{replica}-r1" not in world.pods
    assert counts(world) == {replica: 2}
    assert (world.status["restarts"]["total"], world.status["restarts"]["counted"]) == (2, 0)


@pytest.mark.parametrize("replica", REPLICAS)
async def test_a_first_pod_that_is_deleted_while_no_operator_is_there_is_counted(world, operator, replica):
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.api.remove(PODS, "default", f"mnist-{replica}", now=True)
    await succeeded(world)
    assert f"mnist-{replica}-r1" in world.pods
    assert counts(world) == {replica: 1}


@pytest.mark.parametrize("replica", REPLICAS)
async def test_a_pod_of_a_resumed_job_that_is_deleted_while_no_operator_is_there_is_counted(
    world, operator, replica
):
    await trained(world, operator)
    world.set_spec(suspend=True)
    for _ in range(2):
        await operator.settle()
        world.collect()
    await operator.settle()
    assert world.state == "Suspended"
    world.set_spec(suspend=False)
    await operator.settle()
    world.api.remove(PODS, "default", f"mnist-{replica}", now=True)
    await succeeded(world)
    assert f"mnist-{replica}-r1" in world.pods
    assert counts(world) == {replica: 1}


async def test_a_pod_of_a_job_that_starts_again_as_a_whole_is_counted(world, operator):
    rule = {"action": "RestartJob", "onExitCodes": {"operator": "In", "values": [3]}}
    await trained(world, operator, runPolicy={"failurePolicy": {"rules": [rule]}})
    world.finish("mnist-ps-0", 3)
    await operator.settle()
    world.collect()
    await operator.settle()
    assert "mnist-worker-0-r1" in world.pods
    world.api.remove(PODS, "default", "mnist-worker-0-r1", now=True)
    await succeeded(world)
    assert "mnist-worker-0-r2" in world.pods
    assert counts(world)["worker-0"] == 2


async def test_a_worker_that_joined_and_is_deleted_while_no_operator_is_there_is_counted(world, operator):
    await trained(world, operator, elastic={"minReplicas": 1, "maxReplicas": 4})
    world.set_spec(worker={"replicas": 3})
    await operator.settle()
    assert "mnist-worker-2" in world.pods
    world.api.remove(PODS, "default", "mnist-worker-2", now=True)
    await succeeded(world)
    assert "mnist-worker-2-r1" in world.pods
    assert counts(world) == {"worker-2": 1}


async def test_that_pods_were_made_is_written_before_anything_else_is_done(world, operator):
    """TensorBoard's objects may take as long as a webhook likes."""
    calls: list[str] = []
    world.api.before = lambda verb, resource, name: calls.append(f"{verb} {name or resource}")
    world.submit(**FIVE_PODS, tensorBoard={})
    await operator.settle()
    made = max(calls.index(f"create mnist-{replica}") for replica in REPLICAS)
    assert calls[made + 1] == "patch mnist"
    assert "startTime" in world.status
    assert "create mnist-tensorboard" in calls[made:]
    assert "mnist-tensorboard" in world.pods


async def test_a_restart_takes_one_write_more_than_its_count_and_its_readiness(world, operator):
    """That its pod was made is written once, and what only counts pods goes with it."""
    await trained(world, operator)
    world.api.calls.clear()
    world.api.remove(PODS, "default", "mnist-worker-0", now=True)
    await operator.settle()
    world.run()
    await operator.settle()
    assert world.state == "Training"
    assert world.api.calls["patch estimatorjobs/status"] == 3


async def test_a_pod_that_was_refused_is_simply_made_by_the_next_operator(world, operator):
    world.submit(**FIVE_PODS)
    quota = status_error(403, "Forbidden", "exceeded quota")
    world.api.fail("create", "pods", quota, times=3, matches=lambda name: name == "mnist-ps-0")
    await operator.settle()
    assert "startTime" not in world.status
    await succeeded(world)
    assert "mnist-ps-0" in world.pods
    assert world.status["restarts"]["total"] == 0
    assert "startTime" in world.status
