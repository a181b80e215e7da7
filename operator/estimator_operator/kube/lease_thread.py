"""The election in a thread of its own: work in the main event loop cannot hold renewals up.

The main loop may be busy for seconds (one large job, one large list), and a renewal that waits for it comes too late
although the API server answers. So the Elector has its own thread, event loop, connection and credentials. In return
the thread watches the main loop: one that has not answered for `heartbeat_limit` does no work any more, and holding
the lease would keep every other replica from doing it. Then, and when the lead is lost and the main loop does not end
the process in the time that is left, the thread ends the process: no cancellation reaches a loop that does not turn.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final

from estimator_operator.errors import LeadershipLostError, OperatorError
from estimator_operator.kube.lease import Elector

_log = logging.getLogger(__name__)

_HEARTBEAT: Final = 5.0
_HEARTBEAT_LIMIT: Final = 60.0
"""A legal job of the largest size keeps the loop for less than a second; the liveness probe ends sooner what it can."""
_AT_ONCE: Final = 0.5
_JOIN_MOST: Final = 5.0
"""Seconds for giving the lease up at the end: it runs out by itself otherwise."""


class LeaseThread:
    """Acquires and holds a lease until it is released. To be used within the main event loop.

    Args:
        connect: Makes the Elector in the thread, with what of asyncio it needs.
        heartbeat_limit: Seconds after which a main loop that does not answer counts as dead.
        heartbeat: Seconds between two questions to it.
        die: Ends the process at once.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[Elector]],
        *,
        heartbeat_limit: float = _HEARTBEAT_LIMIT,
        heartbeat: float = _HEARTBEAT,
        die: Callable[[int], object] = os._exit,
    ) -> None:
        self._connect = connect
        self._heartbeat_limit = heartbeat_limit
        self._heartbeat = heartbeat
        self._die = die
        self._main = asyncio.get_running_loop()
        self._acquired: Future[None] = Future()
        self._lost = asyncio.Event()
        self._error: OperatorError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._released: asyncio.Event | None = None
        self._stopping = False
        self._answered = 0.0
        self._elector: Elector | None = None
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    async def acquire(self) -> None:
        """Starts the thread and waits until the lease is ours.

        Raises:
            OperatorError: It cannot be tried, e.g. for want of credentials.
        """
        self._thread.start()
        await asyncio.wrap_future(self._acquired)

    async def hold(self) -> None:
        """Waits for the loss of the lease.

        Raises:
            LeadershipLostError: It was lost; the process must end within the error's `time_left`.
        """
        await self._lost.wait()
        if self._error is not None:
            raise self._error

    @property
    def leads(self) -> bool:
        """No other replica can lead at this moment, whether or not the loss was noticed already.

        A process that stood still goes on where it was, and hears of the loss some moments later.
        """
        return self._elector is not None and self._elector.leads

    async def release(self) -> None:
        """Gives the lease up, if it is ours, and ends the thread; call when all work has ended."""
        self._stopping = True  # first: a thread that has no loop yet reads it when it has one
        if self._loop is not None and self._released is not None:
            with suppress(RuntimeError):  # its loop is closed already
                self._loop.call_soon_threadsafe(self._released.set)
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, _JOIN_MOST)

    def _run(self) -> None:
        try:
            asyncio.run(self._elect())
        except Exception as error:  # noqa: BLE001  (a thread's exception reaches nobody else)
            self._fail(error)

    async def _elect(self) -> None:
        self._released = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._stopping:
            return
        async with self._connect() as elector:
            self._elector = elector
            electing = asyncio.create_task(self._acquire_and_hold(elector))
            released = asyncio.create_task(self._released.wait())
            beating = asyncio.create_task(self._watch_main())
            await asyncio.wait([electing, released], return_when=asyncio.FIRST_COMPLETED)
            error = electing.exception() if electing.done() else None
            if error is not None:
                self._fail(error)
                await self._end_unless_released(error)
            for task in (electing, released, beating):
                task.cancel()
            await asyncio.gather(electing, released, beating, return_exceptions=True)
            if error is None:
                await elector.release()

    async def _acquire_and_hold(self, elector: Elector) -> None:
        await elector.acquire()
        if self._acquired.set_running_or_notify_cancel():
            self._acquired.set_result(None)
        await elector.hold()

    async def _end_unless_released(self, error: BaseException) -> None:
        """Ends the process when the main loop has not done so in the time that is left."""
        assert self._released is not None
        seconds = error.time_left if isinstance(error, LeadershipLostError) else 0.0
        try:
            async with asyncio.timeout(max(seconds, _AT_ONCE)):
                await self._released.wait()
        except TimeoutError:
            _log.critical("%s; the work does not end: leaving at once", error)
            self._die(1)

    def _fail(self, error: BaseException) -> None:
        """Tells the main loop, whichever way it waits."""
        told = error if isinstance(error, OperatorError) else OperatorError("the election has ended")
        if told is not error:
            told.__cause__ = error
        if not self._acquired.done():
            self._acquired.set_exception(told)
        self._error = told
        with suppress(RuntimeError):  # its loop is closed: nobody waits any more
            self._main.call_soon_threadsafe(self._lost.set)

    async def _watch_main(self) -> None:
        """Asks the main loop for signs of life; ends the process when there are none."""
        self._answered = time.monotonic()
        while True:
            with suppress(RuntimeError):  # it is closed: the process ends
                self._main.call_soon_threadsafe(self._answer)
            await asyncio.sleep(self._heartbeat)
            silent = time.monotonic() - self._answered
            if silent > self._heartbeat_limit:
                _log.critical("the event loop has stood still for %.0f s: leaving at once", silent)
                self._die(1)
                return

    def _answer(self) -> None:
        self._answered = time.monotonic()
