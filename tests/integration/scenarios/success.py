"""When a job has succeeded: the chief ended with 0, and the evaluator ended or its grace is over."""

from __future__ import annotations

from live_jobs import condition, restart_sums, running

from scenarios.world import World


async def chief_succeeds_while_workers_run(world: World) -> None:
    """Workers decide nothing: the job is complete and they are told to end."""
    await world.train(world.manifest(worker={"replicas": 2}, ps={}))
    await world.end("chief-0")
    await world.completes()
    await world.only("chief-0")


async def evaluator_exports_when_the_chief_exits(world: World) -> None:
    """The job waits for the evaluator's last evaluation and export, with everybody left in peace."""
    await world.train(world.five())
    await world.end("chief-0")
    await world.reason("Evaluating", "evaluator")
    assert running("digits-worker-0", "digits-worker-1", "digits-ps-0", "digits-evaluator-0")(
        await world.pods()
    )
    await world.end("evaluator-0")
    state = await world.completes()
    assert sorted(state["status"]["completedReplicas"]) == ["chief-0", "evaluator-0"]


async def evaluator_hangs_after_the_chief(world: World) -> None:
    """Its grace runs out and the job is complete, and says so."""
    await world.train(world.five(run_policy={"evaluatorGraceSeconds": 1}))
    await world.end("chief-0")
    await world.completes("evaluatorGraceSeconds")
    await world.only("chief-0")


async def no_grace_for_the_evaluator(world: World) -> None:
    """With a grace of 0 the chief's end is the job's."""
    await world.train(world.five(run_policy={"evaluatorGraceSeconds": 0}))
    await world.end("chief-0")
    await world.completes()


async def evaluator_ends_first(world: World) -> None:
    """An evaluator that has ended before the chief is not run again."""
    await world.train(world.five())
    await world.end("evaluator-0")
    await world.status("completedReplicas", lambda names: names == ["evaluator-0"])
    await world.end("chief-0")
    state = await world.completes()
    assert restart_sums(state) == (0, 0)


async def succeeded_worker_is_deleted(world: World) -> None:
    """A replica that has succeeded is not run again when its pod is deleted."""
    await world.train(world.manifest(worker={"replicas": 2}))
    await world.end("worker-0")
    await world.status("completedReplicas", lambda names: names == ["worker-0"])
    await world.delete_pod("worker-0")
    await world.gone("worker-0")
    await world.end("chief-0")
    state = await world.completes()
    assert restart_sums(state) == (0, 0)
    assert "digits-worker-0" not in await world.pods()


async def worker_fails_when_all_is_done(world: World) -> None:
    """Nobody restarts workers while only the evaluator is awaited."""
    await world.train(world.five())
    await world.end("chief-0")
    await world.reason("Evaluating")
    await world.end("worker-1", 1)
    await world.end("ps-0", 137, reason="OOMKilled")
    await world.end("evaluator-0")
    state = await world.completes()
    assert restart_sums(state) == (0, 0)


async def chief_is_deleted_after_success(world: World) -> None:
    """The chief's success counts although its pod is deleted while the evaluator works."""
    await world.train(world.five())
    await world.end("chief-0")
    await world.reason("Evaluating")
    await world.delete_pod("chief-0")
    await world.gone("chief-0")
    await world.end("evaluator-0")
    state = await world.completes()
    assert restart_sums(state) == (0, 0)


async def completion_is_final(world: World) -> None:
    """What happens to the pods of a complete job changes nothing."""
    await world.train(world.five())
    await world.end("chief-0")
    await world.end("evaluator-0")
    state = await world.completes()
    await world.only("chief-0", "evaluator-0")
    await world.delete_pod("chief-0")
    await world.gone("chief-0")
    after = await world.state()
    assert after["status"]["conditions"] == state["status"]["conditions"]
    assert set(await world.pods()) == {"digits-evaluator-0"}


async def conditions_of_a_life(world: World) -> None:
    """Conditions tell kstatus and people the same story, from the first pass to the last."""
    await world.train(world.manifest())
    state = await world.state()
    assert {one["type"]: one["status"] for one in state["status"]["conditions"]} == {
        "Ready": "True",
        "Complete": "False",
        "Failed": "False",
        "Suspended": "False",
    }
    await world.end("chief-0")
    state = await world.completes()
    assert condition(state, "Ready")["status"] == "True"
    assert state["status"]["observedGeneration"] == state["metadata"]["generation"]
    assert state["status"]["completionTime"] >= state["status"]["startTime"]
