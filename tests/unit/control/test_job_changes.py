"""What a new status says that the old one did not: each restart and each end is counted once."""

from __future__ import annotations

from typing import Any

import pytest
from fake_api import status_error
from job_world import FIVE_PODS

from estimator_operator.kube.resources import JOBS
from estimator_operator.observe.job_changes import change_of
from estimator_operator.plan.transitions import UNKNOWN, WITH_THE_JOB


def failure(replica: str, attempt: int = 0, reason: str = "Error", **more: Any) -> dict[str, Any]:
    return {"replica": replica, "attempt": attempt, "reason": reason, "time": f"t{attempt}", **more}


def status(*failures: dict[str, Any], **counts: int) -> dict[str, Any]:
    by_replica = [{"replica": name.replace("_", "-"), "count": count} for name, count in counts.items()]
    return {"failures": list(failures), "restarts": {"byReplica": by_replica}}


A = failure("worker-0", 0, "OOMKilled", exitCode=137)
B = failure("worker-0", 1, "Error")
C = failure("ps-0", 0, "Evicted")


@pytest.mark.parametrize(
    ("before", "after", "restarts"),
    [
        ({}, {}, []),
        ({}, status(), []),
        ({}, status(A, worker_0=1), [("worker-0", 0, "OOMKilled")]),
        (status(A, worker_0=1), status(A, worker_0=1), []),
        (status(A, worker_0=1), status(A, B, worker_0=2), [("worker-0", 1, "Error")]),
        ({}, status(A, C, worker_0=1, ps_0=1), [("worker-0", 0, "OOMKilled"), ("ps-0", 0, "Evicted")]),
        # The list of failures holds ten: what fell out of it is counted all the same.
        ({}, status(B, worker_0=2), [("worker-0", 0, WITH_THE_JOB), ("worker-0", 1, "Error")]),
        ({}, status(A, worker_0=1, ps_0=1), [("worker-0", 0, "OOMKilled"), ("ps-0", 0, WITH_THE_JOB)]),
        ({}, status(worker_0=1), [("worker-0", 0, UNKNOWN)]),
        (status(A), status(A, worker_0=1), [("worker-0", 0, UNKNOWN)]),
        # A failure that is not restarted ends the job.
        ({}, status(A), []),
        (status(A, worker_0=2), status(A, worker_0=1), []),
    ],
)
def test_restarts(before, after, restarts):
    found = change_of(before, after).restarts
    assert [(one.replica, one.attempt, one.reason) for one in found] == restarts
    assert all(one.role == one.replica[:-2] for one in found)


def ended(kind: str, reason: str, **more: Any) -> dict[str, Any]:
    told = {"reason": reason, "message": "why", "lastTransitionTime": "2026-01-01T01:00:00Z"}
    ready = {"type": "Ready", "status": "False", **told}
    return {"conditions": [ready, {"type": kind, "status": "True", **told}], **more}


TIMES = {"startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T01:00:00Z"}


@pytest.mark.parametrize(
    ("before", "after", "end"),
    [
        ({}, {}, ("", None, None)),
        ({}, ended("Complete", "Completed", **TIMES), ("Completed", "Complete", 3600)),
        ({}, ended("Failed", "DeadlineExceeded"), ("DeadlineExceeded", "Failed", None)),
        (
            ended("Failed", "InvalidSpec"),
            ended("Failed", "InvalidSpec", **TIMES),
            ("InvalidSpec", None, None),
        ),
    ],
)
def test_ends(before, after, end):
    change = change_of(before, after)
    assert (change.after, change.result, change.seconds) == end


async def live(world, operator) -> None:
    world.submit(**FIVE_PODS)
    await operator.pass_(10, step=5)
    world.run()
    await operator.pass_(60, step=5)
    world.finish("mnist-worker-1", 1, "boom")
    await operator.pass_(60, step=5)
    world.run("mnist-worker-1-r1")
    world.finish("mnist-chief-0")
    world.finish("mnist-evaluator-0")
    await operator.pass_(60, step=5)


@pytest.mark.parametrize("after", [False, True], ids=["lost call", "lost answer"])
@pytest.mark.parametrize("nth", range(4))
async def test_nothing_is_counted_twice_or_lost_when_writes_fail(world, operator, nth, after):
    """A write whose answer is lost has happened; the job is read again and tells so."""
    seen = []
    error = status_error(503)

    def due(name: str) -> bool:
        seen.append(name)
        return len(seen) == nth + 1

    world.api.fail("patch", "estimatorjobs/status", error, matches=due)
    world.api._faults[0].after = after
    await live(world, operator)
    assert operator.restarts == {("worker", "Error"): 1}
    assert operator.ends == {("Complete", "Completed"): 1}
    assert operator.durations == [pytest.approx(world_seconds(world))]


def world_seconds(world) -> float:
    return change_of({}, world.status).seconds


async def test_events_told_again_count_nothing(world, operator):
    await live(world, operator)
    counted = operator.restarts.copy(), operator.ends.copy()
    operator.controller.job_event("MODIFIED", world.job)
    await operator.relist()
    await operator.settle()
    assert (operator.restarts, operator.ends) == counted


async def test_a_new_leader_counts_nothing_of_what_was(world, operator):
    await live(world, operator)
    again = world.operator()
    await again.start()
    assert (again.restarts, again.ends) == ({}, {})


async def test_what_another_operator_writes_is_seen_by_each_once(world, operator):
    second = world.operator()
    await second.start()
    await live(world, operator)
    second.watch.tell(second.controller)
    assert second.ends == operator.ends
    assert second.restarts == operator.restarts


async def test_a_job_made_anew_starts_from_nothing(world, operator):
    await live(world, operator)
    world.api.remove(JOBS, "default", "mnist")
    world.submit()
    await operator.settle()
    assert operator.ends == {("Complete", "Completed"): 1}


def test_failures_that_the_list_has_no_room_for_are_not_taken_for_bystanders():
    """Twelve fail at once and the status keeps ten: the other two did not restart because somebody else failed."""
    listed = [failure(f"worker-{index}") for index in range(10)]
    counts = {f"worker_{index}": 1 for index in range(12)}
    reasons = [one.reason for one in change_of({}, status(*listed, **counts)).restarts]
    assert sorted(reasons) == ["Error"] * 10 + [UNKNOWN] * 2


@pytest.mark.parametrize(
    "strange",
    [
        {"conditions": [{"type": "Ready"}]},
        {"restarts": {"byReplica": [{"count": 1}]}},
        {"restarts": "none"},
        {"failures": [{"replica": "worker-0"}]},
    ],
)
async def test_a_status_that_cannot_be_read_counts_nothing_and_stops_nobody(world, operator, strange):
    assert change_of({}, strange) is None
    assert change_of(strange, {}) is None
    await live(world, operator)
    counted = operator.restarts.copy(), operator.ends.copy()
    world.api.edit(JOBS, "mnist", lambda job: job["status"].update(strange))
    operator.watch.tell(operator.controller)
    assert (operator.restarts, operator.ends) == counted


def test_a_count_that_is_no_number_of_ours_costs_nothing():
    assert len(change_of({}, status(worker_0=2**31 - 1)).restarts) == 1000
