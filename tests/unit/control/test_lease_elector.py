"""Leader election: one at a time, by the local clock, given up before another may take over."""

from __future__ import annotations

import asyncio

import pytest
from fake_api import FakeApi, status_error
from fake_clock import FakeClock

from estimator_operator.errors import ApiError, LeadershipLostError
from estimator_operator.kube.lease import Elector, LeaseTiming
from estimator_operator.kube.resources import LEASES

AWAY = status_error(503, "ServiceUnavailable", "away")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def api(clock: FakeClock) -> FakeApi:
    return FakeApi(clock)


def elector(api: FakeApi, clock: FakeClock, identity: str) -> Elector:
    async def sleep(seconds: float) -> None:
        clock.pass_(seconds)
        await asyncio.sleep(0)

    return Elector(
        api, namespace="ops", name="lease", identity=identity, monotonic=clock.monotonic, sleep=sleep
    )


def spec(api: FakeApi) -> dict:
    return api.objects["leases", "ops", "lease"]["spec"]


async def test_the_first_one_leads_at_once(api, clock):
    await elector(api, clock, "a").acquire()
    assert spec(api)["holderIdentity"] == "a"
    assert spec(api)["leaseDurationSeconds"] == 15
    assert clock.monotonic() == 0


async def test_another_waits_until_the_record_has_not_changed_for_its_duration(api, clock):
    first, second = elector(api, clock, "a"), elector(api, clock, "b")
    await first.acquire()
    await second.acquire()
    assert spec(api)["holderIdentity"] == "b"
    assert 15 <= clock.monotonic() <= 15 + 2 * 2.4
    assert spec(api)["leaseTransitions"] == 1


async def test_a_leader_knows_when_others_may_lead_however_long_it_stood_still(api, clock):
    first = elector(api, clock, "a")
    assert not first.leads, "it never led"
    clock.pass_(100)
    await first.acquire()
    assert first.leads
    clock.pass_(10.9)
    assert first.leads
    clock.pass_(0.1)
    assert not first.leads, "a call that begins now may arrive when the lease is over"


async def test_a_leader_that_renews_is_not_replaced(api, clock):
    first, second = elector(api, clock, "a"), elector(api, clock, "b")
    await first.acquire()
    holding, waiting = asyncio.ensure_future(first.hold()), asyncio.ensure_future(second.acquire())
    for _ in range(300):
        await asyncio.sleep(0)
    assert clock.monotonic() > 100
    assert not holding.done()
    assert not waiting.done()
    for task in (holding, waiting):
        task.cancel()
    await asyncio.gather(holding, waiting, return_exceptions=True)


async def test_renewing_costs_one_call(api, clock):
    first = elector(api, clock, "a")
    await first.acquire()
    api.calls.clear()
    assert await first._try()
    assert api.calls == {"update leases": 1}


async def test_a_leader_that_cannot_renew_stops_before_others_may_lead(api, clock):
    first = elector(api, clock, "a")
    await first.acquire()
    api.fail("update", "leases", AWAY, times=10**6)
    began = clock.monotonic()
    with pytest.raises(LeadershipLostError, match="could not be renewed for 8 s") as lost:
        await first.hold()
    assert lost.value.time_left == LeaseTiming().last_moments
    assert clock.monotonic() - began + lost.value.time_left < 15


async def test_a_short_outage_is_survived(api, clock):
    first = elector(api, clock, "a")
    await first.acquire()
    api.fail("update", "leases", AWAY, times=3)
    holding = asyncio.ensure_future(first.hold())
    for _ in range(100):
        await asyncio.sleep(0)
    assert not holding.done()
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)


async def test_a_try_that_hangs_leaves_time_for_another(api, clock, monkeypatch):
    """A server that starts takes connections before it answers."""
    first = elector(api, clock, "a")
    await first.acquire()
    limits: list[float] = []
    timeout = asyncio.timeout

    def limited(seconds: float) -> asyncio.Timeout:
        limits.append(seconds)
        return timeout(None)

    monkeypatch.setattr("estimator_operator.kube.lease.asyncio.timeout", limited)
    api.fail("update", "leases", AWAY, times=10**6)
    with pytest.raises(LeadershipLostError):
        await first.hold()
    assert limits[0] == 4
    assert limits == sorted(limits, reverse=True)
    assert min(limits) == 2  # the last one too has the time that an answer takes


def test_a_last_try_and_the_end_of_the_process_fit_before_others_may_lead():
    timing = LeaseTiming()
    needed = timing.renew_deadline + timing.last_try + timing.last_moments
    assert needed < timing.lease_duration


@pytest.mark.parametrize(
    ("stood_still", "tries", "time_left"), [(9, [2], None), (12, [2], None), (12.5, [], 2.5), (60, [], 0)]
)
async def test_a_leader_that_stood_still_tries_while_there_is_time(
    api, clock, monkeypatch, stood_still, tries, time_left
):
    """An answer takes milliseconds, and nobody else may lead yet."""
    first = elector(api, clock, "a")
    await first.acquire()
    limits: list[float] = []
    timeout = asyncio.timeout
    monkeypatch.setattr(
        "estimator_operator.kube.lease.asyncio.timeout", lambda s: limits.append(s) or timeout(None)
    )
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        if slept:
            raise asyncio.CancelledError
        slept.append(seconds)
        clock.pass_(stood_still)

    first._sleep = sleep
    if time_left is None:
        with pytest.raises(asyncio.CancelledError):
            await first.hold()
    else:
        with pytest.raises(LeadershipLostError, match="no time") as lost:
            await first.hold()
        assert lost.value.time_left == time_left
    assert limits == tries


async def test_a_lease_counts_from_the_write_that_it_shows(api, clock):
    """The answer was lost, the next try is a conflict, and the lease is ours: since when the server has it."""
    first = elector(api, clock, "a")
    await first.acquire()
    clock.pass_(2)
    replace = api.replace

    async def loses_the_answer(*call):
        await replace(*call)
        raise AWAY

    api.replace = loses_the_answer
    with pytest.raises(ApiError):
        await first._try()
    api.replace = replace
    clock.pass_(7)
    assert await first._try()
    assert first._renewed == 2


async def test_a_lease_edited_by_hand_is_not_renewed_by_that(api, clock):
    first = elector(api, clock, "a")
    await first.acquire()
    clock.pass_(7)
    api.edit(LEASES, "lease", lambda lease: lease["spec"].update(renewTime="2030-01-01"), namespace="ops")
    assert await first._try()
    assert first._renewed == 0
    assert await first._try()
    assert first._renewed == 7


async def test_transitions_count_new_holders(api, clock):
    first = elector(api, clock, "a")
    await first.acquire()
    assert spec(api)["leaseTransitions"] == 0
    await first.release()
    assert spec(api)["leaseTransitions"] == 0
    await elector(api, clock, "b").acquire()
    assert spec(api)["leaseTransitions"] == 1


async def test_a_lease_that_was_taken_is_lost_at_once(api, clock):
    first = elector(api, clock, "a")
    await first.acquire()
    api.edit(LEASES, "lease", lambda lease: lease["spec"].update(holderIdentity="b"), namespace="ops")
    with pytest.raises(LeadershipLostError, match="another replica holds the lease"):
        await first.hold()


async def test_a_released_lease_is_free_at_once(api, clock):
    first, second = elector(api, clock, "a"), elector(api, clock, "b")
    await first.acquire()
    await first.release()
    assert spec(api)["holderIdentity"] == ""
    before = clock.monotonic()
    await second.acquire()
    assert clock.monotonic() == before


async def test_nobody_releases_what_another_holds(api, clock):
    first, second = elector(api, clock, "a"), elector(api, clock, "b")
    await first.acquire()
    await second.release()
    assert spec(api)["holderIdentity"] == "a"


async def test_of_two_that_begin_at_once_one_leads(api, clock):
    both = [asyncio.ensure_future(elector(api, clock, name).acquire()) for name in "ab"]
    done, pending = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == len(pending) == 1
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
