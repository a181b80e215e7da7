"""Chief and workers that make every step together, and the evaluator beside them."""

from __future__ import annotations

from live_jobs import restarts

from scenarios.world import Json, World

_GROUP = ("chief-0", "worker-0", "worker-1")


def _together(world: World) -> Json:
    return world.manifest(
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
