"""The Host rule: which authorities a request may name (RFC 9110 7.2, RFC 3986 3.2.2).

A server that answers under any name lets a foreign web page, whose name points at this machine,
speak to it as if it were its own (DNS rebinding). So the name must be one that the operator trusts.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from hubbub.core.errors import Misconfigured
from hubbub.web.server.refusals import HOST, MISDIRECTED, Refusal

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names that mean this machine to whoever says them; no one else can own them."""

MAX_REMEMBERED = 1024
"""Host values whose verdict is remembered: real clients use a handful, an attacker any number."""

_MAX_PORT = 65535

_AUTHORITY = re.compile(
    rb"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2}){1,255})"
    rb"(?::(?P<port>[0-9]{0,5}))?"
)


def host_of(authority: bytes) -> str | None:
    """Return the lower-case host of `host [":" port]`, an IPv6 one in brackets; None if invalid."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None or int(match["port"] or 0) > _MAX_PORT:
        return None
    host = match["host"].decode("ascii").lower()
    if host[0] == "[":
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
        except ValueError:
            return None
    return host


def is_loopback(address: str) -> bool:
    """Tell whether an address to listen on is reachable from this machine only."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _trusted_name(name: str) -> str:
    host = host_of(name.encode("ascii", errors="replace"))
    if name == "*" or ("*" not in name and host is not None and host == name.lower()):
        return name.lower()
    raise Misconfigured(
        f"trusted_hosts holds {name!r}: write a host name or address without port, IPv6 in "
        "brackets, or * for every name"
    )


class HostRule:
    """Decides about the value of Host; `trusted` None trusts every valid one."""

    def __init__(self, trusted: frozenset[str] | None) -> None:
        self._trusted = trusted
        self._verdicts: dict[bytes, Refusal | None] = {}

    @classmethod
    def of(cls, trusted: Iterable[str], *, loopback: bool) -> HostRule:
        """Build the rule of the setting `trusted_hosts` for where the server listens.

        Raises `Misconfigured` for a name that can never be in a Host field.
        """
        names = frozenset(_trusted_name(name) for name in trusted)
        everyone = "*" in names or (not names and not loopback)
        return cls(None if everyone else LOOPBACK_NAMES | names)

    def check(self, authority: bytes) -> Refusal | None:
        """Return why a request for this authority is refused, or None."""
        try:
            return self._verdicts[authority]
        except KeyError:
            pass
        if len(self._verdicts) >= MAX_REMEMBERED:
            self._verdicts.clear()
        verdict = self._verdicts[authority] = self._judge(authority)
        return verdict

    def _judge(self, authority: bytes) -> Refusal | None:
        host = host_of(authority.strip(b" \t"))
        if host is None:
            return HOST
        if self._trusted is None or host in self._trusted:
            return None
        return MISDIRECTED
