"""Which addresses of pods the operator talks to.

A pod's owner chooses what runs in it and, with host networking, whose address it has. The operator asks pods from
inside the cluster, past firewalls that stop the owner, so it must not be led to other things than pods: not to itself
(loopback), not to a cloud's metadata service (link-local), not to a node (host networking). A cluster that knows its
pod networks names them, and then these alone are asked, host networking or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def parse_network(text: str) -> Network:
    """Reads a network in CIDR notation.

    Raises:
        ValueError: It is none.
    """
    return ip_network(text)


def may_ask(text: str, *, host_network: bool, networks: Sequence[Network] = ()) -> bool:
    """Whether a pod of that address is asked for its progress.

    Args:
        text: `status.podIP`.
        host_network: The pod has its node's address.
        networks: The only networks that are asked; empty for all but the dangerous ones.
    """
    return _may_ask(text, host_network, tuple(networks))


@lru_cache(maxsize=16384)
def _may_ask(text: str, host_network: bool, networks: tuple[Network, ...]) -> bool:
    """Asked of thousands of pods again and again, whose addresses stay what they are."""
    try:
        address = _unwrapped(text)
    except ValueError:
        return False
    if networks:
        return any(address.version == one.version and address in one for one in networks)
    return not (
        host_network
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
    )


def _unwrapped(text: str) -> IPv4Address | IPv6Address:
    """The address; an IPv4 address in IPv6 clothes (::ffff:127.0.0.1, 6to4, NAT64) is the IPv4 address."""
    address = ip_address(text)
    if isinstance(address, IPv4Address):
        return address
    if address.scope_id is not None:
        raise ValueError("an address with a zone is link-local")
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


_NAT64 = IPv6Network("64:ff9b::/96")
