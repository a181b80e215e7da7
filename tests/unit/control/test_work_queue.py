"""The work queue: once each, one worker per key, nothing lost, later when asked for."""

from __future__ import annotations

import asyncio

import pytest
from fake_clock import FakeClock

from estimator_operator.control.job_record import JobKey
from estimator_operator.control.work_queue import _STALE, WorkQueue


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> WorkQueue[str]:
    return WorkQueue(monotonic=clock.monotonic)


async def take(queue: WorkQueue[str]) -> list[str]:
    """All keys that are ready now."""
    queue._promote()
    taken = [await queue.get() for _ in range(len(queue))]
    for key in taken:
        queue.done(key)
    return taken


async def test_a_key_waits_once_and_keys_come_in_order(queue):
    for key in "abacab":
        queue.add(key)
    assert await take(queue) == ["a", "b", "c"]


async def test_newcomers_go_first_and_one_in_five_is_another(queue):
    for key in "abc":
        queue.add(key)
    for number in range(10):
        queue.add(str(number), newcomer=True)
    order = ["0", "1", "2", "3", "a", "4", "5", "6", "7", "b", "8", "9", "c"]
    assert [key for key, _, _ in queue.schedule()] == order
    assert await take(queue) == order


async def test_a_newcomer_that_waits_is_there_once_and_is_none_when_it_comes_back(queue):
    queue.add("a", newcomer=True)
    queue.add("a", newcomer=True)
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("b")
    queue.done("a")
    assert await take(queue) == ["b", "a"]


async def test_newcomers_of_one_namespace_do_not_go_before_the_turn_of_another(queue):
    for number in range(3):
        queue.add(JobKey("many", f"new-{number}"), newcomer=True)
    queue.add(JobKey("one", "old"))
    assert [str(key) for key in await take(queue)] == ["many/new-0", "one/old", "many/new-1", "many/new-2"]


async def test_a_key_added_while_worked_on_comes_back_after(queue):
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert await take(queue) == ["a"]
    assert await take(queue) == []


async def test_no_two_workers_have_the_same_key(queue):
    held: set[str] = set()

    async def work() -> None:
        while True:
            key = await queue.get()
            assert key not in held
            held.add(key)
            queue.add(key if key == "again" else "other")
            await asyncio.sleep(0)
            held.discard(key)
            queue.done(key)

    queue.add("again")
    workers = [asyncio.ensure_future(work()) for _ in range(5)]
    for _ in range(50):
        await asyncio.sleep(0)
    for one in workers:
        assert not one.done()
        one.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


async def test_of_several_moments_the_earliest_counts(queue, clock):
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    queue.add_after("a", 20)
    clock.pass_(4.9)
    assert await take(queue) == []
    clock.pass_(0.1)
    assert await take(queue) == ["a"]
    clock.pass_(100)
    assert await take(queue) == []


async def test_looking_now_replaces_looking_later(queue, clock):
    queue.add_after("a", 10)
    queue.add("a")
    assert await take(queue) == ["a"]
    clock.pass_(10)
    assert await take(queue) == []


async def test_failures_double_the_delay_until_a_success(queue, clock):
    delays = [queue.fail("a") for _ in range(12)]
    assert all(0.2 * 2**n <= delay <= 0.24 * 2**n for n, delay in enumerate(delays[:9]))
    assert 120 <= delays[11] <= 144
    queue.succeed("a")
    assert queue.fail("a") < 0.25
    assert queue.fail("b", at_least=7) >= 7


async def test_a_forgotten_key_does_not_come_back(queue, clock):
    queue.add_after("a", 1)
    queue.forget("a")
    clock.pass_(2)
    assert await take(queue) == []


async def test_a_waiting_worker_wakes_for_a_key(queue):
    worker = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    assert await worker == "a"


async def test_a_waiting_worker_wakes_for_an_earlier_moment():
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("late", 3600)
    worker = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add_after("soon", 0.001)
    assert await worker == "soon"


async def test_moments_that_are_no_longer_wanted_do_not_pile_up(queue):
    for _ in range(3 * _STALE):
        queue.add_after("a", 86400)
        queue.add("a")
        await take(queue)
    assert len(queue._later) <= _STALE + 2


async def test_the_time_in_the_queue_is_told(clock):
    waits: list[float] = []
    queue: WorkQueue[str] = WorkQueue(monotonic=clock.monotonic, on_wait=waits.append)
    queue.add("a")
    clock.pass_(3)
    await take(queue)
    assert waits == [3]


async def test_every_wait_is_shown_with_its_reason_the_next_first(queue, clock):
    queue.add_after("b", 30.0, "creation is refused")
    queue.add_after("c", 5.0, "time to live")
    queue.add("a")
    assert list(queue.schedule()) == [
        ("a", 0.0, "news"),
        ("c", 5.0, "time to live"),
        ("b", 30.0, "creation is refused"),
    ]
    assert await queue.get() == "a"
    assert next(queue.schedule()) == ("a", 0.0, "being looked at")
    queue.fail("a")
    queue.done("a")
    queue.add_after("b", 10.0, "why pods wait")
    clock.pass_(1)
    assert [(key, reason) for key, _, reason in queue.schedule()] == [
        ("a", "the last look failed"),
        ("c", "time to live"),
        ("b", "why pods wait"),
    ]
    queue.forget("b")
    assert "b" not in {key for key, _, _ in queue.schedule()}


async def test_the_reason_of_an_earlier_moment_counts(queue):
    queue.add_after("a", 5.0, "time to live")
    queue.add_after("a", 50.0, "creation is refused")
    assert [reason for _, _, reason in queue.schedule()] == ["time to live"]


async def test_a_hold_outlasts_the_looks_that_others_ask_for(queue, clock):
    queue.hold("a", 30.0, "others change the job")
    assert [reason for _, _, reason in queue.schedule()] == ["others change the job"]
    queue.add("a")
    await take(queue)
    clock.pass_(10)
    assert queue.held("a", "others change the job") == 20.0
    assert queue.held("a", "creation is refused") == 0.0
    assert queue.holds("a") == {"others change the job": 20.0}
    clock.pass_(20)
    assert queue.held("a", "others change the job") == 0.0
    queue.hold("a", 30.0, "others change the job")
    queue.forget("a")
    assert queue.holds("a") == {}


async def waiting(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.hold("a", 30.0, "others change the job")


async def worked_on(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()
    queue.hold("a", 30.0, "others change the job")
    queue.add("a")
    queue.done("a")


async def wished_earlier(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 10.0)
    queue.hold("a", 30.0, "others change the job")


@pytest.mark.parametrize("held", [waiting, worked_on, wished_earlier])
async def test_a_held_key_is_looked_at_when_its_hold_is_over_whoever_looked_before(queue, clock, held):
    await held(queue)
    clock.pass_(10)
    assert await take(queue) == ["a"]
    assert await take(queue) == []
    clock.pass_(20)
    assert await take(queue) == ["a"]
    clock.pass_(100)
    assert await take(queue) == []


async def test_namespaces_take_turns_and_one_that_comes_back_comes_last(clock):
    queue: WorkQueue[JobKey] = WorkQueue(monotonic=clock.monotonic)
    large = [JobKey("large", str(number)) for number in range(150)]
    for key in large:
        queue.add(key)
    assert await queue.get() == large[0]
    small, other = JobKey("small", "one"), JobKey("other", "one")
    queue.add(small)
    queue.add(other)
    queue.done(large[0])
    queue.add(large[0])
    expected = [large[1], small, other, *large[2:], large[0]]
    assert [key for key, _, _ in queue.schedule()] == expected
    assert len(queue) == len(expected)
    assert [await queue.get() for _ in expected] == expected


async def test_two_tenants_are_served_one_by_one(clock):
    queue: WorkQueue[JobKey] = WorkQueue(monotonic=clock.monotonic)
    for namespace in "ab":
        for number in range(3):
            queue.add(JobKey(namespace, str(number)))
    taken = [await queue.get() for _ in range(6)]
    assert [key.namespace for key in taken] == ["a", "b", "a", "b", "a", "b"]
    assert [key.name for key in taken] == ["0", "0", "1", "1", "2", "2"]


async def idle_workers(queue, count):
    """Workers that wait for a key, and how often each looked for one."""
    looks = []
    promote = queue._promote
    queue._promote = lambda: (looks.append(asyncio.current_task()), promote())[1]
    workers = [asyncio.create_task(queue.get()) for _ in range(count)]
    while len(queue._idle) < count:
        await asyncio.sleep(0)
    looks.clear()
    return workers, looks


async def test_one_worker_wakes_for_a_key_and_the_others_sleep_on(queue):
    workers, looks = await idle_workers(queue, 10)
    queue.add("a")
    await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
    assert len(looks) == 1
    assert [worker.result() for worker in workers if worker.done()] == ["a"]
    queue.add("b")
    queue.add("c")
    await asyncio.gather(*workers[1:3])
    assert len(looks) == 3
    for worker in workers[3:]:
        worker.cancel()
    await asyncio.wait(workers)
    assert not queue._idle


async def test_a_delay_that_is_over_finds_one_worker():
    queue: WorkQueue[str] = WorkQueue()
    workers, looks = await idle_workers(queue, 10)
    queue.add_after("later", 0.02)
    queue.add_after("sooner", 0.01)
    # On a busy machine both may be over in one turn of the loop.
    assert await asyncio.gather(*workers[:2]) == ["sooner", "later"]
    assert sum(task is not None for task in looks) == 2
    for worker in workers[2:]:
        worker.cancel()
    await asyncio.wait(workers)


async def test_a_key_is_not_lost_with_the_worker_that_was_woken_for_it(queue):
    workers, _ = await idle_workers(queue, 2)
    queue.add("a")
    workers[0].cancel()
    assert await workers[1] == "a"
    assert workers[0].cancelled()
