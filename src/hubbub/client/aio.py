"""`AsyncClient`: publish, read back, listen. The one implementation; `Client` is its twin."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Literal, Self, TypeVar
from weakref import WeakSet

import aiohttp
import msgspec

from hubbub.client import outgoing, sse, websocket
from hubbub.client.address import Address
from hubbub.client.backoff import Backoff
from hubbub.client.caller import (
    Caller,
    Repeatable,
    Request,
    Surroundings,
    if_temporary,
    may_repeat_ephemeral,
)
from hubbub.client.connection import Connect, Connection
from hubbub.client.errors import ClientError, Refused, Unexpected
from hubbub.client.history import History, Order
from hubbub.client.items import OnGap, Wanted
from hubbub.client.listener import Listener
from hubbub.client.outgoing import CloudEvent
from hubbub.client.resources import AsyncSources, AsyncSubscriptions, AsyncWebSub
from hubbub.core.attributes import Value
from hubbub.core.clock import Clock, SystemClock
from hubbub.core.errors import Misconfigured
from hubbub.core.event import Published
from hubbub.core.topic import check_topic
from hubbub.wire.cloudevents import CE_BATCH_JSON, CE_JSON, DEFAULT_TYPE
from hubbub.wire.links import topic_path

DEFAULT_URL = "http://127.0.0.1:8080"

BATCH = 1000
"""Events in one request of many, if they are small: one commit of the log."""

Transport = Literal["sse", "websocket"]

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_CONNECT: Final[Mapping[Transport, Connect]] = {
    "sse": sse.connect,
    "websocket": websocket.connect,
}
_CONFLICT: Final = 409
T = TypeVar("T")


class _Events(msgspec.Struct):
    events: list[Published]


class AsyncClient:
    """A client of one hubbub, for one asyncio event loop: use it as `async with AsyncClient():`.

    `url` and `token` come from `HUBBUB_URL` and `HUBBUB_TOKEN` if they are not given. `timeout` is
    how long one answer may take, in seconds; streams count as answered once they begin.
    `transport` is how `listen` listens. `backoff` says when and how often requests are repeated;
    `clock`, `rng` and `sleep` are for tests.

    Many tasks may share a client, each iterator belongs to one. Raises `Misconfigured`.
    """

    def __init__(  # noqa: PLR0913
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        timeout: float = 30.0,
        transport: Transport = "sse",
        backoff: Backoff | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._address = Address(url or os.environ.get("HUBBUB_URL") or DEFAULT_URL)
        self._token = token or os.environ.get("HUBBUB_TOKEN")
        if self._token is not None and not _TOKEN.fullmatch(self._token):
            raise Misconfigured("the token is not one: it holds a space, a line break or worse")
        if transport not in _CONNECT:
            raise Misconfigured(f"transport is one of {', '.join(_CONNECT)}")
        self._transport: Transport = transport
        self._around = Surroundings(
            timeout=timeout,
            backoff=backoff or Backoff(),
            clock=clock or SystemClock(),
            rng=rng or random.SystemRandom(),  # not repeated by a forked child
            sleep=sleep,
        )
        self._open: Caller | None = None
        self._session: aiohttp.ClientSession | None = None
        self._listeners: WeakSet[Listener] = WeakSet()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: set[asyncio.Task[None]] = set()

        self.subscriptions = AsyncSubscriptions(lambda: self._caller)
        """Durable deliveries."""
        self.sources = AsyncSources(lambda: self._caller)
        """Where events come from."""
        self.websub = AsyncWebSub(lambda: self._caller, self.sources)
        """What is followed, and what the hub says."""

    def __repr__(self) -> str:
        return f"AsyncClient({str(self._address)!r}, transport={self._transport!r})"

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise Misconfigured("this client is open already: make another one")
        headers = {"User-Agent": "hubbub-client"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # every listener holds a connection
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._around.timeout),
        )
        self._loop = asyncio.get_running_loop()
        self._open = Caller(self._address, self._session, self._around)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open, session = None, self._session
        for listener in list(self._listeners):
            await listener.aclose()
        while self._closing:
            await asyncio.wait(self._closing)
        if session is not None:
            await session.close()

    async def publish(  # noqa: PLR0913  an event has that many attributes
        self,
        topic: str,
        data: Any = None,
        *,
        type: str | None = None,  # noqa: A002
        id: str | None = None,  # noqa: A002
        source: str | None = None,
        subject: str | None = None,
        time: str | datetime | None = None,
        content_type: str | None = None,
        extensions: Mapping[str, Value] | None = None,
        ephemeral: bool = False,
        idempotency_key: str | None = None,
    ) -> Published:
        """Publish one event; it is durable when this returns.

        Bytes go out as they are, text too if `content_type` is no JSON type, all else as JSON; None
        is no data. A lost answer is asked for again and cannot lead to a second event: the id, or
        the `idempotency_key`, is the same. Only an `ephemeral` event, which is not kept, is not
        sent again if it may have arrived.

        Raises `InvalidTopic`, `InvalidEvent` or `Malformed` for arguments that cannot be sent,
        `Refused`, `Unreachable` or `Unexpected` otherwise.
        """
        given = outgoing.attributes(
            type=type, id=id, source=source, subject=subject, time=time, extensions=extensions
        )
        if id is None and idempotency_key is None:
            given["id"] = self._new_id()
        body, kind = outgoing.payload(data, content_type)
        return await self._publish(
            topic_path(check_topic(topic)),
            outgoing.headers(given, kind),
            body,
            ephemeral,
            idempotency_key,
        )

    async def publish_event(
        self,
        event: CloudEvent,
        *,
        topic: str | None = None,
        ephemeral: bool = False,
        idempotency_key: str | None = None,
    ) -> Published:
        """Publish a CloudEvent made elsewhere: a mapping, its JSON, or a received `Event`.

        It goes to `topic` if that is given, else to the topic that it names itself. A mapping
        needs `source` and `type`; bytes as its `data` become `data_base64`. Raises as `publish`
        does.
        """
        body = outgoing.structured(event, self._new_id())
        path = _path(topic)
        headers = {"Content-Type": CE_JSON}
        return await self._publish(path, headers, body, ephemeral, idempotency_key)

    async def publish_many(  # noqa: PLR0913
        self,
        topic: str,
        items: Iterable[Any],
        *,
        type: str | None = None,  # noqa: A002
        source: str | None = None,
        content_type: str | None = None,
        batch: int = BATCH,
    ) -> list[Published]:
        """Publish an event for each item of data, in order, as `publish` would.

        They are sent in batches of at most `batch`, each appended whole or not at all; batches
        before one that fails are there. Raises as `publish` does.
        """
        path = topic_path(check_topic(topic))
        given: dict[str, Value] = {"source": path, "type": DEFAULT_TYPE}
        given |= outgoing.attributes(type=type, source=source)
        events = (outgoing.item(i, given, topic, content_type, self._new_id()) for i in items)
        return await self._publish_batches(path, events, batch)

    async def publish_events(
        self, events: Iterable[CloudEvent], *, topic: str | None = None, batch: int = BATCH
    ) -> list[Published]:
        """Publish CloudEvents made elsewhere, in order and in batches; see `publish_event`."""
        path = _path(topic)
        made = (outgoing.structured(event, self._new_id()) for event in events)
        return await self._publish_batches(path, made, batch)

    def history(  # noqa: PLR0913
        self,
        *patterns: str,
        since: str | None = None,
        last: int | None = None,
        limit: int | None = None,
        order: Order = "asc",
        filter: str | None = None,  # noqa: A002
        types: str | Iterable[str] = (),
        on_gap: OnGap | None = None,
    ) -> History:
        """Iterate over past events under any of the patterns; no pattern means all topics.

        `since` is `earliest`, a position (exclusive), an RFC 3339 time or an age such as `2h`;
        `last` begins with the newest so many instead; `limit` is how many to give at most; `order`
        is `asc` or `desc`. `types` and `filter` (CloudEvents SQL) say which events. Pages are
        fetched as they are needed. Raises `InvalidTopic`; for iterating see `History`.
        """
        wanted = Wanted(patterns, since, last, filter, _types(types))
        return History(self._caller, wanted, limit, order, on_gap)

    def listen(
        self,
        *patterns: str,
        since: str | None = None,
        last: int | None = None,
        filter: str | None = None,  # noqa: A002
        types: str | Iterable[str] = (),
        on_gap: OnGap | None = None,
    ) -> Listener:
        """Iterate over events as they come, from now on unless `since` or `last` say otherwise.

        The arguments are those of `history`. The connection is opened by the first wait or by `async with`. Events that are gone before
        they could be read raise `Gap`, or are told to `on_gap`. Raises `InvalidTopic`; for
        iterating see `Listener`.
        """
        wanted = Wanted(patterns, since, last, filter, _types(types))
        connect = _CONNECT[self._transport]
        listener = Listener(self._caller, connect, wanted, on_gap, self._abandon)
        self._listeners.add(listener)
        return listener

    @property
    def _caller(self) -> Caller:
        if self._open is None:
            raise Misconfigured("this client is not open: use it in a with block")
        return self._open

    def _abandon(self, connection: Connection) -> None:
        """Close the connection of a listener that nobody holds any more, from whatever thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed, and every connection with it
                self._loop.call_soon_threadsafe(self._close_soon, connection)

    def _close_soon(self, connection: Connection) -> None:
        task = asyncio.create_task(connection.close(), name="hubbub client: close")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _new_id(self) -> str:
        return outgoing.new_id(self._around.clock.now(), self._around.rng)

    async def _publish(
        self,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        ephemeral: bool,
        idempotency_key: str | None,
    ) -> Published:
        repeatable: Repeatable = if_temporary
        if ephemeral:
            repeatable = may_repeat_ephemeral
        elif idempotency_key is not None:
            headers["Idempotency-Key"] = outgoing.idempotency(idempotency_key)
            repeatable = _if_temporary_or_in_progress
        query = (("ephemeral", "true"),) if ephemeral else ()
        answer = await self._caller.ask(Request("POST", path, query, headers, body, repeatable))
        return _decode(answer.body, Published)

    async def _publish_batches(
        self, path: str, events: Iterable[bytes], batch: int
    ) -> list[Published]:
        published: list[Published] = []
        headers = {"Content-Type": CE_BATCH_JSON}
        for body in outgoing.batches(events, batch):
            answer = await self._caller.ask(Request("POST", path, (), headers, body))
            published += _decode(answer.body, _Events).events
        return published


def _types(types: str | Iterable[str]) -> tuple[str, ...]:
    return (types,) if isinstance(types, str) else tuple(types)


def _path(topic: str | None) -> str:
    return "/events" if topic is None else topic_path(check_topic(topic))


def _if_temporary_or_in_progress(error: ClientError) -> bool:
    """Repeat also while an earlier try with the same key is still being worked on."""
    return error.temporary or (isinstance(error, Refused) and error.status == _CONFLICT)


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise Unexpected(f"published, it seems, but the answer is not hubbub's: {error}") from None
