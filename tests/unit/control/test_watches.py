"""The watches: kopf's of jobs and the reflectors' of the rest. Nothing that one answer or one object says ends them."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
import pytest_asyncio
from hostile_json import any_spoilt, as_text, is_named
from watch_server import FixedCredentials, Refusal, Told, WatchServer, event, thing

from estimator_operator.kube import kopf_session
from estimator_operator.kube.api import Api
from estimator_operator.kube.kopf_session import KopfSession
from estimator_operator.kube.rate_limit import TokenBucket
from estimator_operator.kube.reflector import Reflector
from estimator_operator.kube.resources import JOBS, PODS
from estimator_operator.kube.retry_after import WATCH_MOST_SECONDS
from estimator_operator.kube.watch import watch

DEEP = b'{"a":' * 3000 + b"1" + b"}" * 3000
DEEP_EVENT = event("MODIFIED", thing("deep", 201))[:-3] + b',"spec":{"params":' + DEEP + b"}}}\n"
GONE = {"kind": "Status", "code": 410, "message": "too old resource version"}
UNTIL_WHEN = (
    "Thu, 01 Jan 2015 12:00:30 GMT",
    "Thu, 01 Jan " + "9" * 30 + " 12:00:30 GMT",
    "Thu, 01 Jan 2015 12:00:30 +" + "9" * 30,
    "soon",
    "-5",
    "nan",
    "-inf",
    "0",
    " ",
)
"""A Retry-After that asks for nothing."""
BODIES = (
    b"[1]",
    b'"no"',
    b"\xff\xfe",
    b'{"kind":"Status","details":{"retryAfterSeconds":"soon"}}',
    b'{"kind":"Status","details":[1],"message":{}}',
    b'{"kind":"Status","details":{"retryAfterSeconds":-3}}',
    DEEP,
)
BROKEN = {"kind": "Status", "code": 500, "message": "unable to decode an event"}


@pytest_asyncio.fixture
async def server():
    server = WatchServer()
    async with server.serving():
        yield server


@pytest.fixture
def told():
    return Told()


@pytest_asyncio.fixture(params=["kopf", "reflector"])
async def watching(request, server, told, monkeypatch):
    """Both kinds of watch, told the same and expected to do the same."""

    async def at_once(seconds: float) -> None:
        await asyncio.sleep(0)

    credentials = FixedCredentials(server.url)
    if request.param == "kopf":
        monkeypatch.setattr(kopf_session, "_RETRY", 0)
        monkeypatch.setattr("estimator_operator.kube.watch._LOGIN_PAUSE", 0)
        monkeypatch.setattr("estimator_operator.kube.watch._RECONNECT_BACKOFF", 0)
        monkeypatch.setattr("estimator_operator.kube.watch._BACKOFFS", (0, 0, 0))
        monkeypatch.setattr("estimator_operator.kube.watch._BACKOFF_MOST", 0)
        monkeypatch.setattr("kopf.run_tasks", _run_tasks)
        task = asyncio.ensure_future(
            watch(credentials=credentials, told=told.hand_over, on_signals=_no_signals)
        )
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    else:
        async with Api(credentials, limit=TokenBucket(rate=0, burst=1)) as api:
            task = asyncio.ensure_future(Reflector(api, PODS, None, told.hand_over, sleep=at_once).run())
            yield task
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _run_tasks(tasks, ignored):
    """As kopf's own, which at its end cancels the test as well."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _no_signals() -> None:
    for number in (2, 15):
        asyncio.get_running_loop().remove_signal_handler(number)


async def until(watching, told, *one):
    """Waits until that has been told; the watch must not end before."""
    waiting = asyncio.ensure_future(told.until(*one))
    await asyncio.wait([waiting, watching], return_when=asyncio.FIRST_COMPLETED)
    assert not watching.done(), f"the watch has ended: {told.log}"


async def test_what_exists_is_told_page_by_page_and_then_that_nothing_else_does(server, told, watching):
    server.page = 2
    server.lists = [[thing(name) for name in "abcde"]]
    await until(watching, told, "relisted", None, tuple(f"uid-{name}" for name in "abcde"), 200)
    assert told.log[:5] == [(None, name) for name in "abcde"]
    assert server.kinds[:3] == ["list"] * 3


async def test_changes_are_told(server, told, watching):
    server.lists = [[thing("a")]]
    server.watches = [event("ADDED", thing("b", 201)) + event("DELETED", thing("a", 202))]
    await until(watching, told, "DELETED", "a")
    assert ("ADDED", "b") in told.log
    assert server.kinds[:2] == ["list", "watch"]


async def test_a_watch_that_ended_goes_on_where_it_was(server, told, watching):
    bookmark = {"kind": "X", "metadata": {"resourceVersion": "250"}}
    server.watches = [
        event("ADDED", thing("a", 201)) + event("BOOKMARK", bookmark),
        event("ADDED", thing("b", 260)),
    ]
    await until(watching, told, "ADDED", "b")
    versions = [query["resourceVersion"] for kind, query in server.asked if kind == "watch"]
    assert versions[:2] == ["200", "250"]
    assert server.kinds.count("list") == 1


@pytest.mark.parametrize(
    "trouble",
    [
        event("ERROR", GONE),
        event("ERROR", BROKEN),
        event("ERROR", {"kind": "Status"}),
        410,
        400,
        404,
        b"<html>proxy</html>\n",
        b'{"type":"ADDED"}\n',
    ],
    ids=["410", "500", "no code", "status 410", "status 400", "status 404", "no JSON", "no object"],
)
async def test_a_watch_that_cannot_go_on_lists_anew(server, told, watching, trouble):
    server.lists = [[thing("a"), thing("b")], [thing("b")]]
    server.watches = [trouble]
    await until(watching, told, "relisted", None, ("uid-b",), 300)
    assert server.kinds[:3] == ["list", "watch", "list"]


@pytest.mark.parametrize(
    "trouble", [500, 503, 429, 403, 410, 404, 400, b"<html>", b"[]", b'{"items":[', b'{"items":3']
)
async def test_a_list_that_fails_is_tried_again(server, told, watching, trouble):
    server.lists = [trouble, trouble, [thing("a")]]
    await until(watching, told, None, "a")


@pytest.mark.parametrize("place", ["list", "watch"])
@pytest.mark.parametrize(
    "trouble",
    [
        *(Refusal(429, header) for header in UNTIL_WHEN),
        *(Refusal(429, None, body) for body in BODIES),
        *(Refusal(503, None, body) for body in BODIES),
        *(Refusal(403, None, body) for body in BODIES[:4]),
        Refusal(503, "Thu, 01 Jan 2026 12:00:30 GMT"),
    ],
    ids=lambda one: f"{one.status} {one.retry_after or one.body!r}"[:60],
)
async def test_a_refusal_that_nobody_can_read_is_waited_for_like_any_other(
    server, told, watching, trouble, place
):
    if place == "list":
        server.lists = [trouble, [thing("a")]]
        await until(watching, told, None, "a")
    else:
        server.watches = [trouble, event("ADDED", thing("b", 201))]
        await until(watching, told, "ADDED", "b")


@pytest.mark.parametrize("query", ["", "?watch=true"], ids=["list", "watch"])
@pytest.mark.parametrize("path", [f"/apis/{JOBS.group}/{JOBS.version}/{JOBS.plural}", "/elsewhere"])
@pytest.mark.parametrize(
    ("header", "body", "least", "most"),
    [
        ("7", b"", 7, 7),
        ("1.5", b"", 2, 2),
        ("9" * 400, b"", WATCH_MOST_SECONDS, WATCH_MOST_SECONDS),
        (timedelta(hours=1), b"", WATCH_MOST_SECONDS, WATCH_MOST_SECONDS),
        (timedelta(seconds=200), b"", 100, 200),
        ("soon", b'{"kind":"Status","details":{"retryAfterSeconds":4}}', 4, 4),
        (None, b'{"kind":"Status","details":{"retryAfterSeconds":1' + b"0" * 400 + b"}}", 300, 300),
    ],
    ids=lambda one: str(one)[:20],
)
async def test_kopf_is_told_in_seconds_how_long_a_server_is_to_be_left_alone(
    server, told, path, query, header, body, least, most
):
    if isinstance(header, timedelta):
        header = format_datetime(datetime.now(UTC) + header, usegmt=True)
    server.lists, server.watches = [Refusal(429, header, body)], [Refusal(429, header, body)]
    async with aiohttp.ClientSession() as real:
        session = KopfSession(real, told.hand_over)
        answer = await session.request(method="get", url=f"{server.url}{path}{query or '?limit=5'}")
        assert answer.status == 429
        assert least <= int(answer.headers["Retry-After"]) <= most
        assert "details" not in await answer.json()
        with pytest.raises(aiohttp.ClientResponseError):
            answer.raise_for_status()


async def test_kopf_gets_a_bookmark_in_the_place_of_what_is_known_already(server, told):
    told.known = {"201", "202"}
    changes = [("ADDED", "a", 201), ("MODIFIED", "a", 202), ("DELETED", "b", 202), ("MODIFIED", "a", 203)]
    server.watches = [b"".join(event(kind, thing(name, version)) for kind, name, version in changes)]
    async with aiohttp.ClientSession() as real:
        session = KopfSession(real, told.hand_over)
        url = f"{server.url}/apis/{JOBS.group}/{JOBS.version}/{JOBS.plural}?watch=true"
        answer = await session.request(method="get", url=url)
        lines = [json.loads(line) async for line in answer.content.iter_chunked(1024)]
    assert [(one["type"], one["object"]["metadata"]["resourceVersion"]) for one in lines] == [
        ("BOOKMARK", "201"),
        ("BOOKMARK", "202"),
        ("DELETED", "202"),
        ("MODIFIED", "203"),
    ]
    assert told.log == [("ADDED", "a"), ("MODIFIED", "a")]


async def test_a_continue_token_that_has_expired_begins_the_list_anew(server, told, watching):
    server.page = 1
    server.lists = [[thing("a"), thing("b")], 410, [thing("c")]]
    await until(watching, told, "relisted", None, ("uid-c",), 300)


async def test_a_line_that_was_cut_off_is_none(server, told, watching):
    server.watches = [event("ADDED", thing("a", 201)) + b'{"type":"ADD', event("ADDED", thing("b", 202))]
    await until(watching, told, "ADDED", "b")
    assert server.kinds.count("list") == 1


async def test_one_object_that_cannot_be_decoded_ends_nothing(server, told, watching):
    server.watches = [DEEP_EVENT + event("ADDED", thing("b", 202))]
    await until(watching, told, "ADDED", "b")
    assert ("MODIFIED", "deep") in told.log
    assert [why for _, why in told.skipped] == ["unreadable"]


async def test_one_listed_object_that_cannot_be_decoded_ends_nothing(server, told, watching):
    deep = json.dumps(thing("deep")).encode()[:-1] + b',"spec":' + DEEP + b"}"
    server.lists = [
        b'{"metadata":{"resourceVersion":"7"},"items":['
        + deep
        + b","
        + json.dumps(thing("b")).encode()
        + b"]}"
    ]
    await until(watching, told, "relisted", None, ("uid-b", "uid-deep"), 7)
    assert told.log[:2] == [(None, "deep"), (None, "b")]


async def test_one_object_that_cannot_be_taken_in_ends_nothing(server, told, watching, caplog):
    told.broken.add("bad")
    server.lists = [[thing("bad"), thing("good")]]
    server.watches = [
        event("MODIFIED", thing("bad", 201))
        + event("ADDED", {"metadata": {}})
        + event("ADDED", {"metadata": None})
        + event("ADDED", thing("b", 202))
    ]
    await until(watching, told, "ADDED", "b")
    assert sorted(why for _, why in told.skipped) == ["failed", "failed", "unreadable", "unreadable"]
    assert caplog.text.count("default/bad cannot be taken in") == 1


@pytest.mark.parametrize("seed", range(3))
async def test_a_list_and_a_watch_full_of_hostile_objects_end_nothing(server, told, watching, seed):
    draw, kinds = random.Random(seed), ("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "SURPRISE")
    found = [any_spoilt(draw, JOBS) for _ in range(300)]
    # What has no name and cannot be decoded either is no event at all: that begins a new list.
    texts = [as_text(one, draw) for one in found if is_named(one)]
    others = [as_text(one, draw) for one in found if not is_named(one)]
    lines = [b'{"type":"%s","object":%s}\n' % (draw.choice(kinds).encode(), one) for one in texts]
    lines += [event("BOOKMARK", {"metadata": value}) for value in (None, [], {"resourceVersion": 5}, {})]
    lines.append(b'\xef\xbb\xbf{"type":"ADDED","object":{}}\n')
    lines.append(b'{"type":"ADDED","object":{"metadata":{"name":"a","uid":"u","a":"\xed\xa0\x80"}}}\n')
    items = b",".join(texts[:100] + others)
    server.lists = [b'{"metadata":{"resourceVersion":"7"},"items":[' + items + b"]}"] * 2
    server.watches = [b"".join(lines) + event("ADDED", thing("b", 999))]
    server.watches += [b'{"type":"ADDED","object":3}\n', event("ADDED", thing("c", 999))]
    assert len(lines) > 200
    await until(watching, told, "ADDED", "b")
    await until(watching, told, "ADDED", "c")
    assert {why for _, why in told.skipped} == {"unreadable"}


@pytest.mark.parametrize("version", ["9" * 5000, 5, None, [], "x"], ids=lambda one: str(one)[:10])
async def test_a_list_whose_version_is_none_sweeps_nothing_that_is_known(server, told, watching, version):
    server.lists = [json.dumps({"metadata": {"resourceVersion": version}, "items": [thing("a")]}).encode()]
    await until(watching, told, "relisted", None, ("uid-a",), 0)


@pytest.mark.parametrize("metadata", [[1], "x", {"continue": 5}, {"continue": ["a"]}], ids=str)
async def test_a_list_that_is_none_is_asked_for_again(server, told, watching, metadata):
    server.lists = [json.dumps({"metadata": metadata, "items": []}).encode(), [thing("a")]]
    await until(watching, told, None, "a")
    assert [one for one in told.log if one[0] == "relisted"][:1] in (
        [],
        [("relisted", None, ("uid-a",), server._version)],
    )


async def test_a_token_that_is_not_taken_is_read_again(server, told, watching):
    server.lists = [401, [thing("a")]]
    server.watches = [401, event("ADDED", thing("b", 201))]
    await until(watching, told, "ADDED", "b")
