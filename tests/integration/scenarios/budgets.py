"""What counts against backoffLimit, and how much: one cause once, everybody against their own."""

from __future__ import annotations

import asyncio

from fake_kubelet import FakeKubelet, ends, run
from live_jobs import condition, is_true, not_failed, restart_sums, restarts

from scenarios.world import Json, World


async def evaluator_has_a_budget_of_its_own(world: World) -> None:
    """An evaluator that used its restarts up has used none of the training's."""
    world.plays("evaluator", ends(1, "no evaluation data"))
    await world.create(world.five(run_policy={"backoffLimit": 1}))
    await world.until(is_true("EvaluatorDegraded"), "a degraded evaluator")
    await world.reason("Training")
    await world.end("worker-0", 1, "the first failure of a worker")
    state = await world.until(
        lambda one: not_failed(one) and restarts(one).get("worker-0") == 1, "restart of the worker"
    )
    await world.runs("worker-0", 1)
    assert restarts(state)["evaluator-0"] == 1
    await world.end("chief-0")
    await world.completes("without its evaluator")


async def training_leaves_the_evaluator_its_budget(world: World) -> None:
    """And the other way round: workers that failed take nothing from the evaluator."""
    await world.train(world.five(run_policy={"backoffLimit": 1}))
    await world.end("worker-0", 1, "boom")
    await world.runs("worker-0", 1)
    await world.end("evaluator-0", 1, "boom")
    await world.runs("evaluator-0", 1)
    assert not is_true("EvaluatorDegraded")(await world.state())


async def one_incident_counts_once(world: World) -> None:
    """Storage that fails for a moment ends every worker at once: one incident, one counted restart."""
    workers = [f"worker-{number}" for number in range(8)]
    await world.train(world.manifest(worker={"replicas": 8}, run_policy={"backoffLimit": 2}))
    await asyncio.gather(*(world.end(one, 1, "OSError: storage is away") for one in workers))
    await asyncio.gather(*(world.runs(one, 1) for one in workers))
    state = await world.until(
        lambda one: not_failed(one) and restart_sums(one)[0] == 8, "restart of all eight workers"
    )
    assert restart_sums(state) == (8, 1)
    await world.reason("Training")


async def incidents_after_each_other_count_each(world: World) -> None:
    """A replica that fails again once it has come back has failed twice."""
    await world.train(world.manifest(worker={}, run_policy={"backoffLimit": 1}))
    await world.end("worker-0", 1, "boom")
    await world.end("worker-0", 1, "boom", attempt=1)
    state = await world.fails("BackoffLimitExceeded", "worker-0", "backoffLimit is 1")
    assert restart_sums(state) == (1, 1)


async def deleted_pods_back_off_and_show(world: World) -> None:
    """Something that deletes every pod of a job at once meets growing pauses, and the status tells of it."""

    async def janitor(kubelet: FakeKubelet, pod: Json) -> None:
        await kubelet.bind(pod)
        await kubelet.namespace.delete("pods", pod["metadata"]["name"], grace=0)

    world.plays("chief", janitor)
    await world.create(world.manifest())

    def told(state: Json) -> bool:
        born = world.kubelet.born.total()
        assert born <= 10, f"{born} pods were made without a pause"
        return "starts again at" in condition(state, "Ready").get("message", "")

    state = await world.until(lambda one: told(not_failed(one)), "a pause that the status tells of")
    assert restart_sums(state)[0] >= 1
    assert restart_sums(state)[1] == 0
    assert state["status"]["lastFailure"]["reason"] == "DeletedPod"
    world.plays("chief", run)
    await world.reason("Training")


async def deleted_pods_that_ran_back_off(world: World) -> None:
    """The same when each pod has run for a moment before it is deleted."""
    await world.train(world.manifest(worker={}))
    for attempt in range(4):
        await world.runs("worker-0", attempt)
        await world.delete_pod("worker-0", attempt)
        if "starts again at" in condition(await world.state(), "Ready").get("message", ""):
            break
    await world.reason("Restarting", "worker-0", "starts again at")
    assert restart_sums(await world.state())[1] == 0
