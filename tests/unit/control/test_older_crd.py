"""A CRD that is older than the operator: the API server drops what it does not know of a status, without a word."""

from __future__ import annotations

import pytest
from fake_operator import FakeOperator
from job_world import FIVE_PODS, World

from estimator_operator.control.job_writer import TRIED_EVERY
from estimator_operator.control.pruned_status import unkept
from estimator_operator.kube.resources import PODS

UNKNOWN = [
    ("pinned",),
    ("completedReplicas",),
    ("restarts", "evaluator"),
    ("restarts", "incidents"),
    ("restarts", "byReplica", "time"),
    ("restarts", "byReplica", "quick"),
    ("progress", "finished"),
    ("progress", "reportTime"),
]
"""What fields of the status an older version did not have."""
WRITE = "patch estimatorjobs/status"


@pytest.fixture
def world() -> World:
    world = World()
    world.api.unknown = list(UNKNOWN)
    return world


async def training(world: World, operator: FakeOperator, **spec: object) -> None:
    world.submit(**FIVE_PODS, **spec)
    await operator.settle()
    world.run()
    await operator.settle()
    assert world.state == "Training"


async def test_it_is_told_once_with_the_fields_and_what_to_do(world, operator, caplog):
    await training(world, operator)
    (note,) = world.notes("CrdOutdated")
    assert "status.pinned" in note
    assert "apply crds/estimatorjobs.yaml" in note
    assert operator.pruned > 0
    await operator.pass_(1000)
    assert len(world.notes("CrdOutdated")) == 1
    assert caplog.text.count("the CRD is older than the operator") == 1


async def test_a_job_that_stays_as_it_is_is_not_written_again(world, operator):
    await training(world, operator)
    before = world.api.calls[WRITE]
    for _ in range(50):
        operator.queue.add(next(iter(operator.store)).key)
        await operator.pass_(60)
    assert world.api.calls[WRITE] == before


async def test_budgets_are_counted_all_the_same(world, operator):
    await training(world, operator, runPolicy={"backoffLimit": 2})
    for attempt in range(3):
        name = "mnist-evaluator-0" + (f"-r{attempt}" if attempt else "")
        world.run(name)
        await operator.pass_(1)
        world.finish(name, 1)
        await operator.pass_(400)
    assert world.condition("EvaluatorDegraded")["status"] == "True"
    assert "evaluator" not in world.status["restarts"]


async def test_deleted_pods_back_off_all_the_same(world, operator):
    await training(world, operator)
    before = world.api.calls["create pods"]
    for _ in range(600):
        for name in world.pods:
            if name.startswith("mnist-worker-1"):
                world.api.remove(PODS, "default", name, now=True)
        await operator.pass_(1)
    assert world.api.calls["create pods"] - before < 12


async def test_what_is_new_in_dropped_fields_alone_is_seldom_sent(world, operator):
    await training(world, operator)
    world.api.unknown.append(("progress",))
    operator.report("mnist-chief-0", global_step=1)
    await operator.pass_(30)
    before = world.api.calls[WRITE]
    for step in range(2, 600):
        operator.report("mnist-chief-0", global_step=step)
        await operator.pass_(1)
    assert world.api.calls[WRITE] - before <= 600 / TRIED_EVERY


async def test_a_crd_that_is_brought_up_to_date_gets_what_was_kept_for_it(world, operator, caplog):
    caplog.set_level("INFO")
    await training(world, operator)
    world.finish("mnist-evaluator-0", 1)
    await operator.pass_(30)
    assert "evaluator" not in world.status["restarts"]
    world.api.unknown.clear()
    world.finish("mnist-worker-0", 1)
    await operator.pass_(30)
    assert world.status["restarts"]["evaluator"] == 1
    assert world.status["pinned"]["runtimeImage"]
    assert "keeps the whole status again" in caplog.text


async def test_the_job_goes_through_its_life_with_an_older_crd(world, operator):
    await training(world, operator)
    world.set_spec(suspend=True)
    for _ in range(3):
        await operator.pass_(2)
        world.collect()
    await operator.settle()
    assert world.state == "Suspended"
    world.set_spec(suspend=False)
    await operator.settle()
    world.run()
    await operator.settle()
    world.finish("mnist-evaluator-0")
    world.finish("mnist-chief-0")
    await operator.settle()
    assert world.state == "Completed"
    before = world.api.calls[WRITE]
    await operator.pass_(600, step=10)
    assert world.api.calls[WRITE] == before


async def test_the_next_operator_begins_without_what_was_in_memory_and_writes_once(world, operator):
    await training(world, operator)
    world.api.unwatch(operator.watch)
    before = world.api.calls[WRITE]
    later = world.operator()
    await later.start()
    await later.pass_(250)
    assert world.api.calls[WRITE] - before <= 1
    assert world.state == "Training"


def test_items_of_a_list_are_compared_one_by_one():
    sent = {"byReplica": [{"replica": "a", "count": 1, "quick": 2}, {"replica": "b", "count": 1}], "new": {}}
    kept = {"byReplica": [{"replica": "a", "count": 1}, {"replica": "b", "count": 1}]}
    found = unkept(sent, kept)
    assert found is not None
    assert found.fields == ["status.byReplica[].quick", "status.new"]
    assert found.restored(kept) == sent
    assert found.without(sent) == kept
    another = {"byReplica": [{"replica": "c", "count": 1}, {"replica": "b", "count": 1}]}
    assert found.restored(another) == {**another, "new": {}}
    assert unkept(kept, sent) is None
