"""Who may connect: connections are counted in all and by address, before anything is made for them.

An address is an IPv4 address or the /64 of an IPv6 one: whoever has one address of a /64 has all of
them. New connections must also leave file descriptors free for the log and for deliveries: the
kernel hands out the lowest free number, so the number that a connection got tells how many are used.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import sys
from collections.abc import Callable

from hubbub.core.errors import Misconfigured
from hubbub.web.server.gates import Gate
from hubbub.web.server.options import ServerOptions

if sys.platform == "win32":
    resource = None
else:
    import resource

logger = logging.getLogger("hubbub.web.server")

REPORT_INTERVAL = 10.0
"""Seconds between two lines in the log about refused connections."""

_SMALL_LIMIT_SHARE = 4  # where descriptors are few, the reserve is at most a quarter of them


def raise_descriptor_limit() -> None:
    """Raise the soft limit of open files to the hard one, as far as the system lets us."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(OSError, ValueError):  # macOS has an infinite one that it refuses
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def descriptor_ceiling(reserve: int) -> int | None:
    """Return the descriptor from which on a new connection eats into the reserve."""
    if resource is None:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)  # may change while we run
    if soft == resource.RLIM_INFINITY:
        return None
    return soft - min(reserve, soft // _SMALL_LIMIT_SHARE)


class Admission:
    """The count of connections of one server."""

    def __init__(self, options: ServerOptions, clock: Callable[[], float]) -> None:
        self._max = options.max_connections
        self._max_per_address = options.max_connections_per_address
        self._reserve = options.fd_reserve
        self._uncounted = [_network(text) for text in options.uncounted_peers]
        self._by_address: dict[str, int] = {}
        self._clock = clock
        self._reported = -REPORT_INTERVAL
        self.count = 0
        """Connections now."""
        self.refused = 0
        """Connections that were turned away since the start."""
        self._empty = Gate()
        self._empty.set()

    def admit(self, host: str, descriptor: int) -> str | None:
        """Count a connection in; return the key to release it with, None if it is refused.

        `host` is the peer's address, empty for a Unix socket, which is never counted by address.
        """
        key = self._key(host)
        if self.count >= self._max:
            return self._refuse(f"max_connections is {self._max}")
        if self.is_reserved(descriptor):
            return self._refuse(f"fd_reserve keeps descriptor {descriptor} free for the log")
        if key:
            of_address = self._by_address.get(key, 0)
            if of_address >= self._max_per_address:
                return self._refuse(
                    f"max_connections_per_address is {self._max_per_address}, reached by {key}"
                )
            self._by_address[key] = of_address + 1
        self.count += 1
        self._empty.clear()
        return key

    def is_reserved(self, descriptor: int) -> bool:
        """Tell whether a descriptor is one of those that connections must leave free."""
        ceiling = descriptor_ceiling(self._reserve)
        return ceiling is not None and descriptor >= ceiling

    def release(self, key: str) -> None:
        """Count a connection out."""
        self.count -= 1
        if key:
            left = self._by_address[key] - 1
            if left:
                self._by_address[key] = left
            else:
                del self._by_address[key]
        if not self.count:
            self._empty.set()

    async def empty(self) -> None:
        """Wait until there is no connection."""
        await self._empty.wait()

    def _key(self, host: str) -> str:
        """Return what a peer is counted under; empty if it is not."""
        if not host:
            return ""
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        if any(address in network for network in self._uncounted):
            return ""
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.IPv6Network((address, 64), strict=False))
        return str(address)

    def _refuse(self, reason: str) -> None:
        self.refused += 1
        self.report(f"refusing connections: {reason}; {self.refused} refused so far")

    def report(self, problem: str) -> None:
        """Log a problem that may come thousands of times a second, once in a while."""
        now = self._clock()
        if now - self._reported >= REPORT_INTERVAL:
            self._reported = now
            logger.warning("%s", problem)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise Misconfigured(
            f"uncounted_peers holds {text!r}: write networks such as 10.0.0.0/8"
        ) from error
