"""Creation, suspension, deletion, cleaning up."""

from __future__ import annotations

from fake_kubelet import hold
from live_jobs import condition, is_true, restart_sums

from scenarios.world import CLAIM, World


async def suspended_before_start(world: World) -> None:
    """A job that is created suspended makes no pod until it may go."""
    await world.create(world.five(suspend=True))
    await world.reason("Suspended")
    assert await world.pods() == {}
    await world.change(suspend=False)
    state = await world.reason("Training")
    assert condition(state, "Suspended")["status"] == "False"


async def suspended_and_resumed(world: World) -> None:
    """All pods go, and come back as they were: no restart is counted or recorded."""
    await world.train(world.five())
    await world.change(suspend=True)
    state = await world.reason("Suspended")
    assert await world.pods() == {}
    assert "startTime" not in state["status"]
    await world.change(suspend=False)
    await world.reason("Training")
    await world.only("chief-0", "worker-0", "worker-1", "ps-0", "evaluator-0")
    await world.end("chief-0")
    await world.end("evaluator-0")
    assert restart_sums(await world.completes()) == (0, 0)


async def resumed_after_a_worker_finished(world: World) -> None:
    """A replica that had finished before the suspension is not run again."""
    await world.train(world.manifest(worker={"replicas": 2}))
    await world.end("worker-1")
    await world.status("completedReplicas", lambda names: names == ["worker-1"])
    await world.change(suspend=True)
    await world.reason("Suspended")
    await world.change(suspend=False)
    await world.reason("Training")
    await world.only("chief-0", "worker-0")


async def suspended_and_resumed_at_once(world: World) -> None:
    """A suspension is carried through to the last pod before new pods start."""
    await world.train(world.manifest(worker={}))
    first = {name: pod["metadata"]["uid"] for name, pod in (await world.pods()).items()}
    await world.change(suspend=True)
    await world.until(
        lambda one: condition(one, "Ready").get("reason") in ("Suspending", "Suspended"), "suspension"
    )
    await world.change(suspend=False)
    await world.pods_until(
        lambda pods: (
            set(pods) == set(first) and all(pods[name]["metadata"]["uid"] != first[name] for name in first)
        ),
        "new pods of the same names",
    )
    await world.reason("Training")


async def everything_changes_while_suspended(world: World) -> None:
    """Image, roles and counts of a suspended job may change; of a running one not."""
    await world.train(world.five())
    await world.refused({"spec": {"image": "own:2"}}, "image", "suspend")
    await world.change(suspend=True)
    await world.reason("Suspended")
    await world.change(image="own:2", worker={"replicas": 3}, evaluator=None)
    await world.change(suspend=False)
    await world.reason("Training")
    await world.only("chief-0", "worker-0", "worker-1", "worker-2", "ps-0")
    assert (await world.pod("chief-0"))["spec"]["containers"][0]["image"] == "own:2"


async def suspended_after_its_end(world: World) -> None:
    """Suspending a complete job changes nothing of its end."""
    await world.train(world.manifest())
    await world.end("chief-0")
    await world.completes()
    await world.change(suspend=True)
    state = await world.until(
        lambda one: one["status"]["observedGeneration"] == one["metadata"]["generation"], "a look at it"
    )
    assert is_true("Complete")(state)
    assert not is_true("Suspended")(state)


async def time_to_live_and_suspension(world: World) -> None:
    """A suspended job has not ended: its time to live begins at its end only."""
    await world.train(world.manifest(run_policy={"ttlSecondsAfterFinished": 1}))
    await world.change(suspend=True)
    await world.reason("Suspended")
    await world.change(suspend=False)
    await world.reason("Training")
    await world.end("chief-0")
    await world.live.until_gone("estimatorjobs", world.name, timeout=60)


async def no_time_to_live(world: World) -> None:
    """A time to live of 0 deletes the job, and all that is its own, as soon as it has ended."""
    await world.train(world.five(run_policy={"ttlSecondsAfterFinished": 0}, modelDir=CLAIM))
    await world.end("chief-0")
    await world.end("evaluator-0")
    await world.live.until_gone("estimatorjobs", world.name, timeout=60)
    await world.only()
    assert set(await world.live.list("persistentvolumeclaims")) == {"digits-model"}


async def deleted_while_creating(world: World) -> None:
    """A job that is deleted before its pods run leaves nothing, and nobody makes its pods again."""
    world.plays("worker", hold)
    await world.create(world.manifest(worker={"replicas": 20}))
    await world.pods_until(bool, "the first pods")
    await world.live.delete("estimatorjobs", world.name)
    await world.live.until_gone("estimatorjobs", world.name)
    await world.only()
    await world.live.until_all("services", lambda found: not found, "end of the Service")


async def retained_claim(world: World) -> None:
    """The model outlives its job, and a job of the same name finds it again."""
    await world.train(world.manifest(modelDir=CLAIM))
    claim = await world.live.get("persistentvolumeclaims", "digits-model")
    assert "ownerReferences" not in claim["metadata"]
    await world.live.delete("estimatorjobs", world.name)
    await world.live.until_gone("estimatorjobs", world.name)
    await world.only()
    await world.train(world.manifest(modelDir=CLAIM))
    again = await world.live.get("persistentvolumeclaims", "digits-model")
    assert again["metadata"]["uid"] == claim["metadata"]["uid"]


async def claim_that_goes_with_its_job(world: World) -> None:
    """With retention Delete the claim goes with the job."""
    await world.train(
        world.manifest(
            modelDir={"volumeClaimTemplate": {**CLAIM["volumeClaimTemplate"], "retention": "Delete"}}
        )
    )
    await world.live.delete("estimatorjobs", world.name)
    # The controller that protects claims in use looks at pods first.
    await world.live.until_all(
        "persistentvolumeclaims", lambda found: not found, "end of the claim", timeout=60
    )


async def finished_pods_stay_for_their_logs(world: World) -> None:
    """cleanPodPolicy Running, the default: pods that have ended stay, ps and stragglers go."""
    await world.train(world.five())
    await world.end("worker-0")
    await world.end("chief-0")
    await world.end("evaluator-0")
    await world.completes()
    await world.only("chief-0", "worker-0", "evaluator-0")


async def all_pods_go(world: World) -> None:
    """cleanPodPolicy All."""
    await world.train(world.five(run_policy={"cleanPodPolicy": "All"}))
    await world.end("chief-0")
    await world.end("evaluator-0")
    await world.completes()
    await world.only()


async def all_pods_stay(world: World) -> None:
    """cleanPodPolicy None: even the ps."""
    await world.train(world.five(run_policy={"cleanPodPolicy": "None"}))
    await world.end("chief-0")
    await world.end("evaluator-0")
    await world.completes()
    await world.only("chief-0", "worker-0", "worker-1", "ps-0", "evaluator-0")


async def same_name_again(world: World) -> None:
    """A job made anew under the name of a deleted one shares nothing with it."""
    await world.train(world.manifest())
    await world.delete_pod("chief-0")
    await world.runs("chief-0", 1)
    await world.live.delete("estimatorjobs", world.name)
    await world.live.until_gone("estimatorjobs", world.name)
    await world.train(world.manifest())
    state = await world.state()
    assert restart_sums(state) == (0, 0)
    pod = await world.runs("chief-0")
    assert pod["metadata"]["ownerReferences"][0]["uid"] == state["metadata"]["uid"]
