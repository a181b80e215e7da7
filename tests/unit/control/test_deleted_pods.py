"""Somebody deletes each pod of a job as soon as it is made: that is counted, told and answered ever more slowly."""

from __future__ import annotations

from typing import Any

from job_world import trained

from estimator_operator.kube.resources import PODS


async def test_a_janitor_is_not_answered_once_a_second(world, operator):
    create = world.api.create

    async def create_and_delete(resource: Any, *args: Any, **kwargs: Any) -> Any:
        made = await create(resource, *args, **kwargs)
        if resource is PODS and not kwargs.get("dry_run"):
            world.api.remove(PODS, "default", made["metadata"]["name"], now=True)
        return made

    world.api.create = create_and_delete
    world.submit()
    for _ in range(300):
        await operator.settle()
        world.clock.pass_(1)
    await operator.settle()
    assert world.api.calls["create pods"] <= 7
    restarts = world.status["restarts"]
    assert restarts["total"] == world.api.calls["create pods"]
    assert restarts["counted"] == 0
    assert {one["reason"] for one in world.status["failures"]} == {"DeletedPod"}


async def test_a_resumed_job_is_not_taken_for_one_whose_pods_vanished(world, operator):
    world.submit()
    await operator.settle()
    world.run()
    for suspend in (True, False):
        world.set_spec(suspend=suspend)
        await operator.settle()
        for name in world.pods:
            if suspend:
                world.api.remove(PODS, "default", name, now=True)
        await operator.settle()
    assert world.status["restarts"]["total"] == 0


async def test_a_worker_that_was_sent_away_and_comes_back_has_lost_nothing(world, operator):
    """Pods that the operator itself has deleted are no pods that vanished: no attempt is over."""
    world.submit(elastic={"minReplicas": 0, "maxReplicas": 2}, worker={"replicas": 1}, ps={"replicas": 1})
    await operator.settle()
    world.run()
    await operator.settle()
    world.set_spec(worker={"replicas": 0})
    await operator.settle()
    world.collect()
    await operator.settle()
    assert "mnist-worker-0" not in world.pods
    world.set_spec(worker={"replicas": 1})
    await operator.settle()
    assert "mnist-worker-0" in world.pods
    assert world.status["restarts"]["total"] == 0


async def test_what_a_pod_said_in_its_end_is_told_when_the_pod_is_gone_before_anybody_looked(world, operator):
    """The last checkpoint of a job that is suspended: the chief saves it, says so in its termination message and is gone."""
    await trained(world, operator)
    world.set_spec(suspend=True)
    await operator.settle()
    saved = {"globalStep": 70, "path": "s3://models/m/model.ckpt-70", "time": "2026-01-01T00:00:00Z"}
    for name in world.pods:
        said = {"role": "chief", "globalStep": 71, "checkpoint": saved} if "chief" in name else {}
        world.finish(name, 143, **said)
        world.api.remove(PODS, "default", name, now=True)
    await operator.settle()
    assert world.state == "Suspended"
    assert world.status["checkpoints"]["latest"]["globalStep"] == 70
    assert world.status["progress"]["globalStep"] == 71
    world.set_spec(suspend=False)
    await operator.settle()
    world.run()
    await operator.settle()
    assert world.state == "Training"
