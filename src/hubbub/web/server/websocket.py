"""WebSocket on uvicorn's protocol class, with everything that a public port needs (RFC 6455).

This is the outgoing half: handshake, messages, pings, and an end that both sides agree on. The
opening handshake was read and examined by the HTTP protocol, which hands the connection over.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from starlette.types import ASGIApp, Message
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from websockets.exceptions import ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.protocol import Protocol

from hubbub.core.contracts import Framing
from hubbub.web.server import layout
from hubbub.web.server.connection import Peer
from hubbub.web.server.deadlines import Deadlines, Lane
from hubbub.web.server.frames import FrameProtocol, FrameReader
from hubbub.web.server.gates import Gate, Inbox
from hubbub.web.server.messages import Assembler
from hubbub.web.server.refusals import CLOSING, ERROR, FORBIDDEN, Refusal
from hubbub.web.server.state import State
from hubbub.web.server.writers import WIRE, StreamWriter
from hubbub.wire.framing import WINDOW_BITS

logger = logging.getLogger("hubbub.web.server")

PING = b"\x89\x00"


class WebSocketProtocol(FrameReader):
    """One WebSocket connection."""

    __slots__ = (
        *layout.WEBSOCKET,
        "assembler",
        "dropped",
        "heard",
        "lanes",
        "peer",
        "pending",
        "state",
        "unsent",
        "writer",
    )

    app: ASGIApp  # pyright: ignore[reportIncompatibleVariableOverride]
    scope: dict[str, Any]  # pyright: ignore[reportIncompatibleVariableOverride]
    request: Request | None
    response: Response | None

    def __init__(
        self,
        config: Config,
        server_state: State,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self.queue = Inbox()
        self.writable = Gate()
        self.writable.set()
        self.conn = FrameProtocol(
            extensions=server_state.ws_extensions,
            max_size=server_state.options.ws_max_message,
            logger=self.logger,
        )
        self.state = server_state
        self.lanes: Deadlines = server_state.lanes
        self.assembler = Assembler(server_state.options.ws_max_fragments)
        self.writer: StreamWriter | None = None
        self.pending = None
        self.heard = False
        self.unsent = 0
        self.dropped = -1

    def take_over(self, transport: asyncio.Transport, peer: Peer, request: Request) -> None:
        """Go on where the HTTP protocol stopped: with an opening handshake that it examined."""
        self.transport = transport
        self.peer = peer
        self.client, self.server, self.scheme = peer.client, peer.server, "ws"
        self.connections.add(self)
        transport.set_protocol(self)
        self.conn.parser = Protocol.parse(self.conn)  # frames; the default would parse a request
        next(self.conn.parser)
        self.handle_connect(request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application, and whoever writes to the stream."""
        self.lanes.forget(self)
        self.state.admission.release(self.peer.key)
        try:
            self.note_end(CloseCode.ABNORMAL_CLOSURE, "")
        finally:
            super().connection_lost(exc)

    # The handshake.

    def handle_connect(self, event: Request) -> None:
        """Call the application with a writer in its scope."""
        super().handle_connect(event)
        if not self.handshake_complete:  # else the answer was no
            self.writer = StreamWriter(self._framing(), self.transport, self)
            self.scope["extensions"][WIRE] = self.writer

    def _framing(self) -> Framing:
        """Compressed frames are shared if the peer inflates with no less than our window."""
        for extension in self.conn.extensions:
            if isinstance(extension, PerMessageDeflate):
                return "ws-deflate" if extension.local_max_window_bits >= WINDOW_BITS else "ws"
        return "ws"

    def start_keepalive(self) -> None:
        """Open the stream: uvicorn calls this when it has just written the 101."""
        if self.writer is not None:
            self.writer.is_open = True
        self.lanes.ping.arm(self)
        self.request = self.response = None  # not needed any more

    def stop_keepalive(self) -> None:
        """Ping no more."""
        self.lanes.ping.disarm(self)
        self.lanes.pong.disarm(self)

    def refuse(self, refusal: Refusal) -> None:
        """Answer the handshake with an HTTP response."""
        self.handshake_complete = self.close_sent = self.disconnected = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
        self.end_stream()
        self.transport.write(refusal.response(self.default_headers))
        self.linger()

    # Messages, and the end.

    async def run_asgi(self) -> None:
        """Run the application; whatever it does, the handshake is answered and the end is said."""
        code = CloseCode.NORMAL_CLOSURE
        try:
            await self.app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self.transport.abort()
            raise
        except ClientDisconnected:
            return
        except Exception as error:
            code = CloseCode.INTERNAL_ERROR
            if self.disconnected or self.close_sent:
                logger.debug("the peer left before its answer: %r", error)
            else:
                logger.exception("the application failed")
        if self.disconnected or self.close_sent:
            return
        if self.handshake_complete:
            self.finish_stream(b"", code, "")
        else:
            self.refuse(ERROR)

    async def send(self, message: Message) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Send what the application says."""
        kind = message["type"]
        if kind == "websocket.close" and not self.handshake_complete:
            self.refuse(FORBIDDEN)
            return
        if kind == "websocket.http.response.body":
            message = {"body": b"", **message}
        await super().send(cast("Any", message))
        if kind == "websocket.close" and self.close_timer is not None:
            self.close_timer.cancel()  # a lane does that
            self.close_timer = None
            self.end_stream()
            self._await_close()
        elif kind == "websocket.http.response.body" and self.close_sent:
            self.watch_writes()

    def finish_stream(self, last: bytes, code: int, reason: str) -> None:
        """Write `last`, then a close frame, and wait for the peer's."""
        try:
            self.conn.send_close(code, reason)
        except ProtocolError as error:
            raise ValueError(f"{code} cannot be sent as a close code") from error
        self.note_end(code, reason)
        if last:
            self.transport.write(last)
        self.flush()
        self._await_close()

    def _await_close(self) -> None:
        self.lanes.close.arm(self)
        self.read_on()

    def say_last(self) -> None:
        """Send the close frame that says what was wrong; nothing that still comes matters."""
        close = self.conn.close_sent
        self.note_end(*(close.code, close.reason) if close else (CloseCode.ABNORMAL_CLOSURE, ""))
        self.flush()
        self.linger()

    def note_end(self, code: int, reason: str) -> None:
        """Take note, and tell the application, that the connection ends with this code."""
        self.end_stream()
        self.stop_keepalive()
        if not self.close_sent:
            self.close_sent = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})

    # Time passes, peers are slow, the server stops.

    def on_deadline(self, lane: Lane) -> None:
        """Ping, or give up; the peer is excused while it is us who do not read or cannot write."""
        lanes = self.lanes
        busy = self.read_paused or not self.writable.is_set()
        if lane is lanes.ping:
            self._ping(busy=busy)
        elif lane is lanes.pong:
            if busy or self.heard:
                lanes.ping.arm(self)
            else:
                self.fail(CloseCode.INTERNAL_ERROR, "no answer to a ping")
        elif lane is lanes.body:
            if busy:
                lane.arm(self)
            else:
                self.fail(CloseCode.POLICY_VIOLATION, "the message took too long")
        elif lane is lanes.close:
            self.close()
        else:
            super().on_deadline(lane)

    def _ping(self, *, busy: bool) -> None:
        if busy:
            self.lanes.ping.arm(self)
        else:
            self.heard = False
            self.transport.write(PING)
            self.lanes.pong.arm(self)

    def pause_writing(self) -> None:
        """Take nothing that would be answered: more is buffered than the high-water mark."""
        self.writable.clear()
        self.transport.pause_reading()
        self.on_pause_writing()

    def resume_writing(self) -> None:
        """Go on: the buffer is low again."""
        self.writable.set()
        if not self.read_paused:
            self.transport.resume_reading()
        self.on_resume_writing()

    def shutdown(self) -> None:
        """Let the stream say goodbye, or close it with 1012: service restart."""
        if not self.handshake_complete:
            self.refuse(CLOSING)
        elif self.writer is not None and self.writer.is_open:
            if self.writer.on_shutdown is not None:
                self.writer.on_shutdown()
            else:
                self.finish_stream(b"", CloseCode.SERVICE_RESTART, "")
