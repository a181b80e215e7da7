"""TensorBoard's pod and Service: made last, refused apart, deleted by uid, never in the way of training."""

from __future__ import annotations

import pytest
from fake_api import status_error
from fake_operator import FakeOperator
from job_world import World
from plan_actions import BOARD, act, applier, board_plan, manifest, plan_with, record

from estimator_operator.kube.resources import PODS, SERVICES
from estimator_operator.observe.targets import targets_of
from estimator_operator.plan import Replica

QUOTA = status_error(403, "Forbidden", "exceeded quota: pods=5")


@pytest.fixture
def world_with_job(world: World, operator: FakeOperator) -> World:
    world.submit()
    return world


def services(world: World) -> list[str]:
    return world.api.names(SERVICES)


async def test_service_and_pod_are_made_and_known(world_with_job, operator):
    world, job = world_with_job, record(operator)
    assert not await act(operator, job, board_plan(world))
    assert (services(world), world.pods) == ([BOARD], [BOARD])
    seen = operator.store.observe(job)
    assert seen.tensorboard_service_exists
    (pod,) = seen.pods
    assert (pod.replica, pod.attempt) == (Replica("tensorboard", 0), 0)


async def test_an_own_service_that_exists_is_as_good(world_with_job, operator):
    world, job = world_with_job, record(operator)
    world.api.put(SERVICES, "default", manifest(world, BOARD))
    await act(operator, job, board_plan(world))
    assert operator.store.observe(job).tensorboard_service_exists
    assert world.pods == [BOARD]


async def test_replicas_come_first(world_with_job, operator):
    world, order = world_with_job, []
    world.api.before = lambda verb, resource, name: order.append((verb, resource, name))
    plan = board_plan(
        world,
        create_service=manifest(world, "mnist"),
        create_pods=(manifest(world, "mnist-chief-0", "chief"),),
    )
    await act(operator, record(operator), plan)
    assert order == [
        ("create", "services", "mnist"),
        ("create", "pods", "mnist-chief-0"),
        ("create", "services", BOARD),
        ("create", "pods", BOARD),
    ]


@pytest.mark.parametrize(
    "refusal",
    [
        QUOTA,
        status_error(422, "Invalid", "spec.containers[0].image: Required value"),
        status_error(404, "NotFound", "no"),
    ],
    ids=["403", "422", "404"],
)
async def test_a_refusal_harms_nobody_and_is_told_once(world_with_job, operator, refusal):
    world, job = world_with_job, record(operator)
    world.api.fail("create", "pods", refusal, times=10**6, matches=lambda name: name == BOARD)
    plan = board_plan(world, create_pods=(manifest(world, "mnist-chief-0", "chief"),))
    assert not await act(operator, job, plan)
    assert world.pods == ["mnist-chief-0"]
    assert job.creation.message is None
    assert operator.store.observe(job).refused is None
    assert applier(operator).creation_wait(job) == 5
    for _ in range(3):
        await act(operator, job, board_plan(world))
    assert world.api.calls["create pods"] == 2
    world.clock.pass_(5)
    await act(operator, job, board_plan(world))
    assert world.api.calls["create pods"] == 3
    assert applier(operator).creation_wait(job) == 10
    (event,) = [one for (plural, _, _), one in world.api.objects.items() if plural == "events"]
    assert event["reason"] == "PodCreationForbidden"
    assert event["note"] == f"TensorBoard: {refusal.message}"
    world.api.heal()
    world.clock.pass_(10)
    await act(operator, job, board_plan(world))
    assert world.pods == ["mnist-chief-0", BOARD]
    assert applier(operator).creation_wait(job) is None


async def test_a_refused_replica_does_not_hold_tensorboard_up_for_ever(world_with_job, operator):
    world, job = world_with_job, record(operator)
    world.api.fail("create", "pods", QUOTA, times=10**6, matches=lambda name: "chief" in name)
    plan = board_plan(world, create_pods=(manifest(world, "mnist-chief-0", "chief"),))
    assert await act(operator, job, plan)
    assert job.creation.message == QUOTA.message
    assert world.pods == [BOARD]


async def test_a_server_that_is_away_is_waited_for_and_nobody_is_told(world_with_job, operator):
    world, job = world_with_job, record(operator)
    world.api.fail("create", "services", status_error(503))
    assert not await act(operator, job, board_plan(world))
    assert applier(operator).creation_wait(job) == 5
    assert world.events() == []
    world.clock.pass_(5)
    assert not await act(operator, job, board_plan(world))
    assert world.pods == [BOARD]


@pytest.mark.parametrize("owner", ["nobody", "another job"])
async def test_a_service_of_somebody_else_is_refused_and_never_deleted(world_with_job, operator, owner):
    world, job = world_with_job, record(operator)
    theirs = manifest(world, BOARD)
    if owner == "nobody":
        del theirs["metadata"]["ownerReferences"]
    else:
        theirs["metadata"]["ownerReferences"][0] |= {"name": BOARD, "uid": "another"}
    world.api.put(SERVICES, "default", theirs)
    await act(operator, job, board_plan(world))
    assert not operator.store.observe(job).tensorboard_service_exists
    assert world.pods == []
    assert job.tensorboard.message.startswith(f"services {BOARD} ")
    await act(operator, job, plan_with(delete_tensorboard_service=True))
    assert services(world) == [BOARD]
    assert world.api.calls["delete services"] == 0


@pytest.mark.parametrize("known", [True, False])
async def test_the_service_goes_with_tensorboard(world_with_job, operator, known):
    world, job = world_with_job, record(operator)
    await act(operator, job, board_plan(world))
    if not known:
        job.tensorboard_service = None
    await act(operator, job, plan_with(delete_tensorboard_service=True))
    assert services(world) == []
    assert not operator.store.observe(job).tensorboard_service_exists
    assert world.api.calls["get services"] == (not known)
    calls = world.api.calls.total()
    await act(operator, job, plan_with())
    assert world.api.calls.total() == calls


async def test_a_namesake_of_the_service_is_not_deleted(world_with_job, operator):
    """Between the look and the deletion somebody has put another in its place: the uid is the precondition."""
    world, job = world_with_job, record(operator)
    await act(operator, job, board_plan(world))
    world.api.remove(SERVICES, "default", BOARD)
    world.api.put(SERVICES, "default", {"metadata": {"name": BOARD}, "spec": {}})
    await act(operator, job, plan_with(delete_tensorboard_service=True))
    assert services(world) == [BOARD]


async def test_a_new_operator_finds_it(world_with_job, operator):
    world = world_with_job
    await operator.settle()
    await act(operator, record(operator), board_plan(world))
    again = world.operator()
    again.watch.events.append(("estimatorjobs", "MODIFIED", world.job))
    await again.relist()
    job = record(again)
    assert job.service_exists
    assert again.store.observe(job).tensorboard_service_exists
    world.api.remove(SERVICES, "default", BOARD)
    await again.relist()
    assert not again.store.observe(job).tensorboard_service_exists


async def test_it_is_never_asked_for_progress_and_never_remembered(world_with_job, operator):
    world, job = world_with_job, record(operator)
    await act(operator, job, board_plan(world))
    world.run(BOARD)
    operator.watch.tell(operator.controller)
    assert await targets_of(operator.store) == []
    world.finish(BOARD)
    world.api.remove(PODS, "default", BOARD, now=True)
    operator.watch.tell(operator.controller)
    assert operator.store.pods(job) == ()
