"""A paged list and a watch of one resource, with a diff at every new list: what an informer's reflector is.

The list is read page by page and handed over object by object; then a watch goes on from its version. When the watch
cannot go on (410, any other ERROR, a stream that cannot be decoded) everything is listed anew, and whoever is told
learns from `relisted` what vanished in the gap. Every few minutes the connection is made anew from the version that
was reached, and a connection on which nothing comes, not even a bookmark, is given up. What goes wrong is tried again
for ever, with backoff and jitter; namespaces have a reflector each, so one that is refused stops no other.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

from estimator_operator.errors import ApiError, ForbiddenError, api_error
from estimator_operator.kube.api import Api
from estimator_operator.kube.decoding import list_version
from estimator_operator.kube.hand_over import TURN, HandOver
from estimator_operator.kube.resources import Resource
from estimator_operator.kube.retry_after import WATCH_MOST_SECONDS

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_WATCH_SECONDS: Final = 300.0
_RELIST_SECONDS: Final = 1800.0
"""A list that nobody needs: it heals what nobody thought of, and costs a few calls in half an hour."""
_BACKOFF_FIRST: Final = 1.0
_BACKOFF_MOST: Final = 60.0
_JITTER: Final = 0.3


class Reflector:
    """Tells of all objects of a resource, and of their changes.

    Args:
        api: The API server.
        resource: What is listed and watched.
        namespace: Where; None for all namespaces.
        told: Who is told.
        labels: Label selector.
        monotonic: Clock in seconds.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        api: Api,
        resource: Resource,
        namespace: str | None,
        told: HandOver,
        *,
        labels: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._resource = resource
        self._namespace = namespace
        self._told = told
        self._labels = labels
        self._monotonic = monotonic
        self._sleep = sleep
        self._failures = 0
        self._version = "0"

    async def run(self) -> None:
        """Lists and watches until cancelled."""
        while True:
            try:
                await self.list()
                await self._follow()
            except ApiError as error:
                await self._fail(error)

    async def list(self) -> None:
        """Hands over everything that exists, then tells what no longer does.

        Raises:
            ApiError: It could not be read to its end; what was read was handed over.
        """
        self._heard()
        uids: set[str] = set()
        version = 0
        async for page in self._api.pages(self._resource, self._namespace, labels=self._labels):
            self._heard()
            version = page.version
            await self._told.page(self._resource, (*page.items, *page.nameless), uids)
        self._version = str(version)
        self._told.relisted(self._resource, self._namespace, uids, version)

    async def _follow(self) -> None:
        """Watches from the list's version until that is no longer possible, or everything is to be listed anew."""
        end = self._monotonic() + _RELIST_SECONDS * random.uniform(1 - _JITTER, 1)  # noqa: S311  (spreads replicas)
        while self._monotonic() < end:
            self._heard()
            try:
                if not await self._watch(min(_WATCH_SECONDS, end - self._monotonic())):
                    return
            except ApiError as error:
                if 400 <= error.status < 500 and error.status not in (401, 429):
                    raise
                await self._fail(error)

    async def _watch(self, seconds: float) -> bool:
        """One connection; tells whether another may go on where it ended."""
        began = self._monotonic()
        stream = self._api.watch(
            self._resource,
            self._namespace,
            labels=self._labels,
            version=self._version,
            seconds=seconds,
            heard=self._heard,
        )
        number = 0
        async with aclosing(stream):
            async for event in stream:
                kind, found = event["type"], event["object"]
                if kind == "ERROR":
                    if found.get("code") != 410:
                        _log.warning(
                            "listing %s anew: %s", self._resource.plural, found.get("message") or found
                        )
                    raise api_error(str(found.get("message") or "ERROR"), status=410)
                self._failures = 0
                if kind in ("ADDED", "MODIFIED", "DELETED"):
                    self._told.event(self._resource, kind, found)
                metadata = found.get("metadata")
                if isinstance(metadata, dict) and (version := list_version(metadata)):
                    self._version = str(version)
                number += 1
                if number % TURN == 0:
                    await asyncio.sleep(0)
        if self._monotonic() - began < _BACKOFF_FIRST:
            # A server or proxy that closes every connection at once must not be asked at once.
            await self._sleep(_BACKOFF_FIRST)
        else:
            self._failures = 0
        return True

    async def _fail(self, error: ApiError) -> None:
        """Notes a failure and waits, longer each time."""
        self._heard()
        if isinstance(error, ForbiddenError):
            self._told.refused(self._resource, self._namespace)
        elif self._failures == 0 and error.status != 410:
            _log.warning("%s cannot be watched, trying again: %s", self._resource.plural, error.message)
        pause = min(_BACKOFF_FIRST * 2.0 ** min(self._failures, 16), _BACKOFF_MOST)
        self._failures += 1
        asked = min(error.retry_after or 0.0, WATCH_MOST_SECONDS)
        await self._sleep(max(pause * random.uniform(1 - _JITTER, 1), asked))  # noqa: S311

    def _heard(self) -> None:
        self._told.heard(self._resource, self._namespace)
