"""Health and metrics over HTTP, and the log's formats."""

from __future__ import annotations

import json
import logging
import sys

import aiohttp
import pytest

from estimator_operator.errors import PreflightError
from estimator_operator.log_format import JsonFormatter
from estimator_operator.observe.endpoints import Endpoints
from estimator_operator.observe.metrics import Metrics
from estimator_operator.settings import Address

ANY = Address("127.0.0.1", 0)


async def get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


def endpoints(
    health: Address | None = ANY, metrics: Address | None = ANY, faults: dict | None = None
) -> Endpoints:
    faults = faults or {}
    return Endpoints(
        health=health,
        metrics=metrics,
        alive=lambda: faults.get("alive"),
        ready=lambda: faults.get("ready"),
        numbers=lambda: b"numbers 1\n",
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


def test_metrics_count_what_happens():
    metrics = Metrics(states=lambda: ["Training", "Training", "Completed"], queue_depth=lambda: 4)
    metrics.reconciled("success", 0.02)
    metrics.waited(0.5)
    metrics.called("create", "pods", 201)
    metrics.polled("malformed")
    metrics.leads(True)
    lines = set(metrics.text().decode().splitlines())
    assert lines >= {
        'estimator_operator_jobs{state="Training"} 2.0',
        'estimator_operator_jobs{state="Completed"} 1.0',
        "estimator_operator_queue_depth 4.0",
        'estimator_operator_reconcile_total{result="success"} 1.0',
        "estimator_operator_reconcile_seconds_count 1.0",
        "estimator_operator_queue_latency_seconds_count 1.0",
        'estimator_operator_api_requests_total{code="201",resource="pods",verb="create"} 1.0',
        'estimator_operator_progress_polls_total{result="malformed"} 1.0',
        "estimator_operator_leader 1.0",
    }
    metrics.leads(False)
    assert b"estimator_operator_leader 0.0" in metrics.text()


def test_a_json_log_has_one_object_a_line():
    try:
        raise ValueError("boom")
    except ValueError:
        record = logging.LogRecord("own", logging.ERROR, "f.py", 1, "job %s", ("a\nb",), sys.exc_info())
    text = JsonFormatter().format(record)
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "own", "job a\nb")
    assert line["exception"].endswith("ValueError: boom")
