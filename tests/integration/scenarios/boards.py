"""TensorBoard beside a job."""

from __future__ import annotations

from live_jobs import is_true

from scenarios.world import CLAIM, World


async def board_and_its_service(world: World) -> None:
    """A pod and a Service on the model directory, with the address in the status."""
    await world.train(world.manifest(tensorBoard={"image": "board:1"}, modelDir=CLAIM))
    pod = await world.runs("tensorboard")
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "board:1"
    words = [*container.get("command", []), *container.get("args", [])]
    assert words[0] == "tensorboard"
    assert any("/model" in word for word in words)
    service = await world.live.get("services", "digits-tensorboard")
    assert service["spec"]["ports"][0]["port"] == 6006
    selector = service["spec"]["selector"].items()
    assert selector <= pod["metadata"]["labels"].items()
    assert not selector <= (await world.pod("chief-0"))["metadata"]["labels"].items()
    found = await world.status("tensorBoard", lambda one: one and one.get("ready"))
    assert found["service"] == "digits-tensorboard"
    assert found["url"] == f"http://digits-tensorboard.{world.live.name}.svc:6006"


async def nothing_waits_for_the_board(world: World) -> None:
    """A board that fails fails nothing, and is made again."""
    await world.train(world.manifest(tensorBoard={}, run_policy={"backoffLimit": 0}))
    uid = (await world.runs("tensorboard"))["metadata"]["uid"]
    await world.delete_pod("tensorboard")
    # Both may be over before the operator has looked, so the status need not have said that no board was ready.
    await world.pod(
        "tensorboard", reached=lambda pod: is_true("Ready")(pod) and pod["metadata"]["uid"] != uid
    )
    await world.status("tensorBoard", lambda one: one and one.get("ready"))
    await world.end("chief-0")
    state = await world.completes()
    assert state["status"]["restarts"]["total"] == 0


async def board_outlives_the_training(world: World) -> None:
    """It stays as long as the job, whatever cleanPodPolicy says."""
    await world.train(world.manifest(tensorBoard={}, run_policy={"cleanPodPolicy": "All"}))
    await world.runs("tensorboard")
    await world.end("chief-0")
    await world.completes()
    await world.gone("chief-0")
    assert is_true("Ready")((await world.pods())["digits-tensorboard"])
    await world.live.delete("estimatorjobs", world.name)
    await world.only()


async def board_with_a_time_to_live(world: World) -> None:
    """After its time the board goes, its Service, too, and the status no longer names it."""
    await world.train(world.manifest(tensorBoard={"ttlSecondsAfterFinished": 1}))
    await world.runs("tensorboard")
    await world.end("chief-0")
    await world.completes()
    await world.gone("tensorboard")
    await world.live.until_all(
        "services", lambda found: "digits-tensorboard" not in found, "end of the Service"
    )
    await world.status("tensorBoard", lambda one: not one)


async def board_of_a_suspended_job(world: World) -> None:
    """A suspended job holds no resources at all."""
    await world.train(world.manifest(tensorBoard={}))
    await world.runs("tensorboard")
    await world.change(suspend=True)
    await world.reason("Suspended")
    await world.only()
    await world.change(suspend=False)
    await world.runs("tensorboard")


async def board_that_is_not_enabled(world: World) -> None:
    """enabled: false is none."""
    await world.train(world.manifest(tensorBoard={"enabled": False}))
    await world.only("chief-0")
    assert set(await world.live.list("services")) == {"digits"}
