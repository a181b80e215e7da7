"""One EstimatorJob of a cluster as a plain dictionary: read once, or followed.

Only the transport of the client library is used: its typed models would drop what they do not know.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing, suppress
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from estimator_api import constants as c
from estimatorctl.errors import ClusterError

Document = dict[str, Any]

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=10)
_WATCH_SECONDS: Final = 240
_WATCH_TIMEOUT: Final = aiohttp.ClientTimeout(total=_WATCH_SECONDS + 30, connect=10)
_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_RETRY_MOST: Final = 10.0


class JobNotFound(ClusterError):  # noqa: N818 - names a state of the cluster, not a bug
    """There is no such job."""


class _WatchEndedError(Exception):
    """The watch ended, was dropped, or is too old to go on."""


class Connection:
    """A way to the API server, as kubectl finds it; an asynchronous context manager.

    Args:
        kubeconfig: Path of a kubeconfig; None: KUBECONFIG, then ~/.kube/config, then the pod's ServiceAccount.
        context: Context of the kubeconfig; None: its current one.
        retry_seconds: Pause before the first new attempt after a lost connection.
    """

    def __init__(
        self, *, kubeconfig: str | None = None, context: str | None = None, retry_seconds: float = 1.0
    ) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._retry_seconds = retry_seconds
        self._client: Any = None
        self.namespace = "default"

    async def __aenter__(self) -> Self:
        configuration = Configuration()
        # The client's own retries would hold up the messages of ours.
        configuration.retries = None
        self.namespace = await self._load(configuration)
        self._client = ApiClient(configuration)
        self._client.user_agent = "estimatorctl"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def read(self, namespace: str, name: str) -> Document:
        """The job as it is now.

        Raises:
            JobNotFound: There is none of that name.
            ClusterError: The API server cannot be reached or refuses.
        """
        response = await self._get(_path(namespace, name), {}, _TIMEOUT)
        try:
            document: Document = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ClusterError(f"no answer from the API server: {_words(error)}") from error
        return document

    async def follow(self, namespace: str, name: str) -> AsyncGenerator[Document, None]:
        """The job as it is now, and again after every change; ends when it is deleted.

        A lost connection is made again, and a job of the same name but another uid is another job.

        Raises:
            JobNotFound: There is none of that name to begin with.
            ClusterError: The API server cannot be reached to begin with, or refuses.
        """
        job = await self.read(namespace, name)
        uid = job["metadata"].get("uid")
        pause = self._retry_seconds
        yield job
        while True:
            version = job["metadata"].get("resourceVersion", "")
            with suppress(_WatchEndedError):
                async with aclosing(self._watch(namespace, name, version)) as events:
                    async for event in events:
                        pause = self._retry_seconds
                        seen = event["object"]
                        if seen["metadata"].get("uid") != uid or event["type"] == "DELETED":
                            return
                        job = seen
                        yield job
            await asyncio.sleep(pause)
            pause = min(pause * 2, _RETRY_MOST)
            try:
                latest = await self.read(namespace, name)
            except JobNotFound:
                return
            except _UnreachableError:
                continue
            if latest["metadata"].get("uid") != uid:
                return
            if latest["metadata"].get("resourceVersion") != job["metadata"].get("resourceVersion"):
                job = latest
                yield job

    async def _watch(self, namespace: str, name: str, version: str) -> AsyncGenerator[Document, None]:
        query = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        try:
            response = await self._get(_path(namespace), query, _WATCH_TIMEOUT)
            with closing(response.response):
                async for line in response.response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        # 410 Gone: the version is too old; whatever it is, reading the job anew answers it.
                        raise _WatchEndedError
                    if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                        yield event
        except (aiohttp.ClientError, TimeoutError, ValueError, _UnreachableError) as error:
            raise _WatchEndedError from error

    async def _get(self, path: str, query: dict[str, str], limits: aiohttp.ClientTimeout) -> Any:
        try:
            response = await self._once(path, query, limits)
            if response.status == 401:
                # An exec plugin's token expires while a job is followed: ask for a new one, once.
                await response.read()
                await self._load(self._client.configuration)
                response = await self._once(path, query, limits)
            if response.status == 200:
                return response
            text = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ApiException) as error:
            raise _UnreachableError(f"the API server cannot be reached: {_words(error)}") from error
        raise _refusal(response.status, text, path)

    async def _once(self, path: str, query: dict[str, str], limits: aiohttp.ClientTimeout) -> Any:
        method, url, headers, _, _ = await self._client.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        return await self._client.call_api(method, url, headers, None, _request_timeout=limits)

    async def _load(self, configuration: Any) -> str:
        """Fills in how to reach the API server; returns the namespace to use when none is named."""
        path = self._kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
        explicit = self._kubeconfig or self._context or os.environ.get("KUBECONFIG")
        try:
            if in_pod and not explicit:
                load_incluster_config(configuration)
                return _own_namespace()
            loader = await load_kube_config(path, self._context, configuration, persist_config=False)
        except (ConfigException, OSError) as error:
            raise ClusterError(
                f"no way to a cluster: {error}. Set KUBECONFIG or --kubeconfig as for kubectl"
            ) from error
        current: Document = dict((loader.current_context or {}).get("context") or {})
        return str(current.get("namespace") or "default")


def _own_namespace() -> str:
    return _NAMESPACE_FILE.read_text(encoding="utf-8").strip() or "default"


class _UnreachableError(ClusterError):
    """No answer came, or one that says to try again."""


def _path(namespace: str, name: str | None = None) -> str:
    root = f"/apis/{c.GROUP}/{c.VERSION}/namespaces/{namespace}/{c.PLURAL}"
    return root if name is None else f"{root}/{name}"


def _refusal(status: int, text: bytes, path: str) -> ClusterError:
    """The exception for an answer that is no success; the server's own words are the message."""
    message = text[:512].decode(errors="replace").strip()
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    known = isinstance(document, dict) and document.get("kind") == "Status"
    if known:
        message = document.get("message") or message
    if status == 404:
        if known and (document.get("details") or {}).get("name"):
            return JobNotFound(message)
        return ClusterError(f"the cluster does not know EstimatorJobs ({path}): is the operator installed?")
    if status == 429 or status >= 500:
        return _UnreachableError(f"the API server answers {status}: {message}")
    return ClusterError(f"the API server refuses ({status}): {message}")


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
