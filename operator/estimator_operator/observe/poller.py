"""Asking pods how far they are: `GET /progress` of the chief and the evaluator of every running job.

`poll_schedule.py` says whom to ask when; this module asks.

Pods are not trusted: an answer is read up to 64 KiB, uncompressed, without following redirects, within seconds, and
must be the progress document of the replica that was asked (addresses are used again). Whatever else comes is dropped
and counted. A pod that does not answer says nothing: nothing is concluded from it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Final

import aiohttp
from yarl import URL

from estimator_api import MalformedProgressError, Progress, parse_progress
from estimator_api.progress import MAX_PROGRESS_BYTES
from estimator_operator.observe.poll_schedule import PollSchedule, Target, write_interval

_log = logging.getLogger(__name__)

_TIMEOUT: Final = aiohttp.ClientTimeout(total=3, sock_connect=1)
_LOOKS: Final = 300
"""How many times as long as a look at who the targets are the time between two is: thousands of jobs take a while."""


class NoProgressError(Exception):
    """The answer is not the document that was asked for; the text is the metric's label."""


Fetch = Callable[[Target], Awaitable[Progress]]
"""Asks a pod; raises `NoProgressError`, TimeoutError, OSError or aiohttp's errors."""


class ProgressPoller:
    """Asks every target at its own interval, see `poll_schedule.py`.

    Args:
        targets: Pods to ask now.
        deliver: Takes what a pod said; tells whether it is news.
        count: Takes the result of each look: ok, unreachable, status, too_large, malformed, other_replica, or crash
            when the answer could not be taken, or when it could not be told whom to ask.
        interval: Least seconds between two polls of one pod, and between two looks at who the targets are.
        monotonic: Clock in seconds.
    """

    def __init__(
        self,
        *,
        targets: Callable[[], Awaitable[Iterable[Target]]],
        deliver: Callable[[Target, Progress], bool],
        count: Callable[[str], None],
        interval: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._targets = targets
        self._deliver = deliver
        self._count = count
        self._interval = interval
        self._monotonic = monotonic
        self._schedule = PollSchedule(interval=interval)
        self._landed = asyncio.Event()

    @property
    def write_interval(self) -> float:
        """Seconds between two status writes of one job that only carry progress."""
        return write_interval(self._interval, self._schedule.jobs)

    async def run(self) -> None:
        """Asks until cancelled."""
        # A connection kept open would hold a thread in the pod; proxies and cookies are not for pods. The schedule
        # bounds the number of connections.
        connector = aiohttp.TCPConnector(force_close=True, limit=0, happy_eyeballs_delay=None)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                timeout=_TIMEOUT,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as session,
            asyncio.TaskGroup() as polls,
        ):
            update_at = self._monotonic()
            while True:
                now = self._monotonic()
                if now >= update_at:
                    await self._look(now)
                    update_at = now + max(self._interval, _LOOKS * (self._monotonic() - now))
                while (target := self._schedule.take(self._monotonic())) is not None:
                    polls.create_task(self.ask(target, partial(fetch, session)))
                now = self._monotonic()
                self._landed.clear()
                pause = max(0.0, min(self._schedule.wait(now), update_at - now))
                # Not wait_for: that of Python 3.11 loses a cancellation that comes together with an answer.
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._landed.wait()

    async def _look(self, now: float) -> None:
        """Looks at who the targets are; when that cannot be told, those that are known are asked on."""
        try:
            self._schedule.update(await self._targets(), now)
        except Exception:  # noqa: BLE001  (progress is not worth the operator)
            _log.exception("whom to ask for progress cannot be told")
            self._tell("crash")

    def _tell(self, result: str) -> None:
        try:
            self._count(result)
        except Exception:  # noqa: BLE001  (a number that is missing is not worth the operator)
            _log.exception("the result of a poll, %s, could not be counted", result)

    async def ask(self, target: Target, ask: Fetch) -> None:
        """Asks one target and tells the result. Nothing that a pod says ends the poller."""
        news, progress = False, None
        try:
            progress = await ask(target)
            news = self._deliver(target, progress)
            result = "ok"
        except NoProgressError as error:
            _log.debug("%s of %s: %s", target.replica, target.job, error)
            result = str(error)
        except (TimeoutError, aiohttp.ClientError, OSError):
            result = "unreachable"
        except Exception:  # noqa: BLE001  (one pod must not end the operator)
            _log.exception("%s of %s: its progress could not be taken", target.replica, target.job)
            result = "crash"
        self._tell(result)
        if progress is None:
            self._schedule.unheard(target, self._monotonic())
        else:
            self._schedule.heard(target, self._monotonic(), progress, news=news)
        self._landed.set()


@lru_cache(maxsize=4096)
def _taken_apart(url: str) -> URL:
    """Once for each pod: it is a sixth of what a poll costs."""
    return URL(url)


async def fetch(session: aiohttp.ClientSession, target: Target) -> Progress:
    """Reads the document of a pod.

    Raises:
        NoProgressError: The answer is something else.
    """
    async with session.get(_taken_apart(target.url), allow_redirects=False) as answer:
        if answer.status != 200:
            raise NoProgressError("status")
        text = bytearray()
        async for piece in answer.content.iter_any():
            text += piece
            if len(text) > MAX_PROGRESS_BYTES:
                raise NoProgressError("too_large")
    try:
        progress = parse_progress(bytes(text))
    except MalformedProgressError as error:
        raise NoProgressError("malformed") from error
    if (progress.role, progress.index) != (target.replica.role, target.replica.index):
        raise NoProgressError("other_replica")
    return progress
