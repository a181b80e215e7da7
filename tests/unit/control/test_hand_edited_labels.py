"""Pods whose labels people changed: they left the watch, not the cluster, and none takes their place."""

from __future__ import annotations

from typing import Any

import pytest
from fake_operator import KEY, FakeOperator
from job_world import FIVE_PODS, World

from estimator_api import constants as c
from estimator_operator.kube.resources import PODS

CHIEF = "mnist-chief-0"


def unlabel(world: World, *labels: str, pod: str = CHIEF) -> None:
    """Labels go; for a watch that selects by the job's name the pod is gone with that one."""

    def change(manifest: dict[str, Any]) -> None:
        for label in labels:
            manifest["metadata"]["labels"].pop(label)

    world.api.edit(PODS, pod, change)
    if c.LABEL_JOB_NAME in labels:
        for operator in world.api._watches:
            plural, _, manifest = operator.events.pop()
            manifest["metadata"]["labels"][c.LABEL_JOB_NAME] = "mnist"
            operator.events.append((plural, "DELETED", manifest))


async def training(world: World, operator: FakeOperator) -> None:
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    assert world.state == "Training"


@pytest.mark.parametrize("label", [c.LABEL_JOB_NAME, c.LABEL_ROLE, c.LABEL_INDEX, c.LABEL_ATTEMPT])
async def test_a_chief_whose_label_is_removed_has_no_second_one_beside_it(world, operator, label):
    await training(world, operator)
    unlabel(world, label)
    await operator.pass_(120)
    assert world.pods == sorted(
        [CHIEF, "mnist-worker-0", "mnist-worker-1", "mnist-ps-0", "mnist-evaluator-0"]
    )
    assert world.status["restarts"]["total"] == 0
    assert world.state == "Training"


@pytest.mark.parametrize("label", [c.LABEL_JOB_NAME, c.LABEL_ROLE])
@pytest.mark.parametrize("again", [False, True], ids=["same operator", "next operator"])
async def test_what_becomes_of_it_is_noticed_by_name(world, operator, label, again):
    await training(world, operator)
    unlabel(world, label)
    await operator.pass_(5)
    if again:
        world.api.unwatch(operator.watch)
        operator = world.operator()
        await operator.start()
    world.finish(CHIEF, 1, "boom")
    if label == c.LABEL_JOB_NAME:
        for one in world.api._watches:
            one.events.clear()
    await operator.pass_(60)
    assert world.status["restarts"]["total"] == 1
    assert world.status["lastFailure"]["message"] == "boom"
    assert "mnist-chief-0-r1" in world.pods


async def test_a_job_begins_with_another_spec_only_when_it_is_gone_too(world, operator):
    await training(world, operator)
    world.set_spec(image="another")
    await operator.settle()
    assert world.state == "Suspending"
    unlabel(world, c.LABEL_JOB_NAME, pod="mnist-worker-0")
    for name in world.pods:
        if name != "mnist-worker-0":
            world.api.remove(PODS, "default", name, now=True)
    await operator.pass_(60)
    assert world.pods == ["mnist-worker-0"], "one of the old spec runs on, and none of the new beside it"
    world.api.remove(PODS, "default", "mnist-worker-0", now=True)
    await operator.pass_(60)
    assert len(world.pods) == 5


async def test_it_is_asked_for_every_half_minute_and_no_more(world, operator):
    await training(world, operator)
    unlabel(world, c.LABEL_JOB_NAME)
    await operator.pass_(5)
    before = world.api.calls["get pods"]
    await operator.pass_(300)
    assert world.api.calls["get pods"] - before == 10
    await operator.relist()
    assert [name for name, _ in operator.store.strays(KEY)] == [CHIEF], "no list by label takes it away"


async def test_a_label_that_comes_back_ends_the_asking(world, operator):
    await training(world, operator)
    unlabel(world, c.LABEL_JOB_NAME)
    await operator.pass_(5)
    world.api.edit(PODS, CHIEF, lambda pod: pod["metadata"]["labels"].update({c.LABEL_JOB_NAME: "mnist"}))
    await operator.settle()
    before = world.api.calls["get pods"]
    await operator.pass_(120)
    assert world.api.calls["get pods"] == before
    assert operator.store.strays(KEY) == ()


async def test_one_that_is_gone_is_replaced(world, operator):
    await training(world, operator)
    world.api.remove(PODS, "default", CHIEF, now=True)
    await operator.pass_(5)
    assert "mnist-chief-0-r1" in world.pods
    assert world.api.calls["get pods"] == 1


async def test_one_of_the_name_that_is_not_the_job_s_is_no_chief(world, operator):
    await training(world, operator)
    world.api.remove(PODS, "default", CHIEF, now=True)
    world.api.put(PODS, "default", {"metadata": {"name": CHIEF, "labels": {}}, "spec": {}})
    await operator.pass_(5)
    assert "mnist-chief-0-r1" in world.pods


async def test_many_missing_pods_cost_one_list(world, operator):
    world.submit(worker={"replicas": 100}, evaluator={"replicas": 1})
    await operator.settle()
    world.run()
    await operator.settle()
    for index in range(100):
        world.api.remove(PODS, "default", f"mnist-worker-{index}", now=True)
    world.api.calls.clear()
    await operator.settle()
    assert world.api.calls["get pods"] == 0
    assert world.api.calls["list pods"] == 2


async def test_a_pod_given_to_another_job_by_its_label_is_still_its_owner_s(world, operator):
    """`kubectl label --overwrite`: the watch goes on to tell of it, as of a pod of a job of that name."""
    await training(world, operator)
    moved = {c.LABEL_JOB_NAME: "quarantine"}
    world.api.edit(PODS, CHIEF, lambda pod: pod["metadata"]["labels"].update(moved))
    await operator.pass_(60)
    assert world.state == "Training"
    world.finish(CHIEF)
    await operator.settle()
    assert world.state == "Evaluating"


@pytest.mark.parametrize("again", [False, True], ids=["same operator", "next operator"])
async def test_a_worker_hidden_just_as_the_chief_ends_does_not_run_on_under_a_finished_job(
    world, operator, again
):
    await training(world, operator)
    world.finish("mnist-evaluator-0")
    await operator.settle()
    if again:
        world.api.unwatch(operator.watch)
    unlabel(world, c.LABEL_JOB_NAME, pod="mnist-worker-0")
    world.finish(CHIEF)
    if again:
        operator = world.operator()
        await operator.start()
    await operator.pass_(5)
    assert world.state == "Completed"
    world.collect()
    assert world.pods == [CHIEF, "mnist-evaluator-0"]
    await operator.pass_(60)
    assert operator.store.job(KEY).stub is not None, "what is gone is not asked for any more"


async def test_a_worker_hidden_while_a_finished_job_is_cleaned_up_does_not_run_on(world, operator):
    await training(world, operator)
    world.finish("mnist-evaluator-0")
    world.finish(CHIEF)
    world.api.before = lambda verb, resource, name: (
        unlabel(world, c.LABEL_JOB_NAME, pod="mnist-worker-1")
        if (verb, name) == ("delete", "mnist-worker-0")
        and c.LABEL_JOB_NAME in labels_of(world, "mnist-worker-1")
        else None
    )
    await operator.pass_(60)
    assert world.state == "Completed"
    world.collect()
    assert world.pods == [CHIEF, "mnist-evaluator-0"]


async def test_a_worker_hidden_before_the_scale_down_that_drops_it_does_not_run_on(world, operator):
    world.submit(
        elastic={"minReplicas": 0, "maxReplicas": 2}, worker={"replicas": 2}, evaluator={"replicas": 1}
    )
    await operator.settle()
    world.run()
    await operator.settle()
    unlabel(world, c.LABEL_JOB_NAME, pod="mnist-worker-1")
    world.set_spec(worker={"replicas": 1})
    await operator.pass_(5)
    world.collect()
    assert world.pods == [CHIEF, "mnist-evaluator-0", "mnist-worker-0"]


async def test_a_job_is_suspended_only_when_pods_that_it_had_under_another_spec_are_gone_too(world, operator):
    """Suspended and given fewer workers in one edit: the pod of a worker that the new spec does not have is hidden."""
    await training(world, operator)
    world.api.unwatch(operator.watch)
    unlabel(world, c.LABEL_JOB_NAME, pod="mnist-worker-1")
    world.set_spec(suspend=True, worker={"replicas": 1})
    operator = world.operator()
    await operator.start()
    for _ in range(3):
        world.collect()
        await operator.pass_(30)
    assert (world.state, world.pods) == ("Suspended", [])


async def test_a_chief_that_is_not_there_has_completed_only_when_it_is_not_there_by_name_either(
    world, operator
):
    """What it reported last says that it is through, and no list shows it: it may save and export all the same."""
    await training(world, operator)
    operator.report(CHIEF, global_step=100, state="Finished")
    await operator.pass_(20)
    assert world.status["progress"]["finished"] is True
    unlabel(world, c.LABEL_JOB_NAME)
    await operator.pass_(60)
    assert world.state == "Training"
    assert not world.status.get("completedReplicas")
    world.api.remove(PODS, "default", CHIEF, now=True)
    await operator.pass_(60)
    assert world.status["completedReplicas"] == ["chief-0"]


async def test_a_job_that_ends_with_all_its_pods_in_sight_asks_for_none(world, operator):
    await training(world, operator)
    world.finish("mnist-evaluator-0")
    world.finish(CHIEF)
    await operator.pass_(5)
    world.collect()
    await operator.pass_(60)
    assert world.state == "Completed"
    assert world.api.calls["get pods"] == 0
    assert world.api.calls["list pods"] == 0


def labels_of(world: World, pod: str) -> dict[str, str]:
    return world.api.objects["pods", "default", pod]["metadata"]["labels"]


async def test_a_pod_hidden_within_its_grace_has_no_second_one_beside_it(world, operator):
    """It was told to end and runs until its grace is over, whatever the watch says."""
    restart = {
        "failurePolicy": {
            "rules": [{"action": "RestartJob", "onExitCodes": {"operator": "In", "values": [1]}}]
        }
    }
    world.submit(**FIVE_PODS, runPolicy=restart)
    await operator.settle()
    world.run()
    await operator.settle()
    worker = "mnist-worker-0"
    world.finish(CHIEF, 1, "boom")
    await operator.settle()
    assert world.api.objects["pods", "default", worker]["metadata"]["deletionTimestamp"]
    unlabel(world, c.LABEL_JOB_NAME, pod=worker)
    await operator.pass_(3)
    for name in [one for one in world.pods if one != worker]:
        world.api.remove(PODS, "default", name, now=True)
    await operator.pass_(20)
    assert worker in world.pods
    assert f"{worker}-r1" not in world.pods
    assert world.api.calls["get pods"] >= 1
    world.api.remove(PODS, "default", worker, now=True)
    await operator.pass_(60)
    assert f"{worker}-r1" in world.pods
