"""Listening by Server-Sent Events: one GET whose answer does not end."""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
import msgspec

from hubbub.client.caller import Caller, Request
from hubbub.client.connection import SILENCE
from hubbub.client.errors import Gap, Refused, Unexpected, Unreachable
from hubbub.client.event import Event, read_event
from hubbub.client.items import Wanted
from hubbub.client.problem import gap_of
from hubbub.wire.sse import MEDIA_TYPE, Parser, ServerSentEvent

_NO_CONTENT: Final = 204
_CONTROL: Final = "hubbub."


class SseConnection:
    """One response, parsed as it comes."""

    def __init__(self, response: aiohttp.ClientResponse, position: str | None) -> None:
        self.position = position
        self.retry: float | None = None
        self.begun = False
        self._heard = position is None
        self._response = response
        self._parser = Parser(last_event_id=position or "")

    async def receive(self) -> list[Event | Gap]:
        """Read what has arrived."""
        try:
            async with asyncio.timeout(SILENCE):
                data = await self._response.content.readany()
        except TimeoutError:
            raise Unreachable(f"nothing was heard for {SILENCE:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable("the stream was cut off") from error
        if not data:
            raise Unreachable("the server ended the stream")
        items = [item for event in self._parser.feed(data) if (item := _item(event)) is not None]
        self.begun = True
        self._heard = self._heard or bool(items)
        if self._heard:
            # Where we resume, a gap may follow the first id: until it came, our own position rules.
            self.position = self._parser.last_event_id or self.position
        if self._parser.retry is not None:
            self.retry = self._parser.retry / 1000
        return items

    async def close(self) -> None:
        """Drop the connection."""
        self._response.close()


async def connect(caller: Caller, wanted: Wanted, position: str | None) -> SseConnection:
    """Open a stream. Raises `Refused`, `Unreachable` or `Unexpected`."""
    headers = {"Accept": MEDIA_TYPE, "Cache-Control": "no-store", "Accept-Encoding": "identity"}
    if position is not None:
        headers["Last-Event-ID"] = position  # rules over since= and last=
    response = await caller.open(Request("GET", "/events", wanted.query(), headers))
    if response.status == _NO_CONTENT:
        response.close()
        raise Refused(_NO_CONTENT, "No Content", "the server asks not to come back (WHATWG HTML)")
    if response.content_type != MEDIA_TYPE:
        response.close()
        raise Unexpected(f"{response.content_type} where a stream of events was asked for")
    return SseConnection(response, position)


def _item(event: ServerSentEvent) -> Event | Gap | None:
    if event.type.startswith(_CONTROL):
        return _gap(event.data) if event.type == "hubbub.gap" else None
    try:
        return read_event(event.data.encode())
    except (ValueError, KeyError) as error:
        raise Unexpected(f"a stream event that is no CloudEvent: {error}") from None


def _gap(text: str) -> Gap:
    try:
        gap = gap_of(msgspec.json.decode(text, type=dict[str, object]))
    except msgspec.MsgspecError:
        gap = None
    if gap is None:
        raise Unexpected("a gap without its two positions")
    return gap
