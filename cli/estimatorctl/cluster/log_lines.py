"""The lines of a pod's log: as they are, or followed over lost connections to the pod's end.

A followed log is asked for with the time of each line, which is how it goes on where it broke off. The times are
taken off again. Of two lines written in the same nanosecond, one on each side of a lost connection, the second is lost.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

from estimatorctl.cluster.connection import Connection
from estimatorctl.cluster.replica_pods import ReplicaPod, replica_pod
from estimatorctl.errors import ObjectNotFound, Unreachable

_STAMPED: Final = re.compile(
    rb"((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d)) ?(.*)", re.DOTALL
)
_TRIES: Final = 5
"""How often the log of a container that has ended is asked for without an answer."""


async def lines_of(cluster: Connection, namespace: str, pod: ReplicaPod) -> AsyncGenerator[str, None]:
    """What the pod's replica has written so far.

    Raises:
        ClusterError: The log cannot be had.
    """
    async with aclosing(cluster.log(namespace, pod.name, pod.container)) as pieces:
        async for line in whole_lines(pieces):
            yield line.decode(errors="replace")


async def followed_lines(cluster: Connection, namespace: str, pod: ReplicaPod) -> AsyncGenerator[str, None]:
    """What the pod's replica has written and writes, until it has ended or is gone.

    Raises:
        ClusterError: The API server refuses, or the log of a container that has ended cannot be had.
    """
    since: bytes | None = None
    tries = 0
    while True:
        broken: Unreachable | None = None
        asked = cluster.log(
            namespace,
            pod.name,
            pod.container,
            follow=True,
            since=None if since is None else since.decode(),
        )
        last = since
        try:
            async with aclosing(asked) as pieces:
                async for line in whole_lines(pieces):
                    stamped = _STAMPED.fullmatch(line)
                    if stamped is None:
                        # Words of the kubelet about the log.
                        yield line.decode(errors="replace")
                        continue
                    if last is None or _moment(stamped[1]) > _moment(last):
                        since, tries = stamped[1], 0
                        yield stamped[4].decode(errors="replace")
        except ObjectNotFound:
            return
        except Unreachable as error:
            broken = error
        try:
            now = replica_pod(await cluster.pod(namespace, pod.name))
        except ObjectNotFound:
            return
        except Unreachable:
            await asyncio.sleep(cluster.retry_seconds)
            continue
        if now.uid != pod.uid:
            return
        if not now.running:
            if broken is None:
                return
            tries += 1
            if tries == _TRIES:
                raise broken
        await asyncio.sleep(cluster.retry_seconds)


async def whole_lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Pieces of text as lines without their ends; what follows the last end of line is one when the text is over."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line
    if rest:
        yield rest


def _moment(stamp: bytes) -> tuple[bytes, bytes]:
    """A time of a log, to be compared with another of the same log."""
    found = _STAMPED.fullmatch(stamp)
    assert found is not None
    return found[2], (found[3] or b"").ljust(9, b"0")
