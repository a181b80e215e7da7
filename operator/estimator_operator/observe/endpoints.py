"""`/livez`, `/readyz`, `/debug/schedule` and `/metrics` over HTTP."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from estimator_operator.errors import PreflightError
from estimator_operator.settings import Address

Json = dict[str, Any]
Schedule = Callable[[int], list[Json]]
"""So many of the jobs that are looked at next: job, seconds until then, and the reason."""
_SCHEDULE: Final = 100
_SCHEDULE_MOST: Final = 1000
Check = Callable[[], str | None]
"""Why a question is answered with no, or None."""


class Endpoints:
    """Serves as long as its asynchronous context lasts.

    That a request is answered at all says that the event loop turns; the checks say the rest.

    Args:
        health: Where /livez and /readyz are, or None.
        metrics: Where /metrics is, or None; may be the same.
        alive: Why the process had better be restarted.
        ready: Why it does not do its part yet.
        numbers: The metrics.
        schedule: Which jobs are looked at next, shown at /debug/schedule beside the health.
    """

    def __init__(
        self,
        *,
        health: Address | None,
        metrics: Address | None,
        alive: Check,
        ready: Check,
        numbers: Callable[[], Awaitable[bytes]],
        schedule: Schedule = lambda _: [],
    ) -> None:
        self._routes: dict[Address, list[web.RouteDef]] = {}
        if health is not None:
            self._route(health, "/livez", _answer(alive))
            self._route(health, "/readyz", _answer(ready))
            self._route(health, "/debug/schedule", _schedule(schedule))
        if metrics is not None:
            self._route(metrics, "/metrics", _metrics(numbers))
        self._stack = AsyncExitStack()
        self.ports: list[int] = []

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for address, routes in self._routes.items():
                app = web.Application()
                app.add_routes(routes)
                runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
                await runner.setup()
                stack.push_async_callback(runner.cleanup)
                try:
                    await _site(runner, address).start()
                except OSError as error:
                    raise PreflightError(
                        f"cannot listen on {address.host}:{address.port}: {error}"
                    ) from error
                self.ports += [bound[1] for bound in runner.addresses]
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _route(self, address: Address, path: str, handler: Callable[[web.Request], object]) -> None:
        self._routes.setdefault(address, []).append(web.get(path, handler))  # type: ignore[arg-type]


def _site(runner: web.AppRunner, address: Address) -> web.BaseSite:
    if address.host:
        return web.TCPSite(runner, address.host, address.port)
    if not socket.has_dualstack_ipv6():
        return web.TCPSite(runner, "0.0.0.0", address.port)  # noqa: S104  (kubelet and Prometheus come from outside)
    # Both families on one port: the pods of some clusters have an IPv6 address alone.
    everywhere = socket.create_server(("", address.port), family=socket.AF_INET6, dualstack_ipv6=True)
    return web.SockSite(runner, everywhere)


def _answer(check: Check) -> Callable[[web.Request], object]:
    async def handle(_: web.Request) -> web.Response:
        fault = check()
        return web.Response(text=fault or "ok", status=200 if fault is None else 503)

    return handle


def _schedule(schedule: Schedule) -> Callable[[web.Request], object]:
    async def handle(request: web.Request) -> web.Response:
        asked = request.query.get("limit", "")
        limit = min(int(asked), _SCHEDULE_MOST) if asked.isascii() and asked.isdecimal() else _SCHEDULE
        return web.json_response(schedule(limit))

    return handle


def _metrics(numbers: Callable[[], Awaitable[bytes]]) -> Callable[[web.Request], object]:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=await numbers(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return handle
