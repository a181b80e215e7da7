"""An aiohttp application served on loopback for the time of a test, which leaves no connection open."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

_TURNS = 4
"""From a connection that the event loop has accepted to the one that aiohttp knows of: a task that makes the transport,
then a callback that hands it over."""


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[int]:
    """Serves; gives the port.

    A client that gives up while it connects may leave a connection that is accepted as the server closes. The transport
    of one that was accepted before is not made when the server has closed by then, and nobody closes it: a
    ResourceWarning in whichever test is running when it is collected. So accepting ends first.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    try:
        yield listening.getsockname()[1]
    finally:
        asyncio.get_running_loop().remove_reader(listening)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        await runner.cleanup()
