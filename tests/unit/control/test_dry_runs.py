"""One pod of every role is judged by the API server before the first is created, once per version of the spec."""

from __future__ import annotations

import pytest
from fake_api import status_error
from fake_operator import FakeOperator
from job_world import FIVE_PODS, World

TYPO = (
    'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.nodeSelektor"'
)


async def test_a_typo_in_one_role_is_found_before_a_pod_of_another_runs(world: World, operator: FakeOperator):
    world.api.fail(
        "dry-run",
        "pods",
        status_error(400, "BadRequest", TYPO),
        times=10**6,
        matches=lambda name: "evaluator" in name,
    )
    world.submit(**FIVE_PODS)
    await operator.pass_(5)
    assert world.pods == []
    assert world.api.calls["create pods"] == world.api.calls["create services"] == 0
    ready = world.condition("Ready")
    assert ready["reason"] == "InvalidSpec"
    assert "spec.nodeSelektor" in ready["message"]


async def test_there_is_one_for_each_role_and_none_for_a_restart(world, operator):
    world.submit(worker={"replicas": 50}, ps={"replicas": 3}, evaluator={"replicas": 1})
    await operator.settle()
    assert world.api.calls["dry-run pods"] == 4
    world.run()
    world.finish("mnist-worker-3", 1, "boom")
    await operator.pass_(30)
    assert "mnist-worker-3-r1" in world.pods
    assert world.api.calls["dry-run pods"] == 4


async def test_a_changed_spec_is_judged_anew(world, operator):
    world.submit(suspend=True)
    await operator.settle()
    world.set_spec(suspend=False)
    await operator.settle()
    assert world.api.calls["dry-run pods"] == 1
    world.set_spec(suspend=True)
    await operator.settle()
    world.collect()
    await operator.settle()
    world.set_spec(suspend=False, image="trainer:2")
    await operator.settle()
    assert world.pods == ["mnist-chief-0"]
    assert world.api.calls["dry-run pods"] == 2


async def test_a_quota_that_refuses_the_dry_run_is_told_and_lifted(world, operator):
    world.api.fail("dry-run", "pods", status_error(403, "Forbidden", "exceeded quota"), times=10**6)
    world.submit()
    await operator.settle()
    assert world.state == "PodCreationForbidden"
    assert world.api.calls["create pods"] == 0
    world.api.heal()
    await operator.pass_(6)
    assert world.pods == ["mnist-chief-0"]


@pytest.mark.parametrize(
    "error",
    [
        status_error(400, "BadRequest", 'admission webhook "w" does not support dry run'),
        status_error(409, "AlreadyExists", 'pods "mnist-chief-0" already exists'),
    ],
    ids=["webhook with side effects", "exists"],
)
async def test_what_says_nothing_about_the_pod_is_no_refusal(world, operator, error):
    world.api.fail("dry-run", "pods", error, times=10**6)
    world.submit()
    await operator.settle()
    assert world.pods == ["mnist-chief-0"]
