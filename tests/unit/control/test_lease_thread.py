"""The lease's own thread: the work cannot hold renewals up, and cannot outlive the lead."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest

from estimator_operator.errors import LeadershipLostError, OperatorError, api_error
from estimator_operator.kube.lease import Elector, LeaseTiming
from estimator_operator.kube.lease_thread import LeaseThread

QUICK = LeaseTiming(
    lease_duration=15, renew_deadline=0.05, last_try=0.05, last_moments=0.05, retry_period=0.001
)


class Leases:
    """One lease, written by the thread and read by the test."""

    def __init__(self) -> None:
        self.lease = None
        self.writes = 0
        self.broken = False
        self.several = threading.Event()

    async def get(self, resource, namespace, name):
        if self.lease is None:
            raise api_error("no", status=404)
        return self.lease

    async def create(self, resource, namespace, manifest):
        return self._write(manifest)

    async def replace(self, resource, namespace, name, manifest):
        return self._write(manifest)

    def _write(self, manifest):
        if self.broken:
            raise api_error("away", status=503)
        self.lease = manifest
        self.writes += 1
        if self.writes > 10:
            self.several.set()
        return manifest


class Process:
    """What `os._exit` would end."""

    def __init__(self) -> None:
        self.died = threading.Event()

    def die(self, code: int) -> None:
        assert code == 1
        self.died.set()


def lease_thread(leases: Leases, process: Process, timing: LeaseTiming = QUICK, **options) -> LeaseThread:
    @asynccontextmanager
    async def connect():
        yield Elector(leases, namespace="ops", name="lease", identity="a", timing=timing)

    return LeaseThread(connect, die=process.die, **options)


async def test_renewals_go_on_while_the_main_loop_is_busy():
    leases, process = Leases(), Process()
    thread = lease_thread(leases, process, LeaseTiming(retry_period=0.001))
    await thread.acquire()
    assert leases.several.wait(60)  # the main loop stands still here, as it does with large work
    await thread.release()
    assert leases.lease["spec"]["holderIdentity"] == ""
    assert not process.died.is_set()


async def test_the_loss_of_the_lease_reaches_the_main_loop():
    leases, process = Leases(), Process()
    thread = lease_thread(leases, process)
    await thread.acquire()
    leases.broken = True
    with pytest.raises(LeadershipLostError, match="could not be renewed"):
        await thread.hold()
    await thread.release()


async def test_work_that_does_not_end_with_the_lead_is_ended():
    leases, process = Leases(), Process()
    thread = lease_thread(leases, process)
    await thread.acquire()
    leases.broken = True
    assert process.died.wait(60)  # the main loop stands still and ends nothing
    await thread.release()


async def test_a_main_loop_that_does_not_answer_does_not_keep_the_lease():
    leases, process = Leases(), Process()
    thread = lease_thread(
        leases, process, LeaseTiming(retry_period=0.001), heartbeat=0.001, heartbeat_limit=0.01
    )
    await thread.acquire()
    assert process.died.wait(60)
    await thread.release()


async def test_a_main_loop_that_answers_keeps_it():
    leases, process = Leases(), Process()
    thread = lease_thread(leases, process, LeaseTiming(retry_period=0.001), heartbeat=0.001)
    await thread.acquire()
    await asyncio.to_thread(leases.several.wait, 60)
    await thread.release()
    assert not process.died.is_set()


async def test_a_wait_for_the_lease_can_be_given_up():
    leases, process = Leases(), Process()
    leases.lease = {"metadata": {}, "spec": {"holderIdentity": "b", "renewTime": "t"}}
    thread = lease_thread(leases, process, LeaseTiming(retry_period=0.001))
    waiting = asyncio.ensure_future(thread.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await thread.release()
    assert leases.lease["spec"]["holderIdentity"] == "b"


async def test_an_election_that_cannot_begin_says_why():
    @asynccontextmanager
    async def connect():
        raise OperatorError("no credentials")
        yield

    thread = LeaseThread(connect, die=Process().die)
    with pytest.raises(OperatorError, match="no credentials"):
        await thread.acquire()
    await thread.release()
