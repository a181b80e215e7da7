"""Pods on nodes that are gone: deleted without grace, by uid, after one more look."""

from __future__ import annotations

from typing import Any

import pytest
from fake_api import status_error
from plan_actions import act, applier, plan_with, record

from estimator_api import EstimatorJobStatus
from estimator_api import constants as c
from estimator_api.status import Condition, Failure, Restarts
from estimator_operator.control.second_look import wants_second_look
from estimator_operator.kube.resources import PODS
from estimator_operator.plan import Plan
from estimator_operator.plan.observed import PodDeletion

POD = "mnist-chief-0"


async def stuck(world, operator) -> PodDeletion:
    """A pod that was told to end and does not."""
    world.submit()
    await operator.settle()
    world.run()
    world.api.remove(PODS, "default", POD)
    operator.watch.tell(operator.controller)
    uid = world.api.objects["pods", "default", POD]["metadata"]["uid"]
    return PodDeletion(
        name=POD,
        uid=uid,
        reason="its node is gone",
        force=True,
        version=world.api.objects["pods", "default", POD]["metadata"]["resourceVersion"],
    )


async def test_it_is_gone_with_the_answer(world, operator, caplog):
    caplog.set_level("INFO", logger="estimator_operator")
    deletion = await stuck(world, operator)
    assert not await act(operator, record(operator), plan_with(delete_pods=(deletion,)))
    assert world.api.calls["force pods"] == 1
    assert world.pods == []
    assert operator.store.pods(record(operator)) == ()
    assert f"deleted pod {POD}: its node is gone (by force)" in caplog.text


async def test_a_finalizer_holds_it_all_the_same(world, operator):
    deletion = await stuck(world, operator)
    answer = world.api.objects["pods", "default", POD]
    answer["metadata"]["finalizers"] = ["example.com/held"]

    async def delete(*_: Any, **__: Any) -> dict:
        return answer

    world.api.delete = delete
    await act(operator, record(operator), plan_with(delete_pods=(deletion,)))
    assert [one.name for one in operator.store.pods(record(operator))] == [POD]


@pytest.mark.parametrize("change", ["came back", "namesake", "gone"])
async def test_a_pod_that_is_not_what_it_was_is_spared(world, operator, change):
    deletion = await stuck(world, operator)
    if change == "came back":
        world.api.edit(PODS, POD, lambda pod: pod["status"].update(reason="NodeBack"))
    else:
        world.api.remove(PODS, "default", POD, now=True)
    if change == "namesake":
        world.api.put(PODS, "default", {"metadata": {"name": POD, "labels": {}}, "spec": {}})
    operator.watch.events.clear()
    anew = await act(operator, record(operator), plan_with(delete_pods=(deletion,)))
    assert anew is (change != "gone")
    assert (POD in world.pods) is (change != "gone")


async def test_a_server_that_is_away_is_asked_again(world, operator):
    deletion = await stuck(world, operator)
    world.api.fail("force", "pods", status_error(503), after=True)
    acted = await applier(operator).act(record(operator), plan_with(delete_pods=(deletion,)))
    assert acted.failed is not None
    assert not await act(operator, record(operator), plan_with(delete_pods=(deletion,)))


def failed(reason: str) -> EstimatorJobStatus:
    condition = Condition(
        type=c.FAILED, status="True", reason=reason, last_transition_time="2026-01-01T00:00:00Z"
    )
    return EstimatorJobStatus(conditions=[condition])


def restarted(**fields: Any) -> EstimatorJobStatus:
    failure = Failure(replica="chief-0", time="2026-01-01T00:00:00Z", **fields)
    return EstimatorJobStatus(restarts=Restarts(total=1), failures=[failure])


FORCE = (PodDeletion(name="p", uid="u", reason="r", force=True),)
GRACEFUL = (PodDeletion(name="p", uid="u", reason="r"),)


@pytest.mark.parametrize(
    ("made", "wants"),
    [
        (Plan(status=EstimatorJobStatus()), False),
        (Plan(status=failed(c.REASON_DEADLINE_EXCEEDED)), True),
        (Plan(status=failed(c.REASON_PENDING_DEADLINE_EXCEEDED)), True),
        (Plan(status=failed(c.REASON_TRAINING_STALLED)), True),
        (Plan(status=failed(c.REASON_BACKOFF_LIMIT_EXCEEDED)), False),
        (Plan(status=restarted(reason="DeletedPod")), True),
        (Plan(status=restarted(reason="DeletedPod", node="n1")), False),
        (Plan(status=restarted(reason="Error", exit_code=1)), False),
        (Plan(status=EstimatorJobStatus(), delete_pods=FORCE), True),
        (Plan(status=EstimatorJobStatus(), delete_pods=GRACEFUL), False),
    ],
)
def test_what_rests_on_time_or_absence_wants_a_second_look(made, wants):
    assert wants_second_look(EstimatorJobStatus(), made) is wants


def test_what_was_decided_before_needs_none():
    made = Plan(status=failed(c.REASON_DEADLINE_EXCEEDED))
    assert not wants_second_look(failed(c.REASON_DEADLINE_EXCEEDED), made)


async def test_a_deadline_is_not_held_against_what_the_watch_did_not_tell(world, operator):
    """The chief has ended in time, but the watch was away: one list before the job fails."""
    world.submit(runPolicy={"activeDeadlineSeconds": 60})
    await operator.settle()
    world.run()
    await operator.settle()
    world.clock.pass_(50)
    world.finish(POD)
    operator.watch.events.clear()
    world.clock.pass_(50)
    world.api.calls.clear()
    await operator.settle()
    assert world.state == "Completed"
    assert world.api.calls["list pods"] == 1
