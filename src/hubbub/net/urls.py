r"""The grammar of URLs that may be called: a small part of RFC 3986, read in exactly one way.

Parsers differ in what they make of `http://a@b`, `http://a\@b`, `http://0x7f.1` or circled digits, and
`getaddrinfo` turns many spellings into 127.0.0.1 (guarantees.md, fact 4). So whatever has two readings
is refused here, before anything is resolved.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

from hubbub.net.errors import InvalidTarget

MAX_URL = 2048
"""Characters of a URL: what intermediaries must at least support is 8000 (RFC 9110 4.1), what people
type is shorter, and it is stored with every subscription."""
MAX_HOST = 253
"""Characters of a name (RFC 1035 2.3.4, without the length octets)."""
MAX_PORT = 65535

DEFAULT_PORTS = {"http": 80, "https": 443}

_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?]*)(?P<rest>.*)", re.IGNORECASE)
_REST = re.compile(r"(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=\[\]]|%[0-9A-Fa-f]{2})*")
_AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.\-]+))(?::(?P<port>[0-9]{1,5}))?"
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label that makes a URL parser take the whole host for an IPv4 address (WHATWG URL 3.5)."""


class Target(NamedTuple):
    """An address that may be called, in its one spelling."""

    scheme: str
    host: str
    """Lower case; an IPv6 address without its brackets."""
    port: int
    literal: bool
    """Whether the host is an IP address: nothing is to be resolved."""
    url: str
    """The URL with scheme and host in lower case, otherwise as it was given."""


def check_target(url: str) -> Target:
    """Read a URL strictly. Raises `InvalidTarget`, which says what to write instead."""
    if len(url) > MAX_URL:
        raise InvalidTarget(f"a URL has at most {MAX_URL} characters")
    if not url.isascii():
        raise InvalidTarget("a URL is ASCII: names in punycode (xn--...), the rest percent-encoded")
    if "#" in url:
        raise InvalidTarget("a URL to call has no fragment: leave out # and what follows")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise InvalidTarget("a URL to call starts with http:// or https://, without blanks")
    if not _REST.fullmatch(parts["rest"]):
        raise InvalidTarget("percent-encode characters other than those of RFC 3986 in the URL")
    scheme = parts["scheme"].lower()
    host, port = _authority(parts["authority"])
    literal = _literal(host)
    if not literal:
        _check_name(host)
    shown = f"[{host}]" if ":" in host else host
    colon = "" if port is None else f":{port}"
    number = DEFAULT_PORTS[scheme] if port is None else port
    return Target(scheme, host, number, literal, f"{scheme}://{shown}{colon}{parts['rest']}")


def _authority(text: str) -> tuple[str, int | None]:
    """Take host and port apart; the host is in lower case and not yet checked."""
    if "@" in text:
        raise InvalidTarget("a URL to call has no user or password: use headers instead")
    parts = _AUTHORITY.fullmatch(text)
    if parts is None:
        raise InvalidTarget("the host is a name, an IPv4 address or an IPv6 address in brackets")
    port = None if parts["port"] is None else int(parts["port"])
    if port is not None and not 0 < port <= MAX_PORT:
        raise InvalidTarget(f"a port is a number from 1 to {MAX_PORT}")
    if parts["v6"] is None:
        return parts["name"].lower(), port
    try:
        return str(IPv6Address(parts["v6"])), port
    except AddressValueError:
        raise InvalidTarget("what is in the brackets is not an IPv6 address") from None


def _literal(host: str) -> bool:
    """Tell addresses from names; numbers that are no canonical address are neither."""
    if ":" in host:
        return True
    if not _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return False
    try:
        IPv4Address(host)
    except AddressValueError:
        raise InvalidTarget("an IPv4 address is four decimal numbers, like 192.0.2.1") from None
    return True


def _check_name(host: str) -> None:
    if len(host) > MAX_HOST or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise InvalidTarget(
            "a host name has labels of letters, digits and inner hyphens, and no dot at its end"
        )
