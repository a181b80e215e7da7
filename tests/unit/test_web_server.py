"""The server of the tests leaves no connection open."""

import asyncio
import socket

import pytest
from aiohttp import web
from web_server import served


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_comes_as_the_server_closes_is_closed(turns):
    async with served(web.Application()) as port:
        connection = socket.create_connection(("127.0.0.1", port))
        # Some turns of the loop: in the first it is accepted, by the third aiohttp knows of it.
        for _ in range(turns):
            await asyncio.sleep(0)
    with connection:
        connection.settimeout(5)
        try:
            assert await asyncio.to_thread(connection.recv, 1) == b""
        except ConnectionResetError:
            assert turns == 0, "it was in the queue of the socket that listens"
