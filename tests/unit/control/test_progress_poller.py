"""Asking pods for progress, from a server on loopback that answers all kinds of things."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from functools import partial

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from job_world import FIVE_PODS, job_manifest
from web_server import served

from estimator_api import Progress
from estimator_operator.control.job_record import JobKey
from estimator_operator.observe.poll_schedule import Target
from estimator_operator.observe.poller import ProgressPoller, fetch
from estimator_operator.observe.targets import targets_of
from estimator_operator.plan import Replica

GOOD = {
    "version": 1,
    "role": "chief",
    "index": 0,
    "state": "Training",
    "globalStep": 7,
    "newField": "ignored",
}
ANSWERS = {
    "ok": web.json_response(GOOD).body,
    "malformed": b"<html>not json</html>",
    "too_large": b" " * (64 * 1024 + 1),
    "other_replica": json.dumps(GOOD | {"role": "worker"}).encode(),
}


class Pod:
    """A pod's server; `answer` makes the response."""

    def __init__(self) -> None:
        self.body = ANSWERS["ok"]
        self.headers: dict[str, str] = {}
        self.status = 200
        self.asked = 0
        self.port = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(body=self.body, status=self.status, headers=self.headers)


@pytest_asyncio.fixture
async def pod():
    pod = Pod()
    app = web.Application()
    app.router.add_get("/progress", pod.handle)
    async with served(app) as pod.port:
        yield pod


class Desk:
    """Where answers arrive."""

    def __init__(self, port: int) -> None:
        self.counts: Counter[str] = Counter()
        self.delivered: list[Progress] = []
        self.arrived = asyncio.Event()
        self.fault: Exception | None = None
        self.nobody_knows = 0
        self.uncounted: Exception | None = None
        self.target = Target(
            job=("default", "mnist"), uid="u", replica=Replica("chief", 0), host="127.0.0.1", port=port
        )
        self.poller = ProgressPoller(
            targets=self._targets, deliver=self._deliver, count=self._count, interval=0.001
        )

    async def _targets(self) -> list[Target]:
        if self.nobody_knows:
            self.nobody_knows -= 1
            raise RuntimeError("the store cannot be read")
        return [self.target]

    def _deliver(self, target: Target, progress: Progress) -> bool:
        if self.fault is not None:
            raise self.fault
        self.delivered.append(progress)
        if len(self.delivered) >= 3:
            self.arrived.set()
        return True

    def _count(self, result: str) -> None:
        if self.uncounted is not None:
            raise self.uncounted
        self.counts[result] += 1

    async def run(self) -> None:
        """Lets the poller ask until three answers have arrived."""
        running = asyncio.ensure_future(self.poller.run())
        arrived = asyncio.ensure_future(self.arrived.wait())
        await asyncio.wait({running, arrived}, return_when=asyncio.FIRST_COMPLETED)
        ended = running.done()
        for one in (running, arrived):
            one.cancel()
        await asyncio.gather(running, arrived, return_exceptions=True)
        assert not ended

    async def ask(self) -> Counter[str]:
        schedule = self.poller._schedule
        now = 0.0
        schedule.update([self.target], now)
        while schedule.take(now) is None:
            now += schedule.wait(now)
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            await self.poller.ask(self.target, partial(fetch, session))
        return self.counts


async def test_a_document_is_delivered(pod):
    desk = Desk(pod.port)
    assert await desk.ask() == {"ok": 1}
    assert desk.delivered == [Progress(role="chief", state="Training", global_step=7)]


@pytest.mark.parametrize("kind", ["malformed", "too_large", "other_replica"])
async def test_anything_else_is_dropped_and_counted(pod, kind):
    pod.body = ANSWERS[kind]
    desk = Desk(pod.port)
    assert await desk.ask() == {kind: 1}
    assert desk.delivered == []


async def test_an_error_and_a_redirect_are_not_followed(pod):
    desk = Desk(pod.port)
    pod.status, pod.headers = 302, {"Location": "/progress"}
    await desk.ask()
    pod.status, pod.headers = 500, {}
    assert await desk.ask() == {"status": 2}
    assert pod.asked == 2


async def test_a_compressed_answer_is_not_unpacked(pod):
    pod.body, pod.headers = gzip.compress(b" " * 10**7), {"Content-Encoding": "gzip"}
    assert await Desk(pod.port).ask() == {"malformed": 1}


async def test_a_pod_that_does_not_answer_says_nothing(pod, unused_tcp_port):
    desk = Desk(unused_tcp_port)
    assert await desk.ask() == {"unreachable": 1}
    assert desk.delivered == []


async def test_an_answer_that_cannot_be_taken_is_that_pod_s_alone(pod, caplog):
    desk = Desk(pod.port)
    desk.fault = RecursionError("too deep")
    assert await desk.ask() == {"crash": 1}
    assert "its progress could not be taken" in caplog.text


async def test_it_asks_again_every_interval(pod):
    await Desk(pod.port).run()
    assert pod.asked >= 3


async def test_it_goes_on_when_it_cannot_be_told_whom_to_ask(pod, caplog):
    desk = Desk(pod.port)
    desk.nobody_knows = 2
    await desk.run()
    assert desk.counts["crash"] == 2
    assert caplog.text.count("whom to ask for progress cannot be told") == 2


async def test_it_goes_on_when_results_cannot_be_counted(pod, caplog):
    desk = Desk(pod.port)
    desk.uncounted = RuntimeError("no such label")
    await desk.run()
    assert len(desk.delivered) >= 3
    assert "could not be counted" in caplog.text


def test_an_ipv6_address_is_put_in_brackets():
    target = Target(job=("a", "b"), uid="u", replica=Replica("chief", 0), host="fd00::1", port=8787)
    assert target.url == "http://[fd00::1]:8787/progress"


@pytest.mark.parametrize(
    "broken",
    [
        {"status": {"conditions": [{"status": "True"}]}},
        {"spec": None},
        {"spec": {"progressPort": "many"}},
        {"spec": {"progressPort": 10**30}},
        {"spec": {"runPolicy": {"stallTimeoutSeconds": "soon"}}},
        {"spec": {"runPolicy": 7}},
    ],
    ids=repr,
)
async def test_a_job_that_cannot_be_read_does_not_end_the_polls_of_others(world, operator, broken):
    world.submit()
    world.submit(job_manifest("other"))
    await operator.settle()
    world.run()
    await operator.settle()
    operator.store.job(JobKey("default", "mnist")).manifest.update(broken)
    asked = [one.job.name for one in await targets_of(operator.store)]
    assert "other" in asked


async def test_chief_and_evaluator_of_running_jobs_are_asked(world, operator):
    world.submit(progressPort=9000, **FIVE_PODS)
    await operator.settle()
    assert await targets_of(operator.store) == []
    world.run()
    await operator.settle()
    asked = {(str(one.replica), one.host, one.port) for one in await targets_of(operator.store)}
    assert asked == {("chief-0", "10.0.0.1", 9000), ("evaluator-0", "10.0.0.1", 9000)}
    world.finish("mnist-chief-0")
    await operator.settle()
    assert [str(one.replica) for one in await targets_of(operator.store)] == ["evaluator-0"]
    world.finish("mnist-evaluator-0")
    await operator.settle()
    assert await targets_of(operator.store) == []
