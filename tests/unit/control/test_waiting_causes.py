"""Why a pod waits when only its events say so: looked up late, rarely, and then said in the status."""

from __future__ import annotations

from typing import Any

from fake_operator import FakeOperator
from job_world import World

from estimator_operator.kube.resources import CORE_EVENTS

MISSING = 'MountVolume.SetUp failed for volume "code" : configmap "trainer" not found'


def warn(
    world: World, reason: str, message: str, *, seen: str, pod: str = "mnist-chief-0", kind: str = "Warning"
) -> None:
    uid = world.api.objects["pods", "default", pod]["metadata"]["uid"]
    event: dict[str, Any] = {
        "metadata": {"name": f"{pod}.{reason}.{seen}"},
        "involvedObject": {"uid": uid},
        "type": kind,
        "reason": reason,
        "message": message,
        "lastTimestamp": f"2026-01-01T00:00:{seen}Z",
    }
    world.api.put(CORE_EVENTS, "default", event)


async def waiting(world: World, operator: FakeOperator) -> None:
    world.submit()
    await operator.settle()
    world.wait("mnist-chief-0", "ContainerCreating")
    await operator.settle()


async def test_the_newest_warning_is_the_cause(world, operator):
    await waiting(world, operator)
    warn(world, "FailedMount", "older", seen="01")
    warn(world, "FailedMount", MISSING, seen="03")
    warn(world, "Pulled", "not a warning", seen="05", kind="Normal")
    warn(world, "FailedScheduling", "over", seen="06")
    await operator.pass_(9)
    assert world.api.calls["list events"] == 0
    await operator.pass_(2)
    assert world.api.calls["list events"] == 1
    assert 'configmap "trainer" not found' in world.condition("Ready")["message"]
    world.run()
    await operator.settle()
    assert world.condition("Ready")["message"] == "all replicas are ready"


async def test_looks_grow_rare(world, operator):
    await waiting(world, operator)
    await operator.pass_(1000)
    assert world.api.calls["list events"] == 5


async def test_an_ordinary_start_is_not_looked_into(world, operator):
    await waiting(world, operator)
    await operator.pass_(8)
    world.run()
    await operator.pass_(60)
    assert world.api.calls["list events"] == 0


async def test_what_the_pod_says_itself_is_not_looked_up(world, operator):
    await waiting(world, operator)
    world.wait("mnist-chief-0", "ImagePullBackOff", "no such image: trainer")
    await operator.pass_(60)
    assert world.api.calls["list events"] == 0
    assert "no such image: trainer" in world.condition("Ready")["message"]
