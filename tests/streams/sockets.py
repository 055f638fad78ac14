"""The other side of an ASGI connection, and a session that may do everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from hubbub.core.errors import Unauthenticated
from hubbub.core.event import Published
from hubbub.core.filters import compile_sql
from hubbub.core.grants import EVERYONE, Principal
from hubbub.core.position import Position
from hubbub.core.selection import Filter, Selection
from hubbub.core.start import LATEST, Last, Start, parse_since
from hubbub.wire.cloudevents import Address, Defaults, from_data, from_json
from hubbub.wire.sse import Parser, ServerSentEvent


class Session:
    """Publishes into a log without checks; tokens are names of principals."""

    def __init__(self, log: Any, principals: dict[str, Principal] | None = None) -> None:
        self.principal = EVERYONE
        self._log = log
        self._principals = principals or {}

    def authenticate(self, token: str) -> None:
        if token not in self._principals:
            raise Unauthenticated("no such token")
        self.principal = self._principals[token]

    def select(
        self, topics: Sequence[str], types: Sequence[str] = (), filter: Any = None
    ) -> Selection:
        self.principal.require_subscribe(topics)
        return Selection.of(topics, types, filter and Filter(filter, compile_sql(filter)))

    def start(self, since: str | None, last: int | None) -> Start:
        if last is not None:
            return Last(last)
        return LATEST if since is None else parse_since(since, 0)

    async def publish_event(self, body: bytes, topic: str | None) -> Published:
        return await self._append(from_json(body, Address(default=topic)))

    async def publish_data(self, topic: str, data: bytes | None, **given: Any) -> Published:
        return await self._append(from_data(data or b"null", topic, Defaults(lambda: "new")))

    async def _append(self, event: Any) -> Published:
        (done,) = await self._log.append([event])
        return Published(event.id, str(Position(self._log.epoch, done.offset)), event.topic)


class Socket:
    """A WebSocket as the application sees it; the test plays the client."""

    def __init__(self, *subprotocols: str) -> None:
        self.scope: dict[str, Any] = {"type": "websocket", "subprotocols": list(subprotocols)}
        self.said: list[Any] = []
        self.accepted: str | None = None
        self.closed: tuple[int, str] | None = None
        self._heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._news = asyncio.Event()
        self._heard.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> dict[str, Any]:
        return await self._heard.get()

    async def send(self, message: Any) -> None:
        match message["type"]:
            case "websocket.accept":
                self.accepted = message["subprotocol"]
            case "websocket.send":
                self.said.append(json.loads(message["text"]))
            case "websocket.close":
                self.closed = message["code"], message["reason"]
                self.leave()
        self._news.set()

    def say(self, **members: Any) -> None:
        self.say_text(json.dumps(members))

    def say_text(self, text: str) -> None:
        self._heard.put_nowait({"type": "websocket.receive", "text": text})

    def say_bytes(self, data: bytes) -> None:
        self._heard.put_nowait({"type": "websocket.receive", "bytes": data})

    def leave(self) -> None:
        self._heard.put_nowait({"type": "websocket.disconnect", "code": 1005})

    async def until(self, condition: Any) -> None:
        while not condition():
            self._news.clear()
            await self._news.wait()

    async def answer(self, op: str, ref: Any = None) -> Any:
        """Wait for one answer and return it."""

        def find() -> Any:
            return next((m for m in self.said if m["op"] == op and m.get("ref") == ref), None)

        await self.until(find)
        return find()

    @property
    def offsets(self) -> list[int]:
        """Offsets of the events that came."""
        events = [m["event"] for m in self.said if m["op"] == "event"]
        return [int(e["position"].rpartition("-")[2]) if "position" in e else 0 for e in events]


class Exchange:
    """An HTTP exchange that stays open, as the application sees it; the test plays the client."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {"type": "http"}
        self.start: dict[str, Any] = {}
        self.events: list[ServerSentEvent] = []
        self.raw = b""
        self.ended = False
        self.parser = Parser()
        self._gone = asyncio.Event()
        self._news = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.raw += message["body"]
            self.events += self.parser.feed(message["body"])
            if not message["more_body"]:
                self.ended = True
                self._gone.set()
        self._news.set()

    def leave(self) -> None:
        self._gone.set()

    async def until(self, condition: Any) -> None:
        while not condition():
            self._news.clear()
            await self._news.wait()

    @property
    def ids(self) -> list[str]:
        return [event.last_event_id for event in self.events]
