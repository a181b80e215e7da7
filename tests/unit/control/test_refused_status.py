"""A status that the API server refuses as invalid: told where it can be told, tried seldom, and forgotten when taken."""

from __future__ import annotations

from typing import Any

import pytest
from fake_operator import FakeOperator
from job_world import FIVE_PODS, World, job_manifest

WRITE = "patch estimatorjobs/status"


def no_restarts(status: dict[str, Any]) -> str | None:
    """A CRD that takes everything but a counted restart."""
    total = status.get("restarts", {}).get("total", 0)
    return f"status.restarts.total: Invalid value: {total}: must be 0" if total else None


def nothing(status: dict[str, Any]) -> str | None:
    return "status.conditions[0].reason: Unsupported value"


async def refused(world: World, operator: FakeOperator, judge: Any) -> None:
    """A job that trains, until one of its workers fails."""
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.judge = judge
    world.api.calls.clear()
    world.finish("mnist-worker-0", 1)
    await operator.settle()


async def test_it_is_told_in_the_conditions_where_the_rest_is_refused(world, operator, caplog):
    await refused(world, operator, no_restarts)
    ready = world.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "OperatorError")
    assert world.condition("Stalled")["status"] == "True"
    assert "crds/estimatorjobs.yaml" in ready["message"]
    assert "status.restarts.total: Invalid value: 1: must be 0" in ready["message"]
    await operator.pass_(1000)
    assert caplog.text.count("the API server refuses this job's status") == 1
    assert len(world.notes("OperatorError")) == 1
    assert operator.refused > 1


async def test_it_is_told_by_an_event_where_no_status_is_taken(world, operator, caplog):
    await refused(world, operator, nothing)
    (note,) = world.notes("OperatorError")
    assert "crds/estimatorjobs.yaml" in note
    assert "status.conditions[0].reason: Unsupported value" in note
    assert world.state == "Training"
    await operator.pass_(1000)
    assert len(world.notes("OperatorError")) == 1
    assert caplog.text.count("the API server refuses this job's status") == 1


@pytest.mark.parametrize("judge", [no_restarts, nothing])
async def test_nothing_that_happens_makes_it_be_tried_more_often(world, operator, judge):
    await refused(world, operator, judge)
    for step in range(600):
        operator.report("mnist-chief-0", state="Training", global_step=step)
        await operator.pass_(1)
    assert world.api.calls[WRITE] <= 10
    assert sum(world.api.calls.values()) <= 30
    assert operator.results["crash"] == 0


async def test_a_new_job_whose_status_is_refused_is_not_hammered_either(world, operator):
    world.api.judge = nothing
    world.submit(**FIVE_PODS)
    await operator.pass_(1000)
    assert world.api.calls[WRITE] <= 12
    assert len(world.notes("OperatorError")) == 1


@pytest.mark.parametrize("judge", [no_restarts, nothing])
async def test_it_goes_on_when_the_status_is_taken(world, operator, judge, caplog):
    await refused(world, operator, judge)
    assert world.pods.count("mnist-worker-0-r1") == 0, "what is not counted is not done"
    await operator.pass_(100)
    world.api.judge = lambda status: None
    await operator.pass_(300)
    assert "mnist-worker-0-r1" in world.pods
    assert world.status["restarts"]["total"] == 1
    world.run()
    await operator.pass_(30)
    assert world.state == "Training"
    # Another refusal is told anew.
    world.api.judge = nothing
    world.finish("mnist-worker-1", 1)
    await operator.pass_(60)
    assert caplog.text.count("the API server refuses this job's status") == 2


async def test_other_jobs_go_on(world, operator):
    await refused(world, operator, no_restarts)
    world.submit(job_manifest("other"))
    await operator.settle()
    assert "other-chief-0" in world.pods
