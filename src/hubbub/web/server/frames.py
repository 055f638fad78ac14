"""The incoming half of a WebSocket connection: frames become messages, within bounds (RFC 6455 5).

Compressed bytes are taken in a slice at a time while the application keeps up, so that what one read
inflates to stays small. The attributes and methods of uvicorn and websockets that this relies on are
held by a test (tests/web/server/test_contract.py).
"""

from __future__ import annotations

from abc import abstractmethod

from starlette.types import Message
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.server import ServerProtocol

from hubbub.web.server.connection import Connection
from hubbub.web.server.gates import Gate, Inbox
from hubbub.web.server.messages import Assembler, TooManyFragmentsError
from hubbub.web.server.refusals import WEBSOCKET, Refusal

INFLATE_SLICE = 4096
"""Compressed bytes taken in at a time: deflate makes at most 1032 of one, so 4 MiB at the worst."""


class FrameProtocol(ServerProtocol):
    """websockets' sans-I/O protocol, except that a message may be broken off by a close."""

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame; a close may come between fragments like any control frame (RFC 6455 5.4)."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class FrameReader(Connection, WebSocketsSansIOProtocol):
    """Reads messages; a subclass answers."""

    __slots__ = ()

    queue: Inbox  # pyright: ignore[reportIncompatibleVariableOverride]
    writable: Gate  # pyright: ignore[reportIncompatibleVariableOverride]
    assembler: Assembler
    pending: memoryview | None
    """What came and was not looked at yet, because the application is behind."""
    heard: bool
    """Whether anything came since the last ping."""

    @abstractmethod
    def refuse(self, refusal: Refusal) -> None:
        """Answer the handshake with an HTTP response."""

    @abstractmethod
    def say_last(self) -> None:
        """Send the close frame that is ready; nothing that still comes matters."""

    @abstractmethod
    def note_end(self, code: int, reason: str) -> None:
        """Take note, and tell the application, that the connection ends with this code."""

    def data_received(self, data: bytes) -> None:
        """Take in frames."""
        if self.dropped >= 0:
            self.drop(data)
        elif not self.handshake_complete:
            self.refuse(WEBSOCKET)  # nothing may come before the answer
        else:
            self.heard = True
            if self.conn.extensions and len(data) > INFLATE_SLICE:
                self.pending = memoryview(data)
                self._take_pending()
            else:
                self._feed(data)

    def _take_pending(self) -> None:
        while self.pending is not None and not self.read_paused and self.dropped < 0:
            piece, rest = self.pending[:INFLATE_SLICE], self.pending[INFLATE_SLICE:]
            self.pending = rest if len(rest) else None
            self._feed(bytes(piece))

    def _feed(self, data: bytes) -> None:
        conn = self.conn
        conn.receive_data(data)
        self.handle_events()
        if self.dropped >= 0:
            return
        if conn.parser_exc is not None:
            self.say_last()
        elif (conn.reader.buffer or self.assembler.is_partial) and self not in self.lanes.body:
            self.lanes.body.arm(self)

    def handle_text(self, event: Frame) -> None:
        """Take a data frame of any kind."""
        if self.close_sent:
            return
        try:
            message = self.assembler.add(event)
        except UnicodeDecodeError:
            self.fail(CloseCode.INVALID_DATA, "text is not UTF-8")
        except TooManyFragmentsError:
            self.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
        else:
            if message is not None:
                self.lanes.body.disarm(self)
                self.queue.put_nowait(message)
                if not self.read_paused:
                    self.read_paused = True
                    self.transport.pause_reading()

    handle_bytes = handle_cont = handle_text

    def handle_ping(self) -> None:
        """Send the pong that is ready."""
        self.flush()

    def handle_pong(self, event: Frame) -> None:
        """Ping again in a while."""
        del event
        if self in self.lanes.pong:
            self.lanes.pong.disarm(self)
            self.lanes.ping.arm(self)

    def handle_close(self, event: Frame) -> None:
        """Complete the closing handshake; the peer began it, or answers ours."""
        del event
        close = self.conn.close_rcvd
        self.flush()
        if close is not None:
            self.note_end(close.code, close.reason)
        self.close()

    async def receive(self) -> Message:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Give the application its next message; once it has them all, read on."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_on()
        return message

    def read_on(self) -> None:
        """Take in what comes, first what came already."""
        self.read_paused = False
        self._take_pending()
        if not self.read_paused and self.writable.is_set():
            self.transport.resume_reading()

    def fail(self, code: CloseCode, reason: str) -> None:
        """Fail the connection (RFC 6455 7.1.7)."""
        self.conn.fail(code, reason)
        self.say_last()

    def flush(self) -> None:
        """Write what the protocol has ready."""
        data = b"".join(self.conn.data_to_send())
        if data and self.dropped < 0 and not self.transport.is_closing():
            self.transport.write(data)
