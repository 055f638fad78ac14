"""Which addresses may be connected to: a table of our own, and what an address hides inside.

`ipaddress.is_private` is no filter against forged requests: it lets 100.64/10, NAT64, 6to4 and
others through, and differs between versions of Python (guarantees.md, facts 3 and 4). The table is
IANA's registries of special-purpose addresses, plus what clouds use for metadata. Of IPv6, only
global unicast (2000::/3) is public at all.

An address that carries another one (mapped, NAT64, 6to4, Teredo, ISATAP) is judged by that too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SPECIAL_V4 = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared address space"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "cloud metadata"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "AMT"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
)
SPECIAL_V6 = (
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::/96", "IPv4-compatible"),
    ("64:ff9b:1::/48", "local translation"),
    ("100::/64", "discard"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("2620:4f:8000::/48", "AS112"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique local"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
    ("::/3", "not global unicast"),  # after the names above: the rest of what is not 2000::/3
    ("4000::/2", "not global unicast"),
    ("8000::/1", "not global unicast"),
)

_TABLE_V4 = tuple((IPv4Network(block), name) for block, name in SPECIAL_V4)
_TABLE_V6 = tuple((IPv6Network(block), name) for block, name in SPECIAL_V6)
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""Upper half of the interface identifier of ISATAP (RFC 5214 6.1), local and global."""


def networks(blocks: Iterable[str]) -> tuple[Network, ...]:
    """Read an allow-list of CIDR blocks. Raises ValueError that names the block."""
    return tuple(_network(block) for block in blocks)


def _network(block: str) -> Network:
    try:
        network = ip_network(block)
    except ValueError as error:
        raise ValueError(f"{block!r} is not a network such as 10.1.0.0/16: {error}") from None
    if isinstance(network, IPv6Network) and (
        network.subnet_of(_MAPPED) or network.subnet_of(_NAT64)
    ):
        raise ValueError(f"write {block!r} as the IPv4 network inside: that is what is judged")
    return network


def refusal(address: str, allowed: Sequence[Network] = ()) -> str | None:
    """Say why an address in its textual form may not be connected to; None if it may.

    What cannot be read, and what carries a zone, is refused.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "not an IP address"
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return "an address with a zone"
    for face in _faces(parsed):
        name = _special(face)
        if name is not None and not any(face in network for network in allowed):
            return name if face == parsed else f"{name} inside"
    return None


def _special(address: Address) -> str | None:
    """Name the first special-purpose block that an address is in."""
    if isinstance(address, IPv4Address):
        return next((name for block, name in _TABLE_V4 if address in block), None)
    return next((name for block, name in _TABLE_V6 if address in block), None)


def _faces(address: Address) -> tuple[Address, ...]:
    """Give every address that packets to this one may reach.

    A mapped or NAT64 address *is* the IPv4 address inside; in the others both count.
    """
    if isinstance(address, IPv4Address):
        return (address,)
    low = IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _MAPPED or address in _NAT64:
        return (low,)
    if address.sixtofour is not None:
        return (address, address.sixtofour)
    if address.teredo is not None:
        return (address, *address.teredo)
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return (address, low)
    return (address,)
