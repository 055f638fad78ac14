"""Listening by WebSocket: one subscription on a connection of its own, subprotocol `hubbub.v1`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import WSCloseCode, WSMsgType

from hubbub.client.caller import MAX_MESSAGE_BYTES, Caller
from hubbub.client.connection import SILENCE
from hubbub.client.errors import ClientError, Gap, Refused, Unexpected, Unreachable
from hubbub.client.event import Event, read_event
from hubbub.client.items import Wanted
from hubbub.core.errors import TooLarge

SUBPROTOCOL = "hubbub.v1"

GOODBYE = 2.0
"""Seconds for the other side to answer a close: it may have much to send before."""

_REF: Final = 1
_FOR_GOOD: Final = {1002: 400, 1003: 415, 1007: 400, 1008: 403, 1009: 413}
"""Close codes that say no, and the statuses that say the same; after any other we come back."""


class _Said(msgspec.Struct):
    """What the server may say; which members count depends on `op`."""

    op: str
    position: str = ""
    event: msgspec.Raw = msgspec.Raw()
    requested: str = ""
    resumes_at: str = ""
    status: int = 500
    title: str = ""
    detail: str = ""


_said: Final = msgspec.json.Decoder(_Said)


class WebSocketConnection:
    """One open WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool], position: str | None) -> None:
        self.position = position
        self.retry: float | None = None
        self.begun = False
        self._socket = socket
        self._pinged = False

    async def receive(self) -> list[Event | Gap]:
        """Wait for one message. Silence is broken by a ping, and unbroken silence is the end."""
        try:
            message = await self._socket.receive(timeout=SILENCE / 2)
        except TimeoutError:
            if self._pinged:
                raise Unreachable(f"nothing was heard for {SILENCE:g} s") from None
            self._pinged = True
            await self._send(self._socket.ping())
            return []
        self._pinged = False
        match message.type:
            case WSMsgType.TEXT:
                return self._read(message.data)
            case WSMsgType.PING:
                await self._send(self._socket.pong(message.data))
            case WSMsgType.PONG:
                pass
            case _:
                raise self._ended(message.type, message.data, message.extra)
        return []

    async def subscribe(self, wanted: Wanted) -> None:
        """Ask for events, resuming after `position` if it is known."""
        if self._socket.protocol != SUBPROTOCOL:
            raise Unexpected(f"a WebSocket that does not speak {SUBPROTOCOL}")
        op: dict[str, Any] = {"op": "subscribe", "ref": _REF, "topics": wanted.patterns or ("**",)}
        optional: dict[str, Any] = {"types": wanted.types, "filter": wanted.filter}
        if self.position is not None:
            optional["since"] = self.position
        else:
            optional |= {"since": wanted.since, "last": wanted.last}
        op |= {name: value for name, value in optional.items() if value}
        await self._send(self._socket.send_str(msgspec.json.encode(op).decode()))

    async def close(self) -> None:
        """Say goodbye, and wait a moment for the other side's."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._socket.close()

    async def _send(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(SILENCE):
                await sending
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise Unreachable("the WebSocket was cut off") from error

    def _read(self, text: bytes) -> list[Event | Gap]:
        try:
            said = _said.decode(text)
            match said.op:
                case "event":
                    event = read_event(bytes(said.event))
                    self.position = event.position or self.position
                    return [event]
                case "gap":
                    self.position = said.resumes_at
                    return [Gap(said.requested, said.resumes_at)]
                case "subscribed":
                    # Where we resume, a gap may follow: until it came, our own position rules.
                    self.position = self.position or said.position
                    self.begun = True
                case "error":
                    raise Refused(said.status, said.title, said.detail)
                case _:
                    pass  # `live`, and what later servers may add
        except (ValueError, KeyError) as error:
            raise Unexpected(f"a message that is not of {SUBPROTOCOL}: {error}") from None
        return []

    def _ended(self, kind: WSMsgType, data: object, extra: object) -> ClientError | TooLarge:
        if isinstance(data, aiohttp.WebSocketError):
            if data.code == WSCloseCode.MESSAGE_TOO_BIG:
                return TooLarge(f"an event of more than {MAX_MESSAGE_BYTES} bytes; resume after it")
            return Unexpected(f"what came breaks the WebSocket protocol: {data}")
        if kind is WSMsgType.BINARY:
            return Unexpected("a binary message where JSON text was expected")
        code, reason = (data, str(extra or "")) if kind is WSMsgType.CLOSE else (None, "")
        if isinstance(code, int) and code in _FOR_GOOD:
            return Refused(_FOR_GOOD[code], f"Closed with {code}", reason or "no reason was given")
        return Unreachable(f"the WebSocket was closed ({code or 'cut off'}): {reason}".rstrip(": "))


async def connect(caller: Caller, wanted: Wanted, position: str | None) -> WebSocketConnection:
    """Open a WebSocket and subscribe. Raises `Refused`, `Unreachable` or `Unexpected`."""
    socket = await caller.open_websocket("/ws", SUBPROTOCOL)
    connection = WebSocketConnection(socket, position)
    try:
        await connection.subscribe(wanted)
    except BaseException:
        await connection.close()
        raise
    return connection
