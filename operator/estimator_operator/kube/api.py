"""Calls to the API server with plain dictionaries.

The client library's typed models refuse integer quantities and drop fields they do not know, so only its transport
is used: authentication, TLS, proxies, URL quoting. Every call passes one token bucket and is counted; every failure
becomes an exception of `estimator_operator.errors`. Nothing is retried here except a call refused for an expired
token: who calls knows whether a second try makes sense. A server that asks to be left alone (429) is left alone by
all callers. Leases alone never wait: a leader that is held up by its own work must not lose the lead for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Callable, MutableSequence, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.exceptions import ApiException

from estimator_operator.errors import TooManyRequestsError, UnauthorizedError, api_error
from estimator_operator.kube.credentials import Credentials
from estimator_operator.kube.rate_limit import TokenBucket
from estimator_operator.kube.resources import LEASES, Resource
from estimator_operator.kube.retry_after import seconds_to_wait

Json = dict[str, Any]
CallObserver = Callable[[str, str, int, float], None]
"""Told of every answer: verb, resource (with subresource), HTTP status (0: none came), seconds it took."""

USER_AGENT: Final = "estimator-operator"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=10)
_PAGE: Final = 500
_BUSY: Final = 1.0
"""How long a server that is busy and does not say until when is left alone."""
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Listing:
    """Objects as they were at one version of the cluster."""

    items: Sequence[Json]
    version: int


class Api:
    """The API server, seen through plain dictionaries.

    All methods raise `estimator_operator.errors.ApiError`. Use as an asynchronous context manager.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        limit: TokenBucket,
        observe: CallObserver = lambda _verb, _resource, _status, _seconds: None,
    ) -> None:
        self._credentials = credentials
        configuration = credentials.configuration
        # Told to trust the environment, aiohttp looks into .netrc before every call, in a thread, and refuses to send
        # our token where it finds something. All that is wanted of the environment is the proxy.
        configuration.client_session_kwargs = {"trust_env": False}
        configuration.proxy = configuration.proxy or environment_proxy(configuration.host)
        self._client = ApiClient(configuration)
        self._client.user_agent = USER_AGENT
        self._limit = limit
        self._observe = observe

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
        limit: int = _PAGE,
    ) -> AsyncGenerator[Listing]:
        """Reads all objects of a namespace (None: of all) that match a label and a field selector, page by page."""
        query: Json = {"limit": limit}
        if labels is not None:
            query["labelSelector"] = labels
        if fields is not None:
            query["fieldSelector"] = fields
        while True:
            page = await self._call("list", "GET", resource, namespace, query=query)
            metadata = page.get("metadata", {})
            yield Listing(items=page.get("items", ()), version=int(metadata.get("resourceVersion") or 0))
            if not metadata.get("continue"):
                return
            query["continue"] = metadata["continue"]

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

    async def create(
        self, resource: Resource, namespace: str, manifest: Json, *, dry_run: bool = False
    ) -> Json:
        """Creates an object; returns it as stored. Fields that its schema does not know are refused, not dropped.

        With `dry_run` everything is done but storing it.
        """
        query = {"fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}
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
    ) -> Json:
        path = resource.path(namespace, name, subresource)
        label = resource.plural if subresource is None else f"{resource.plural}/{subresource}"

        async def once() -> Json:
            if resource is not LEASES:
                await self._limit.take()
            return await self._once(verb, label, method, path, query, body, content_type)

        try:
            return await once()
        except UnauthorizedError:
            # A ServiceAccount's token rotates, an exec plugin's expires: read it again, once.
            await self._credentials.reload()
            return await once()
        except TooManyRequestsError as error:
            self._limit.pause(error.retry_after or _BUSY)
            raise

    async def _once(
        self,
        verb: str,
        label: str,
        method: str,
        path: str,
        query: Json | None,
        body: Json | None,
        content_type: str,
    ) -> Json:
        status, began = 0, time.monotonic()
        try:
            # Without the body: it is plain JSON, and the library would walk through all of it to make it so.
            method, url, headers, _, _ = await self._client.param_serialize(
                method,
                path,
                query_params=list(query.items()) if query else None,
                header_params={"Accept": _JSON, "Content-Type": content_type},
                auth_settings=["BearerToken"],
            )
            response = await self._client.call_api(method, url, headers, body, _request_timeout=_TIMEOUT)
            status = response.status
            text = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError, ApiException) as error:
            status = 0
            detail = str(error) or type(error).__name__
            raise api_error(f"{method} {path}: {detail}", status=0) from error
        finally:
            self._observe(verb, label, status, time.monotonic() - began)
        if 200 <= status < 300:
            return _object(f"{method} {path}", text)
        raise _translate(f"{method} {path}", status, text, response.headers.get("Retry-After"))


def environment_proxy(url: str) -> str | None:
    """The proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for `url`, or None."""
    parts = urlsplit(url)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def _object(call: str, text: bytes) -> Json:
    """The object in a success; a proxy on the way may say 200 and mean something else."""
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise api_error(f"{call}: the answer is not JSON: {error}", status=0) from error
    if not isinstance(answer, dict):
        raise api_error(f"{call}: the answer is not an object", status=0)
    return answer


def _translate(call: str, status: int, text: bytes, retry_after: str | None) -> Exception:
    """The exception for an answer that is not a success; the server's own words are the message."""
    reason, message = "", text[:512].decode(errors="replace").strip()
    details: Any = None
    with suppress(ValueError, AttributeError, TypeError):
        document = json.loads(text)
        reason = document.get("reason") or ""
        message = document.get("message") or message
        details = (document.get("details") or {}).get("retryAfterSeconds")
    seconds = seconds_to_wait(retry_after, details, datetime.now(UTC))
    return api_error(message or call, status=status, reason=reason, retry_after=seconds)
