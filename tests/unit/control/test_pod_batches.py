"""Manifests are made while they are created, a batch at a time, and none while nothing may be created."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fake_api import status_error
from fake_operator import KEY
from job_world import World
from plan_actions import act, manifest, plan_with, record

from estimator_operator.plan.pods import PodManifests


class Counted(PodManifests):
    """Manifests that count how many of them exist."""

    environment_file = None

    def __init__(self, world: World, names: Sequence[str], made: list[str]) -> None:
        self._world = world
        self._names = names
        self._made = made

    def samples(self, known):
        return {} if "worker" in known else {"worker": self[0]}

    def later_samples(self, known):
        return {}

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return Counted(self._world, self._names[place], self._made)
        name = self._names[place]
        self._made.append(name)
        return manifest(self._world, name, "worker")


def workers(world: World, count: int) -> tuple[Counted, list[str]]:
    made: list[str] = []
    return Counted(world, [f"mnist-worker-{index}" for index in range(count)], made), made


async def test_manifests_are_made_a_batch_at_a_time(world, operator):
    world.submit()
    pods, made = workers(world, 1000)
    most = 0

    def before(verb: str, resource: str, name: str) -> None:
        nonlocal most
        if (verb, resource) == ("create", "pods"):
            most = max(most, len(made) - len(world.pods))

    world.api.before = before
    await act(operator, record(operator), plan_with(create_pods=pods))
    assert len(world.pods) == 1000
    assert most <= 64 + 1


async def test_none_is_made_while_creation_is_refused(world, operator):
    world.submit()
    job, (pods, made) = record(operator), workers(world, 300)
    world.api.fail("create", "pods", status_error(403, "Forbidden", "exceeded quota"), times=10**6)
    assert await act(operator, job, plan_with(create_pods=pods))
    first = len(made)
    assert first <= 16 + 1, "the first batch, and one to try with"
    for _ in range(10):
        assert not await act(operator, job, plan_with(create_pods=pods))
    assert len(made) == first
    world.clock.pass_(5)
    await act(operator, job, plan_with(create_pods=pods))
    assert first < len(made) <= 2 * first, "and only then others"


async def test_a_look_without_a_call_lets_others_work(world, operator):
    """A thousand jobs that need nothing: each look ends with a turn for the rest of the process."""
    world.submit()
    await operator.settle()
    turns = 0

    async def beside() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(beside())
    for _ in range(50):
        operator.queue.add(KEY)
        await operator.controller.step()
    task.cancel()
    assert turns >= 50
