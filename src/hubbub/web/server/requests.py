"""The incoming half of an HTTP connection: bytes become requests, within bounds of size and time.

    IDLE --first byte--> HEAD --last field--> BODY --end--> IDLE ...
    any of them --refused, or the last request--> OVER (what still comes is dropped)

The attributes and methods of uvicorn that this relies on are held by a test
(tests/web/server/test_contract.py).
"""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hubbub.web.server.connection import Connection
from hubbub.web.server.cycle import Cycle
from hubbub.web.server.deadlines import Lane
from hubbub.web.server.gates import Flow
from hubbub.web.server.head import Line, is_websocket, split_target, without_upgrade
from hubbub.web.server.refusals import HEAD_TOO_LARGE, MALFORMED, TARGET_TOO_LONG, Refusal
from hubbub.web.server.state import State


class Phase(Enum):
    """What the next byte belongs to."""

    IDLE, HEAD, BODY, UPGRADE, OVER = range(5)


_IDLE, _HEAD, _BODY, _UPGRADE, _OVER = Phase  # plain globals: looked up several times per request


class RefusedError(Exception):
    """Stops the parser from within; `refusal` says why."""


class RequestReader(Connection, HttpToolsProtocol):
    """Reads requests; a subclass says what becomes of them."""

    __slots__ = ()

    server_state: State
    flow: Flow  # pyright: ignore[reportIncompatibleVariableOverride]
    cycle: Cycle | None  # pyright: ignore[reportIncompatibleVariableOverride]
    """The request that was read last."""
    phase: Phase
    lane: Lane | None
    """Which deadline the peer has to keep now."""
    refusal: Refusal | None
    """Why the parser was stopped from within."""
    is_final: bool
    """No request will be taken after the ones that are."""
    unparsed: int
    """Bytes that came since the parser last told anything: of a head, trailer, chunk extension."""

    @abstractmethod
    def on_request(self, line: Line, *, keep_alive: bool) -> Cycle:
        """Take a request whose head is complete."""

    @abstractmethod
    def on_websocket(self, line: Line, rest: bytes) -> None:
        """Take an opening handshake, and what came behind it although nothing should."""

    @abstractmethod
    def refuse(self, refusal: Refusal) -> None:
        """Give this as the last answer of the connection."""

    def wait_in(self, lane: Lane | None) -> None:
        """Let the peer keep this deadline, if any, and no other; one that runs goes on."""
        if self.lane is not lane:
            if self.lane is not None:
                self.lane.disarm(self)
            self.lane = lane
            if lane is not None:
                lane.arm(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self.phase is _OVER:
            self.drop(data)
            return
        rest: bytes | None = data
        while rest:
            rest = self._feed(rest)

    def _feed(self, data: bytes) -> bytes | None:
        """Parse; return what has to be parsed instead."""
        self.unparsed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if self.phase is not _OVER:
                self.refuse(self.refusal or MALFORMED)
            return None
        phase = self.phase
        if phase is _HEAD or phase is _BODY:
            if self.unparsed > self.server_state.options.max_head_bytes:
                is_target = phase is _HEAD and not self.headers
                self.refuse(TARGET_TOO_LONG if is_target else HEAD_TOO_LARGE)
            else:
                self.wait_in(self.lanes.head if phase is _HEAD else self.lanes.body)
        return None

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self.is_final:
            self.phase = _OVER
            self.flow.hold()
            raise RefusedError
        self.phase = _HEAD
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Examine the head and hand the request on."""
        parser = self.parser
        line = Line(parser.get_method(), self.url, parser.get_http_version())
        self.refusal = self.server_state.examiner.examine(line, self.headers)
        if self.refusal is not None:
            raise RefusedError
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["http_version"] = line.version
        scope["method"] = line.method.decode("ascii")
        if parser.should_upgrade():
            self.phase = _UPGRADE
            return
        path, query = split_target(line.target)
        decoded = path.decode("ascii")
        scope["path"] = self.root_path + (unquote(decoded) if "%" in decoded else decoded)
        scope["raw_path"] = self.root_path.encode() + path
        scope["query_string"] = query
        self.phase = _BODY
        self.unparsed = 0
        self.wait_in(None)
        self.headers = []  # takes the trailer fields, which nobody gets to see
        cycle = self.on_request(line, keep_alive=parser.should_keep_alive())
        self.cycle = cycle  # pyright: ignore[reportIncompatibleVariableOverride]

    def on_body(self, body: bytes) -> None:
        """Give the application a piece of the body; when it has enough the rest waits outside."""
        self.unparsed = 0
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """End a request."""
        cycle = self.cycle
        if self.phase is _UPGRADE or cycle is None:
            return
        if self.headers:
            self.refusal = self.server_state.examiner.examine_trailer(self.headers)
            if self.refusal is not None:
                raise RefusedError
        self.phase = _IDLE
        self.unparsed = 0
        self.wait_in(None)
        cycle.more_body = False
        cycle.message_event.set()

    def _upgrade(self, rest: bytes) -> bytes | None:
        """Begin a WebSocket; ignore any other upgrade and return what to parse instead."""
        line = Line(self.scope["method"].encode(), self.url, self.scope["http_version"])
        if is_websocket(self.headers):
            self.on_websocket(line, rest)
            return None
        self.phase = _IDLE
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return without_upgrade(line, self.headers) + rest
