"""Lists page by page: bounded in bytes whatever the objects' size, whole whatever the objects' depth."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest_asyncio
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration
from web_server import served

from estimator_operator.kube.api import Api
from estimator_operator.kube.decoding import UNREADABLE
from estimator_operator.kube.page_size import PAGE_BYTES, PAGE_BYTES_MOST
from estimator_operator.kube.rate_limit import TokenBucket
from estimator_operator.kube.resources import JOBS


class Server:
    """Serves jobs page by page, as the API server does.

    Attributes:
        items: The JSON text of each job.
        pages: Limit of each page that was asked for, and the bytes that it had.
    """

    def __init__(self) -> None:
        self.items: list[str] = []
        self.pages: list[tuple[int, int]] = []

    async def handle(self, request: web.Request) -> web.Response:
        start, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
        items = self.items[start : start + limit]
        metadata = {"resourceVersion": "7"}
        if start + limit < len(self.items):
            metadata["continue"] = str(start + limit)
        text = f'{{"metadata":{json.dumps(metadata)},"items":[{",".join(items)}]}}'
        self.pages.append((limit, len(text)))
        return web.Response(text=text)


def job(number: int, params: str) -> str:
    metadata = {"name": f"j{number}", "namespace": "default", "uid": f"u{number}"}
    return f'{{"metadata":{json.dumps(metadata)},"spec":{{"params":{params}}}}}'


@pytest_asyncio.fixture
async def server():
    server = Server()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    async with served(app) as port:
        server.url = f"http://127.0.0.1:{port}"
        yield server


@pytest_asyncio.fixture
async def api(server):
    credentials = SimpleNamespace(configuration=Configuration(host=server.url))
    async with Api(credentials, limit=TokenBucket(rate=0, burst=1)) as api:
        yield api


async def names(api: Api) -> list[str]:
    return [one["metadata"]["name"] async for page in api.pages(JOBS, None) for one in page.items]


async def test_small_objects_come_in_few_calls(api, server):
    server.items = [job(number, "{}") for number in range(2000)]
    assert len(await names(api)) == 2000
    assert len(server.pages) < 10
    assert max(limit for limit, _ in server.pages) == 500


async def test_large_objects_come_in_small_pages(api, server):
    large = json.dumps("x" * 1_400_000)
    server.items = [job(number, large) for number in range(30)]
    assert await names(api) == [f"j{number}" for number in range(30)]
    read = [size for _, size in server.pages[1:] if size <= PAGE_BYTES_MOST]
    assert max(read[2:]) <= PAGE_BYTES


async def test_large_objects_after_many_small_ones_are_not_read_at_once(api, server):
    large = json.dumps("x" * 1_400_000)
    server.items = [job(number, "{}") for number in range(250)]
    server.items += [job(number, large) for number in range(250, 280)]
    assert await names(api) == [f"j{number}" for number in range(280)]


async def test_one_object_is_read_whatever_its_size(api, server):
    server.items = [job(0, json.dumps("x" * (PAGE_BYTES_MOST + 1)))]
    assert await names(api) == ["j0"]


async def test_one_job_that_cannot_be_decoded_leaves_the_others(api, server):
    deep = '{"a":' * 9000 + "1" + "}" * 9000
    server.items = [job(0, "{}"), job(1, deep), job(2, "{}"), "{}", "3", '{"metadata":{}}']
    found = [one async for page in api.pages(JOBS, None) for one in page.items]
    assert [one["metadata"]["name"] for one in found] == ["j0", "j1", "j2"]
    assert [UNREADABLE in one for one in found] == [False, True, False]
