"""The proxy of an environment, which is no way from task to task.

gRPC sends every connection through the proxy that `grpc_proxy`, `https_proxy` or `http_proxy` names, unless `no_grpc_proxy`,
or else `no_proxy`, has the host. Where a platform puts the first into each pod and the second does not know a job's own
names, no task would ever reach another, and none would say why.
"""

import json
import os
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from estimator_api.constants import ENV_TF_CONFIG

_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
_EXCEPTIONS = "no_grpc_proxy"
_USUAL_EXCEPTIONS = "no_proxy"


def leave_out() -> None:
    """Adds the hosts of TF_CONFIG to those that gRPC reaches without a proxy; before the first connection is made.

    The exceptions that are there stay. Other clients, of object stores for example, go by `no_proxy` and do not see it.
    """
    if not any(os.environ.get(name) for name in _PROXIES):
        return
    try:
        document = json.loads(os.environ.get(ENV_TF_CONFIG) or "{}")
    except ValueError:  # who needs it says so
        return
    hosts = _suffixes(_strings(document.get("cluster"))) if isinstance(document, dict) else []
    # gRPC looks at one of the two, whatever it holds.
    known = os.environ.get(_EXCEPTIONS, os.environ.get(_USUAL_EXCEPTIONS, ""))
    listed = [one for one in known.split(",") if one]
    added = [host for host in dict.fromkeys(hosts) if host not in listed]
    if added:
        os.environ[_EXCEPTIONS] = ",".join([*listed, *added])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def _suffixes(addresses: Iterable[str]) -> Iterator[str]:
    """Hosts as gRPC compares them, by their ends; of names the domain, for a thousand replicas share it."""
    for address in addresses:
        host = address.rpartition(":")[0].strip("[]")
        _, dot, domain = host.partition(".")
        # A domain of one label, as "com", would be many others' too.
        if _is_ip(host) or "." not in domain:
            yield host
        else:
            yield dot + domain


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
