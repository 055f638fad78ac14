"""HTTP/1.1 on uvicorn's protocol class, with everything that a public port needs (RFC 9112).

This is the outgoing half and the turn-taking: one request is answered at a time, the others wait,
and a refusal is the last answer of its connection, given in its turn.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from starlette.types import ASGIApp
from uvicorn.config import Config
from websockets.datastructures import Headers
from websockets.http11 import Request

from hubbub.web.server import layout
from hubbub.web.server.connection import Peer
from hubbub.web.server.cycle import Cycle
from hubbub.web.server.deadlines import Deadlines, Lane
from hubbub.web.server.gates import Flow, Gate
from hubbub.web.server.head import Line, examine_websocket, split_target
from hubbub.web.server.refusals import BODY_TIMEOUT, HEAD_TIMEOUT, WEBSOCKET, Refusal
from hubbub.web.server.requests import Phase, RequestReader
from hubbub.web.server.state import State
from hubbub.web.server.websocket import WebSocketProtocol
from hubbub.web.server.writers import WIRE, StreamWriter

MAX_PIPELINED = 64
"""Requests that may wait behind the one being answered; a client repeats what gets no answer
(RFC 9112 9.3.2), and one read could otherwise hold thousands."""


class HTTPProtocol(RequestReader):
    """One HTTP connection."""

    __slots__ = (
        *layout.HTTP,
        "active",
        "dropped",
        "epitaph",
        "is_final",
        "lane",
        "lanes",
        "peer",
        "phase",
        "refusal",
        "unparsed",
        "unsent",
        "waiting",
        "writer",
    )

    app: ASGIApp  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        config: Config,
        server_state: State,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        peer: Peer,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        del self.pipeline  # see `waiting`
        self.lanes: Deadlines = server_state.lanes
        self.peer = peer
        self.phase = Phase.IDLE
        self.active: Cycle | None = None
        self.waiting: list[Cycle] = []
        self.writer: StreamWriter | None = None
        self.lane: Lane | None = None
        self.refusal: Refusal | None = None
        self.epitaph: Refusal | None = None
        """What to answer once every request that was understood has its answer."""
        self.is_final = False
        self.unparsed = 0
        self.unsent = 0
        self.dropped = -1

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first request."""
        self.transport = transport
        transport.set_write_buffer_limits(self.server_state.options.write_high_water)
        self.flow = Flow(transport)
        self.client, self.server, self.scheme = self.peer.client, self.peer.server, "http"
        self.connections.add(self)
        self.wait_in(self.lanes.head)
        if self.server_state.is_stopping:  # accepted just before
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every request that waits, and whoever writes to a stream."""
        del exc
        self._leave()
        self.server_state.admission.release(self.peer.key)
        for cycle in (self.active, *self.waiting):
            if cycle is not None:
                cycle.break_off()
        self.flow.resume_writing()
        self.active = self.cycle = None
        self.waiting.clear()
        self.end_stream()

    def _leave(self) -> None:
        self.connections.discard(self)
        self.lanes.forget(self)
        self.parser = None  # type: ignore[assignment]

    # Requests take turns.

    def on_request(self, line: Line, *, keep_alive: bool) -> Cycle:
        """Start answering, or let the request wait for its turn."""
        writer: StreamWriter | None = None
        if line.method == b"GET" and line.version == "1.1":
            writer = StreamWriter("chunked", self.transport, self)
            self.scope["extensions"] = {WIRE: writer}  # type: ignore[typeddict-item]
        self.is_final = len(self.waiting) == MAX_PIPELINED - 1
        cycle = Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=Gate(),
            expect_100_continue=self.expect_100_continue and line.version == "1.1",
            keep_alive=keep_alive and line.version == "1.1" and not self.is_final,
            on_response=self.on_response_complete,
        )
        cycle.writer = writer
        if self.active is None:
            self._start(cycle)
        else:
            self.waiting.append(cycle)
            self.flow.hold()
        return cycle

    def _start(self, cycle: Cycle) -> None:
        self.active = cycle
        self.writer = cycle.writer
        self._start_asgi_task(cycle, cast("Any", self.app))

    def on_response_complete(self) -> None:
        """Go on with the next request, or end the connection."""
        cycle, self.active = self.active, None
        self.server_state.total_requests += 1
        self.end_stream()
        if cycle is None or self.transport.is_closing():
            return
        cycle.on_response = _nothing  # it would keep this object alive
        if cycle.is_last:
            is_more_coming = cycle.more_body or self.phase is Phase.OVER
            self.phase = Phase.OVER
            if is_more_coming:
                self.linger()
            else:
                self.close()
        elif self.waiting:
            self._start(self.waiting.pop(0))
            self.flow.held = bool(self.waiting)
        elif self.epitaph is not None:
            self._say_last(self.epitaph)
        else:
            self.flow.resume_reading()
            if self.phase is Phase.IDLE:
                self.wait_in(self.lanes.idle)

    def finish_stream(self, last: bytes, code: int, reason: str) -> None:
        """End the response that a writer streams."""
        del code, reason
        cycle = self.active
        if cycle is not None:
            self.end_stream()
            cycle.finish(last)

    def refuse(self, refusal: Refusal) -> None:
        """Answer with this, after the requests that were understood, and end the connection."""
        self.phase = Phase.OVER
        self.wait_in(None)
        cycle = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_complete:
            cycle.break_off()  # it is its body that is refused
            if cycle is not self.active:
                self.waiting.remove(cycle)
            elif cycle.response_started:
                self.transport.abort()
                return
            else:
                self.active = None
        if self.active is None:
            self._say_last(refusal)
        else:
            self.epitaph = refusal
            self.flow.hold()

    def _say_last(self, refusal: Refusal) -> None:
        self.transport.write(refusal.response(self.server_state.default_headers))
        self.linger()

    def on_websocket(self, line: Line, rest: bytes) -> None:
        """Hand the connection over to the WebSocket protocol."""
        refusal = examine_websocket(line, self.headers)
        if refusal is not None or rest or self.active is not None:
            self.refuse(refusal or WEBSOCKET)
            return
        path, query = split_target(line.target)
        target = path + b"?" + query if query else path
        fields = [(name.decode("ascii"), value.decode("latin-1")) for name, value in self.headers]
        self._leave()
        successor = WebSocketProtocol(self.config, self.server_state, self.app_state, self.loop)
        successor.take_over(
            self.transport, self.peer, Request(target.decode("ascii"), Headers(fields))
        )

    # Time passes, peers are slow, the server stops.

    def on_deadline(self, lane: Lane) -> None:
        """Give up on a peer that took too long; it is excused while it is us who do not read."""
        lanes = self.lanes
        if lane is self.lane:
            self.lane = None
        if lane is lanes.head:
            if self.active is not None:
                self.wait_in(lane)
            elif self.phase is Phase.HEAD:
                self.refuse(HEAD_TIMEOUT)
            else:
                self.close()  # it never said a word
        elif lane is lanes.idle:
            self.close()
        elif lane is lanes.body:
            cycle = self.cycle
            if self.flow.read_paused or (cycle is not None and cycle.waiting_for_100_continue):
                self.wait_in(lane)
            else:
                self.refuse(BODY_TIMEOUT)
        else:
            super().on_deadline(lane)

    def pause_writing(self) -> None:
        """Take note: more is buffered than the high-water mark."""
        self.flow.pause_writing()
        self.on_pause_writing()

    def resume_writing(self) -> None:
        """Go on: the buffer is low again."""
        self.flow.resume_writing()
        self.on_resume_writing()

    def shutdown(self) -> None:
        """Answer what was asked, let a stream say goodbye, and close."""
        self.is_final = True
        if self.active is None:
            if self.dropped < 0:
                self.close()
            return
        last = self.waiting[-1] if self.waiting else self.active
        if last.response_started:
            last.is_last = True
        else:
            last.keep_alive = False
        if self.writer is not None and self.writer.on_shutdown is not None:
            self.writer.on_shutdown()


def _nothing() -> None:
    """Be told of a response that nobody waits for any more."""
