"""A proxy between an operator and the API server that sees the operator's writes to one job's objects coming.

It can close before the n-th of them: what an operator has not been able to write when it is killed was never written,
so it can be made to die between any two of its writes, for instance after it stored a restart and before it made the
pod. And it can let somebody else be quicker: the operator then writes onto what has changed meanwhile.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import aiohttp
from aiohttp import web
from api_server import ApiServer
from proxy_site import serving

_HOP_BY_HOP: Final = frozenset(
    {"host", "connection", "transfer-encoding", "content-length", "content-encoding"}
)


class WriteGate:
    """Forwards everything until the gate closes; reads and watches pass even then.

    Attributes:
        url: Where the operator finds the API server.
        passed: Writes to the job's objects that were let through.
        closed: Set when a write was held back.
    """

    def __init__(
        self,
        server: ApiServer,
        upstream: aiohttp.ClientSession,
        *,
        job: str,
        writes: float,
        before: Callable[[str], Awaitable[None]] | None,
    ) -> None:
        self._server = server
        self._upstream = upstream
        self._job = job
        self._left = writes
        self._before = before
        self.url = ""
        self.passed: list[str] = []
        self.closed = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def stand(
        cls,
        server: ApiServer,
        *,
        job: str,
        writes: float = math.inf,
        before: Callable[[str], Awaitable[None]] | None = None,
    ) -> AsyncIterator[WriteGate]:
        """A gate that lets through so many writes to objects whose name is `job` or begins with it.

        `before` is awaited before each of them, with its method and path as in `passed`.
        """
        timeout = aiohttp.ClientTimeout(total=None)
        connector = server.connector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False
        ) as upstream:
            gate = cls(server, upstream, job=job, writes=writes, before=before)
            async with serving(gate._handle) as gate.url:
                yield gate

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.method != "GET" and self._concerns_job(request, body):
            if self.closed.is_set() or not self._left:
                self.closed.set()
                await asyncio.Event().wait()
            self._left -= 1
            self.passed.append(f"{request.method} {request.path}")
            if self._before is not None:
                await self._before(self.passed[-1])
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _HOP_BY_HOP}
        with suppress(ConnectionError):
            # An operator that was killed does not wait for its answer.
            return await self._forward(request, headers, body)
        return web.Response(status=502)

    async def _forward(
        self, request: web.Request, headers: dict[str, str], body: bytes
    ) -> web.StreamResponse:
        async with self._upstream.request(
            request.method,
            self._server.url + request.path_qs,
            headers=headers,
            data=body or None,
            skip_auto_headers=("Content-Type",),
        ) as answer:
            response = web.StreamResponse(
                status=answer.status,
                headers={
                    key: value for key, value in answer.headers.items() if key.lower() not in _HOP_BY_HOP
                },
            )
            if "Content-Encoding" in answer.headers:
                response.headers["Content-Encoding"] = answer.headers["Content-Encoding"]
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    def _concerns_job(self, request: web.Request, body: bytes) -> bool:
        return f"/{self._job}" in request.path or f'"{self._job}'.encode() in body
