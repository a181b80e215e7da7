"""An aiohttp application served on loopback for the time of a test, which leaves no connection open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

_TURNS = 4
"""From a connection that the event loop has accepted to the one that aiohttp knows of: a task that makes the transport,
then a callback that hands it over."""


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[int]:
    """Serves; gives the port.

    A client that gives up while it connects may leave a connection that is accepted as the server closes. aiohttp waits
    one turn of the loop for those, and what it does not know of by then it does not close: a ResourceWarning in
    whichever test is running when it is collected.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await site.stop()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        await runner.cleanup()
