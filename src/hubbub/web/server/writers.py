"""The synchronous writers that the application finds in `scope["extensions"]["hubbub.wire"]`.

They are `hubbub.core.contracts.Writer`: fan-out calls `write`, which is the transport's own bound
method and nothing else, once for every connection and event. What costs anything happens around it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from hubbub.core.contracts import Framing

WIRE = "hubbub.wire"
"""Name of the ASGI extension."""

MAX_REASON = 123
"""Bytes of a close reason: a control frame holds 125 with the code (RFC 6455 5.5)."""


class Finisher(Protocol):
    """The connection that a writer belongs to."""

    def finish_stream(self, last: bytes, code: int, reason: str) -> None:
        """Write `last`, then the end."""
        ...


class StreamWriter:
    """Synchronous writer to one live connection; see `hubbub.core.contracts.Writer`.

    It opens when the application has started a chunked response or accepted the WebSocket. When it
    ends, however that comes about, `on_pause` is called a last time: nothing may be written any
    more, so whoever writes has to leave the live set at that moment and not a tick later.
    """

    __slots__ = (
        "_connection",
        "_transport",
        "framing",
        "is_open",
        "on_pause",
        "on_resume",
        "on_shutdown",
        "write",
    )

    def __init__(
        self, framing: Framing, transport: asyncio.Transport, connection: Finisher
    ) -> None:
        self.framing: Framing = framing
        self.write: Callable[[bytes], None] = transport.write
        self.is_open = False
        self.on_pause: Callable[[], None] | None = None
        self.on_resume: Callable[[], None] | None = None
        self.on_shutdown: Callable[[], None] | None = None
        self._transport = transport
        self._connection = connection

    def buffered(self) -> int:
        """Return the bytes that wait in user space."""
        return self._transport.get_write_buffer_size()

    def finish(self, last: bytes = b"", *, code: int = 1000, reason: str = "") -> None:
        """Write ready-made `last`, then end the response, or the WebSocket with code and reason.

        Does nothing if it has ended already. Raises ValueError for a code that may not be sent, or
        a reason of more than 123 bytes of UTF-8.
        """
        if len(reason.encode()) > MAX_REASON:
            raise ValueError(f"give a close reason of at most {MAX_REASON} bytes: {reason!r}")
        if self.is_open:
            self._connection.finish_stream(last, code, reason)

    def ended(self) -> None:
        """Take note that nothing can be written any more: for the connection only."""
        was_open, self.is_open = self.is_open, False
        leave, self.on_pause = self.on_pause, None
        self.on_resume = self.on_shutdown = None
        if was_open and leave is not None:
            leave()
