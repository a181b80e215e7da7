"""Elastic workers and the scale subresource."""

from __future__ import annotations

import json

from live_jobs import restart_sums

from scenarios.world import Json, World


def _elastic(world: World, replicas: int = 2, least: int = 0, most: int = 4) -> Json:
    return world.manifest(
        worker={"replicas": replicas}, ps={}, elastic={"minReplicas": least, "maxReplicas": most}
    )


def _workers(pod: Json) -> list[str]:
    (config,) = (one["value"] for one in pod["spec"]["containers"][0]["env"] if one["name"] == "TF_CONFIG")
    return json.loads(config)["cluster"]["worker"]


async def _scale(world: World, replicas: int) -> None:
    await world.live.patch("estimatorjobs", world.name, {"spec": {"replicas": replicas}}, "scale")
    await world.status("workerReplicas", lambda count: count == replicas)


async def scaled_out(world: World) -> None:
    """More workers join; nobody else is touched, and nothing is a restart."""
    await world.train(_elastic(world, 1))
    before = {name: pod["metadata"]["uid"] for name, pod in (await world.pods()).items()}
    assert len(_workers(await world.pod("chief-0"))) == 4, (
        "all possible workers have an address from the start"
    )
    await _scale(world, 3)
    await world.only("chief-0", "worker-0", "worker-1", "worker-2", "ps-0")
    await world.reason("Training")
    after = {name: pod["metadata"]["uid"] for name, pod in (await world.pods()).items()}
    assert before.items() <= after.items()
    assert _workers(await world.pod("worker-2")) == _workers(await world.pod("chief-0"))
    assert restart_sums(await world.state()) == (0, 0)


async def scaled_in(world: World) -> None:
    """The workers of the highest index leave: no failure, no restart."""
    await world.train(_elastic(world, 4))
    await _scale(world, 1)
    await world.only("chief-0", "worker-0", "ps-0")
    state = await world.reason("Training")
    assert restart_sums(state) == (0, 0)
    assert state["status"].get("failures", []) == []


async def scaled_in_and_out_again(world: World) -> None:
    """A worker that was sent away may come back."""
    await world.train(_elastic(world, 3))
    await _scale(world, 1)
    await _scale(world, 3)
    await world.pods_until(
        lambda pods: (
            {name.removeprefix("digits-").split("-r")[0] for name in pods}
            == {"chief-0", "worker-0", "worker-1", "worker-2", "ps-0"}
            and not any("deletionTimestamp" in pod["metadata"] for pod in pods.values())
        ),
        "all workers again",
    )
    state = await world.reason("Training")
    assert state["status"]["restarts"]["counted"] == 0
    await world.end("chief-0")
    await world.completes()


async def scaled_to_none(world: World) -> None:
    """The chief trains alone with its ps, and workers may come later."""
    await world.train(_elastic(world, 2))
    await _scale(world, 0)
    await world.only("chief-0", "ps-0")
    await world.reason("Training")
    await _scale(world, 1)
    await world.runs("worker-0")


async def scaled_beyond_its_bounds(world: World) -> None:
    """Fewer than minReplicas and more than maxReplicas are refused."""
    await world.train(_elastic(world, 2, least=1, most=3))
    await world.refused({"spec": {"replicas": 4}}, "maxReplicas", subresource="scale")
    await world.refused({"spec": {"replicas": 0}}, "minReplicas", subresource="scale")


async def scale_of_a_job_that_is_not_elastic(world: World) -> None:
    """Its workers cannot change while it runs, and the message says what to do."""
    await world.train(world.manifest(worker={"replicas": 2}))
    await world.refused({"spec": {"replicas": 3}}, "elastic", subresource="scale")
    assert (await world.live.get("estimatorjobs", f"{world.name}/scale"))["status"]["replicas"] == 2


async def selector_for_autoscalers(world: World) -> None:
    """The scale subresource gives the selector of the job's workers and of no others."""
    await world.train(_elastic(world, 2))
    scale = await world.live.get("estimatorjobs", f"{world.name}/scale")
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (2, 2)
    selected = await world.live.call(
        "GET", world.live.path("pods"), params={"labelSelector": scale["status"]["selector"]}
    )
    assert {one["metadata"]["name"] for one in selected["items"]} == {"digits-worker-0", "digits-worker-1"}


async def failed_worker_of_an_elastic_job(world: World) -> None:
    """A worker that fails of itself is a failure in an elastic job, too."""
    await world.train(_elastic(world, 2))
    await world.end("worker-1", 1)
    await world.runs("worker-1", 1)
    await world.restarted(1, 1)
