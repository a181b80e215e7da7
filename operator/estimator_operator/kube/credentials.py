"""Where the API server is and who the operator is there: in a pod and on a laptop alike.

An explicit kubeconfig or context wins, then KUBECONFIG, then the pod's ServiceAccount, then ~/.kube/config. The
same configuration serves the operator's own calls and kopf's watches, so the two can never talk to different
clusters.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import kopf
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config

from estimator_operator.cluster_access import USUAL_KUBECONFIG, Kubeconfig
from estimator_operator.environment_proxy import environment_proxy
from estimator_operator.errors import PreflightError

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(slots=True)
class Credentials:
    """A way to the API server that can be read again when a token has expired.

    Attributes:
        kubeconfig: Path of a kubeconfig, or None for the usual places.
        context: Context of the kubeconfig, or None for its current one.
        configuration: What the client library makes of it.
    """

    kubeconfig: str | None
    context: str | None
    configuration: Any

    @property
    def host(self) -> str:
        """URL of the API server."""
        return str(self.configuration.host)

    async def reload(self) -> None:
        """Reads tokens and certificates again.

        Raises:
            PreflightError: They cannot be read.
        """
        await _load(self.kubeconfig, self.context, self.configuration)

    async def kopf_session(self, wrapped: Callable[[aiohttp.ClientSession], Any]) -> kopf.AiohttpSession:
        """A session for kopf with what is valid now, as `wrapped` has it."""
        conf = self.configuration
        await self.reload()
        scheme, _, token = (await conf.get_api_key_with_prefix("BearerToken") or "").partition(" ")
        info = kopf.ConnectionInfo(
            server=conf.host,
            ca_path=conf.ssl_ca_cert,
            ca_data=None if conf.ssl_ca_cert else conf.ca_cert_data,
            insecure=not conf.verify_ssl,
            username=conf.username,
            password=conf.password,
            scheme=scheme.capitalize() if token else None,
            token=token.strip() or None,
            certificate_path=conf.cert_file,
            private_key_path=conf.key_file,
        )
        verification = info.as_ssl_context()
        # As the operator's own calls have it.
        verification.verify_flags &= ~ssl.VERIFY_X509_STRICT
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=verification),
            headers=info.as_http_headers(),
            proxy=conf.proxy or environment_proxy(conf.host),
        )
        return kopf.AiohttpSession(server=info.server, aiohttp_session=wrapped(session))


async def find_credentials(*, kubeconfig: str | None, context: str | None) -> Credentials:
    """Finds the API server.

    Raises:
        PreflightError: There is no configuration, or it cannot be read; the message says where it was looked for.
    """
    configuration = Configuration()
    await _load(kubeconfig, context, configuration)
    return Credentials(kubeconfig=kubeconfig, context=context, configuration=configuration)


def own_namespace() -> str:
    """The namespace of the pod this runs in, or `default` outside of a cluster."""
    try:
        return _NAMESPACE_FILE.read_text(encoding="utf-8").strip() or "default"
    except OSError:
        return "default"


async def _load(kubeconfig: str | None, context: str | None, configuration: Any) -> None:
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
    explicit = kubeconfig or context or os.environ.get("KUBECONFIG")
    try:
        if in_pod and not explicit:
            load_incluster_config(configuration)
        else:
            found = Kubeconfig.read(kubeconfig or os.environ.get("KUBECONFIG") or USUAL_KUBECONFIG)
            await found.load(context, configuration)
    except (ConfigException, OSError) as error:
        raise PreflightError(
            f"no way to an API server: {error}. Set KUBECONFIG or --kubeconfig, or run in a pod with a ServiceAccount"
        ) from error
