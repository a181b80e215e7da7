"""A status that people wrote by hand: what no operator can have written is mended, and nothing runs hot of the rest."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from fake_operator import KEY, FakeOperator
from job_world import FIVE_PODS, World

from estimator_operator.control.believable import believable
from estimator_operator.kube.resources import JOBS

FAR = "9999-12-31T23:59:59Z"
MOST = 2**31 - 1
POLICY = {"activeDeadlineSeconds": 100_000, "stallTimeoutSeconds": 600, "ttlSecondsAfterFinished": 10**6}
EDITS: dict[str, dict[str, Any]] = {
    "negative counters": {"restarts": {"total": -5, "counted": -7, "evaluator": -1}},
    "an attempt that no pod has": {"restarts": {"byReplica": [{"replica": "worker-0", "count": MOST}]}},
    "a negative attempt": {"restarts": {"byReplica": [{"replica": "worker-0", "count": -3}]}},
    "replicas that are none": {
        "restarts": {"byReplica": [{"replica": "worker-x", "count": 2}], "pending": ["x"]}
    },
    "backoff for ever": {
        "restarts": {"byReplica": [{"replica": "worker-0", "count": 0, "quick": MOST, "time": FAR}]}
    },
    "a start at the end of time": {"startTime": FAR},
    "the chief's end at the end of time": {"chiefCompletionTime": FAR, "completedReplicas": ["chief-0"]},
    "a failure at the end of time": {
        "failures": [{"replica": "worker-0", "attempt": -2, "reason": "Error", "time": FAR}]
    },
    "a generation that is not": {"observedGeneration": 99},
    "pinned garbage": {
        "pinned": {"runtimeImage": "", "runtimeImageGpu": "@@ \x1b[31m", "clusterDomain": ".."}
    },
    "completed replicas that are not": {"completedReplicas": ["worker-0", "worker-77", "bogus", ""]},
    "more workers than there can be": {"workerReplicas": MOST},
    "progress that is none": {
        "progress": {"globalStep": 2**63 - 1, "maxSteps": -1, "percent": 5000, "lastUpdateTime": FAR}
    },
    "nothing at all": {},
}


async def edited(world: World, operator: FakeOperator, **fields: Any) -> None:
    world.submit(**FIVE_PODS, runPolicy=POLICY)
    await operator.settle()
    world.run()
    await operator.settle()
    assert world.state == "Training"
    change = fields or {"conditions": [], "restarts": {}}
    world.api.edit(JOBS, KEY.name, lambda job: job["status"].update(change))
    world.api.calls.clear()
    operator.results.clear()


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_no_edit_of_a_status_runs_hot_or_stops_the_job(world, operator, edit):
    await edited(world, operator, **edit)
    await operator.pass_(300)
    assert sum(world.api.calls.values()) <= 8, world.api.calls
    assert operator.results["crash"] == 0
    assert world.state in ("Training", "Evaluating")
    assert len(world.pods) == 5
    if "mnist-worker-1" in world.pods and world.state == "Training":
        world.finish("mnist-worker-1", 1)
        await operator.pass_(60)
        assert "mnist-worker-1-r1" in world.pods


async def test_a_counter_that_none_counted_is_written_as_it_is_believed(world, operator):
    await edited(world, operator, **EDITS["an attempt that no pod has"])
    await operator.settle()
    assert world.status["restarts"]["byReplica"] == []
    before = world.api.calls.total()
    await operator.pass_(300)
    assert world.api.calls.total() == before


async def test_an_end_at_the_end_of_time_does_not_keep_the_pods_of_a_finished_job(world, operator):
    await edited(world, operator, completionTime=FAR)

    def end(job: dict[str, Any]) -> None:
        for one in job["status"]["conditions"]:
            if one["type"] == "Complete":
                one["status"] = "True"

    world.api.edit(JOBS, KEY.name, end)
    for _ in range(3):
        await operator.pass_(10)
        world.collect()
    assert world.pods == []
    assert operator.results["crash"] == 0


def test_what_an_operator_can_have_written_is_left_as_it_is():
    replicas = [{"replica": "worker-12", "count": 7, "quick": 3, "time": "2026-01-01T00:00:00Z"}]
    status = {"restarts": {"total": 7, "counted": 0, "evaluator": 2, "byReplica": replicas}}
    assert believable(status) is status
    assert believable({}) == {}
    assert believable({"restarts": None}) == {"restarts": None}


@pytest.mark.parametrize("completed", [False, True], ids=["training", "completed"])
async def test_a_status_of_a_later_version_is_not_written_over(world, operator, completed):
    """Part of it cannot be read and part of it is not known here; a job that has ended must not train again."""
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    if completed:
        world.finish("mnist-evaluator-0")
        world.finish("mnist-chief-0")
        await operator.pass_(60)
        world.collect()
        assert world.state == "Completed"
    pods = sorted(world.pods)

    def of_a_later_version(job):
        counts = [{"replica": "reader-0", "count": 1}, {"replica": "worker-0", "count": 2**31 - 1}]
        job["status"]["restarts"] = {"total": 3, "byReplica": counts}
        job["status"]["failures"] = "in another form"

    world.api.edit(JOBS, "mnist", of_a_later_version)
    stored = copy.deepcopy(world.status)
    world.api.edit(
        JOBS, "mnist", lambda job: job["metadata"].setdefault("annotations", {}).update(touched="1")
    )
    await operator.pass_(120)
    assert world.status == stored
    assert sorted(world.pods) == pods
