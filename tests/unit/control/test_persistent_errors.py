"""Errors that do not pass: told in the Ready condition whatever their code, and no part vetoes the rest of a job."""

from __future__ import annotations

import pytest
from fake_api import status_error
from fake_operator import FakeOperator
from job_world import FIVE_PODS, World, job_manifest
from plan_actions import BOARD

from estimator_operator.control.refusal import RETRY_MOST, Refusal

ANSWERS = {
    "413": status_error(413, "RequestEntityTooLarge", "etcdserver: request is too large"),
    "500": status_error(500, "InternalError", "resource quota evaluation timed out"),
    "404": status_error(404, "NotFound", "the server could not find the requested resource"),
    "405": status_error(405, "MethodNotAllowed", "not here"),
}
PASSING = {
    "503": status_error(503, "ServiceUnavailable", "the aggregated server is away"),
    "429": status_error(429, "TooManyRequests", "slow down", retry_after=1),
    "409": status_error(409, "Conflict", "the quota has been modified"),
    "401": status_error(401, "Unauthorized", "who is that"),
}
EVERYTHING = {
    **ANSWERS,
    **PASSING,
    "webhook": status_error(500, "InternalError", 'failed calling webhook "policy": connection refused'),
    "quota": status_error(403, "Forbidden", "exceeded quota"),
    "no answer": status_error(0, message="connection reset"),
}


@pytest.mark.parametrize("resource", ["pods", "services"])
@pytest.mark.parametrize("error", ANSWERS.values(), ids=ANSWERS)
async def test_an_error_that_persists_is_told_whatever_its_code(world: World, operator, error, resource):
    world.api.fail("create", resource, error, times=10**6)
    world.submit()
    await operator.settle()
    assert world.condition("Ready") is None, "one error alone says nothing"
    await operator.pass_(2)
    ready = world.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "PodCreationForbidden")
    assert ready["message"] == error.message
    calls = world.api.calls[f"create {resource}"]
    await operator.pass_(RETRY_MOST, step=10)
    assert world.api.calls[f"create {resource}"] - calls < 10
    world.api.heal()
    await operator.pass_(RETRY_MOST, step=10)
    assert world.pods == ["mnist-chief-0"]
    assert world.state == "PodsPending"


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
async def test_an_error_that_mostly_passes_is_told_after_some_seconds(world: World, operator, error):
    world.api.fail("create", "pods", error, times=10**6)
    world.submit()
    await operator.pass_(5)
    assert world.condition("Ready") is None
    for _ in range(25):
        operator.outage.answered(200)  # the lease is renewed meanwhile: it is no outage
        await operator.pass_(1)
    assert world.condition("Ready")["message"] == error.message
    world.api.heal()
    await operator.pass_(70)
    assert world.pods == ["mnist-chief-0"]


async def test_an_error_that_passes_is_never_told(world, operator):
    world.api.fail("create", "pods", ANSWERS["500"], times=1)
    world.submit()
    await operator.pass_(3)
    assert world.pods == ["mnist-chief-0"]
    assert world.events() == []


async def test_the_pending_deadline_counts_while_creation_fails(world, operator):
    world.api.fail("create", "pods", ANSWERS["413"], times=10**6)
    world.submit(runPolicy={"pendingDeadlineSeconds": 60})
    await operator.pass_(90)
    assert world.condition("Failed")["reason"] == "PendingDeadlineExceeded"


async def test_an_outage_is_no_refusal_of_a_job(world, operator):
    world.submit()
    world.api.down = True
    await operator.pass_(120)
    world.api.down = False
    await operator.pass_(10)
    assert world.pods == ["mnist-chief-0"]
    assert world.events() == []
    refusal = Refusal()
    assert not refusal.persists(PASSING["503"], 0.0, outage=False)
    assert not refusal.persists(PASSING["503"], 60.0, outage=True)
    assert not refusal.persists(PASSING["503"], 61.0, outage=False), "the outage does not count"
    assert refusal.persists(PASSING["503"], 80.0, outage=False)


@pytest.mark.parametrize("resource", ["pods", "services"])
@pytest.mark.parametrize("error", EVERYTHING.values(), ids=EVERYTHING)
async def test_nothing_about_tensorboard_keeps_a_status_from_being_written(
    world: World, operator: FakeOperator, error, resource
):
    world.api.fail("create", resource, error, times=10**6, matches=lambda name: name == BOARD)
    world.submit(tensorBoard={})
    await operator.settle()
    world.run()
    await operator.pass_(4)
    assert world.state == "Training"
    operator.report("mnist-chief-0", state="Training", global_step=5, max_steps=10)
    await operator.pass_(20)
    assert world.status["progress"]["globalStep"] == 5
    assert operator.results["error"] == operator.results["crash"] == 0
    world.finish("mnist-chief-0")
    await operator.pass_(20)
    assert world.state == "Completed"


async def test_tensorboard_s_end_can_fail_and_the_job_goes_on(world, operator):
    world.submit(tensorBoard={})
    await operator.settle()
    world.run()
    await operator.settle()
    world.run()
    await operator.settle()
    assert BOARD in world.pods
    for call in ("delete", "force"):
        world.api.fail(call, "pods", ANSWERS["500"], times=10**6, matches=lambda name: name == BOARD)
    world.api.fail("delete", "services", ANSWERS["500"], times=10**6)
    world.set_spec(tensorBoard={"enabled": False})
    await operator.pass_(10)
    operator.report("mnist-chief-0", state="Training", global_step=5, max_steps=10)
    await operator.pass_(20)
    assert world.status["progress"]["globalStep"] == 5
    assert operator.results["error"] == operator.results["crash"] == 0


async def test_a_pod_that_cannot_be_deleted_does_not_keep_the_status_from_being_written(world, operator):
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    world.api.fail("delete", "pods", ANSWERS["500"], times=10**6, matches=lambda name: name == "mnist-ps-0")
    for name in ("mnist-chief-0", "mnist-evaluator-0"):
        world.finish(name)
    await operator.pass_(10)
    assert world.state == "Completed"
    world.set_spec(runPolicy={"cleanPodPolicy": "Running"})
    await operator.pass_(10)
    assert world.status["observedGeneration"] == 2
    assert operator.results["error"] > 0


QUOTA = status_error(403, "Forbidden", "exceeded quota")


async def test_two_jobs_whose_tensorboard_is_refused_do_not_keep_each_other_busy(world, operator):
    """Each gives way to jobs that wait, and waits itself: that must not go on, and their statuses must be written."""
    world.api.fail("create", "pods", QUOTA, times=10**6, matches=lambda name: name.endswith("tensorboard"))
    for name in ("mnist", "other"):
        world.submit(job_manifest(name, tensorBoard={}))
    await operator.settle()
    world.run()
    await operator.pass_(30)
    assert world.state == "Training"
    looks = operator.results.total()
    await operator.pass_(600)
    assert operator.results.total() - looks < 30


async def test_a_job_that_a_quota_holds_up_is_not_looked_at_once_a_second(world, operator):
    world.api.fail("create", "pods", QUOTA, times=10**6)
    world.submit()
    await operator.pass_(700)
    looks = operator.results.total()
    await operator.pass_(300)
    assert operator.results.total() - looks < 10
