"""The end of a test's connections, which comes after the end of its sessions and servers."""

from __future__ import annotations

import asyncio
from typing import Final

_FAREWELL_SECS: Final = 20.0


async def all_closed() -> None:
    """Waits until the loop has no connection left; what does not end by itself is cut.

    A server may have been asked while it closed, a connection to the API server may be in its farewell of TLS, and one
    that was cancelled while it was made belongs to nobody: all go when the loop sees their end, and would be left open
    by a loop that ends before.
    """
    loop = asyncio.get_running_loop()
    watched = loop._selector.get_map()  # nothing public tells
    try:
        async with asyncio.timeout(_FAREWELL_SECS):
            while len(watched) > 1:  # the loop wakes itself by one socket
                await asyncio.sleep(0.01)
    except TimeoutError:
        for one in list(loop._transports.values()):
            one.abort()
        await asyncio.sleep(0)
