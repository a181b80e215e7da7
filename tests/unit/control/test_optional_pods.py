"""Workers that an elastic job can do without hold up nothing of what it needs, whatever the API server has against them."""

from __future__ import annotations

from typing import Any

import pytest
from fake_api import status_error
from fake_operator import FakeOperator
from job_world import World
from test_refusals import QUOTA, limit_pods

from estimator_operator.kube.resources import PODS, SERVICES

SOME = {"worker": {"replicas": 20}, "ps": {"replicas": 1}, "evaluator": {"replicas": 1}}
BOUNDS = {"minReplicas": 1, "maxReplicas": 20}
REQUIRED = {"mnist-chief-0", "mnist-worker-0", "mnist-ps-0", "mnist-evaluator-0"}
TEMPLATE = {"spec": {"nodeSelector": {"disk": "fast"}}}


async def test_what_the_job_needs_is_made_before_workers_that_a_quota_refuses(
    world: World, operator: FakeOperator
):
    limit_pods(world, 6)
    world.submit(**SOME, elastic=BOUNDS)
    await operator.settle()
    assert len(world.pods) == 6
    assert set(world.pods) > REQUIRED
    assert world.state == "PodCreationForbidden"
    world.run()
    await operator.settle()
    assert "startTime" in world.status
    assert world.status["restarts"]["total"] == 0
    world.quota = 23
    await operator.pass_(300)
    world.run()
    await operator.settle()
    assert (len(world.pods), world.state) == (23, "Training")


async def test_a_job_for_which_there_is_room_costs_one_write_more(world: World, operator: FakeOperator):
    """What is known of the pods that it needs is stored before the others are made."""
    world.submit(**SOME, elastic=BOUNDS)
    await operator.settle()
    assert len(world.pods) == 23
    assert world.api.calls == {
        "create services": 1,
        "create pods": 23,
        "patch estimatorjobs/status": 2,
    }


async def trained(world: World, operator: FakeOperator, **spec: Any) -> None:
    """A job at work that is scaled to more workers than are let in."""
    bounds = {"minReplicas": 0, "maxReplicas": 4}
    world.submit(**{"worker": {"replicas": 2}, "ps": {"replicas": 1}, "elastic": bounds} | spec)
    await operator.settle()
    world.run()
    await operator.settle()
    assert world.state == "Training"
    world.set_spec(worker={**spec.get("worker", {}), "replicas": 4})


@pytest.mark.parametrize("verb", ["dry-run", "create"])
async def test_a_chief_is_made_again_while_workers_are_refused(world, operator, verb):
    refused = ("worker-2", "worker-3")
    await trained(world, operator, worker={"replicas": 2, "template": TEMPLATE})
    world.api.fail(
        verb,
        "pods",
        status_error(403, "Forbidden", QUOTA),
        times=10**6,
        matches=lambda n: n.endswith(refused),
    )
    await operator.pass_(200)
    assert world.state == "PodCreationForbidden"
    tries = world.api.calls[f"{verb} pods"]
    world.api.remove(PODS, "default", "mnist-chief-0", now=True)
    await operator.settle()
    assert "mnist-chief-0-r1" in world.pods, "it does not wait for their next try"
    world.run()
    await operator.pass_(600)
    assert world.api.calls[f"{verb} pods"] <= tries + 2 + 4, "and does not make theirs more frequent"
    world.api.heal()
    await operator.pass_(310)
    world.run()
    await operator.settle()
    assert {"mnist-worker-2", "mnist-worker-3"} < set(world.pods)
    assert world.state == "Training"


async def test_a_service_is_made_again_while_workers_are_refused(world, operator):
    await trained(world, operator)
    limit_pods(world, 4)
    await operator.pass_(200)
    assert world.state == "PodCreationForbidden"
    world.api.remove(SERVICES, "default", "mnist", now=True)
    await operator.settle()
    assert (SERVICES.plural, "default", "mnist") in world.api.objects
    assert world.events().count("PodCreationForbidden") == 1
    world.quota = 6
    await operator.pass_(310)
    assert len(world.pods) == 6


async def test_what_the_job_needs_and_is_refused_is_tried_as_ever(world, operator):
    await trained(world, operator)
    limit_pods(world, 4)
    await operator.pass_(200)
    world.quota = 0
    world.api.remove(PODS, "default", "mnist-chief-0", now=True)
    await operator.settle()
    tried: list[float] = []
    world.api.before = lambda verb, resource, name: (
        tried.append(world.clock.monotonic()) if (verb, resource) == ("create", "pods") else None
    )
    start = world.clock.monotonic()
    await operator.pass_(40)
    assert [round(one - start) for one in tried] == [5, 15, 35]
    world.quota = 4
    await operator.pass_(60)
    assert "mnist-chief-0-r1" in world.pods


async def test_a_mistake_of_a_worker_that_comes_later_is_found_before_a_pod_runs(world, operator):
    world.api.fail(
        "dry-run",
        "pods",
        status_error(400, "BadRequest", 'strict decoding error: unknown field "spec.nodeSelektor"'),
        times=10**6,
        matches=lambda name: "worker" in name,
    )
    overlay = {"spec": {"nodeSelektor": {"disk": "fast"}}}
    worker = {"replicas": 2, "template": overlay}
    world.submit(ps={"replicas": 1}, worker=worker, elastic={"minReplicas": 0, "maxReplicas": 4})
    await operator.pass_(5)
    assert world.pods == []
    assert world.condition("Ready")["reason"] == "InvalidSpec"


async def test_the_room_of_a_chief_that_waits_for_its_backoff_stays_its_own(world, operator):
    await trained(world, operator)
    limit_pods(world, 4)
    await operator.pass_(3)
    assert world.state == "PodCreationForbidden"
    for attempt in ("", "-r1", "-r2", "-r3"):
        world.finish(f"mnist-chief-0{attempt}", 137, "killed")
        await operator.settle()
        await operator.pass_(1)
        world.collect()
        looks = operator.results.total()
        await operator.pass_(150)
        assert operator.results.total() - looks < 45, "no look after another"
        world.run()
        await operator.settle()
        assert "mnist-worker-2" not in world.pods
    assert "mnist-chief-0-r4" in world.pods
    world.quota = 6
    await operator.pass_(310)
    assert len(world.pods) == 6
