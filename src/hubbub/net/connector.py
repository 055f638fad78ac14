"""aiohttp's connection pool behind the guard, with the times that it does not tell.

Every socket is made in `GuardedConnector._socket`, which sees the address that is about to be connected to, also
of literals, which no resolver sees. What an attempt went through is written into the `Attempt` in
`ATTEMPT`: a trace of aiohttp would tell less (not how long TLS took) and cost more than the request.

Two private names of aiohttp are overridden, `_create_connection` and `_get`; tests/net fail if a
release renames them.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from types import CoroutineType
from typing import Any

from aiohttp import ClientRequest, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from hubbub.core.clock import Clock
from hubbub.net.addresses import Network, refusal
from hubbub.net.options import EgressOptions
from hubbub.net.resolver import ALLOWED, Denied, JudgedNames


class Attempt:
    """What one request went through on its way to a connection. Times are in seconds."""

    __slots__ = ("connected", "connecting", "denied", "dns", "fresh", "ready")

    def __init__(self, *, fresh: bool) -> None:
        self.fresh = fresh
        """Whether the connection is a new one; set beforehand, it has to be."""
        self.denied: Denied | None = None
        self.dns = 0.0
        self.connecting = 0.0
        """When the first socket was made; 0 if none was. So are the next two."""
        self.connected = 0.0
        self.ready = 0.0


ATTEMPT: ContextVar[Attempt] = ContextVar("attempt")


class _Names(AbstractResolver):
    """aiohttp's face of `JudgedNames`."""

    def __init__(self, names: JudgedNames, now: Callable[[], float]) -> None:
        self._names = names
        self._now = now

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        attempt = ATTEMPT.get()
        began = self._now()
        try:
            addresses = await self._names.addresses(host)
        except Denied as denied:
            attempt.denied = denied
            raise
        finally:
            attempt.dns = self._now() - began
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        await self._names.close()


class GuardedConnector(TCPConnector):
    """Connections to judged addresses only; no proxies, no redirects to anywhere else."""

    def __init__(
        self,
        options: EgressOptions,
        names: JudgedNames,
        allowed: Sequence[Network],
        clock: Clock,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            resolver=_Names(names, clock.monotonic),
            use_dns_cache=False,
            socket_factory=self._socket,
            limit=options.connections,
            limit_per_host=options.connections_per_host,
            keepalive_timeout=options.keep_alive,
            ssl=True if ssl_context is None else ssl_context,
        )
        self._allowed = allowed
        self._now = clock.monotonic
        make = self._factory

        def connected() -> ResponseHandler:
            """Both loops ask for the protocol when TCP is connected and TLS has not begun."""
            ATTEMPT.get().connected = self._now()
            return make()

        self._factory = connected

    def _socket(self, info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        """Make the socket for an address, or raise `Denied`."""
        family, kind, protocol, _, sockaddr = info
        attempt = ATTEMPT.get()
        why = refusal(str(sockaddr[0]), self._allowed)
        if why is not None:
            detail = f"{sockaddr[0]} may not be called: {why}; {ALLOWED}"
            attempt.denied = Denied("refused", detail)
            raise attempt.denied
        attempt.connecting = attempt.connecting or self._now()
        return socket.socket(family, kind, protocol)

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Any],
        timeout: ClientTimeout,  # noqa: ASYNC109 -- the signature is aiohttp's
    ) -> ResponseHandler:
        attempt = ATTEMPT.get()
        attempt.fresh = True
        protocol = await super()._create_connection(req, traces, timeout)
        attempt.ready = self._now()
        return protocol

    def _get(self, key: Any, traces: list[Any]) -> CoroutineType[Any, Any, Connection | None]:
        """Take a connection from the pool, unless the request is to have a new one."""
        return _nothing() if ATTEMPT.get().fresh else super()._get(key, traces)


async def _nothing() -> None:
    return None
