"""What can be set about the server, and why each default is what it is."""

from __future__ import annotations

from typing import Annotated

import msgspec

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the server listens and what it puts up with. Times are seconds, sizes are bytes."""

    host: str = "127.0.0.1"
    """Name or address to listen on; an empty string means every address of this machine."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    """Port to listen on; 0 lets the system choose a free one."""
    uds: str | None = None
    """Path of a Unix socket to listen on instead of host and port, for a proxy on this machine."""
    backlog: Count = 2048
    """Connections that may wait in the kernel to be accepted: a reconnect storm fits in."""
    trusted_hosts: tuple[str, ...] = ()
    """Names that requests may carry in `Host`, without port; `*` allows every name.

    Empty means: every name, but on loopback only `localhost`, `127.0.0.1` and `[::1]`, which are
    always allowed. A web page of somebody else could otherwise reach a server on its reader's own
    machine by pointing a name of its own there (DNS rebinding).
    """

    drain_timeout: Seconds = 10.0
    """How long open requests and streams get to end when the server stops."""
    head_timeout: Seconds = 10.0
    """How long a connection may be silent at first, and how long a request head may take."""
    body_timeout: Seconds = 30.0
    """How long a request body, or one WebSocket message, may take from its first byte."""
    idle_timeout: Seconds = 75.0
    """How long a kept-alive connection may wait for its next request: longer than the usual 60 s
    of proxies, so that they, not we, close first."""
    write_timeout: Seconds = 3600.0
    """How long a peer may take nothing of what waits for it before it counts as gone. Long, because
    a reader that stalls costs little and loses nothing; dead peers the kernel finds much sooner."""

    max_head_bytes: Count = 32 * 1024
    """Size of a request line with its header fields, and of the trailer fields: room for two large
    tokens and every `ce-` attribute."""
    max_headers: Count = 100
    """Header fields of one request, and trailer fields."""
    max_connections: Count = 32_768
    """Connections in all: about half a gigabyte of idle streams."""
    max_connections_per_address: Count = 1024
    """Connections of one IPv4 address or IPv6 /64: an office behind one address fits in."""
    uncounted_peers: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks whose addresses are not counted one by one: a proxy speaks for many."""
    fd_reserve: Annotated[int, msgspec.Meta(ge=0)] = 128
    """File descriptors that new connections must leave free for the log and for deliveries."""
    write_high_water: Count = 64 * 1024
    """Bytes waiting in user space for one connection from which it counts as slow."""

    ws_max_message: Count = 1024 * 1024
    """Size of one incoming WebSocket message after inflation."""
    ws_max_fragments: Count = 131_072
    """Frames of one incoming WebSocket message: twice the 65,537 of 4 MiB in 64-byte pieces, the
    worst that the Autobahn TestSuite holds legal. Pieces are joined as they come, so this bounds
    work, not memory: without it, empty fragments could go on for ever."""
    ws_ping_interval: Seconds = 20.0
    """Time between a WebSocket's pong and our next ping: under the 60 s after which proxies cut."""
    ws_ping_timeout: Seconds = 20.0
    """How long a pinged peer may say nothing at all before it counts as dead."""
    ws_compression: bool = True
    """Whether permessage-deflate is offered, always without context takeover."""
