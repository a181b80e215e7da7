"""The server of the tests leaves no connection open."""

import asyncio
import contextlib
import socket

import pytest
from aiohttp import web
from web_server import served


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_comes_as_the_server_closes_is_closed(turns):
    async with served(web.Application()) as port:
        connection = socket.create_connection(("127.0.0.1", port))
        # It is accepted in one of the first turns of the loop, and aiohttp knows of it two turns later.
        for _ in range(turns):
            await asyncio.sleep(0)
    with connection:
        connection.settimeout(10)
        # Reset: nobody had accepted it.
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.to_thread(connection.recv, 1) == b""
