"""Conditions that people wrote by hand: an end is an end with all that belongs to it, and the rest is as the job is."""

from __future__ import annotations

from typing import Any

import pytest
from fake_operator import KEY, FakeOperator
from job_world import FIVE_PODS, World, trained

from estimator_operator.kube.resources import JOBS

NAMES = ("Ready", "Reconciling", "Stalled", "Complete", "Failed", "Suspended")


def edit(world: World, kind: str, status: str, reason: str = "ByHand", message: str = "enough") -> None:
    """`kubectl edit --subresource=status`."""

    def change(job: dict[str, Any]) -> None:
        kept = [one for one in job["status"]["conditions"] if one["type"] != kind]
        at = world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        written = {"type": kind, "status": status, "reason": reason, "message": message}
        job["status"]["conditions"] = [*kept, {**written, "lastTransitionTime": at}]

    world.api.edit(JOBS, KEY.name, change)


def conditions(world: World) -> dict[str, tuple[str, str]]:
    return {
        one["type"]: (one["status"], one["reason"] if one["status"] == "True" else "")
        for one in world.status["conditions"]
    }


COMPLETE = {
    "Ready": ("True", "Completed"),
    "Complete": ("True", "Completed"),
    "Failed": ("False", ""),
    "Suspended": ("False", ""),
}
FAILED = {
    "Ready": ("False", ""),
    "Stalled": ("True", "ByHand"),
    "Complete": ("False", ""),
    "Failed": ("True", "ByHand"),
    "Suspended": ("False", ""),
}


async def cleaned_up(world: World, operator: FakeOperator) -> None:
    for _ in range(3):
        await operator.pass_(2)
        world.collect()
    await operator.pass_(2)


@pytest.mark.parametrize(("kind", "expected"), [("Complete", COMPLETE), ("Failed", FAILED)])
@pytest.mark.parametrize("seen", [True, False], ids=["running operator", "next operator"])
async def test_an_end_that_is_written_by_hand_is_an_end_in_every_condition(
    world, operator, kind, expected, seen
):
    await trained(world, operator, runPolicy={"ttlSecondsAfterFinished": 600})
    at = world.clock.now()
    edit(world, kind, "True")
    if not seen:
        # Nothing is left that would ask for a look.
        for name in world.pods:
            world.api.objects.pop(("pods", "default", name))
        operator = world.operator()
        await operator.start()
    await cleaned_up(world, operator)
    assert conditions(world) == expected
    assert world.condition("Ready")["message"] == "enough"
    assert world.pods == []
    assert world.status["completionTime"] == at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert sum(one["active"] for one in world.status["roles"]) == 0
    reason = "Completed" if kind == "Complete" else "ByHand"
    assert world.events().count(reason) == 1
    writes = world.api.calls["patch estimatorjobs/status"]
    await operator.pass_(300)
    assert world.api.calls["patch estimatorjobs/status"] == writes
    await operator.pass_(301)
    assert world.api.names(JOBS) == [], "its time to live counts from there"


async def ended(world: World, operator: FakeOperator) -> None:
    await trained(world, operator)
    world.finish("mnist-evaluator-0")
    world.finish("mnist-chief-0")
    await operator.settle()
    await cleaned_up(world, operator)
    assert world.state == "Completed"


@pytest.mark.parametrize("seen", [True, False], ids=["running operator", "next operator"])
@pytest.mark.parametrize(
    "by_hand",
    [
        ("Ready", "False"),
        ("Ready", "True", "Training"),
        ("Reconciling", "True"),
        ("Stalled", "True"),
        ("Failed", "True"),
        ("Suspended", "True"),
    ],
    ids="-".join,
)
async def test_what_is_written_by_hand_on_an_ended_job_is_taken_back(world, operator, by_hand, seen):
    await ended(world, operator)
    before = world.status["completionTime"], conditions(world)
    edit(world, *by_hand)
    if not seen:
        operator = world.operator()
        await operator.start()
    await operator.pass_(10)
    assert (world.status["completionTime"], conditions(world)) == before
    writes = world.api.calls.total()
    await operator.pass_(300)
    assert world.api.calls.total() == writes


@pytest.mark.parametrize("kind", ["Ready", "Reconciling", "Stalled", "Suspended", "Mine"])
@pytest.mark.parametrize("status", ["True", "False", "Unknown"])
async def test_what_is_written_by_hand_on_a_running_job_is_taken_back(world, operator, kind, status):
    await trained(world, operator)
    before = conditions(world), world.pods, dict(world.status["restarts"])
    edit(world, kind, status)
    await operator.pass_(30)
    assert (conditions(world), world.pods, world.status["restarts"]) == before
    writes = world.api.calls["patch estimatorjobs/status"]
    await operator.pass_(300)
    assert world.api.calls["patch estimatorjobs/status"] == writes


@pytest.mark.parametrize("by_hand", [("Ready", "True"), ("Suspended", "False"), ("Stalled", "True")])
@pytest.mark.parametrize("seen", [True, False], ids=["running operator", "next operator"])
async def test_what_is_written_by_hand_on_a_suspended_job_is_taken_back(world, operator, by_hand, seen):
    world.submit(**FIVE_PODS, suspend=True)
    await operator.settle()
    before = conditions(world)
    assert before["Suspended"] == ("True", "Suspended")
    edit(world, *by_hand)
    if not seen:
        operator = world.operator()
        await operator.start()
    await operator.pass_(10)
    assert conditions(world) == before
    assert world.pods == []


async def test_a_failure_that_is_taken_back_by_hand_lets_the_job_go_on(world, operator):
    await trained(world, operator, runPolicy={"backoffLimit": 0, "cleanPodPolicy": "All"})
    world.finish("mnist-worker-0", 1)
    await operator.settle()
    assert world.state == "BackoffLimitExceeded"
    await cleaned_up(world, operator)
    assert "completionTime" in world.status
    edit(world, "Failed", "False")
    await operator.pass_(30)
    world.run()
    await operator.pass_(10)
    assert world.state == "Training"
    assert "completionTime" not in world.status
    assert conditions(world)["Failed"] == ("False", "")
