import http.client
import json
import socket

import pytest

from estimator_runtime.job.progress.endpoint import Endpoint
from estimator_runtime.job.progress.recorder import Recorder


@pytest.fixture
def endpoint():
    made = Endpoint(Recorder("worker", 3).document)
    yield made
    made.stop()


def get(host, port, path):
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.getheader("Content-Type"), body


def test_its_pages(endpoint):
    port = endpoint.start("127.0.0.1", 0)
    status, kind, body = get("127.0.0.1", port, "/progress?x=y")
    assert (status, kind) == (200, "application/json")
    assert json.loads(body)["role"] == "worker"
    assert get("127.0.0.1", port, "/healthz") == (200, "text/plain; charset=utf-8", "ok\n")
    status, kind, body = get("127.0.0.1", port, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert body.endswith("\n")
    assert get("127.0.0.1", port, "/")[0] == 404


def test_without_a_host_all_interfaces_answer(endpoint):
    port = endpoint.start("", 0)
    assert get("127.0.0.1", port, "/healthz")[0] == 200
    if socket.has_dualstack_ipv6():
        assert get("::1", port, "/healthz")[0] == 200


def test_a_port_in_use_is_no_error(endpoint, caplog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert endpoint.start("127.0.0.1", port) is None
    assert f"port {port} cannot be bound" in caplog.text


def test_stopping_what_was_not_started_does_nothing(endpoint):
    endpoint.stop()
