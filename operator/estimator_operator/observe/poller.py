"""Asking pods how far they are: `GET /progress` of the chief and the evaluator of every running job.

Pods are not trusted: an answer is read up to 64 KiB, uncompressed, without following redirects, within seconds, and
must be the progress document of the replica that was asked (addresses are used again). Whatever else comes is dropped
and counted. A pod that does not answer says nothing: nothing is concluded from it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import aiohttp

from estimator_api import MalformedProgressError, Progress, parse_progress
from estimator_api.progress import MAX_PROGRESS_BYTES
from estimator_operator.plan.observed import Replica

_log = logging.getLogger(__name__)

_TIMEOUT: Final = aiohttp.ClientTimeout(total=3, connect=2)
_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A pod to ask.

    Attributes:
        job: Key of its job, as given back with the answer.
        uid: Uid of the pod.
        replica: Which replica it is.
        host: Its address.
        port: Where it serves progress.
    """

    job: tuple[str, str]
    uid: str
    replica: Replica
    host: str
    port: int

    @property
    def url(self) -> str:
        """Where the document is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/progress"


class _NoProgressError(Exception):
    """The answer is not the document that was asked for; the text is the metric's label."""


class ProgressPoller:
    """Asks all targets once an interval, evenly spread over it.

    Args:
        targets: Pods to ask now.
        deliver: Takes what a pod said.
        count: Takes the result of each look: ok, unreachable, status, too_large, malformed or other_replica.
        interval: Seconds.
        monotonic: Clock in seconds.
    """

    def __init__(
        self,
        *,
        targets: Callable[[], Iterable[Target]],
        deliver: Callable[[Target, Progress], None],
        count: Callable[[str], None],
        interval: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._targets = targets
        self._deliver = deliver
        self._count = count
        self._interval = interval
        self._monotonic = monotonic
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Asks until cancelled."""
        # A connection kept open would hold a thread in the pod; proxies and cookies are not for pods.
        connector = aiohttp.TCPConnector(force_close=True, limit=_AT_ONCE)
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=_TIMEOUT,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        ) as session:
            while True:
                began = self._monotonic()
                await self.ask_all(session)
                await asyncio.sleep(max(0.0, began + self._interval - self._monotonic()))

    async def ask_all(self, session: aiohttp.ClientSession) -> None:
        """Asks every target once, within the interval."""
        targets = list(self._targets())
        if targets:
            apart = self._interval / len(targets)
            await asyncio.gather(
                *(self._ask_in(session, one, number * apart) for number, one in enumerate(targets))
            )

    async def _ask_in(self, session: aiohttp.ClientSession, target: Target, seconds: float) -> None:
        await asyncio.sleep(seconds)
        async with self._at_once:
            try:
                progress = await _fetch(session, target)
            except _NoProgressError as error:
                _log.debug("%s of %s: %s", target.replica, target.job, error)
                self._count(str(error))
                return
            except (TimeoutError, aiohttp.ClientError, OSError):
                self._count("unreachable")
                return
        self._count("ok")
        self._deliver(target, progress)


async def _fetch(session: aiohttp.ClientSession, target: Target) -> Progress:
    async with session.get(target.url, allow_redirects=False) as answer:
        if answer.status != 200:
            raise _NoProgressError("status")
        text = bytearray()
        async for piece in answer.content.iter_any():
            text += piece
            if len(text) > MAX_PROGRESS_BYTES:
                raise _NoProgressError("too_large")
    try:
        progress = parse_progress(bytes(text))
    except MalformedProgressError as error:
        raise _NoProgressError("malformed") from error
    if (progress.role, progress.index) != (target.replica.role, target.replica.index):
        raise _NoProgressError("other_replica")
    return progress
