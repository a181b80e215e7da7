"""What the replicas say of themselves, in the job's status."""

from __future__ import annotations

from live_jobs import restart_sums

from scenarios.world import CLAIM, World

STEP_100 = {"globalStep": 100, "path": "/model/model.ckpt-100", "kept": 2}


async def progress_of_the_chief(world: World) -> None:
    """Step, percent, rate, remaining time and loss."""
    world.reports("chief-0", globalStep=500, maxSteps=2000, stepsPerSecond=50.0, loss=0.25)
    await world.train(world.manifest())
    found = await world.status("progress", bool)
    del found["lastUpdateTime"]
    assert found == {
        "globalStep": 500,
        "maxSteps": 2000,
        "percent": 25,
        "stepsPerSecond": "50",
        "remainingSeconds": 30,
        "loss": "0.25",
    }


async def checkpoints_and_exports(world: World) -> None:
    """Checkpoints and exports with their pvc:// URIs; evaluations are the evaluator's."""
    world.reports("chief-0", globalStep=100, checkpoint=STEP_100)
    export = {
        "name": "best",
        "path": "/model/export/best/1",
        "globalStep": 100,
        "signatures": ["serving_default"],
    }
    evaluation = {"globalStep": 100, "metrics": {"accuracy": 0.9, "loss": None}}
    world.reports("evaluator-0", state="Evaluating", evaluation=evaluation, exports=[export])
    await world.train(world.five(modelDir=CLAIM))
    found = await world.status("checkpoints", bool)
    assert found["latest"]["uri"] == "pvc://digits-model/model.ckpt-100"
    assert found["kept"] == 2
    (made,) = await world.status("exports", bool)
    assert made["uri"] == "pvc://digits-model/export/best/1"
    metrics = (await world.status("evaluation", bool))["metrics"]
    assert metrics == [{"name": "accuracy", "value": "0.9"}, {"name": "loss", "value": "nan"}]


async def restored_chief(world: World) -> None:
    """After a chief's restart the status says from which checkpoint it went on."""
    world.reports("chief-0", globalStep=120, checkpoint=STEP_100)
    world.reports("chief-0", 1, globalStep=130, checkpoint=STEP_100, restoredFrom=STEP_100)
    await world.train(world.manifest(worker={}))
    await world.status("progress", lambda one: one and one.get("globalStep") == 120)
    await world.delete_pod("chief-0")
    await world.runs("chief-0", 1)
    found = await world.status("checkpoints", lambda one: one and "restoredFrom" in one)
    assert found["restoredFrom"]["globalStep"] == 100
    assert restart_sums(await world.restarted(1, 0)) == (1, 0)


async def malformed_answers_are_dropped(world: World) -> None:
    """A pod that answers nonsense loses nothing but its progress."""
    world.kubelet.documents["digits-chief-0"] = {"version": 99, "role": 7}
    await world.train(world.manifest(run_policy={"activeDeadlineSeconds": 3}))
    state = await world.fails("DeadlineExceeded")
    assert "progress" not in state["status"]


async def answers_of_another_replica_are_dropped(world: World) -> None:
    """An address that was given to another pod meanwhile tells nothing of this one."""
    world.kubelet.documents["digits-chief-0"] = {
        "version": 1, "role": "worker", "index": 3, "state": "Training", "globalStep": 5,
    }  # fmt: skip
    await world.train(world.manifest(run_policy={"activeDeadlineSeconds": 3}))
    state = await world.fails("DeadlineExceeded")
    assert "progress" not in state["status"]


async def last_words_count(world: World) -> None:
    """The termination message brings what no poll has seen."""
    await world.train(world.manifest())
    words = '{"version":1,"role":"chief","index":0,"state":"Finished","globalStep":2000,"maxSteps":2000}'
    await world.end("chief-0", 0, words)
    await world.completes("2000")
    assert (await world.status("progress", bool))["percent"] == 100
