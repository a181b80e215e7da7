"""The proxy that the environment names for a server: the one that Go takes, and so kubectl.

Python's own rules are others: it goes to this machine itself by the proxy, and knows no networks, no ports of addresses and
no `*.` in NO_PROXY.
"""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": "80", "https": "443"}
_HOST_AND_PORT: Final = re.compile(r"(?:\[(?P<bracketed>.*)\]|(?P<plain>[^:]*)):(?P<port>[^:\]]*)")
_NETWORK: Final = re.compile(r"[0-9a-f.:]+/[0-9]+")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def environment_proxy(url: str) -> str | None:
    """The proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY, or the same in lower case, name for `url`, or None."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        # Who asks for it says so.
        return None
    if not host or parts.scheme not in _PORTS:
        return None
    proxy = _variable(f"{parts.scheme}_proxy")
    if not proxy or _is_excepted(host, str(port or _PORTS[parts.scheme]), _variable("no_proxy")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _variable(name: str) -> str:
    return os.environ.get(name.upper()) or os.environ.get(name, "")


def _is_excepted(host: str, port: str, exceptions: str) -> bool:
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(
        _excepts(one, host, address, port)
        for one in (part.strip().lower() for part in exceptions.split(","))
        if one
    )


def _excepts(exception: str, host: str, address: _Address | None, port: str) -> bool:
    """Whether one entry of NO_PROXY has the host; `address` is the host's, where it is one."""
    if exception == "*":
        return True
    if _NETWORK.fullmatch(exception) and (network := _network(exception)) is not None:
        return address is not None and address in network
    name, only_port = exception, ""
    if found := _HOST_AND_PORT.fullmatch(exception):
        name, only_port = found["bracketed"] or found["plain"] or "", found["port"]
    if not name or only_port not in ("", port):
        return False
    if (own := _address(name)) is not None:
        return own == address
    name = name[1:] if name.startswith("*.") else name
    is_within = host.endswith(name if name.startswith(".") else f".{name}")
    return address is None and (is_within or host == name)


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
