"""Events: on transitions, few of the same, never in anybody's way, and with a memory that has bounds."""

from __future__ import annotations

import tracemalloc

from fake_operator import KEY, FakeOperator
from job_world import World

from estimator_api.status import EstimatorJobStatus, Failure, ReplicaRestarts, Restarts
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.recorder import BURST, JOBS_MOST, NOTES_MOST, WINDOW, Recorder
from estimator_operator.kube.resources import JOBS
from estimator_operator.plan.observed import JobEvent
from estimator_operator.plan.transitions import events_of


def event(note: str = "worker-0 failed", reason: str = "Restarting") -> JobEvent:
    return JobEvent(type="Warning", reason=reason, action="Restart", note=note)


def job(uid: str = "u") -> JobRecord:
    return JobRecord(key=KEY, manifest={"metadata": {"uid": uid, "resourceVersion": "1"}})


def recorder(operator: FakeOperator) -> Recorder:
    return operator.controller._recorder


def notes(world: World) -> list[str]:
    return [one["note"] for (plural, _, _), one in world.api.objects.items() if plural == "events"]


async def test_the_same_event_again_is_counted_and_not_written(world, operator):
    for _ in range(5):
        await recorder(operator).record(job(), event())
        world.clock.pass_(WINDOW / 10)
    assert notes(world) == ["worker-0 failed"]
    world.clock.pass_(WINDOW)
    await recorder(operator).record(job(), event())
    assert notes(world) == [
        "worker-0 failed",
        "worker-0 failed (and 4 more since the last event of this kind)",
    ]
    assert operator.event_results == {"written": 2, "repeated": 4}
    world.clock.pass_(WINDOW)
    await recorder(operator).record(job(), event())
    assert notes(world)[-1] == "worker-0 failed"


async def test_another_note_reason_or_job_is_another_event(world, operator):
    for one in (event(), event("worker-1 failed"), event(reason="Failed")):
        await recorder(operator).record(job(), one)
    await recorder(operator).record(job("other"), event())
    assert len(notes(world)) == 4


async def test_a_job_that_always_has_something_new_to_say_is_limited(world, operator):
    for number in range(100):
        await recorder(operator).record(job(), event(f"worker-0 failed the {number}th time"))
    assert len(notes(world)) == BURST
    assert operator.event_results["limited"] == 100 - BURST
    await recorder(operator).record(job("other"), event())
    assert len(notes(world)) == BURST + 1
    world.clock.pass_(3600)
    for number in range(100):
        await recorder(operator).record(job(), event(f"and the {number}th time"))
    assert len(notes(world)) == 2 * BURST + 1


async def test_a_long_note_keeps_its_length(world, operator):
    await recorder(operator).record(job(), event("x" * 1024))
    await recorder(operator).record(job(), event("x" * 1024))
    world.clock.pass_(WINDOW)
    await recorder(operator).record(job(), event("x" * 1024))
    assert [len(one) for one in notes(world)] == [1024, 1024]


async def test_memory_is_bounded(world, operator):
    one = recorder(operator)
    for number in range(JOBS_MOST + 10):
        one._note_for(job(f"u{number}"), event())
    assert len(one._memories) == JOBS_MOST
    for number in range(NOTES_MOST + 10):
        world.clock.pass_(WINDOW)
        one._note_for(job(), event(f"note {number}"))
    assert len(one._memories["u"].seen) == NOTES_MOST


async def test_a_flapping_pod_costs_few_events(world, operator):
    """A worker that fails at once, for an hour: its restarts are in the status, its events are a handful."""
    world.submit(worker={"replicas": 1}, evaluator={}, runPolicy={"backoffLimit": 1000})
    await operator.settle()
    world.run()
    await operator.settle()
    for attempt in range(100):
        name = "mnist-worker-0" + (f"-r{attempt}" if attempt else "")
        world.run(name)
        world.finish(name, 1, "boom")
        await operator.pass_(36, step=18)
    assert world.status["restarts"]["total"] == 100
    assert world.api.calls["create events"] < 60
    assert operator.restarts == {("worker", "Error"): 100}


async def test_memory_is_bounded_in_bytes_and_forgotten_with_the_job(world, operator):
    """Notes of a kilobyte are not kept: of each event only that it was written, and when."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(100):
        for kind in range(NOTES_MOST):
            note = f"{number}-{kind} " + "x" * 1000
            recorder(operator)._note_for(job(f"u-{number}"), event(note, reason=f"R{kind}"))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / 100 < 16_000
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()
    uid = world.job["metadata"]["uid"]
    assert uid in recorder(operator)._memories
    world.api.remove(JOBS, "default", "mnist")
    await operator.settle()
    assert uid not in recorder(operator)._memories


def test_a_note_has_at_most_1024_bytes_whatever_script_it_is_in():
    failure = Failure(
        replica="worker-0", reason="Error", exit_code=1, message="é" * 1024, time="2026-01-31T12:00:00Z"
    )
    new = EstimatorJobStatus(
        failures=[failure],
        restarts=Restarts(total=1, counted=1, by_replica=[ReplicaRestarts(replica="worker-0", count=1)]),
    )
    [made] = events_of(EstimatorJobStatus(), new)
    assert len(made.note.encode()) <= 1024
    assert "worker-0 failed with exit code 1" in made.note


async def test_a_repeated_note_has_at_most_1024_bytes(world: World, operator: FakeOperator):
    for seconds in (1, WINDOW, 1):
        await recorder(operator).record(job(), event("é" * 512))
        world.clock.pass_(seconds)
    await recorder(operator).record(job(), event("é" * 512))
    assert all(len(one.encode()) <= 1024 for one in notes(world))


def test_a_note_is_plain_text_on_one_line_and_ends_with_a_whole_character():
    assert event("a\nb\x1b[31m \u202ec").note == "a b c"
    made = event("a" + "é" * 1024).note
    assert made == "a" + "é" * 511
    assert event("\U0001f600" * 300).note == "\U0001f600" * 256
