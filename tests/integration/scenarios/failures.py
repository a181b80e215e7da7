"""Replicas that fail, are killed, evicted, deleted, lost; and pods that cannot start."""

from __future__ import annotations

import json

from fake_kubelet import ends, unschedulable, waits
from live_jobs import condition, restart_sums, restarts

from scenarios.world import World


async def out_of_memory_in_a_loop(world: World) -> None:
    """Each kill counts, restarts pause in between, and the budget ends it with the cause in one line."""
    await world.train(world.manifest(worker={}, run_policy={"backoffLimit": 1}))
    world.plays("worker-0", ends(137, reason="OOMKilled"))
    await world.end("worker-0", 137, reason="OOMKilled")
    await world.reason("Restarting", "worker-0", "OOMKilled", "starts again at")
    state = await world.fails("BackoffLimitExceeded", "worker-0", "137", "OOMKilled", "backoffLimit is 1")
    assert restart_sums(state) == (1, 1)
    assert [one["reason"] for one in state["status"]["failures"]] == ["OOMKilled", "OOMKilled"]


async def exit_1_in_a_loop(world: World) -> None:
    """A program that fails is tried backoffLimit times more."""
    world.plays("chief", ends(1, "ValueError: no such column"))
    await world.create(world.manifest(run_policy={"backoffLimit": 3}))
    state = await world.fails("BackoffLimitExceeded", "chief-0", "exit code 1", "ValueError: no such column")
    assert restart_sums(state) == (3, 3)
    assert [one["attempt"] for one in state["status"]["failures"]] == [0, 1, 2, 3]


async def no_restarts_allowed(world: World) -> None:
    """With a backoffLimit of 0 the first failure is the last."""
    world.plays("chief", ends(1, "boom"))
    await world.create(world.manifest(run_policy={"backoffLimit": 0}))
    state = await world.fails("BackoffLimitExceeded", "chief-0", "boom")
    assert restart_sums(state) == (0, 0)


async def configuration_error(world: World) -> None:
    """Exit code 78 says that no retry mends it: the job fails at once."""
    world.plays("chief", ends(78, "estimator.modelFn: no_such:f cannot be imported"))
    await world.create(world.five())
    await world.fails("ConfigurationError", "chief-0", "no_such:f cannot be imported")


async def last_words_of_a_program(world: World) -> None:
    """The cause is the error of the progress document in the termination message, else its last line."""
    words = {"version": 1, "role": "chief", "index": 0, "state": "Failed", "error": "the disk is full"}
    await world.train(world.manifest(worker={}))
    await world.end("chief-0", 1, json.dumps(words))
    failure = await world.status("lastFailure", bool)
    assert (failure["replica"], failure["exitCode"], failure["message"]) == ("chief-0", 1, "the disk is full")
    await world.end("worker-0", 2, "first line\nlast line\n")
    failure = await world.status("lastFailure", lambda one: one["replica"] == "worker-0")
    assert failure["message"] == "last line"


async def deleted_pod(world: World) -> None:
    """A pod that somebody deletes comes back, not counted."""
    await world.train(world.five())
    for replica in ("chief-0", "worker-1", "ps-0", "evaluator-0"):
        await world.delete_pod(replica)
        await world.runs(replica, 1)
    state = await world.restarted(4, 0)
    assert restarts(state) == {"chief-0": 1, "worker-1": 1, "ps-0": 1, "evaluator-0": 1}


async def evicted_pod(world: World) -> None:
    """An eviction comes back, not counted, with its reason in the failures."""
    await world.train(world.manifest(worker={}))
    await world.evict("worker-0", "EvictionByEvictionAPI")
    await world.runs("worker-0", 1)
    state = await world.restarted(1, 0)
    assert state["status"]["lastFailure"]["reason"] in ("Disrupted", "DeletedPod")


async def preempted_again_and_again(world: World) -> None:
    """Preemption is never counted, whatever the budget."""
    await world.train(world.manifest(worker={}, run_policy={"backoffLimit": 0}))
    for attempt in range(3):
        await world.runs("worker-0", attempt)
        await world.evict("worker-0", "PreemptionByScheduler", attempt=attempt)
    await world.runs("worker-0", 3)
    await world.restarted(3, 0)


async def drained_node(world: World) -> None:
    """Every pod of a node evicted at once: all come back, nothing is counted."""
    await world.train(world.five())
    replicas = ("chief-0", "worker-0", "worker-1", "ps-0", "evaluator-0")
    for replica in replicas:
        await world.evict(replica, "EvictionByEvictionAPI")
    for replica in replicas:
        await world.runs(replica, 1)
    await world.restarted(5, 0)
    await world.reason("Training")


async def evicted_by_the_kubelet(world: World) -> None:
    """A pod that its kubelet evicts stays as Failed with the reason Evicted: not counted."""
    await world.train(world.manifest(worker={}))
    status = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    await world.live.patch("pods", "digits-worker-0", {"status": status}, "status")
    await world.runs("worker-0", 1)
    state = await world.restarted(1, 0)
    assert state["status"]["lastFailure"]["reason"] == "Evicted"


async def spot_reclaim(world: World) -> None:
    """A chief that is told to end saves and exits 143; deleted with its node it is not counted."""
    await world.train(world.manifest(worker={}))
    await world.evict("chief-0", "DeletionByTaintManager")
    await world.runs("chief-0", 1)
    await world.restarted(1, 0)


async def killed_by_a_signal(world: World) -> None:
    """Exit 137 without a reason to excuse it counts and pauses."""
    await world.train(world.manifest(worker={}))
    await world.end("worker-0", 137, reason="Error")
    await world.restarted(1, 1)
    await world.reason("Restarting", "starts again at")


async def node_is_gone(world: World) -> None:
    """A pod that nobody ends any more is given up when its time is over, and replaced, not counted."""
    template = {"spec": {"terminationGracePeriodSeconds": 1}}
    await world.train(world.manifest(worker={}, template=template))
    world.kubelet.stubborn.add("digits-worker-0")
    await world.delete_pod("worker-0")
    await world.reason("Restarting", "worker-0 is being deleted")
    await world.runs("worker-0", 1)
    await world.restarted(1, 0)
    await world.gone("worker-0")


async def suspended_with_a_lost_node(world: World) -> None:
    """A pod stuck on a node that is gone does not hold a suspension up for ever."""
    template = {"spec": {"terminationGracePeriodSeconds": 1}}
    await world.train(world.manifest(worker={}, template=template))
    world.kubelet.stubborn.add("digits-worker-0")
    await world.change(suspend=True)
    await world.reason("Suspended")
    assert await world.pods() == {}


async def image_cannot_be_pulled(world: World) -> None:
    """The job waits with the cause in its status, and goes on when the image is there."""
    world.plays("chief", waits("ImagePullBackOff", 'Back-off pulling image\n"none:1"'))
    await world.create(world.manifest())
    await world.reason("PodsPending", "chief-0", "ImagePullBackOff", "none:1")
    await world.kubelet.report_running({"metadata": {"name": "digits-chief-0"}})
    await world.reason("Training")


async def no_node_fits(world: World) -> None:
    """The scheduler's words are in the status."""
    world.plays("ps-0", unschedulable("0/3 nodes are available: 3 Insufficient memory."))
    await world.create(world.five())
    await world.reason("PodsPending", "ps-0", "Insufficient memory")


async def evaluator_out_of_budget(world: World) -> None:
    """An evaluator that fails too often is given up; training goes on and completes without it."""
    world.plays("evaluator", ends(1, "no evaluation data"))
    await world.create(world.five(run_policy={"backoffLimit": 1}))
    state = await world.until(
        lambda one: condition(one, "EvaluatorDegraded").get("status") == "True", "a degraded evaluator"
    )
    assert "no evaluation data" in condition(state, "EvaluatorDegraded")["message"]
    await world.reason("Training")
    await world.end("chief-0")
    await world.completes("without its evaluator")


async def ten_failures_are_kept(world: World) -> None:
    """The history has the last ten failures, oldest first."""
    world.plays("chief", ends(1, "again"))
    await world.create(world.manifest(run_policy={"backoffLimit": 11}))
    state = await world.fails("BackoffLimitExceeded")
    assert [one["attempt"] for one in state["status"]["failures"]] == list(range(2, 12))
    assert state["status"]["lastFailure"] == state["status"]["failures"][-1]


async def sidecar_outlives_the_main_container(world: World) -> None:
    """The main container decides; a sidecar that runs on keeps nobody waiting."""
    await world.train(
        world.manifest(template={"spec": {"containers": [{"name": "sidecar", "image": "side:1"}]}})
    )
    pod = await world.runs("chief-0")
    ended = {"exitCode": 0, "reason": "Completed", "finishedAt": pod["status"]["startTime"]}
    (main,) = pod["status"]["containerStatuses"]
    status = {"containerStatuses": [{**main, "ready": False, "state": {"terminated": ended}}]}
    await world.live.patch("pods", "digits-chief-0", {"status": status}, "status")
    await world.completes()
