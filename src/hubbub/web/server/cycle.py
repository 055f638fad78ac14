"""One request and its response: uvicorn's cycle, with an end that suits the connection.

What is different: the response tells `connection: close` whenever the request has not wholly come
yet, and the protocol then ends the connection without a reset; HTTP/1.0 gets no chunks; errors are
problem documents; and a request that the peer broke off leaves no traceback in the log.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable
from typing import Any, cast

from starlette.types import ASGIApp, Message
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hubbub.web.server import layout
from hubbub.web.server.refusals import ERROR
from hubbub.web.server.writers import StreamWriter

logger = logging.getLogger("hubbub.web.server")

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


class Cycle(RequestResponseCycle):
    """A request being answered."""

    __slots__ = (*layout.CYCLE, "is_last", "until_close", "writer")

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.is_last = False
        """The connection ends with this response."""
        self.until_close = False
        """The end of the connection is the end of the body: HTTP/1.0 has no chunks."""
        self.writer: StreamWriter | None = None

    def break_off(self) -> None:
        """Tell the application that the peer is gone, or as good as gone."""
        if not self.response_complete:
            self.disconnected = True
        self.message_event.set()

    def send(self, message: Message) -> Awaitable[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Send an ASGI message."""
        if not self.response_started:
            return self._start(message)
        if self.until_close:
            self.expected_content_length += len(message.get("body", b""))
        return self._send(message)

    async def _start(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            await self._send(message)  # which says what is wrong
            return
        if self.more_body:
            self.keep_alive = False  # the rest of the request will not be waited for
        if self.scope["http_version"] == "1.0" and not _has_length(message):
            self.until_close = True
            self.chunked_encoding = False
        transport = self.transport
        held = _Held()
        self.transport = cast("Any", held)
        try:
            await self._send(message)
        finally:
            self.transport = transport
        if held.head:
            if self.chunked_encoding or self.until_close or self.scope["method"] == "HEAD":
                transport.write(held.head)
            else:  # a body of known length follows at once
                self.transport = cast("Any", _HeadFirst(self, transport, held.head))
        self.is_last = not self.keep_alive
        self.keep_alive = True  # the protocol closes, see HTTPProtocol.on_response_complete
        if self.writer is not None and self.chunked_encoding and not self.disconnected:
            self.writer.is_open = True

    def _send(self, message: Message) -> Awaitable[None]:
        return RequestResponseCycle.send(self, cast("Any", message))

    def finish(self, last: bytes) -> None:
        """End a chunked response at once; the application hears `http.disconnect`."""
        self.response_complete = True
        self.transport.write(last + b"0\r\n\r\n")
        self.message_event.set()
        self.on_response()

    async def run_asgi(self, app: ASGIApp) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run the application; whatever it does, the response ends or the connection does."""
        try:
            await app(cast("Any", self.scope), cast("Any", self.receive), self.send)
        except asyncio.CancelledError:
            self.transport.abort()
            raise
        except Exception as error:
            if self.disconnected:
                logger.debug("the peer left before its answer: %r", error)
            else:
                logger.exception("the application failed")
        await self._settle()

    async def _settle(self) -> None:
        if self.response_complete or self.disconnected:
            return
        if self.response_started:
            self._tear_off()
            return
        await self.send(
            {"type": "http.response.start", "status": ERROR.status, "headers": ERROR.fields}
        )
        await self.send({"type": "http.response.body", "body": ERROR.body})

    def _tear_off(self) -> None:
        """End the connection so that half a body does not look whole."""
        if self.until_close:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


class _Held:
    """Takes a response's head in place of the transport."""

    __slots__ = ("head",)

    def __init__(self) -> None:
        self.head = b""

    def write(self, data: bytes) -> None:
        self.head = data


class _HeadFirst:
    """Stands in for the transport until the body comes: head and body are one write, one packet."""

    __slots__ = ("_cycle", "_head", "_transport")

    def __init__(self, cycle: Cycle, transport: asyncio.Transport, head: bytes) -> None:
        self._cycle = cycle
        self._transport = transport
        self._head = head

    def write(self, data: bytes) -> None:
        self._cycle.transport = self._transport
        self._transport.write(self._head + data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _has_length(message: Message) -> bool:
    return any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
