"""Origins: which pages may act through a browser (RFC 6454, RFC 6455 10.2, Fetch).

Exact comparison only: never a suffix, never a reflected value, never `null`.
"""

from __future__ import annotations

import ipaddress
import re

_ORIGIN = re.compile(r"https?://[a-z0-9._~-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?")


def check_origin(text: str) -> str:
    """Return `text` if it is an origin as browsers write it. Raises `ValueError`."""
    if not _ORIGIN.fullmatch(text):
        raise ValueError("an origin looks like https://app.example or http://localhost:5173")
    if text.endswith({"https": ":443", "http": ":80"}[text.partition("://")[0]]):
        raise ValueError("an origin leaves out the port that its scheme has anyway")
    return text


def is_same_host(origin: str, host: str) -> bool:
    """Tell whether a page comes from the host that it asks; TLS may have ended before us."""
    scheme, _, authority = origin.partition("://")
    default = {"https": ":443", "http": ":80"}.get(scheme)
    if not default or not authority:
        return False  # `null`, files, extensions
    return authority == host.lower().removesuffix(default)


def hostname(authority: str) -> str:
    """Return the host of `host:port`, without the brackets of an IPv6 address, in lower case."""
    host = authority.strip().lower()
    if host.startswith("["):
        return host[1 : host.find("]")]
    return host.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only mean this machine (RFC 6761 6.3)."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
