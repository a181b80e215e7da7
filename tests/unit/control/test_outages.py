"""API servers that are slow, busy, away or contradictory: no loop without a pause, no job held up by another."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from fake_api import status_error
from fake_clock import FakeClock
from fake_operator import KEY
from job_world import FIVE_PODS, World, job_manifest

from estimator_operator.control.outage import DECLARED_AFTER, Outage
from estimator_operator.control.work_queue import WorkQueue
from estimator_operator.kube.resources import JOBS, PODS

AWAY = status_error(503, "ServiceUnavailable", "etcd is away")


@pytest.mark.parametrize(
    ("answers", "recoveries"),
    [
        ([200], 0),
        ([0, 200], 0),
        ([0, "later", 200], 1),
        ([503, "later", 504, 404], 1),
        ([0, "later", 200, 200], 1),
        ([0, 200, "later", 0, 200], 0),
        ([500, "later", 500, 200], 0),
        ([429, "later", 429, 200], 0),
    ],
)
def test_when_an_outage_is_over(answers, recoveries):
    clock, found = FakeClock(), []
    outage = Outage(clock.monotonic, on_recovery=lambda: found.append(clock.monotonic()))
    for one in answers:
        if one == "later":
            clock.pass_(DECLARED_AFTER)
        else:
            outage.answered(one)
    assert len(found) == recoveries
    assert not outage.lasts


def test_in_an_outage_delays_stay_short_and_all_keys_together_slow():
    clock = FakeClock()
    queue: WorkQueue[int] = WorkQueue(monotonic=clock.monotonic)
    assert max(queue.fail(0, outage=True) for _ in range(20)) <= 6
    for key in range(1000):
        queue.fail(key)
    delays = [queue.fail(1, outage=True) for _ in range(20)]
    assert 200 <= delays[-1] <= 240 * 1.2


async def test_after_an_outage_all_keys_are_looked_at_soon_but_not_at_once():
    clock = FakeClock()
    queue: WorkQueue[int] = WorkQueue(monotonic=clock.monotonic)
    for key in range(99):
        queue._failures[key] = 12
        assert queue.fail(key) >= 120
    queue.fail(100, at_least=30)
    queue.hurry()
    assert len(queue) == 1
    clock.pass_(2)
    queue._promote()
    assert len(queue) == 99
    clock.pass_(40)
    queue._promote()
    assert len(queue) == 100


def test_every_failure_is_told():
    told: list[None] = []
    queue: WorkQueue[str] = WorkQueue(on_retry=lambda: told.append(None))
    queue.fail("a")
    queue.fail("a")
    assert len(told) == 2


async def test_minutes_without_an_api_server(world, operator):
    """Ten minutes: tries are paced, counters stay, and seconds after its return everything is as it should be."""
    for number in range(10):
        world.submit(job_manifest(f"job-{number}", **FIVE_PODS))
    await operator.settle()
    world.run()
    await operator.settle()
    for number in range(10):
        world.finish(f"job-{number}-worker-0", 1, "boom")
    world.api.down = True
    calls = world.api.calls.total()
    await operator.pass_(600)
    assert operator.results["crash"] == 0
    assert 100 < world.api.calls.total() - calls < 600 * 5
    world.api.down = False
    await operator.pass_(8)
    for number in range(10):
        status = world.api.objects["estimatorjobs", "default", f"job-{number}"]["status"]
        assert status["restarts"]["counted"] == 1
        assert f"job-{number}-worker-0-r1" in world.pods
    assert operator.restarts == {("worker", "Error"): 10}
    assert all(operator.queue.fail(("default", f"job-{number}")) < 0.25 for number in range(10))


async def test_what_passed_during_an_outage_is_looked_at_before_it_is_judged(world, operator):
    """Pods ran on and ended while nobody could tell; the deadline must not count what was not seen."""
    world.submit(runPolicy={"activeDeadlineSeconds": 300})
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.down = True
    await operator.pass_(200, step=10)
    world.finish("mnist-chief-0")
    operator.watch.events.clear()
    await operator.pass_(200, step=10)
    world.api.down = False
    await operator.pass_(10)
    assert world.state == "Completed"


async def test_an_operator_that_was_away_for_an_hour_looks_first(world, operator):
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    world.clock.pass_(3600)
    world.finish("mnist-worker-0", 1, "boom")
    world.api.remove(PODS, "default", "mnist-ps-0", now=True)
    again = world.operator()
    await again.start()
    record = again.store.job(KEY)
    assert record.work.watched_since == world.clock.now()
    assert again.store.observe(record).watched_since == world.clock.now()
    await again.pass_(20)
    assert world.status["restarts"]["total"] == 2
    assert world.status["restarts"]["counted"] == 1
    assert record.work.watched_since < world.clock.now()


async def test_watched_since_is_this_process_s_first_look(world, operator):
    world.clock.pass_(5)
    world.submit()
    await operator.settle()
    first = operator.store.job(KEY).work.watched_since
    assert first == world.clock.now()
    world.clock.pass_(100)
    world.run()
    await operator.settle()
    assert operator.store.job(KEY).work.watched_since == first
    world.api.remove(JOBS, "default", "mnist")
    world.submit()
    await operator.settle()
    world.collect()
    await operator.pass_(1)
    assert operator.store.job(KEY).work.watched_since > first


async def test_a_storm_of_conflicts_is_waited_out(world, operator):
    """Somebody changes the job before each of our writes; the pauses grow, and in the end the write succeeds."""
    world.submit()
    await operator.settle()
    storm = {"on": True}

    def touch(verb: str, resource: str, name: str) -> None:
        if storm["on"] and (verb, resource) == ("patch", "estimatorjobs/status"):
            world.api.edit(
                JOBS, "mnist", lambda job: job["metadata"].update(labels={"n": str(world.api.calls.total())})
            )

    world.api.before = touch
    world.run()
    world.finish("mnist-chief-0", 1, "boom")
    world.api.calls.clear()
    await operator.pass_(300)
    assert world.api.calls["patch estimatorjobs/status"] < 30
    assert world.api.calls["get estimatorjobs"] == world.api.calls["patch estimatorjobs/status"]
    assert operator.results["error"] == operator.results["crash"] == 0
    storm["on"] = False
    await operator.pass_(31)
    assert world.status["restarts"]["total"] == 1
    assert world.pods == ["mnist-chief-0-r1"]
    assert operator.store.job(KEY).work.conflicts == 0


async def test_a_few_conflicts_cost_no_time(world, operator):
    world.submit()
    await operator.settle()
    world.run()
    world.api.fail("patch", "estimatorjobs/status", status_error(409, "Conflict"), times=3)
    await operator.settle()
    assert world.state == "Training"


async def test_a_storm_at_one_job_does_not_hold_others_up(world, operator):
    world.api.fail(
        "patch",
        "estimatorjobs/status",
        status_error(409, "Conflict"),
        times=10**6,
        matches=lambda name: name == "mnist",
    )
    world.submit()
    world.submit(job_manifest("other"))
    await operator.settle()
    world.run()
    await operator.pass_(10)
    other = world.api.objects["estimatorjobs", "default", "other"]["status"]["conditions"][0]
    assert other["reason"] == "Training"


async def test_a_call_that_hangs_holds_up_its_own_job_only(world, operator):
    """The time limit is the client's; until it is over, other workers go on."""
    hangs = asyncio.Event()
    create = world.api.create

    async def slow(resource, namespace, manifest, **more):
        if manifest["metadata"]["name"] == "mnist":
            await hangs.wait()
            raise status_error(0, message="timeout")
        return await create(resource, namespace, manifest, **more)

    world.api.create = slow
    world.submit()
    world.submit(job_manifest("other"))
    operator.watch.tell(operator.controller)
    held = asyncio.ensure_future(operator.controller.step())
    await asyncio.sleep(0)
    await operator.controller.step()
    assert world.pods == ["other-chief-0"]
    assert not held.done()
    hangs.set()
    await held
    assert operator.results["error"] == 1
    world.api.create = create
    await operator.pass_(2)
    assert world.pods == ["mnist-chief-0", "other-chief-0"]


ERRORS = {
    "429": status_error(429, "TooManyRequests", "slow down", retry_after=3),
    "500": status_error(500, "InternalError", "failed calling webhook"),
    "503": AWAY,
    "504": status_error(504, "Timeout", "request did not complete"),
    "no answer": status_error(0, message="connection reset"),
    "401": status_error(401, "Unauthorized", "token expired"),
    "410": status_error(410, "Expired", "too old resource version"),
    "conflict": status_error(409, "Conflict", "the object has been modified"),
}
CALLS = ["create pods", "create services", "delete pods", "patch estimatorjobs/status", "list pods"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
async def test_no_fault_is_final(world: World, operator, call, error):
    """Every call fails five times in every way, in a life with a restart; the life goes on, and nothing is counted twice."""
    verb, resource = call.split()
    world.api.fail(verb, resource, error, times=5)
    world.submit(**FIVE_PODS)
    await operator.pass_(120, step=4)
    world.run()
    await operator.pass_(60, step=4)
    world.finish("mnist-worker-0", 1, "boom")
    world.api.remove(PODS, "default", "mnist-ps-0", now=True)
    await operator.pass_(120, step=4)
    world.run("mnist-worker-0-r1", "mnist-ps-0-r1")
    world.finish("mnist-chief-0")
    world.finish("mnist-evaluator-0")
    await operator.pass_(120, step=4)
    assert world.state == "Completed"
    assert (world.status["restarts"]["total"], world.status["restarts"]["counted"]) == (2, 1)
    assert operator.restarts == {("worker", "Error"): 1, ("ps", "DeletedPod"): 1}
    assert operator.results["crash"] == 0
    assert world.api.calls[call] < 60


async def test_a_job_that_seems_to_be_gone_is_looked_for(world, operator):
    """An API server that starts says 404 until it has read its CRDs."""
    world.submit()
    await operator.settle()
    world.run()
    world.api.fail("patch", "estimatorjobs/status", status_error(404, "NotFound", "page not found"))
    await operator.settle()
    assert world.api.calls["get estimatorjobs"] == 1
    assert world.state == "Training"
    assert world.pods == ["mnist-chief-0"]


async def test_a_namespace_that_is_forbidden_does_not_take_the_others_along(world, caplog):
    """It was deleted, and its Role with it."""
    operator = world.operator("team-a", "team-b")
    denied = Counter[str]()
    pages = world.api.pages

    def refused(resource, namespace, **selectors):
        if namespace == "team-b":
            denied[resource.plural] += 1
            raise status_error(403, "Forbidden", "cannot list resource")
        return pages(resource, namespace, **selectors)

    world.api.pages = refused
    world.api.put(JOBS, "team-a", job_manifest())
    for _ in range(3):
        await operator.relist()
    await operator.settle()
    assert world.pods == ["mnist-chief-0"]
    assert denied["estimatorjobs"] == 3
    assert caplog.text.count("namespace team-b is not served for now") == 1
    assert operator.surveys["start", "success"] == 4
    assert operator.surveys["start", "error"] == 12
    await operator.survey.complete()
