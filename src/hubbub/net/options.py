"""The settings of outbound requests, section `[egress]`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hubbub.net.addresses import networks

MAX_PORT = 65535


class EgressOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the gateway may connect to, and with how many connections."""

    allow: tuple[str, ...] = ()
    """Networks in CIDR form, such as `10.1.0.0/16`, that deliveries may reach although they are
    private or otherwise special."""
    allow_fetch: tuple[str, ...] = ()
    """The same for what the gateway fetches: WebSub topics, certificates, key sets. A list of its
    own, because what is fetched can be read by whoever asked for it."""
    ports: tuple[int, ...] = ()
    """Ports that may be called; empty: all."""
    connections: Annotated[int, Meta(ge=1)] = 4096
    """Connections in use at once, to all hosts together; it takes a file descriptor each."""
    connections_per_host: Annotated[int, Meta(ge=1)] = 64
    """Connections in use at once to one host and port, so that one that hangs cannot take them all."""
    keep_alive: Annotated[float, Meta(gt=0)] = 30.0
    """Seconds for which an idle connection is kept: most receivers close theirs after 60 or more."""
    dns_ttl: Annotated[float, Meta(ge=0)] = 30.0
    """Seconds for which the addresses of a name are kept: the system does not tell the record's TTL."""
    dns_timeout: Annotated[float, Meta(gt=0)] = 5.0
    """Seconds that a look-up may take: as long as one try of the usual system resolver."""

    def __post_init__(self) -> None:
        networks(self.allow)
        networks(self.allow_fetch)
        for port in self.ports:
            if not 0 < port <= MAX_PORT:
                raise ValueError(f"a port is a number from 1 to {MAX_PORT}, not {port}")
