"""The API client against a server on loopback: what is sent, what answers mean, who waits for whom."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration
from web_server import served

from estimator_operator.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    TooManyRequestsError,
    UnavailableError,
)
from estimator_operator.kube.api import Api
from estimator_operator.kube.rate_limit import PAUSE_MOST, TokenBucket
from estimator_operator.kube.resources import LEASES, PODS
from estimator_operator.kube.retry_after import MOST_SECONDS, seconds_to_wait
from estimator_operator.kube.watch import _settings

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


class Server:
    """Answers what it is told to."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.status, self.text, self.headers = 200, "{}", {}
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.requests.append((request.method, request.path_qs, body))
        return web.Response(status=self.status, text=self.text, headers=self.headers)


@pytest_asyncio.fixture
async def server():
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with served(app) as port:
        server.url = f"http://127.0.0.1:{port}"
        yield server


class Waits:
    """A token bucket whose clock stands still, and what it made callers wait."""

    def __init__(self, rate: float = 0) -> None:
        self.waited: list[float] = []
        self.bucket = TokenBucket(
            rate=rate, burst=1, monotonic=lambda: 0.0, sleep=self._sleep, on_wait=self.waited.append
        )

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@pytest_asyncio.fixture
async def api(server):
    configuration = Configuration(host=server.url)
    waits, seen = Waits(), []
    credentials = SimpleNamespace(configuration=configuration)
    observe = lambda verb, resource, status, seconds: seen.append((verb, resource, status, seconds >= 0))
    async with Api(credentials, limit=waits.bucket, observe=observe) as api:
        api.waits, api.seen = waits, seen
        yield api


@pytest.mark.parametrize("force", [False, True])
async def test_a_deletion_has_its_preconditions_and_no_grace_by_force_only(api, server, force):
    await api.delete(PODS, "default", "p", uid="u", resource_version="7", force=force)
    ((method, path, body),) = server.requests
    assert (method, path) == ("DELETE", "/api/v1/namespaces/default/pods/p")
    assert body["preconditions"] == {"uid": "u", "resourceVersion": "7"}
    assert body["propagationPolicy"] == "Background"
    assert body.get("gracePeriodSeconds") == (0 if force else None)
    assert api.seen == [("delete", "pods", 200, True)]


@pytest.mark.parametrize(
    ("header", "details", "seconds"),
    [
        (None, None, None),
        ("7", None, 7),
        ("7", 3, 7),
        (None, 3, 3),
        ("1.5", None, 1.5),
        ("soon", 4, 4),
        ("soon", "soon", None),
        ("0", None, None),
        ("-5", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("86400", None, MOST_SECONDS),
        ("Thu, 01 Jan 2026 12:00:30 GMT", None, 30),
        ("Thu, 01 Jan 2026 12:00:30 -0000", None, 30),
        ("Thursday, 01-Jan-26 12:00:30 GMT", None, 30),
        ("Thu, 01 Jan 2026 11:00:00 GMT", None, None),
        ("Fri, 02 Jan 2026 12:00:00 GMT", None, MOST_SECONDS),
        ("Thu, 99 Jan 2026 12:00:30 GMT", 2, 2),
        ("Thu, 01 Jan " + "9" * 30 + " 12:00:30 GMT", 2, 2),
        ("Thu, 01 Jan 2026 12:00:30 +" + "9" * 30, 2, 2),
        ("9" * 400, None, MOST_SECONDS),
        ("-" + "9" * 400, None, None),
        (None, 10**400, MOST_SECONDS),
        (None, -(10**400), None),
        (None, True, None),
        (None, [5], None),
        (None, float("inf"), None),
    ],
)
def test_how_long_a_server_asks_to_be_left_alone(header, details, seconds):
    assert seconds_to_wait(header, details, NOW) == seconds


async def test_a_busy_server_is_left_alone_by_that_namespace_but_the_lease(api, server):
    server.status, server.headers = 429, {"Retry-After": "7"}
    with pytest.raises(TooManyRequestsError) as caught:
        await api.get(PODS, "default", "p")
    assert caught.value.retry_after == 7
    server.status, server.headers = 200, {}
    await api.get(LEASES, "default", "lease")
    assert api.waits.waited == []
    await api.get(PODS, "default", "p")
    assert api.waits.waited == [7]


async def test_a_429_in_one_namespace_slows_nobody_else(api, server):
    """It is a quota or a webhook of that namespace."""
    server.status, server.headers = 429, {"Retry-After": "60"}
    for _ in range(3):
        with pytest.raises(TooManyRequestsError):
            await api.create(PODS, "team-a", {})
    api.waits.waited.clear()
    server.status, server.headers, server.text = 200, {}, '{"items": []}'
    await api.create(PODS, "team-b", {})
    await api.list(PODS, "team-b")
    await api.list(PODS, None)
    assert api.waits.waited == []


async def test_a_429_of_a_list_of_everything_pauses_such_lists(api, server):
    server.status, server.headers = 429, {"Retry-After": "9"}
    with pytest.raises(TooManyRequestsError):
        await api.list(PODS, None)
    server.status, server.headers, server.text = 200, {}, '{"items": []}'
    await api.list(PODS, "team-a")
    assert api.waits.waited == []
    await api.list(PODS, None)
    assert api.waits.waited == [9]


async def test_who_waits_for_a_pause_takes_no_token_from_others():
    waits = Waits(rate=1)
    waits.bucket.pause(30, "team-a")
    held = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await held.wait()

    waits.bucket._sleep = sleep
    waiting = [asyncio.ensure_future(waits.bucket.take("team-a")) for _ in range(5)]
    await asyncio.sleep(0)
    waits.waited.clear()
    await waits.bucket.take("team-b")
    assert waits.waited == []
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("dry_run", [False, True])
async def test_what_is_created_may_have_no_unknown_field(api, server, dry_run):
    """A field that the server does not know is a typo: it must not be dropped without a word."""
    await api.create(PODS, "default", {"kind": "Pod"}, dry_run=dry_run)
    ((method, path, body),) = server.requests
    assert (method, body) == ("POST", {"kind": "Pod"})
    query = "fieldValidation=Strict&dryRun=All" if dry_run else "fieldValidation=Strict"
    assert path == f"/api/v1/namespaces/default/pods?{query}"


async def test_the_time_of_day_of_answers_is_told(api, server):
    dates = []
    api._on_date = dates.append
    server.headers = {"Date": "Thu, 01 Jan 2026 12:00:30 GMT"}
    await api.get(PODS, "default", "p")
    server.status = 500
    with pytest.raises(ApiError):
        await api.get(PODS, "default", "p")
    assert dates == ["Thu, 01 Jan 2026 12:00:30 GMT"] * 2


async def test_a_server_that_is_busy_without_an_end_gets_a_second(api, server):
    server.status = 429
    with pytest.raises(TooManyRequestsError):
        await api.get(PODS, "default", "p")
    server.status = 200
    await api.get(PODS, "default", "p")
    assert api.waits.waited == [1]


async def test_nobody_is_stopped_for_longer_than_a_minute(api, server):
    server.status, server.headers = 429, {"Retry-After": "500"}
    with pytest.raises(TooManyRequestsError) as caught:
        await api.get(PODS, "default", "p")
    assert caught.value.retry_after == 500
    server.status = 200
    await api.get(PODS, "default", "p")
    assert api.waits.waited == [PAUSE_MOST]


async def test_leases_do_not_wait_for_tokens():
    waits = Waits(rate=1)
    for expected in ([], [1], [1, 2]):
        await waits.bucket.take()
        assert waits.waited == expected


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (200, "<html>sign in</html>", UnavailableError),
        (200, "[]", UnavailableError),
        (503, "<html>bad gateway</html>", UnavailableError),
        (500, '{"message": "etcdserver: leader changed"}', UnavailableError),
        (403, '{"message": "exceeded quota"}', ForbiddenError),
        (409, '{"reason": "Conflict", "message": "try again"}', ConflictError),
        (418, "", ApiError),
    ],
)
async def test_what_answers_mean(api, server, status, text, error):
    server.status, server.text = status, text
    with pytest.raises(error):
        await api.get(PODS, "default", "p")
    assert api.seen[-1][:3] == ("get", "pods", status)


async def test_no_answer_is_status_0(api, server, unused_tcp_port):
    api._client.configuration.host = f"http://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(UnavailableError):
        await api.get(PODS, "default", "p")
    assert api.seen[-1][:3] == ("get", "pods", 0)


def test_the_watch_never_gives_up():
    """kopf retries a call once for each pause; its own list has an end, and the operator ends with it."""
    pauses = iter(_settings().networking.error_backoffs)
    taken = [next(pauses) for _ in range(1000)]
    assert max(taken) == taken[-1] == 5
    assert not hasattr(_settings().networking.error_backoffs, "__len__")
    assert next(iter(_settings().networking.error_backoffs)) == 1
