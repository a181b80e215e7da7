"""Calls to the API server with plain dictionaries.

The client library's typed models refuse integer quantities and drop fields they do not know, so only its transport
is used: authentication, TLS, proxies, URL quoting. Every call passes one token bucket and is counted; every failure
becomes an exception of `estimator_operator.errors`. Nothing is retried here except a call refused for an expired
token: who calls knows whether a second try makes sense. A server that asks to be left alone (429) is left alone by
the calls about the same namespace, lists of all namespaces by such lists. Leases alone never wait: a leader that is held up by its own work must not lose the lead for it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.exceptions import ApiException

from estimator_operator.cluster_access import reach_as_kubectl
from estimator_operator.errors import PreflightError, TooManyRequestsError, UnauthorizedError, api_error
from estimator_operator.kube.credentials import Credentials
from estimator_operator.kube.decoding import (
    NAMELESS,
    UndecodableError,
    decode_event,
    decode_list,
    decode_object,
    list_version,
)
from estimator_operator.kube.page_size import PageSize, PageTooLargeError, read_page
from estimator_operator.kube.rate_limit import TokenBucket
from estimator_operator.kube.resources import LEASES, Resource
from estimator_operator.kube.status_object import refusal
from estimator_operator.kube.stream_lines import whole_lines

Json = dict[str, Any]
CallObserver = Callable[[str, str, int, float], None]
"""Told of every answer: verb, resource (with subresource), HTTP status (0: none came), seconds it took."""

USER_AGENT: Final = "estimator-operator"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=10)
_WATCH_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=90)
"""Bookmarks come every minute: a watch that is silent for longer has lost its connection."""
_NO_ANSWER: Final = (TimeoutError, aiohttp.ClientError, OSError, ApiException)
_BUSY: Final = 1.0
"""How long a server that is busy and does not say until when is left alone."""
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Listing:
    """Objects as they were at one version of the cluster.

    Attributes:
        items: The objects.
        version: The version; 0 when it is not known.
        nameless: What else the answer has, which cannot be told from others.
    """

    items: Sequence[Json]
    version: int
    nameless: Sequence[Any] = ()


class Api:
    """The API server, seen through plain dictionaries.

    All methods raise `estimator_operator.errors.ApiError`. Use as an asynchronous context manager.

    Args:
        credentials: The way to it.
        limit: How often it may be called.
        observe: Told of every answer.
        on_date: Told of the time of day that an answer bears.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        limit: TokenBucket,
        observe: CallObserver = lambda _verb, _resource, _status, _seconds: None,
        on_date: Callable[[str], None] = lambda _date: None,
    ) -> None:
        self._credentials = credentials
        configuration = credentials.configuration
        reach_as_kubectl(configuration)
        # Every watch holds a connection for as long as it lasts, and there may be hundreds of namespaces.
        configuration.connection_pool_maxsize = 0
        self._client = ApiClient(configuration)
        self._client.user_agent = USER_AGENT
        self._limit = limit
        self._observe = observe
        self._on_date = on_date

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        """Reads one object."""
        return await self._call("get", "GET", resource, namespace, name)

    async def pages(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        labels: str | None = None,
        fields: str | None = None,
        limit: int | None = None,
    ) -> AsyncGenerator[Listing]:
        """Reads all objects of a namespace (None: of all) that match a label and a field selector, page by page.

        Pages are measured in bytes: without a `limit`, how many objects one has follows from the size of those before.
        """
        query: Json = {}
        if labels is not None:
            query["labelSelector"] = labels
        if fields is not None:
            query["fieldSelector"] = fields
        size = PageSize(limit)
        while True:
            query["limit"] = size.limit
            try:
                page = await self._call("list", "GET", resource, namespace, query=query, size=size)
            except PageTooLargeError:
                continue
            metadata = page.get("metadata") or {}
            more = metadata.get("continue")
            items, nameless = page.get("items") or (), page.get(NAMELESS) or ()
            del page
            yield Listing(items=items, version=list_version(metadata), nameless=nameless)
            if not more:
                return
            query["continue"] = more

    async def list(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        labels: str | None = None,
        fields: str | None = None,
    ) -> Listing:
        """The same in one answer, where few objects match."""
        items: MutableSequence[Json] = []
        version = 0
        async for page in self.pages(resource, namespace, labels=labels, fields=fields):
            items.extend(page.items)
            version = page.version
        return Listing(items=items, version=version)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        labels: str | None = None,
        version: str,
        seconds: float,
        heard: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[Json]:
        """Events since a version, bookmarks among them, until the connection ends or falls silent.

        Args:
            resource: What is watched.
            namespace: Where; None for all namespaces.
            labels: Label selector.
            version: resourceVersion of a list or of the last event.
            seconds: After how many the server ends it.
            heard: Called whenever something arrives.
        """
        query: Json = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
        query["timeoutSeconds"] = max(1, round(seconds))
        if labels is not None:
            query["labelSelector"] = labels
        call = f"WATCH {resource.path(namespace)}"
        await self._limit.take(namespace)
        try:
            response = await self._send("GET", resource.path(namespace), query, None, _JSON, _WATCH_TIMEOUT)
            if response.status >= 300:
                text = await response.read()
                if response.status == 401:
                    await self._reload()
                raise refusal(call, response.status, text, response.headers.get("Retry-After"))
        except _NO_ANSWER as error:
            raise api_error(f"{call}: {str(error) or type(error).__name__}", status=0) from error
        heard()
        try:
            async for line in whole_lines(response.response.content.iter_any(), heard):
                yield await _event(line)
        except (TimeoutError, aiohttp.ClientError, OSError):
            return
        finally:
            response.response.close()

    async def create(
        self, resource: Resource, namespace: str, manifest: Json, *, dry_run: bool = False
    ) -> Json:
        """Creates an object, which may have no field that the API server does not know; returns it as stored.

        With `dry_run` it is admitted and validated, and nothing is stored.
        """
        query: Json = {"fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        return await self._call("create", "POST", resource, namespace, query=query, body=manifest)

    async def replace(self, resource: Resource, namespace: str, name: str, manifest: Json) -> Json:
        """Replaces an object; its resourceVersion is the precondition. Returns it as stored."""
        return await self._call("update", "PUT", resource, namespace, name, body=manifest)

    async def patch(
        self, resource: Resource, namespace: str, name: str, patch: Json, *, subresource: str | None = None
    ) -> Json:
        """Applies a JSON merge patch; a uid and resourceVersion in its metadata are preconditions."""
        return await self._call(
            "patch", "PATCH", resource, namespace, name, subresource, body=patch, content_type=_MERGE_PATCH
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str | None = None,
        force: bool = False,
    ) -> Json:
        """Deletes the object of that uid (and resourceVersion), its dependents in the background.

        With `force` a pod gets no grace: it is gone at once, whatever its node says.
        """
        preconditions = {"uid": uid}
        if resource_version is not None:
            preconditions["resourceVersion"] = resource_version
        body: Json = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": preconditions,
            "propagationPolicy": "Background",
        }
        if force:
            body["gracePeriodSeconds"] = 0
        return await self._call("delete", "DELETE", resource, namespace, name, body=body)

    async def _call(
        self,
        verb: str,
        method: str,
        resource: Resource,
        namespace: str | None,
        name: str | None = None,
        subresource: str | None = None,
        *,
        query: Json | None = None,
        body: Json | None = None,
        content_type: str = _JSON,
        size: PageSize | None = None,
    ) -> Json:
        path = resource.path(namespace, name, subresource)
        label = resource.plural if subresource is None else f"{resource.plural}/{subresource}"

        async def once() -> Json:
            if resource is not LEASES:
                await self._limit.take(namespace)
            return await self._once(verb, label, method, path, query, body, content_type, size)

        try:
            return await once()
        except UnauthorizedError:
            # A ServiceAccount's token rotates, an exec plugin's expires: read it again, once.
            await self._reload()
            return await once()
        except TooManyRequestsError as error:
            self._limit.pause(error.retry_after or _BUSY, namespace)
            raise

    async def _reload(self) -> None:
        """Reads the credentials again; where that fails, so does the call, and it is tried again as others are."""
        try:
            await self._credentials.reload()
        except PreflightError as error:
            raise api_error(str(error), status=401) from error

    async def _once(
        self,
        verb: str,
        label: str,
        method: str,
        path: str,
        query: Json | None,
        body: Json | None,
        content_type: str,
        size: PageSize | None,
    ) -> Json:
        status, began = 0, time.monotonic()
        try:
            response = await self._send(method, path, query, body, content_type, _TIMEOUT)
            status = response.status
            self._on_date(response.headers.get("Date", ""))
            text = await read_page(response.response, size) if size is not None else await response.read()
        except _NO_ANSWER as error:
            status = 0
            detail = str(error) or type(error).__name__
            raise api_error(f"{method} {path}: {detail}", status=0) from error
        finally:
            self._observe(verb, label, status, time.monotonic() - began)
        if 200 <= status < 300:
            try:
                return await (decode_object(text) if size is None else decode_list(text))
            except UndecodableError as error:
                # A proxy on the way may say 200 and mean something else.
                raise api_error(f"{method} {path}: {error}", status=0) from error
        raise refusal(f"{method} {path}", status, text, response.headers.get("Retry-After"))

    async def _send(
        self,
        method: str,
        path: str,
        query: Json | None,
        body: Json | None,
        content_type: str,
        limits: aiohttp.ClientTimeout,
    ) -> Any:
        # Without the body: it is plain JSON, and the library would walk through all of it to make it so.
        method, url, headers, _, _ = await self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()) if query else None,
            header_params={"Accept": _JSON, "Content-Type": content_type},
            auth_settings=["BearerToken"],
        )
        return await self._client.call_api(method, url, headers, body, _request_timeout=limits)


async def _event(line: bytes) -> Json:
    try:
        return await decode_event(line)
    except UndecodableError as error:
        # What it was cannot be known: what exists can, from a new list.
        return {"type": "ERROR", "object": {"code": 410, "message": str(error)}}
