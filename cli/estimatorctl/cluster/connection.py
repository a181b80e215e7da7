"""EstimatorJobs of a cluster and their pods as plain dictionaries: read once, followed, or changed.

Only the transport of the client library is used: its typed models would drop what they do not know.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, closing, suppress
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.config import ConfigException, load_incluster_config

from estimator_api import constants as c
from estimator_operator.cluster_access import USUAL_KUBECONFIG, Kubeconfig, reach_as_kubectl
from estimatorctl.cluster.refusal import JOBS_ROOT, refusal
from estimatorctl.errors import ClusterError, JobNotFound, Unreachable

Document = dict[str, Any]

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=10)
_WATCH_SECONDS: Final = 240
_WATCH_TIMEOUT: Final = aiohttp.ClientTimeout(total=_WATCH_SECONDS + 30, connect=10)
_LOG_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=10, sock_read=30)
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"
_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_RETRY_MOST: Final = 10.0


class _WatchEndedError(Exception):
    """The watch ended, was dropped, or is too old to go on."""


class Connection:
    """A way to the API server, as kubectl finds it; an asynchronous context manager.

    Attributes:
        namespace: The namespace to use when none is named.
        retry_seconds: Pause before the first new attempt after a lost connection.

    Args:
        kubeconfig: Path of a kubeconfig; None: KUBECONFIG or else ~/.kube/config, and where neither says anything, the
            pod's ServiceAccount.
        context: Context of the kubeconfig; None: its current one.
        retry_seconds: As the attribute.
    """

    def __init__(
        self, *, kubeconfig: str | None = None, context: str | None = None, retry_seconds: float = 1.0
    ) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self.retry_seconds = retry_seconds
        self._client: Any = None
        self.namespace = "default"

    async def __aenter__(self) -> Self:
        configuration = Configuration()
        # The client's own retries would hold up the messages of ours.
        configuration.retries = None
        self.namespace = await self._load(configuration)
        reach_as_kubectl(configuration)
        try:
            self._client = ApiClient(configuration)
        except OSError as error:
            # Certificates and keys are read here; OpenSSL's errors are of this kind.
            raise _no_way(error) from error
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
        return await self._document("GET", _jobs(namespace, name))

    async def change(
        self, namespace: str, name: str, patch: Mapping[str, Any], *, subresource: str = ""
    ) -> Document:
        """Applies a JSON merge patch to a job; returns the answer. A uid in its metadata is a precondition.

        Raises:
            JobNotFound: There is none of that name.
            ClusterError: The API server cannot be reached or refuses.
        """
        path = _jobs(namespace, name) + (f"/{subresource}" if subresource else "")
        return await self._document("PATCH", path, body=patch)

    async def follow(self, namespace: str, name: str) -> AsyncGenerator[Document, None]:
        """The job as it is now, and again after every change; ends when it is deleted.

        A lost connection is made again, and a job of the same name but another uid is another job.

        Raises:
            JobNotFound: There is none of that name to begin with.
            ClusterError: The API server cannot be reached to begin with, or refuses.
        """
        job = await self.read(namespace, name)
        uid = job["metadata"].get("uid")
        pause = self.retry_seconds
        yield job
        while True:
            version = job["metadata"].get("resourceVersion", "")
            with suppress(_WatchEndedError):
                query = {"fieldSelector": f"metadata.name={name}", "resourceVersion": version}
                async with aclosing(self._watch(_jobs(namespace), query)) as events:
                    async for event in events:
                        pause = self.retry_seconds
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
            except Unreachable:
                continue
            if latest["metadata"].get("uid") != uid:
                return
            if latest["metadata"].get("resourceVersion") != job["metadata"].get("resourceVersion"):
                job = latest
                yield job

    async def pod(self, namespace: str, name: str) -> Document:
        """A pod as it is now.

        Raises:
            ObjectNotFound: There is none of that name.
            ClusterError: The API server cannot be reached or refuses.
        """
        return await self._document("GET", _pods(namespace, name))

    async def pods(self, namespace: str, selector: str) -> list[Document]:
        """The pods whose labels match, as they are now.

        Raises:
            ClusterError: The API server cannot be reached or refuses.
        """
        found = await self._document("GET", _pods(namespace), {"labelSelector": selector})
        return list(found["items"])

    async def follow_pods(self, namespace: str, selector: str) -> AsyncGenerator[Document, None]:
        """The pods whose labels match as they are now, and each again after every change; it never ends.

        A lost connection is made again. A pod may come again as it was, and its deletion is not told.

        Raises:
            ClusterError: The API server cannot be reached to begin with, or refuses.
        """
        begun, pause = False, self.retry_seconds
        while True:
            try:
                found = await self._document("GET", _pods(namespace), {"labelSelector": selector})
            except Unreachable:
                if not begun:
                    raise
            else:
                begun = True
                for pod in found["items"]:
                    yield pod
                version = found["metadata"].get("resourceVersion", "")
                query = {"labelSelector": selector, "resourceVersion": version}
                with suppress(_WatchEndedError):
                    async with aclosing(self._watch(_pods(namespace), query)) as events:
                        async for event in events:
                            pause = self.retry_seconds
                            if event["type"] != "DELETED":
                                yield event["object"]
            await asyncio.sleep(pause)
            pause = min(pause * 2, _RETRY_MOST)

    async def log(
        self, namespace: str, pod: str, container: str, *, follow: bool = False, since: str | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The output of a pod's container, in pieces as they come.

        Args:
            namespace: Namespace of the pod.
            pod: Name of the pod.
            container: Name of the container.
            follow: Go on with what the container writes from now on, for some minutes at most, and begin each line
                with the time at which it was written.
            since: Only lines written at this time or later (RFC 3339).

        Raises:
            ObjectNotFound: The pod is gone.
            ClusterError: The API server cannot be reached, breaks off, or refuses.
        """
        query = {"container": container}
        if follow:
            query |= {"follow": "true", "timestamps": "true"}
        if since is not None:
            query["sinceTime"] = since
        # An end in any case: a connection that died without a word would be waited for without one.
        limits = _WATCH_TIMEOUT if follow else _LOG_TIMEOUT
        response = await self._call("GET", f"{_pods(namespace, pod)}/log", query, limits)
        try:
            with closing(response.response):
                async for piece in response.response.content.iter_any():
                    yield piece
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"the log breaks off: {_words(error)}") from error

    async def _watch(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[Document, None]:
        query = {**query, "watch": "true", "timeoutSeconds": str(_WATCH_SECONDS)}
        try:
            response = await self._call("GET", path, query, _WATCH_TIMEOUT)
            with closing(response.response):
                async for line in response.response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        # 410 Gone: the version is too old; whatever it is, reading anew answers it.
                        raise _WatchEndedError
                    if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                        yield event
        except (aiohttp.ClientError, TimeoutError, ValueError, Unreachable) as error:
            raise _WatchEndedError from error

    async def _document(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Document:
        response = await self._call(method, path, query or {}, _TIMEOUT, body)
        try:
            document: Document = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unreachable(f"no answer from the API server: {_words(error)}") from error
        except RecursionError as error:
            raise ClusterError(f"{path} is nested too deep to be read") from error
        return document

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            response = await self._once(method, path, query, limits, body)
            if response.status == 401:
                # An exec plugin's token expires while a job is followed: ask for a new one, once.
                await response.read()
                await self._load(self._client.configuration)
                response = await self._once(method, path, query, limits, body)
            if response.status == 200:
                return response
            text = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ApiException) as error:
            raise Unreachable(f"the API server cannot be reached: {_words(error)}") from error
        raise refusal(response.status, text, path)

    async def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        body: Mapping[str, Any] | None,
    ) -> Any:
        # A log is plain text; its refusals are JSON whatever is asked for.
        accepted = "*/*" if path.endswith("/log") else _JSON
        method, url, headers, _, _ = await self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": accepted} | ({} if body is None else {"Content-Type": _MERGE_PATCH}),
            auth_settings=["BearerToken"],
        )
        return await self._client.call_api(method, url, headers, body, _request_timeout=limits)

    async def _load(self, configuration: Any) -> str:
        """Fills in how to reach the API server; returns the namespace to use when none is named."""
        named = self._kubeconfig or os.environ.get("KUBECONFIG") or USUAL_KUBECONFIG
        in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
        try:
            found = Kubeconfig.read(named)
            if in_pod and not (self._kubeconfig or self._context or found.context):
                load_incluster_config(configuration)
                return _own_namespace()
            return await found.load(self._context, configuration) or "default"
        except (ConfigException, OSError) as error:
            raise _no_way(error) from error


def _no_way(error: Exception) -> ClusterError:
    return ClusterError(f"no way to a cluster: {error}. Set KUBECONFIG or --kubeconfig as for kubectl")


def _own_namespace() -> str:
    return _NAMESPACE_FILE.read_text(encoding="utf-8").strip() or "default"


def _jobs(namespace: str, name: str | None = None) -> str:
    return _path(f"{JOBS_ROOT}/namespaces", namespace, c.PLURAL, name)


def _pods(namespace: str, name: str | None = None) -> str:
    return _path("/api/v1/namespaces", namespace, "pods", name)


def _path(root: str, namespace: str, plural: str, name: str | None) -> str:
    # Quoted, so that a slash in what a person typed does not lead to another resource.
    known = f"{root}/{quote(namespace, safe='')}/{plural}"
    return known if name is None else f"{known}/{quote(name, safe='')}"


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
