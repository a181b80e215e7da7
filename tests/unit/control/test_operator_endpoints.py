"""Health and metrics over HTTP."""

from __future__ import annotations

import json

import aiohttp
import pytest

from estimator_operator.errors import PreflightError
from estimator_operator.observe.endpoints import Endpoints
from estimator_operator.settings import Address

ANY = Address("127.0.0.1", 0)


async def get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def numbers() -> bytes:
    return b"numbers 1\n"


def endpoints(
    health: Address | None = ANY, metrics: Address | None = ANY, faults: dict | None = None
) -> Endpoints:
    faults = faults or {}
    return Endpoints(
        health=health,
        metrics=metrics,
        alive=lambda: faults.get("alive"),
        ready=lambda: faults.get("ready"),
        schedule=lambda limit: [{"job": "default/mnist", "seconds": 1.5, "reason": "news"}] * min(limit, 3),
        numbers=numbers,
    )


async def test_all_paths_on_one_address():
    faults: dict[str, str] = {}
    async with endpoints(faults=faults) as served:
        (port,) = served.ports
        assert await get(port, "/livez") == (200, "ok")
        assert await get(port, "/metrics") == (200, "numbers 1\n")
        assert (await get(port, "/else"))[0] == 404


async def test_a_fault_is_said(unused_tcp_port):
    faults = {"alive": "the watch is silent", "ready": "starting"}
    async with endpoints(health=Address("127.0.0.1", unused_tcp_port), faults=faults) as served:
        assert unused_tcp_port in served.ports
        assert len(served.ports) == 2
        assert await get(unused_tcp_port, "/livez") == (503, "the watch is silent")
        assert await get(unused_tcp_port, "/readyz") == (503, "starting")
        assert (await get(unused_tcp_port, "/metrics"))[0] == 404


async def test_no_address_no_server():
    async with endpoints(health=None, metrics=None) as served:
        assert served.ports == []


async def test_a_port_in_use_is_told_by_its_name():
    async with endpoints() as served:
        with pytest.raises(PreflightError, match=rf"cannot listen on 127.0.0.1:{served.ports[0]}"):
            async with endpoints(health=Address("127.0.0.1", served.ports[0])):
                pass


@pytest.mark.parametrize(("query", "count"), [("", 3), ("?limit=2", 2), ("?limit=0", 0), ("?limit=-1", 3)])
async def test_the_schedule_is_shown_beside_the_health(query, count):
    async with endpoints(metrics=None) as served:
        status, text = await get(served.ports[0], f"/debug/schedule{query}")
        assert status == 200
        assert json.loads(text) == [{"job": "default/mnist", "seconds": 1.5, "reason": "news"}] * count


async def test_it_is_not_shown_where_the_metrics_are():
    async with endpoints(health=None) as served:
        assert (await get(served.ports[0], "/debug/schedule"))[0] == 404


async def test_the_schedule_names_the_deadline_that_a_job_waits_for(world, operator):
    world.submit(runPolicy={"activeDeadlineSeconds": 5000})
    await operator.settle()
    world.run()
    await operator.settle()
    shown = {one["job"]: one["reason"] for one in operator.controller.schedule(10)}
    assert shown == {"default/mnist": "activeDeadlineSeconds: the job fails"}
