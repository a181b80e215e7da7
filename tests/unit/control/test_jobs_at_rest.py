"""Jobs for which there is nothing to do: small, never read, passed over, and read again when they need a look."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from fake_operator import KEY, FakeOperator
from job_world import FIVE_PODS, World, job_manifest

from estimator_operator.control import job_object
from estimator_operator.control.job_record import JobKey
from estimator_operator.kube.resources import JOBS, PODS, SERVICES

BIG = {"params": {f"p{number}": "x" * 100 for number in range(100)}}


def ended(name: str, number: int, **spec: Any) -> dict[str, Any]:
    """A job that has completed, as a server lists it."""
    manifest = job_manifest(name, **spec)
    manifest["metadata"] |= {
        "namespace": "default",
        "uid": f"u-{number}",
        "resourceVersion": str(100 + number),
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{"manager": "kubectl"}],
    }
    times = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1, "message": "m" * 100}
    manifest["status"] = {
        "observedGeneration": 1,
        "completionTime": "2026-01-01T00:00:00Z",
        "startTime": "2026-01-01T00:00:00Z",
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Completed", **times},
            {"type": "Complete", "status": "True", "reason": "Completed", **times},
            {"type": "Reconciling", "status": "False", "reason": "Completed", **times},
        ],
    }
    return manifest


def whole(operator: FakeOperator) -> bool:
    record = operator.store.job(KEY)
    assert record is not None
    return record.stub is None


async def complete(world: World, operator: FakeOperator, **spec: Any) -> None:
    world.submit(**{**FIVE_PODS, **spec})
    await operator.settle()
    world.run()
    await operator.settle()
    for name in ("mnist-chief-0", "mnist-evaluator-0"):
        world.finish(name)
    await operator.settle()
    for _ in range(3):
        world.collect()
        await operator.pass_(2)
    assert world.state == "Completed"


async def test_ten_thousand_finished_jobs_are_small_and_nobody_reads_them(world, operator, monkeypatch):
    count = 10_000
    manifests = (ended(f"job-{number}", number, **BIG) for number in range(count))

    def parse(_: object) -> None:
        raise AssertionError("a finished job was read")

    monkeypatch.setattr(job_object, "parse_job", parse)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for one in manifests:
        operator.store.put_job(one)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / count < 2000
    calls = world.api.calls.total()
    operator.controller.begin()
    await operator.settle()
    assert operator.results.total() == 0
    assert world.api.calls.total() == calls
    assert {one.state for one in operator.store} == {"Completed"}
    assert all(one.finished for one in operator.store)


async def test_suspended_jobs_of_a_megabyte_are_small_too(world, operator):
    world.submit(**FIVE_PODS, suspend=True)
    await operator.settle()
    assert world.state == "Suspended"
    await operator.settle()
    assert not whole(operator)
    again = world.operator()
    await again.start()
    assert not whole(again)
    assert again.results.total() == 0


async def test_a_finished_job_comes_to_rest_when_its_pods_are_settled(world, operator):
    await complete(world, operator)
    assert not whole(operator)
    before = world.api.calls.copy()
    world.api.remove(PODS, "default", "mnist-chief-0")
    await operator.pass_(3600, step=60)
    assert world.api.calls == before
    assert operator.ends == {("Complete", "Completed"): 1}


async def test_a_job_at_rest_is_deleted_when_its_time_to_live_is_over(world, operator):
    await complete(world, operator, runPolicy={"ttlSecondsAfterFinished": 600})
    assert not whole(operator)
    again = world.operator()
    await again.start()
    world.api.calls.clear()
    await again.pass_(601, step=1)
    assert world.api.names(JOBS) == []
    assert (world.api.calls["get estimatorjobs"], world.api.calls["delete estimatorjobs"]) == (1, 1)


@pytest.mark.parametrize(("raised", "left"), [(3600, ["mnist"]), (10, [])])
async def test_a_time_to_live_that_changes_at_rest_is_honoured(world, operator, raised, left):
    await complete(world, operator, runPolicy={"ttlSecondsAfterFinished": 600})
    world.set_spec(runPolicy={"ttlSecondsAfterFinished": raised})
    await operator.pass_(5)
    assert raised == 10 or world.status["observedGeneration"] == 2
    await operator.pass_(700, step=10)
    assert world.api.names(JOBS) == left


async def test_a_suspended_job_goes_on_as_one_that_was_never_at_rest(world, operator):
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    world.finish("mnist-worker-0", 1, "boom")
    await operator.pass_(20)
    assert world.status["restarts"]["total"] == 1
    world.run()
    world.set_spec(suspend=True)
    for _ in range(4):
        await operator.settle()
        world.collect()
    await operator.settle()
    assert world.state == "Suspended"
    assert not whole(operator)
    counted = operator.restarts.copy()
    world.set_spec(suspend=False)
    await operator.pass_(20)
    assert len(world.pods) == 5
    world.run()
    await operator.settle()
    assert world.state == "Training"
    assert operator.restarts == counted, "what was counted before is not counted again"


async def test_pods_that_an_operator_left_are_cleaned_up_by_the_next(world, operator):
    """It ended after it had written the end of the job: one read, then the deletions."""
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    for name in ("mnist-chief-0", "mnist-evaluator-0"):
        world.finish(name)
    world.api.down = False
    operator.watch.tell(operator.controller)
    await operator.controller.step()
    assert world.state == "Completed"
    assert world.api.calls["delete pods"] == 0
    again = world.operator()
    world.api.calls.clear()
    await again.start()
    assert world.api.calls["get estimatorjobs"] == 1
    assert world.api.calls["delete pods"] == 3


async def test_tensorboard_of_a_finished_job_is_still_looked_after(world, operator):
    await complete(world, operator, tensorBoard={"ttlSecondsAfterFinished": 3000})
    await operator.settle()
    world.run("mnist-tensorboard")
    await operator.pass_(5)
    assert not whole(operator)
    world.api.remove(PODS, "default", "mnist-tensorboard", now=True)
    await operator.pass_(5)
    assert "mnist-tensorboard" in world.pods
    world.run("mnist-tensorboard")
    await operator.pass_(3600, step=30)
    world.collect()
    await operator.pass_(5)
    assert "mnist-tensorboard" not in world.pods
    assert "mnist-tensorboard" not in world.api.names(SERVICES)


async def test_a_survey_reads_no_job_at_rest_again(world, operator):
    await complete(world, operator)
    results = operator.results.total()
    await operator.relist()
    operator.controller.begin()
    await operator.settle()
    assert operator.results.total() == results
    assert not whole(operator)


async def test_a_status_that_somebody_else_wrote_at_rest_is_counted_once(world, operator):
    await complete(world, operator)
    world.api.edit(JOBS, "mnist", lambda job: job["metadata"].update(labels={"kept": "yes"}))
    await operator.settle()
    assert operator.ends.total() == 1
    assert operator.store.job(JobKey("default", "mnist")) is not None


def test_a_job_that_was_deleted_does_not_come_back_by_an_older_list(operator):
    manifest = ended("mnist", 1)
    operator.controller.job_event("ADDED", manifest)
    operator.controller.job_event("DELETED", manifest)
    operator.store.put_job(manifest)
    assert operator.store.job(KEY) is None


async def test_no_job_comes_to_rest_before_its_last_status_is_written(world, operator):
    """What may wait for the interval of progress writes is not forgotten by a job that has nothing else to do."""
    operator.reconciler._progress_interval = lambda: 60.0
    await complete(world, operator, tensorBoard={"ttlSecondsAfterFinished": 1})
    for _ in range(4):
        world.collect()
        await operator.pass_(2)
    assert "mnist-tensorboard" not in world.pods
    await operator.pass_(61)
    assert "tensorBoard" not in world.status
    assert not whole(operator)
