"""The settings of streams, section `[streams]`."""

from __future__ import annotations

import msgspec


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How connections that stay open are served."""

    heartbeat: float = 15.0
    """Seconds between comments on a Server-Sent Events stream: proxies cut silent ones (WHATWG)."""
    retry: float = 2.0
    """Seconds after which a client should reconnect; a stopping server asks for 1 to 4 times that."""
    page: int = 512
    """Records read at a time while a reader catches up: shared by readers at the same place."""
    slice_bytes: int = 65_536
    """Bytes of events written to a connection at a time: what a slow reader holds beyond its mark."""
    catching_up: int = 64
    """Readers that catch up at the same moment; others wait their turn, and live ones do not wait."""
    max_subscriptions: int = 100
    """Subscriptions on one multiplexed WebSocket."""
    local_buffer: int = 1024
    """Events that wait for a listener in this process before it falls back to the log."""
