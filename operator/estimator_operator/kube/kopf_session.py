"""The HTTP session that kopf lists and watches through: what would end kopf's watch ends one page or one event.

kopf takes any answer that it does not expect for the end of the operator: an object that cannot be decoded, an ERROR
event that is not a 410, a continue token that has expired, a line that was cut off. Here every such answer becomes
one that it has a way to go on from: a new list. Lists are read in pages bounded in bytes, and their objects handed to
the observer while they are decoded, with word of a complete list at its end; kopf, which would only queue them, gets
the page without them. An event of a version that is known already, the echo of a status that the operator wrote itself, is
handed over here as well, and kopf gets a bookmark: most events are echoes, and kopf would decode each a second time and
make a task and a memory of it. Refusals that pass (401, 403, 429, 5xx) reach kopf, which logs in again or retries, in words that
it understands: a Retry-After in seconds, and a Status object or nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final, Self

import aiohttp
from yarl import URL

from estimator_operator.errors import ApiError
from estimator_operator.kube.decoding import (
    NAMELESS,
    UNREADABLE,
    UndecodableError,
    decode_event,
    decode_list,
    list_version,
)
from estimator_operator.kube.hand_over import HandOver
from estimator_operator.kube.object_shape import in_shape
from estimator_operator.kube.page_size import PageSize, PageTooLargeError, read_page
from estimator_operator.kube.resources import JOBS
from estimator_operator.kube.retry_after import WATCH_MOST_SECONDS
from estimator_operator.kube.status_object import refusal
from estimator_operator.kube.stream_lines import whole_lines

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_JOBS_PATH: Final = re.compile(rf"/apis/{re.escape(JOBS.group)}/[^/]+/(?:namespaces/([^/]+)/)?{JOBS.plural}$")
_RETRY: Final = 3.0
"""Seconds until a list is begun anew after an answer that will be the same at once."""
_GONE: Final = b'{"type":"ERROR","object":{"kind":"Status","code":410}}\n'
"""What makes kopf list anew."""
_REFUSAL_MOST: Final = 65536
"""Bytes that are read of a refusal."""


class KopfSession:
    """What kopf uses of an `aiohttp.ClientSession`.

    Args:
        session: The real one; closed with this.
        told: Who is told.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        told: HandOver,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._told = told
        self._sleep = sleep
        self._lists: dict[str | None, _List] = {}

    @property
    def closed(self) -> bool:
        """No call can be made any more."""
        return self._session.closed

    @property
    def headers(self) -> Any:
        """Headers of every request."""
        return self._session.headers

    async def close(self) -> None:
        """Ends all connections."""
        await self._session.close()

    async def request(self, *, method: str, url: str, **options: Any) -> Any:
        """One request of kopf's.

        Raises:
            aiohttp.ClientPayloadError: A list cannot be gone on with: kopf begins it anew.
        """
        address = URL(url)
        path = _JOBS_PATH.search(address.path)
        if path is None or method.lower() != "get":
            response = await self._session.request(method, address, **options)
            return response if response.status < 400 else await _Refusal.of(response)
        namespace = path[1]
        self._told.heard(JOBS, namespace)
        if "watch" in address.query:
            return await self._watch(namespace, address, options)
        return await self._list(namespace, address, options)

    async def _watch(self, namespace: str | None, address: URL, options: Json) -> Any:
        response: Any = await self._session.request("get", address, **options)
        if _is_kopfs(response.status):
            return await _Refusal.of(response)
        if response.status >= 400:
            _log.info("the watch of jobs begins anew: HTTP status %d", response.status)
            response.release()
            await self._sleep(_RETRY)
            return _Expired()
        response.content = _Events(response.content, namespace, self._told)
        return response

    async def _list(self, namespace: str | None, address: URL, options: Json) -> Any:
        progress = self._lists.get(namespace)
        if progress is None and "continue" in address.query:
            # Another session (a new login) began the list: its uids are not known, and a sweep would drop its jobs.
            await self._fail("it was begun by another session")
        if progress is None or "continue" not in address.query:
            progress = self._lists[namespace] = _List()
        while True:
            url = address.update_query(limit=str(progress.size.limit))
            response = await self._session.request("get", url, **options)
            if response.status == 403:
                self._told.refused(JOBS, namespace)
            if _is_kopfs(response.status):
                return await _Refusal.of(response)
            async with response:
                if response.status >= 400:
                    await self._fail(f"HTTP status {response.status}")
                try:
                    page = await decode_list(await read_page(response, progress.size))
                except PageTooLargeError:
                    continue
                except UndecodableError as error:
                    await self._fail(str(error))
            break
        items, nameless = page.get("items") or (), page.pop(NAMELESS, ())
        await self._told.page(JOBS, (*items, *nameless), progress.uids)
        metadata = page["metadata"] = page.get("metadata") or {}
        if not metadata.get("continue"):
            self._told.relisted(JOBS, namespace, progress.uids, list_version(metadata))
            del self._lists[namespace]
        return _Page(page | {"items": []})

    async def _fail(self, reason: str) -> None:
        _log.info("the list of jobs begins anew: %s", reason)
        await self._sleep(_RETRY)
        raise aiohttp.ClientPayloadError(reason)


class _List:
    """A list that is being read."""

    def __init__(self) -> None:
        self.size = PageSize()
        self.uids: set[str] = set()


class _Answer:
    """A response that is complete."""

    status: int = 200
    closed: Final = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """There is nothing to close."""


class _Refusal(_Answer):
    """A status of 400 and more, with what kopf reads of it: it ends at a Retry-After that is a date, or at a list."""

    def __init__(self, response: aiohttp.ClientResponse, error: ApiError) -> None:
        self.status = response.status
        seconds = error.retry_after
        self.headers = {} if seconds is None else {"Retry-After": str(math.ceil(seconds))}
        self._response = response
        self._document: Json = {
            "kind": "Status",
            "code": self.status,
            "reason": error.reason,
            "message": error.message,
        }

    @classmethod
    async def of(cls, response: aiohttp.ClientResponse) -> Self:
        """Reads a response, as far as it can be read, and closes it."""
        text = b""
        async with response:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                text = await response.content.read(_REFUSAL_MOST)
        call, asked = f"{response.method} {response.url.path}", response.headers.get("Retry-After")
        return cls(response, refusal(call, response.status, text, asked, most=WATCH_MOST_SECONDS))

    async def json(self) -> Json:
        """The Status object."""
        return self._document

    def raise_for_status(self) -> None:
        """Raises what aiohttp does."""
        one = self._response
        raise aiohttp.ClientResponseError(one.request_info, one.history, status=one.status)


class _Page(_Answer):
    def __init__(self, page: Json) -> None:
        self._page = page

    async def json(self) -> Json:
        """The decoded page."""
        return self._page


class _Expired(_Answer):
    """A watch whose only event says that it has expired."""

    @property
    def content(self) -> Self:
        """Itself."""
        return self

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        """The event."""
        yield _GONE


class _Events:
    """A watch's stream, of which kopf reads whole lines that it can decode and nothing else."""

    def __init__(self, content: Any, namespace: str | None, told: HandOver) -> None:
        self._content = content
        self._namespace = namespace
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Lines that kopf can decode, one at a time."""
        async for line in whole_lines(self._content.iter_chunked(size), self._heard):
            safe = await self._safe(line)
            if safe is not None:
                yield safe

    async def _safe(self, line: bytes) -> bytes | None:
        """The line as kopf can read it, or None when there is nothing in it for kopf."""
        try:
            event = await decode_event(line)
        except UndecodableError as error:
            _log.warning("the watch of jobs begins anew: %s", error)
            return _GONE
        kind, found = event["type"], event["object"]
        if kind == "ERROR":
            if found.get("code") != 410:
                _log.warning(
                    "the watch of jobs begins anew: %s", found.get("message") or "it ended with ERROR"
                )
            return _GONE
        if kind == "BOOKMARK":
            version = list_version(found["metadata"]) if isinstance(found.get("metadata"), dict) else 0
            told = {"metadata": {"resourceVersion": str(version)}}
            return _line(kind, told) if version else None
        if kind not in ("ADDED", "MODIFIED", "DELETED"):
            return None
        try:
            told = in_shape(found, JOBS)
        except UndecodableError:
            # kopf could not even queue it: it is counted at once.
            self._told.event(JOBS, kind, found)
            return None
        if kind != "DELETED" and self._told.knows_job(told):
            self._told.event(JOBS, kind, told)
            return _line("BOOKMARK", {"metadata": {"resourceVersion": told["metadata"]["resourceVersion"]}})
        is_safe = told is found and UNREADABLE not in found and _is_plain(line)
        return line + b"\n" if is_safe else _line(kind, told)

    def _heard(self) -> None:
        self._told.heard(JOBS, self._namespace)


def _line(kind: str, found: Json) -> bytes:
    return json.dumps({"type": kind, "object": found}).encode() + b"\n"


def _is_plain(line: bytes) -> bool:
    """Kopf decodes the line as we did: JSON may be in other encodings than UTF-8, and UTF-8 with half characters."""
    try:
        return line.lstrip()[:1] == b"{" and b"\0" not in line and bool(line.decode())
    except UnicodeDecodeError:
        return False


def _is_kopfs(status: int) -> bool:
    """Whether kopf knows what to do: log in again, wait as it is told, retry."""
    return status in (401, 403, 429) or status >= 500
