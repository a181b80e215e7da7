"""What goes wrong between the operator and the API server, and that nothing comes of it."""

from __future__ import annotations

import asyncio

import pytest
from fake_api import status_error
from fake_operator import KEY
from job_world import FIVE_PODS, World, job_manifest

from estimator_operator.control import operator_error, reconcile
from estimator_operator.kube.resources import JOBS, PODS

UNAVAILABLE = status_error(503, "ServiceUnavailable", "etcd is away")
NO_ANSWER = status_error(0, message="connection reset")
BUSY = status_error(429, "TooManyRequests", "slow down", retry_after=7)
CALLS = [
    ("create", "pods"),
    ("create", "services"),
    ("patch", "estimatorjobs/status"),
    ("delete", "pods"),
]


async def live(world: World, operator) -> None:
    """A life with every kind of write: created, one worker restarted, completed, cleaned up."""
    world.submit(**FIVE_PODS)
    await operator.pass_(60, step=5)
    world.run()
    await operator.pass_(60, step=5)
    world.finish("mnist-worker-1", 1, "boom")
    await operator.pass_(60, step=5)
    world.run("mnist-worker-1-r1")
    await operator.pass_(60, step=5)
    world.finish("mnist-chief-0")
    world.finish("mnist-evaluator-0")
    await operator.pass_(60, step=5)
    world.collect()
    await operator.pass_(60, step=5)


def assert_lived(world: World) -> None:
    assert world.state == "Completed"
    assert world.status["restarts"]["total"] == world.status["restarts"]["counted"] == 1
    assert world.pods == ["mnist-chief-0", "mnist-evaluator-0"]
    assert [one["replica"] for one in world.status["failures"]] == ["worker-1"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [UNAVAILABLE, NO_ANSWER, BUSY], ids=["503", "no-answer", "429"])
@pytest.mark.parametrize("call", CALLS, ids=" ".join)
async def test_every_write_may_fail_before_and_after_its_effect(world, operator, call, error, after):
    world.api.fail(*call, error, times=3, after=after)
    await live(world, operator)
    assert_lived(world)
    assert operator.results["error"] > 0


async def test_a_busy_server_is_left_alone_for_as_long_as_it_says(world, operator):
    world.api.fail("create", "services", BUSY)
    world.submit()
    await operator.pass_(6)
    assert world.api.calls["create services"] == 1
    await operator.pass_(5)
    assert world.api.calls["create services"] == 2


async def test_a_lost_event_is_not_a_lost_event(world, operator):
    """Event recording may fail: the job goes on, and the status was written before."""
    world.api.fail("create", "events", UNAVAILABLE, times=100)
    await live(world, operator)
    assert_lived(world)
    assert operator.results["error"] == 0


async def test_events_are_written_after_the_status_only(world, operator):
    seen = []
    world.api.before = lambda verb, resource, name: seen.append((resource, world.state))
    await live(world, operator)
    assert [state for resource, state in seen if resource == "events"] == [
        "Training",
        "Restarting",
        "Completed",
    ]


async def test_a_changed_job_is_read_again_and_planned_anew(world, operator):
    world.submit()
    await operator.settle()
    world.run()
    operator.watch.tell(operator.controller)
    world.api.edit(JOBS, "mnist", lambda job: job["metadata"].update(labels={"team": "vision"}))
    operator.watch.events.clear()
    await operator.settle()
    assert world.state == "Training"
    assert world.api.calls["get estimatorjobs"] == 1


async def test_a_status_is_never_written_onto_a_namesake(world, operator):
    world.submit()
    await operator.settle()
    world.run()
    operator.watch.tell(operator.controller)
    world.api.remove(JOBS, "default", "mnist")
    world.submit(suspend=True)
    operator.watch.events.clear()
    await operator.settle()
    assert world.state == "Suspended"


async def test_a_job_that_is_gone_is_forgotten(world, operator):
    world.submit()
    await operator.settle()
    world.run()
    operator.watch.tell(operator.controller)
    world.api.remove(JOBS, "default", "mnist")
    operator.watch.events.clear()
    await operator.settle()
    assert operator.store.job(KEY) is None


async def test_objects_of_a_deleted_namesake_are_waited_for(world, operator):
    """`kubectl replace --force`: the old pods take their grace to end."""
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.remove(JOBS, "default", "mnist")
    world.submit()
    await operator.settle()
    assert world.state == "PodCreationForbidden"
    assert "left from an earlier job" in world.condition("Ready")["message"]
    world.collect()
    await operator.settle()
    assert world.pods == ["mnist-chief-0"]
    assert world.state == "PodsPending"
    assert not world.status["failures"]


async def test_a_quota_is_waited_out(world, operator):
    quota = status_error(403, "Forbidden", 'pods "x" is forbidden: exceeded quota: pods=3')
    world.api.fail("create", "pods", quota, times=10**6, matches=lambda name: "worker" in name)
    world.submit(**FIVE_PODS)
    await operator.settle()
    assert world.state == "PodCreationForbidden"
    assert "exceeded quota" in world.condition("Ready")["message"]
    assert world.events() == ["PodCreationForbidden"]
    assert len(world.pods) == 3
    world.run()
    calls = world.api.calls["create pods"]
    await operator.pass_(600)
    assert world.api.calls["create pods"] - calls <= 2 * 8
    assert world.api.calls["patch estimatorjobs/status"] <= 3
    world.api.heal()
    await operator.pass_(300)
    assert len(world.pods) == 5
    world.run()
    await operator.settle()
    assert world.state == "Training"


async def test_a_pod_that_can_never_be_made_fails_the_job(world, operator):
    invalid = status_error(
        422, "Invalid", 'Pod "mnist-chief-0" is invalid: spec.containers[0].image: Required value'
    )
    world.api.fail("create", "pods", invalid, times=10**6)
    world.submit()
    await operator.settle()
    assert world.state == "InvalidSpec"
    assert "spec.containers[0].image: Required value" in world.condition("Failed")["message"]
    assert world.api.calls["create pods"] == 1


async def test_a_webhook_may_refuse_with_400(world, operator):
    refused = status_error(400, "BadRequest", 'admission webhook "policy" denied the request: no latest tags')
    world.api.fail("create", "pods", refused)
    world.submit()
    await operator.settle()
    assert world.state == "PodCreationForbidden"
    await operator.pass_(10)
    assert world.state == "PodsPending"


async def test_a_changed_spec_is_tried_at_once(world, operator):
    refused = status_error(403, "Forbidden", "no such priority class")
    world.api.fail("create", "pods", refused, times=6)
    world.submit()
    await operator.pass_(300)
    assert world.pods == []
    world.set_spec(suspend=True)
    await operator.settle()
    world.set_spec(suspend=False)
    await operator.settle()
    assert world.pods == ["mnist-chief-0"]


async def test_a_job_that_cannot_be_read_waits_and_harms_no_other(world, operator):
    world.submit(modelDir={})
    other = {"metadata": {"name": "other"}, "spec": {"image": "trainer", "modelDir": {"uri": "gs://x/y"}}}
    world.submit(other)
    await operator.settle()
    assert world.state == "InvalidSpec"
    assert "modelDir" in world.condition("Stalled")["message"]
    assert world.condition("Failed")["status"] == "False"
    assert world.pods == ["other-chief-0"]
    await operator.pass_(100)  # the other job waits with its cause in the status
    writes = world.api.writes()
    await operator.pass_(100)
    assert world.api.writes() == writes


async def test_a_running_job_that_this_version_cannot_read_trains_on(world, operator):
    """A stricter model after an upgrade; the rollback finds the job as it was."""
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()
    model_dir = world.job["spec"]["modelDir"]
    world.set_spec(modelDir={})
    await operator.settle()
    assert world.state == "InvalidSpec"
    assert world.pods == ["mnist-chief-0"]
    world.set_spec(modelDir=model_dir)
    await operator.settle()
    assert world.state == "Training"
    assert world.api.calls["create pods"] == 1


async def test_a_status_that_cannot_be_read_is_not_written_over(world, operator):
    world.submit()
    await operator.settle()
    world.api.edit(JOBS, "mnist", lambda job: job["status"]["restarts"].update(total="seven"))
    await operator.settle()
    assert world.status["restarts"]["total"] == "seven"


async def test_a_reconcile_that_crashes_is_logged_and_tried_again(world, operator, caplog):
    world.api.fail("create", "services", ZeroDivisionError("a bug"))
    world.submit()
    await operator.settle()
    assert operator.results == {"crash": 1}
    assert "ZeroDivisionError: a bug" in caplog.text
    await operator.pass_(2)
    assert world.pods == ["mnist-chief-0"]
    assert operator.results["success"]


async def test_a_cancelled_reconcile_is_no_crash(world, operator):
    world.submit()
    operator.watch.tell(operator.controller)
    step = asyncio.ensure_future(operator.controller.step())
    await asyncio.sleep(0)
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert operator.controller.ailment is None
    again = world.operator()
    await again.start()
    assert world.pods == ["mnist-chief-0"]


async def test_a_job_that_is_being_deleted_gets_nothing(world, operator):
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.edit(
        JOBS, "mnist", lambda job: job["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z")
    )
    writes = world.api.writes()
    world.api.remove(PODS, "default", "mnist-chief-0", now=True)
    await operator.pass_(60)
    assert world.api.writes() == writes


async def test_the_time_to_live_deletes_the_job_once(world, operator):
    world.submit(runPolicy={"ttlSecondsAfterFinished": 30})
    await operator.settle()
    world.run()
    world.finish("mnist-chief-0")
    await operator.pass_(29)
    assert world.job
    await operator.pass_(5)
    assert world.api.names(JOBS) == []
    assert world.api.calls["delete estimatorjobs"] == 1
    assert operator.store.job(KEY) is None


async def test_a_job_at_which_the_operator_fails_every_time_says_so(world, operator, monkeypatch):
    real = reconcile.plan
    numbers = iter(range(1000))

    def broken(job, *rest):
        if job.metadata.name == "mnist":
            raise KeyError(f"boom {next(numbers)}\n" * 100)
        return real(job, *rest)

    monkeypatch.setattr(reconcile, "plan", broken)
    world.submit()
    world.submit(job_manifest("other"))
    await operator.settle()
    assert world.state == "New", "once is no news"
    await operator.pass_(5)
    told = world.job["metadata"]["resourceVersion"]
    await operator.pass_(120)
    ready, stalled = world.condition("Ready"), world.condition("Stalled")
    assert (ready["status"], ready["reason"]) == ("False", "OperatorError")
    assert (stalled["status"], stalled["message"]) == ("True", ready["message"])
    assert "KeyError" in ready["message"]
    assert len(ready["message"]) < 600
    assert len(world.notes("OperatorError")) == 1
    assert world.job["metadata"]["resourceVersion"] == told
    assert world.pods == ["other-chief-0"]
    monkeypatch.setattr(reconcile, "plan", real)
    await operator.pass_(400, step=10)
    assert "mnist-chief-0" in world.pods
    assert world.state == "PodsPending"
    assert world.condition("Stalled") is None


async def test_a_job_that_cannot_be_told_of_a_crash_holds_up_nobody(world, operator, monkeypatch):
    def broken(*_):
        raise ValueError("boom")

    monkeypatch.setattr(reconcile, "plan", broken)
    monkeypatch.setattr(operator_error, "crashed", broken)
    world.submit()
    await operator.pass_(30)
    assert operator.results["crash"] > 2
    assert world.state == "New"
