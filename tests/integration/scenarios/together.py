"""Chief and workers that make every step together, and the evaluator beside them."""

from __future__ import annotations

import asyncio
from typing import Any

from fake_kubelet import unschedulable
from live_jobs import restarts

from scenarios.world import Json, World

_GROUP = ("chief-0", "worker-0", "worker-1")


def _together(world: World, **spec: Any) -> Json:
    return world.manifest(
        **spec,
        strategy={"kind": "MultiWorkerMirrored"},
        worker={"replicas": 2},
        evaluator={},
        run_policy={"backoffLimit": 1},
    )


async def _all_again(world: World, counted: int, evaluator: str, attempt: int) -> None:
    for replica in _GROUP:
        await world.runs(replica, attempt)
    state = await world.restarted(3 * attempt, counted)
    assert restarts(state) == dict.fromkeys(_GROUP, attempt)
    await world.reason("Training")
    await world.only("evaluator-0", *(f"{one}-r{attempt}" for one in _GROUP))
    assert (await world.pod("evaluator-0"))["metadata"]["uid"] == evaluator
    assert set(world.kubelet.born.values()) == {1}, "each pod was made once"


async def one_killed_and_one_deleted(world: World) -> None:
    """Each time all that train start again, once, when the last of them has ended; a crash counts, a deletion does not."""
    await world.train(_together(world))
    evaluator = (await world.pod("evaluator-0"))["metadata"]["uid"]
    world.kubelet.stubborn.add("digits-worker-0")
    await world.end("worker-1", 1, "boom")
    await world.pod("worker-0", reached=lambda one: "deletionTimestamp" in one["metadata"])
    await world.gone("chief-0")
    assert not [name for name in await world.pods() if name.endswith("-r1")], "one of the old group lives"
    await world.live.delete("pods", "digits-worker-0", grace=0)
    await _all_again(world, 1, evaluator, 1)
    await world.delete_pod("chief-0", 1)
    await _all_again(world, 1, evaluator, 2)


async def one_deleted_while_they_start_again(world: World) -> None:
    """Two crash at once, which is one restart; one of the new ones is deleted before all are there: all start once more."""
    await world.train(_together(world))
    evaluator = (await world.pod("evaluator-0"))["metadata"]["uid"]
    world.plays("worker-1", unschedulable("0/2 nodes are available: 2 Insufficient nvidia.com/gpu."))
    await asyncio.gather(world.end("worker-0", 1, "boom"), world.end("worker-1", 1, "boom"))
    await world.runs("chief-0", 1)
    await world.pod("worker-1", 1)
    del world.kubelet.scripts["worker-1"]
    await world.delete_pod("chief-0", 1)
    await _all_again(world, 1, evaluator, 2)


async def suspended_while_they_start_again(world: World) -> None:
    """An eviction and a crash at once are not counted; suspended before the last old one has ended, none is made until the resume."""
    await world.train(_together(world))
    workers = ("digits-worker-0", "digits-worker-1")
    world.kubelet.stubborn.update(workers)
    await world.evict("chief-0", "EvictionByEvictionAPI")
    await world.end("worker-1", 1, "lost its peer")
    await world.pod("worker-0", reached=lambda one: "deletionTimestamp" in one["metadata"])
    await world.change(suspend=True)
    await world.gone("evaluator-0")
    for name in workers:
        if name in await world.pods():
            await world.live.delete("pods", name, grace=0)
    await world.reason("Suspended")
    assert await world.pods() == {}
    await world.change(suspend=False)
    for replica in _GROUP:
        await world.runs(replica, 1)
    state = await world.restarted(3, 0)
    assert restarts(state) == dict.fromkeys(_GROUP, 1)


async def one_on_a_node_that_is_gone(world: World) -> None:
    """A worker that nobody ends any more holds the others back until its node is known to be gone, uncounted."""
    await world.train(_together(world, template={"spec": {"terminationGracePeriodSeconds": 1}}))
    evaluator = (await world.pod("evaluator-0"))["metadata"]["uid"]
    world.kubelet.stubborn.add("digits-worker-0")
    await world.delete_pod("worker-0")
    await world.gone("chief-0")
    assert not [name for name in await world.pods() if name.endswith("-r1")], "one of the old group lives"
    await _all_again(world, 0, evaluator, 1)


async def not_scaled_while_they_run(world: World) -> None:
    """The scale subresource is refused in words that say what to do; suspended and resumed, all have the new cluster."""
    await world.train(_together(world))
    words = "for all its tasks make every step together: suspend the job first"
    await world.refused({"spec": {"replicas": 1}}, words, subresource="scale")
    await world.change(suspend=True)
    await world.reason("Suspended")
    await world.change(suspend=False, worker={"replicas": 1})
    await world.reason("Training")
    await world.only("chief-0", "worker-0", "evaluator-0")
