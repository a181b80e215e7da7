"""The API server as an operator sees it whose clock is off: a proxy that moves every time between the two.

A process cannot be given another clock without a library that is loaded into it. So the server's clock is moved
instead: what the operator reads (objects, watch events, `Date` headers) is as much earlier or later as the operator's
clock is said to be off, and what it writes is moved back. Both sides keep their own time, and everybody else sees the
server's.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

import aiohttp
from aiohttp import web
from api_server import ApiServer
from proxy_site import serving

_HOP_BY_HOP: Final = frozenset(
    {"host", "connection", "transfer-encoding", "content-length", "content-encoding", "accept-encoding"}
)
_TIME: Final = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)((?:\.\d+)?Z)"')


class SkewedServer:
    """Forwards everything, with other times in it.

    Args:
        server: The API server.
        upstream: A session that trusts it.
        ahead: Seconds by which the operator's clock is ahead of the server's; negative when it is behind.

    Attributes:
        url: Where the operator finds the API server.
        forced: Names of the pods that the operator deleted without grace.
    """

    def __init__(self, server: ApiServer, upstream: aiohttp.ClientSession, *, ahead: float) -> None:
        self._server = server
        self._upstream = upstream
        self._ahead = timedelta(seconds=ahead)
        self.url = ""
        self.forced: list[str] = []

    @classmethod
    @asynccontextmanager
    async def stand(cls, server: ApiServer, *, ahead: float) -> AsyncIterator[SkewedServer]:
        """Serves as long as the context lasts."""
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(
            connector=server.connector(limit=0), timeout=timeout, read_bufsize=2**21
        ) as upstream:
            skewed = cls(server, upstream, ahead=ahead)
            async with serving(skewed._handle) as skewed.url:
                yield skewed

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.method == "DELETE" and body and json.loads(body).get("gracePeriodSeconds") == 0:
            self.forced.append(request.path.rpartition("/")[2])
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _HOP_BY_HOP}
        headers["Accept-Encoding"] = "identity"
        with suppress(ConnectionError):
            return await self._forward(request, headers, _moved(body, self._ahead))
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
            kept = {key: value for key, value in answer.headers.items() if key.lower() not in _HOP_BY_HOP}
            if "Date" in kept:
                date = parsedate_to_datetime(kept["Date"]) - self._ahead
                kept["Date"] = format_datetime(date, usegmt=True)
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            if request.query.get("watch") in ("1", "true"):
                async for line in answer.content:
                    await response.write(_moved(line, -self._ahead))
            else:
                await response.write(_moved(await answer.read(), -self._ahead))
            await response.write_eof()
            return response


def _moved(text: bytes, by: timedelta) -> bytes:
    """JSON with every time in it moved."""

    def move(found: re.Match[bytes]) -> bytes:
        moment = datetime.fromisoformat(found[1].decode()) + by
        return b'"' + moment.isoformat().encode() + found[2] + b'"'

    return _TIME.sub(move, text)
